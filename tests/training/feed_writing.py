"""Postings as documents, and the same written as other systems write them."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape

Document = dict[str, Any]

WELDER: Document = {
    "posting_id": "W-1/é",
    "title": "Welder (MIG & TIG)",
    "description": "Weld frames.\nGrind them < 3 mm.",
    "company": "Stahl & Söhne",
    "remote": True,
    "remote_countries": ["US", "DE"],
    "locations": [
        {"city": "Austin", "region": "TX", "country": "US", "latitude": 30.27, "longitude": -97.74},
        {"city": "Berlin", "country": "DE"},
    ],
    "employment_type": "FULL_TIME, CONTRACTOR",
    "occupation": "Welders",
    "industry": "Metal",
    "salary_min": 20.5,
    "salary_max": 31.0,
    "salary_currency": "USD",
    "salary_period": "HOUR",
    "skills": ["MIG", "TIG"],
    "date_posted": 1_700_000_000.0,
    "valid_through": 1_703_000_000.0,
    "language": "en",
    "url": "https://example.org/jobs/w?a=1&b=2",
    "extra": {"education": "none", "direct_apply": True},
}


def when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def as_html(text: str) -> str:
    """As a page shows it."""
    return f"<p>{escape(text)}</p>".replace("\n", "<br/>")


def jsonld(document: Document) -> Document:
    """A posting as a page's script holds it; the way back of what ``training.sources.jsonld`` does."""
    extra = document["extra"] if isinstance(document.get("extra"), dict) else {}
    node: Document = {
        "@context": "https://schema.org/",
        "@type": "JobPosting",
        "identifier": {"@type": "PropertyValue", "name": document.get("company"), "value": document["posting_id"]},
        "title": document.get("title"),
        "description": as_html(document["description"]) if "description" in document else None,
        "hiringOrganization": {"@type": "Organization", "name": document.get("company")},
        "jobLocation": [place(one) for one in document.get("locations", [])],
        "jobLocationType": "TELECOMMUTE" if document.get("remote") else None,
        "applicantLocationRequirements": [
            {"@type": "Country", "name": name} for name in document.get("remote_countries", [])
        ],
        "employmentType": document["employment_type"].split(", ") if "employment_type" in document else None,
        "occupationalCategory": document.get("occupation"),
        "industry": document.get("industry"),
        "skills": document.get("skills"),
        "datePosted": when(document["date_posted"]) if "date_posted" in document else None,
        "validThrough": when(document["valid_through"]) if "valid_through" in document else None,
        "inLanguage": document.get("language"),
        "url": document.get("url"),
        "educationRequirements": extra.get("education"),
        "directApply": extra.get("direct_apply"),
    }
    if "salary_min" in document or "salary_max" in document:
        value = {"minValue": document.get("salary_min"), "maxValue": document.get("salary_max")}
        node["baseSalary"] = {
            "@type": "MonetaryAmount",
            "currency": document.get("salary_currency"),
            "value": {"@type": "QuantitativeValue", **value, "unitText": document.get("salary_period")},
        }
    return {name: value for name, value in node.items() if value is not None}


def place(one: Document) -> Document:
    named = {"city": "addressLocality", "region": "addressRegion", "country": "addressCountry"}
    address = {word: one[name] for name, word in named.items() if name in one}
    node: Document = {"@type": "Place", "address": {"@type": "PostalAddress", **address}}
    if "latitude" in one:
        node["geo"] = {"@type": "GeoCoordinates", "latitude": one["latitude"], "longitude": one["longitude"]}
    return node


def page(*scripts: str | Document | list[Any], head: str = '<meta charset="utf-8">') -> str:
    """A page with JSON-LD in its scripts."""
    texts = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in scripts]
    tags = "".join(f'<script type="application/ld+json">{text}</script>' for text in texts)
    return f"<!DOCTYPE html><html><head>{head}<title>Jobs</title>{tags}</head><body><p>Jobs</p></body></html>"


def job(**fields: object) -> str:
    """One element of a feed, its texts as CDATA; "]]>" is cut in two, as it has to be."""
    parts = (
        f"<{name}><![CDATA[{str(text).replace(']]>', ']]]]><![CDATA[>')}]]></{name}>" for name, text in fields.items()
    )
    return f"<job>{''.join(parts)}</job>"


def feed(*jobs: str, encoding: str = "utf-8") -> bytes:
    """A whole XML feed."""
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n<source><publisher>P</publisher>{"".join(jobs)}</source>'
    return text.encode(encoding)


def rfc822(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
