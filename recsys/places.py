"""The rules by which names of places, as people type them, become points. Used by training alone."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.gazetteer import Gazetteer
from recsys.placenames import Region, keys, spellings

#: city, region and country as text, "" where not given.
Names = tuple[str, str, str]
#: How well a place is known, as in ``recsys.geo``.
UNKNOWN, REGION, CITY = range(3)

_BRACKETS: Final = re.compile(r"[()\[\]{}]")
_POSTCODE: Final = re.compile(r"(?:^|[\s,])\d{4,6}(?:-\d{4})?(?=$|[\s,])")
_SEPARATE: Final = re.compile(r"[;|•·\n/]|\s+or\s+", re.IGNORECASE)
_SEGMENT: Final = re.compile(r",|:|\s+[-–—]+\s+|\s+[-–—]+|[-–—]+\s+|^[-–—]+|[-–—]+$")
_DASH: Final = re.compile(r"\s[-–—]\s")
#: "US-CA-Menlo Park": from the country down.
_CODED: Final = re.compile(r"^[A-Z]{2}-(?=\S)")
_NOT_PLACES: Final = re.compile(
    r"\b(?:remote(?:[\s-]+(?:friendly|first|only|opportunity|work))?|hybrid|on-?site|in-?office|office|hq|headquarters|"
    r"travel[\s-]required|anywhere(?:\s+in(?:\s+the)?)?|work\s+from\s+home|home\s+based|wfh|various|multiple|"
    r"(?:north|south|latin)\s+america|americas|amer|emea|apac|latam|eu|europe|"
    r"(?:select\s+|\d+\s+|all\s+)?locations?|within|only|nationwide|statewide|throughout)\b",
    re.IGNORECASE,
)
_AROUND: Final = re.compile(
    r"^(?:the )?(?:greater|downtown|midtown|uptown|metro|metropolitan|suburban|near|central|city of|town of|village of|"
    r"township of) | (?:metro area|metropolitan area|area|metro|metropolitan|region|township|borough|county|city|"
    r"suburbs?|vicinity|downtown|center|airport|village|town|district|cdp)$"
)
_SIDE: Final = re.compile(r"^(?:north|south|east|west|northeast|northwest|southeast|southwest|upper|lower) ")
_JOINED: Final = re.compile(r"\s*(?:[-–/&+]|\band\b|\bor\b)\s*", re.IGNORECASE)
#: People: above the first a name that is a region's too means the city, above the second a city is believed that
#: contradicts its region, above the third one whose "region" may be a country's code.
_LARGE, _BELIEVED, _KNOWN = 1_000_000, 500_000, 15_000


class Found(NamedTuple):
    """A place as a name was understood.

    Attributes:
        precision: CITY, or REGION where only the area is known.
        latlon: float64 (2,), degrees.
        city: of the gazetteer; -1 where only the area is known.
        country, region: the area where no city is known.
    """

    precision: int
    latlon: NDArray[np.float64]
    city: int = -1
    country: str | None = None
    region: Region | None = None

    def name(self, gazetteer: Gazetteer) -> str:
        """The place in full: "Springfield, Missouri, United States"."""
        return gazetteer.full_name(self.city) if self.city >= 0 else gazetteer.areas.name(self.country, self.region)


def resolve_names(names: Sequence[Names], gazetteer: Gazetteer) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Points of D distinct names.

    Returns:
        latitude and longitude in degrees, float32 (D, 2), NaN where unknown; precision uint8 (D,): CITY, REGION
        where only the state (or the very small country) is known, UNKNOWN.
    """
    latlon = np.full((len(names), 2), np.nan, np.float32)
    precision = np.zeros(len(names), np.uint8)
    for at, name in enumerate(names):
        found = resolve_name(name, gazetteer)
        if found is not None:
            precision[at], latlon[at] = found.precision, found.latlon
    return latlon, precision


def resolve_name(names: Names, gazetteer: Gazetteer) -> Found | None:
    """One of them; None where nothing is known."""
    city, region_text, country_text = (text.strip() for text in names)
    for at, scope in enumerate(_scopes(region_text, country_text, gazetteer)):
        row = _find_city(city, *scope, gazetteer)
        # "Hillsdale, CA" is a place in California that is not among the cities, not the village in Canada.
        if row >= 0 and (at == 0 or gazetteer.population[row] > _KNOWN):
            return Found(CITY, gazetteer.latlon[row], row)
    row = _despite_region(city, region_text, country_text, gazetteer)
    if row >= 0:
        return Found(CITY, gazetteer.latlon[row], row)
    area: Found | None = None
    for place in split_places(city, gazetteer) if city else []:
        # What the cell itself says comes before the columns beside it, but those fill its gaps.
        told = (place[0], place[1] or ("" if place[2] else region_text), place[2] or country_text)
        if told != (city, region_text, country_text):
            found = resolve_name(told, gazetteer)
            if found is not None and found.precision == CITY:
                return found
            area = area or found
    if area is None:
        for country, region in _scopes(region_text, country_text, gazetteer):
            centre = gazetteer.centre(country, region)
            if centre is not None:
                return Found(REGION, centre, country=country, region=region)
    return area


def _scopes(region_text: str, country_text: str, gazetteer: Gazetteer) -> list[tuple[str | None, Region | None]]:
    """Where to look, first choice first: "CA" may be California, or Canada."""
    areas = gazetteer.areas
    country = areas.country(country_text) if country_text else None
    region = areas.region(region_text, country) if region_text else None
    if region is not None:
        as_country = areas.country(region_text) if country is None else None
        return [(region.country, region), *([(as_country, None)] if as_country else [])]
    if country is None and region_text:
        country = areas.country(region_text)
    return [(country, None)]


def _despite_region(city: str, region_text: str, country_text: str, gazetteer: Gazetteer) -> int:
    """The city when the region beside it is unknown or contradicts it, -1 for none.

    A region that is not known may itself be the city ("Xinyi District, Taipei"). In a known region that has no such
    city, only a very large one of the country is believed: forms send a wrong state, but a small town that is not
    among the cities is far more often meant than its namesake in another state.
    """
    (country, region), *_ = _scopes(region_text, country_text, gazetteer)
    if region is None:
        return _find_city(region_text, country, None, gazetteer) if region_text and country else -1
    row = gazetteer.find(keys([city])[0], region.country) if city else -1
    return row if row >= 0 and gazetteer.population[row] >= _BELIEVED else -1


def _find_city(city: str, country: str | None, region: Region | None, gazetteer: Gazetteer) -> int:
    text = _POSTCODE.sub(" ", city)
    literal = spellings([text])[0]
    # Where the country is unknown only the literal name is sure enough.
    for spelling, own_only in _variants(text, literal) if country is not None else [(literal, False)]:
        row = gazetteer.find(spelling.replace(" ", ""), country, region, own_only) if spelling else -1
        if row >= 0:
            return row
    return -1


def _variants(text: str, literal: str) -> Iterator[tuple[str, bool]]:
    """Spellings to try, most literal first, and whether only cities whose own name it is will do."""
    if not literal:
        return
    yield literal, False
    yield literal + " city", False
    bare = _AROUND.sub("", literal)
    # What is left of "Bay Area" names nothing.
    if bare != literal and len(bare) > 3:
        yield bare, False
    parts = [spellings([part])[0] for part in _JOINED.split(text)]
    if len(parts) > 1:
        yield from ((part, False) for part in parts if len(part) > 3)
    centre = _SIDE.sub("", bare)
    if centre != bare and len(centre) > 3:
        yield centre, True


def split_places(text: str, gazetteer: Gazetteer) -> list[Names]:
    """The places that one cell of free text names, as (city, region, country), "" where not said.

    "Seattle, San Francisco" are two; "San Francisco, CA | New York, NY" too; "US-CA-Menlo Park" and
    "India - Hyderabad" are one. "Remote", "Hybrid", "2 Locations" and the like are left out, so a text may name none.
    """
    places: list[Names] = []
    for part in _SEPARATE.split(_POSTCODE.sub(" ", text)):
        cleaned = _NOT_PLACES.sub(",", _BRACKETS.sub(",", part)).strip(" ,-–—")
        found = _group(_segments(cleaned, gazetteer), gazetteer)
        # "MX - Mexico City, Mexico" and "CA - Canada": a country said twice is not two places.
        countries = [gazetteer.areas.country(country) for _, _, country in found]
        for at, place in enumerate(found):
            repeated = not place[0] and not place[1] and countries[at] in countries[at + 1 :]
            if place not in places and not repeated:
                places.append(place)
    return places


def _segments(part: str, gazetteer: Gazetteer) -> list[str]:
    coded = _CODED.match(part) is not None and gazetteer.areas.is_area(part[:2])
    pieces = part.split("-", 2) if coded else _SEGMENT.split(part)
    segments = [peeled for piece in pieces for peeled in _peel(piece.strip(" -–—"), gazetteer) if peeled]
    dashed = _DASH.search(part) is not None and len(segments) == 2
    downward = dashed and gazetteer.areas.is_area(segments[0]) and not gazetteer.areas.is_area(segments[-1])
    return segments[::-1] if coded or downward else segments


def _peel(segment: str, gazetteer: Gazetteer) -> list[str]:
    """A segment with the region or country at its end apart: "Bronx NY", "UT United States"."""
    words = segment.split()
    if gazetteer.areas.is_area(segment):
        return [segment]
    for size in (3, 2, 1):
        head, tail = " ".join(words[:-size]), " ".join(words[-size:])
        if head and gazetteer.areas.is_area(tail) and (size > 1 or len(tail) != 3 or tail.isupper()):
            scopes = _scopes(tail, "", gazetteer)
            if gazetteer.areas.is_area(head) or any(gazetteer.find(keys([head])[0], *scope) >= 0 for scope in scopes):
                return [*_peel(head, gazetteer), tail]
    return [segment]


def _group(segments: list[str], gazetteer: Gazetteer) -> list[Names]:
    """Segments as places: a city opens one, a region or country that follows belongs to it."""
    areas = gazetteer.areas
    if len(segments) == 3 and areas.country(segments[2]) and not gazetteer.areas.is_area(segments[0]):
        return [(segments[0], segments[1], segments[2])]
    places: list[list[str]] = []
    for at, segment in enumerate(segments):
        following = segments[at + 1] if at + 1 < len(segments) else ""
        last = places[-1] if places else None
        known_country = areas.country(following) if following else None
        region, country = areas.region(segment, known_country), areas.country(segment)
        if last is not None and not last[2] and region is not None and not last[1] and last[0]:
            last[1] = segment
        elif last is not None and not last[2] and country is not None:
            last[2] = segment
        elif (region or country) and not _is_city(segment, region, following, gazetteer):
            places.append(["", segment, ""] if region else ["", "", segment])
        else:
            places.append([segment, "", ""])
    return [(city, region, country) for city, region, country in places]


def _is_city(segment: str, region: Region | None, following: str, gazetteer: Gazetteer) -> bool:
    """Whether a name that is a region's too means the city: "New York, NY", or a city of a million in that region."""
    if len(segment) <= 3 or region is None:
        return False
    if following and gazetteer.areas.region(following) is not None:
        return True
    row = gazetteer.find(keys([segment])[0], region.country, region)
    return row >= 0 and bool(gazetteer.population[row] >= _LARGE)
