"""A schema.org ``JobPosting`` in the words of our tables.

Pages write the same thing in many forms: one value or a list, a text or a node with a name, a node in place or
elsewhere in the document and referred to by ``@id``, names with a prefix or as addresses. References are followed only
where a column looks, so that a document that refers to itself costs nothing.
"""

from collections.abc import Iterator
from typing import Any, Final

from training.sources.job_words import employment_types, is_number, plain_text, salary_in_words, without_nothing
from training.sources.places import is_remote, parse_place, parse_places

Node = dict[str, Any]

_PREFIXES: Final = ("", "schema:", "https://schema.org/", "http://schema.org/", "http://www.schema.org/")
_MOST: Final = 200  # values of one property
#: UN/CEFACT codes of time, which schema.org allows as unitCode.
_UNITS: Final = {"HUR": "HOUR", "DAY": "DAY", "WEE": "WEEK", "MON": "MONTH", "ANN": "YEAR"}
_SECTIONS: Final = ("responsibilities", "qualifications", "incentiveCompensation", "jobBenefits")


class Document:
    """One JSON-LD document, or all of one page: what is referred to by ``@id``, and its postings."""

    def __init__(self, *values: Any) -> None:
        self._by_id: dict[str, Node] = {}
        self.postings: list[Node] = []
        for node in _nodes(values):
            name = node.get("@id")
            if isinstance(name, str) and len(node) > 1:
                self._by_id.setdefault(name, node)
            if _is_posting(node):
                self.postings.append(node)

    def values(self, node: Any, *names: str) -> list[Any]:
        """All values of the first of the properties that has any, references followed, ``@value`` taken out."""
        if not isinstance(node, dict):
            return []
        for name in names:
            for prefix in _PREFIXES:
                found = node.get(prefix + name)
                if found not in (None, "", [], {}):
                    several = found[:_MOST] if isinstance(found, list) else [found]
                    return [self._followed(one) for one in several if one is not None]
        return []

    def _followed(self, value: Any) -> Any:
        if isinstance(value, dict):
            if "@value" in value:
                return value["@value"]
            if "@list" in value and isinstance(value["@list"], list) and value["@list"]:
                return value["@list"][0]
            name = value.get("@id")
            if isinstance(name, str) and not set(value) - {"@id", "@type"}:
                return self._by_id.get(name, name)
        return value

    def text(self, node: Any, *names: str) -> str | None:
        """The first value of a property as text; of a node its name."""
        return next((text for one in self.values(node, *names) if (text := self._text(one))), None)

    def texts(self, node: Any, *names: str) -> list[str]:
        """All values of a property as texts."""
        return [text for one in self.values(node, *names) if (text := self._text(one))]

    def _text(self, value: Any) -> str | None:
        if isinstance(value, str):
            return value.strip() or None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value:.15g}" if isinstance(value, float) else str(value)
        for name in ("name", "value", "codeValue", "alternateName"):
            inner = next((one for one in self.values(value, name) if isinstance(one, str | int | float)), None)
            if inner is not None:
                return str(inner).strip() or None
        return None


def _nodes(values: Any) -> Iterator[Node]:
    """Every object in the values, outer ones first, in their order; walks with a stack, as values may nest deeply."""
    todo = [values]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            yield one
        inner = list(one.values()) if isinstance(one, dict) else one
        todo += [value for value in reversed(inner) if isinstance(value, dict | list | tuple)]


def _is_posting(node: Node) -> bool:
    kinds = node.get("@type")
    return any(
        isinstance(kind, str) and kind.removeprefix("schema:").rpartition("/")[2] == "JobPosting"
        for kind in (kinds if isinstance(kinds, list) else [kinds])
    )


def posting_of(node: Node, document: Document) -> dict[str, Any]:
    """The columns of ``recsys.schema`` that a ``JobPosting`` gives; docs/feeds.md has the table."""
    organisation = next(iter(document.values(node, "hiringOrganization")), None)
    return without_nothing(
        {
            "posting_id": _identifier(node, document),
            "title": document.text(node, "title", "name"),
            "description": _description(node, document),
            "company": document.text(organisation, "name", "legalName") or document.text(node, "hiringOrganization"),
            "remote": _remote(node, document),
            "remote_countries": _countries(node, document),
            "locations": [place for one in document.values(node, "jobLocation") for place in _places(one, document)],
            "employment_type": employment_types(document.texts(node, "employmentType")),
            "occupation": ", ".join(document.texts(node, "occupationalCategory", "relevantOccupation")[:5]),
            "industry": ", ".join(document.texts(node, "industry")[:5]),
            **_salary(node, document),
            "skills": _skills(node, document),
            "date_posted": document.text(node, "datePosted"),
            "valid_through": document.text(node, "validThrough"),
            "language": document.text(node, "inLanguage"),
            "url": _address(node, document),
            "extra": _extra(node, document),
        }
    )


def _identifier(node: Node, document: Document) -> str | None:
    """The employer's own number, else the node's address, else the page's."""
    for one in document.values(node, "identifier"):
        if isinstance(one, str | int) and not isinstance(one, bool) and str(one).strip():
            return str(one).strip()
        if text := document.text(one, "value"):
            return text
    name = node.get("@id")
    if isinstance(name, str) and "://" in name:
        return name
    return _address(node, document)


def _address(node: Node, document: Document) -> str | None:
    return document.text(node, "url", "mainEntityOfPage", "sameAs")


def _description(node: Node, document: Document) -> str | None:
    """The description, and what stands apart from it and not in it."""
    parts = [document.text(node, "description") or ""]
    for name in _SECTIONS:
        for text in document.texts(node, name):
            if text not in parts[0]:
                parts.append(text)
    return "\n\n".join(part for part in parts if part) or None


def _remote(node: Node, document: Document) -> bool | None:
    """Telecommuting as stated; schema.org has no word for its opposite."""
    said = document.texts(node, "jobLocationType")
    if not said:
        return None
    return True if any(text.upper().endswith("TELECOMMUTE") for text in said) else is_remote(" ".join(said))


def _countries(node: Node, document: Document) -> list[str]:
    """Countries that applicants may live in, as codes where the name is known."""
    found = []
    for one in document.values(node, "applicantLocationRequirements"):
        address = next(iter(document.values(one, "address")), None)
        named = one if isinstance(one, str) else document.text(address, "addressCountry") or document.text(one, "name")
        if named:
            found.append(parse_place(named, country_first=True).country or named)
    return list(dict.fromkeys(found))


def _places(place: Any, document: Document) -> Iterator[dict[str, Any]]:
    """The places of one ``jobLocation``: a text, or a node with an address, coordinates or both."""
    if isinstance(place, str):
        yield from (found for one in parse_places(place) if (found := without_nothing(vars(one))))
        return
    geo = next(iter(document.values(place, "geo")), place)
    point = {name: _number(document.text(geo, name)) for name in ("latitude", "longitude")}
    addresses = document.values(place, "address") or [place]
    for address in addresses:
        if isinstance(address, str):
            named = vars(parse_place(address))
        else:
            named = {
                "city": document.text(address, "addressLocality"),
                "region": document.text(address, "addressRegion"),
                "country": document.text(address, "addressCountry"),
            }
            if not any(named.values()) and (text := document.text(address, "name")):
                named = vars(parse_place(text))
        found = without_nothing({**named, **(point if len(addresses) == 1 else {})})
        if found:
            yield found


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _salary(node: Node, document: Document) -> dict[str, Any]:
    """Pay as stated by the employer; estimates of others are left out."""
    pay = next(iter(document.values(node, "baseSalary")), None)
    currency = document.text(node, "salaryCurrency")
    if isinstance(pay, str) and not is_number(pay):
        return {"salary_currency": currency, **salary_in_words(pay)}
    if not isinstance(pay, dict):
        amount = document.text(node, "baseSalary")
        return {"salary_min": amount, "salary_max": amount, "salary_currency": currency if amount else None}
    value = next(iter(document.values(pay, "value", "price")), None)
    inner = value if isinstance(value, dict) else pay
    single = document.text(inner, "value", "price")
    low = document.text(inner, "minValue", "minPrice") or document.text(pay, "minValue")
    high = document.text(inner, "maxValue", "maxPrice") or document.text(pay, "maxValue")
    if low is None and high is None and single is not None and not is_number(single):
        return {"salary_currency": document.text(pay, "currency") or currency, **salary_in_words(single)}
    code = document.text(inner, "unitCode") or document.text(pay, "unitCode")
    unit = document.text(inner, "unitText") or document.text(pay, "unitText") or _UNITS.get(code or "", code)
    return {
        "salary_min": low if low is not None or high is not None else single,
        "salary_max": high if low is not None or high is not None else single,
        "salary_currency": document.text(pay, "currency", "priceCurrency") or currency,
        "salary_period": unit,
    }


def _skills(node: Node, document: Document) -> list[str] | str | None:
    """A list as it is; a single text is cut into words by what reads the column."""
    found = document.texts(node, "skills")
    return found[0] if len(found) == 1 else found


def _extra(node: Node, document: Document) -> dict[str, Any]:
    """What the tables have no column for."""
    extra: dict[str, Any] = {}
    for name, said in (("education", "educationRequirements"), ("experience", "experienceRequirements")):
        inner = next(iter(document.values(node, said)), None)
        text = document.text(inner, "credentialCategory", "description") if isinstance(inner, dict) else None
        extra[name] = plain_text(text or document.text(node, said))
        months = document.text(inner, "monthsOfExperience")
        extra["months_of_experience"] = _number(months) if months else extra.get("months_of_experience")
    direct = next(iter(document.values(node, "directApply")), None)
    if isinstance(direct, bool) or str(direct).lower() in ("true", "false"):
        extra["direct_apply"] = str(direct).lower() == "true"
    address = next(
        (one for place in document.values(node, "jobLocation") for one in document.values(place, "address")), None
    )
    extra["postal_code"] = plain_text(document.text(address, "postalCode"))
    extra["street"] = plain_text(document.text(address, "streetAddress"))
    return without_nothing(extra)
