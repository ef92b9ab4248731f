"""One spelling for the names of places, and the names and codes of countries and states. Holds no city."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

_COMBINING: Final = re.compile("[\u0300-\u036f]+")
_APOSTROPHES: Final = re.compile("['’ʼʻ`´.]")
_DOT: Final = re.compile(r"(?<=\w\w)\.(?=\w\w)")
_PUNCTUATION: Final = re.compile(r"[^\w\n]+|_+")
#: Letters that keep their stroke when accents are stripped.
_STROKES: Final = {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"}
_SHORT: Final = {
    "st": "saint", "ste": "sainte", "ft": "fort", "mt": "mount", "mtn": "mountain", "spgs": "springs", "hts": "heights",
    "hgts": "heights", "twp": "township", "jct": "junction", "bch": "beach", "vlg": "village",
}  # fmt: skip
_SIDES: Final = {"n": "north", "s": "south", "e": "east", "w": "west", "no": "north", "so": "south"}
_SHORT_WORD: Final = re.compile(rf"(?<!\w)(?:{'|'.join(_SHORT)})(?!\w)")
_SIDE_WORD: Final = re.compile(rf"^[ ]?({'|'.join(_SIDES)})(?=[ ])", re.MULTILINE)


def spellings(names: Sequence[str]) -> list[str]:
    """Each name in lower case words: no accents, no punctuation, "St." as "saint", "N." at the start as "north"."""
    return [spelling.strip() for spelling in _spelled(names).split("\n")]


def keys(names: Sequence[str]) -> list[str]:
    """Spellings without spaces, so that "Mc Allen" is "McAllen" and "DeSoto" is "De Soto"."""
    return _spelled(names).replace(" ", "").split("\n")


def _spelled(names: Sequence[str]) -> str:
    """Spellings joined by newlines: one long string, since Python's string functions then run at the speed of C."""
    text = "\n".join(names)
    if text.count("\n") != len(names) - 1:
        text = "\n".join(name.replace("\n", " ") for name in names)
    text = text.casefold()
    if not text.isascii():
        text = _COMBINING.sub("", unicodedata.normalize("NFKD", text))
        for letter, plain in _STROKES.items():
            text = text.replace(letter, plain)
    # Dots before the rest: "D.C." is one word, but "St.Louis" is two.
    text = _DOT.sub(" ", text)
    text = _PUNCTUATION.sub(" ", _APOSTROPHES.sub("", text))
    text = _SHORT_WORD.sub(lambda found: _SHORT[found[0]], text)
    return _SIDE_WORD.sub(lambda found: _SIDES[found[1]], text)


class Region(NamedTuple):
    """A state or province: its country (ISO 3166 alpha-2) and GeoNames' code of it."""

    country: str
    code: str


#: Provinces and states outside the US that postings name and GeoNames numbers: (abbreviation, name, GeoNames' code).
_PROVINCES: Final = {
    "CA": (
        ("AB", "Alberta", "01"), ("BC", "British Columbia", "02"), ("MB", "Manitoba", "03"),
        ("NB", "New Brunswick", "04"), ("NL", "Newfoundland and Labrador", "05"), ("NL", "Newfoundland", "05"),
        ("NS", "Nova Scotia", "07"), ("ON", "Ontario", "08"), ("PE", "Prince Edward Island", "09"),
        ("QC", "Quebec", "10"), ("SK", "Saskatchewan", "11"), ("YT", "Yukon", "12"),
        ("NT", "Northwest Territories", "13"), ("NU", "Nunavut", "14"),
    ),
    "AU": (
        ("ACT", "Australian Capital Territory", "01"), ("NSW", "New South Wales", "02"),
        ("NT", "Northern Territory", "03"), ("QLD", "Queensland", "04"), ("SA", "South Australia", "05"),
        ("TAS", "Tasmania", "06"), ("VIC", "Victoria", "07"), ("WA", "Western Australia", "08"),
    ),
    "GB": (("ENG", "England", "ENG"), ("SCT", "Scotland", "SCT"), ("WLS", "Wales", "WLS"),
           ("NIR", "Northern Ireland", "NIR")),
}  # fmt: skip
_STATE_SHORT: Final = {
    "Ala": "AL", "Ariz": "AZ", "Ark": "AR", "Calif": "CA", "Colo": "CO", "Conn": "CT", "Fla": "FL", "Ill": "IL",
    "Kans": "KS", "Mass": "MA", "Mich": "MI", "Minn": "MN", "Okla": "OK", "Ore": "OR", "Penn": "PA", "Penna": "PA",
    "Tenn": "TN", "Tex": "TX", "Wash": "WA", "Washington State": "WA", "New York State": "NY", "Wisc": "WI",
}  # fmt: skip
_COUNTRY_NAMES: Final = {
    "US": ("United States of America", "U.S.", "U.S.A.", "Estados Unidos"),
    "GB": ("UK", "Great Britain", "Britain"), "AE": ("UAE",), "CZ": ("Czech Republic",), "KR": ("Korea",
    "Republic of Korea"), "NL": ("Netherlands", "Holland"), "DE": ("Deutschland",), "ES": ("España",),
    "BR": ("Brasil",), "RU": ("Russian Federation",), "VN": ("Viet Nam",), "TR": ("Türkiye",), "CN": ("PRC",),
    "CI": ("Côte d'Ivoire",), "MM": ("Burma",), "IT": ("Italia",), "AT": ("Österreich",), "BE": ("Belgique",),
    "CH": ("Schweiz", "Suisse"), "VI": ("Virgin Islands", "US Virgin Islands"), "MO": ("Macau",),
    "HK": ("Hong Kong SAR",), "BO": ("Plurinational State of Bolivia",), "IR": ("Islamic Republic of Iran",),
    "MK": ("Macedonia",), "SZ": ("Swaziland",), "CV": ("Cape Verde",), "CD": ("DR Congo",),
}  # fmt: skip
#: Of the US, though GeoNames counts them as countries.
_TERRITORIES: Final = ("PR", "GU", "VI", "AS", "MP")


class Areas:
    """Countries and regions by any of their names and codes.

    Args:
        countries: ISO alpha-2 code -> (name, ISO alpha-3 code).
        states: code of a US state -> name.
    """

    def __init__(self, countries: dict[str, tuple[str, str]], states: dict[str, str]) -> None:
        named = [(text, code) for code, texts in countries.items() for text in (code, *texts)]
        named += [(text, code) for code, texts in _COUNTRY_NAMES.items() for text in texts]
        self._countries = dict(zip(keys([text for text, _ in named]), (code for _, code in named), strict=True))
        regions = [(text, Region("US", code)) for code, name in states.items() for text in (code, name)]
        regions += [(text, Region("US", code)) for text, code in _STATE_SHORT.items()]
        regions += [
            (text, Region(country, code))
            for country, provinces in _PROVINCES.items()
            for *texts, code in provinces
            for text in texts
        ]
        self._country_names = {code: name for code, (name, _) in countries.items()}
        self._region_names = {Region("US", code): name for code, name in states.items()}
        self._region_names |= {
            Region(country, code): name
            for country, provinces in _PROVINCES.items()
            for _, name, code in provinces[::-1]
        }
        self._regions: dict[str, list[Region]] = {}
        for key, (_, region) in zip(keys([text for text, _ in regions]), regions, strict=True):
            self._regions.setdefault(key, []).append(region)

    def country(self, text: str) -> str | None:
        """ISO alpha-2 code of a country's name or code, None when it is neither."""
        return self._countries.get(keys([text])[0])

    def is_area(self, text: str) -> bool:
        """Whether it is the name or code of a country or region."""
        return self.country(text) is not None or self.region(text) is not None

    def name(self, country: str | None, region: Region | None) -> str:
        """A region, where it has a name here, and its country; or a country: "Illinois, United States"."""
        code = country if region is None else region.country
        whole = self._country_names.get(str(code), str(code))
        part = None if region is None else self._region_names.get(region)
        return whole if part is None else f"{part}, {whole}"

    def region(self, text: str, country: str | None = None) -> Region | None:
        """The region of that name or code in the country; in any when None, a US state before others."""
        found = self._regions.get(keys([text])[0], [])
        territory = self.country(text) if country in (None, "US") else None
        if territory in _TERRITORIES:
            return Region(str(territory), "")
        return next((region for region in found if country in (None, region.country)), None)
