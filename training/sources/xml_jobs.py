"""A posting of an XML job feed (the form that Indeed describes and others follow) in the words of our tables."""

import re
from email.utils import parsedate_to_datetime
from typing import Any, Final

from training.sources.job_words import employment_types, plain_text, salary_in_words, without_nothing
from training.sources.places import is_remote, parse_place

Fields = dict[str, Any]

#: Our column, and the elements that may hold it, the first known one counts. Paths are of elements in elements.
_ORIGINS: Final[dict[str, tuple[str, ...]]] = {
    "posting_id": ("referencenumber", "jobid", "job_id", "id", "guid", "requisitionid", "url"),
    "title": ("title", "jobtitle"),
    "company": ("company", "companyname", "employer"),
    "industry": ("category", "industry"),
    "url": ("url", "link", "applyurl"),
    "language": ("language",),
    "skills": ("skills",),
}
_PLACE: Final[dict[str, tuple[str, ...]]] = {
    "city": ("city", "location.city"),
    "region": ("state", "region", "location.state", "location.region"),
    "country": ("country", "location.country"),
    "latitude": ("latitude", "location.latitude"),
    "longitude": ("longitude", "location.longitude"),
}
_EXTRA: Final[dict[str, tuple[str, ...]]] = {
    "education": ("education",),
    "experience": ("experience",),
    "postal_code": ("postalcode", "zip", "location.postalcode"),
    "street": ("streetaddress", "location.streetaddress"),
    "requisition": ("requisitionid",),
}
_POSTED: Final = ("date", "dateposted", "pubdate")
_UNTIL: Final = ("expirationdate", "expiration_date", "validthrough", "closingdate", "enddate")
_WEEKDAY: Final = re.compile(r"^\s*(?:[A-Za-z]{3,9},?\s+)?\d{1,2}\s+[A-Za-z]{3,9}\s+\d{2,4}")


def posting_of(fields: Fields) -> dict[str, Any]:
    """The columns of ``recsys.schema`` that the fields of one ``<job>`` give; docs/feeds.md has the table."""
    found = {name: _first(fields, names) for name, names in _ORIGINS.items()}
    extra = {name: plain_text(_first(fields, names)) for name, names in _EXTRA.items()}
    return without_nothing(
        {
            **found,
            "description": _joined(fields.get("description"), "\n\n"),
            "industry": _joined(fields.get("category") or fields.get("industry"), ", "),
            "skills": fields.get("skills"),
            "locations": _places(fields),
            "remote": _remote(fields),
            "employment_type": employment_types(fields.get("jobtype") or fields.get("employmenttype")),
            "date_posted": moment(_first(fields, _POSTED)),
            "valid_through": moment(_first(fields, _UNTIL)),
            "extra": without_nothing(extra),
            **salary_in_words(_first(fields, ("salary", "compensation"))),
        }
    )


def moment(text: str | None) -> str | None:
    """A date of RFC 822 ("Fri, 19 Dec 2014 22:49:39 GMT") as ISO 8601; any other text as it is."""
    if text is None or not _WEEKDAY.match(text):
        return text
    for full in (text, f"{text} 00:00:00"):
        try:
            return parsedate_to_datetime(full).isoformat()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return text


def _first(fields: Fields, names: tuple[str, ...]) -> str | None:
    for name in names:
        value = fields.get(name)
        if value is not None:
            return str(value[0] if isinstance(value, list) else value)
    return None


def _joined(value: Any, between: str) -> str | None:
    return between.join(value) if isinstance(value, list) else value


def _places(fields: Fields) -> list[dict[str, Any]]:
    """One place by its parts, or one each of what stands in words."""
    parts = {name: _first(fields, names) for name, names in _PLACE.items()}
    named = without_nothing({name: plain_text(text) for name, text in parts.items()})
    if named:
        return [named]
    words = fields.get("location")
    texts = [text for text in (words if isinstance(words, list) else [words]) if text]
    places = [parse_place(text) for text in texts if "<" not in text]
    return [found for one in places if (found := without_nothing(vars(one)))]


def _remote(fields: Fields) -> bool | None:
    """What ``remotetype`` says ("Fully remote", "Hybrid remote", "Remote: Yes"); None where it says nothing."""
    said = _first(fields, ("remotetype", "remote", "isremote"))
    if said is None:
        return None
    folded = said.strip().casefold()
    if folded in ("1", "true", "yes", "y"):
        return True
    if folded in ("0", "false", "no", "n", "none"):
        return False
    return is_remote(said)
