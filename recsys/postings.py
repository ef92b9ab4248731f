"""From tables of postings to arrays: places and attributes. The same for a whole board and for one newcomer."""

import json
from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.attributes import employment_bits, language_key, seniority_levels, skill_codes, yearly
from recsys.catalogue import Attributes
from recsys.config import FilterSettings
from recsys.geo import is_remote
from recsys.text import split_words

Rows = NDArray[np.int32]
#: From words to the numbers of a coded attribute: its name, its words (R,) -> int32 (R,).
Coder = Callable[[str, pd.Series], Rows]

PLACES: Final = 4  #: places of a posting that count; more are rare and cost every request
SKILLS: Final = 12  #: skills of a posting that count
OWN_WORDS: Final = 4  #: words of a customer's own field that count
_LARGEST_NUMBER: Final = 3e38  # of a float32


def words_of(cells: pd.Series) -> list[list[str]]:
    """The entries of cells of kind "words"."""
    return [split_words(cell) if isinstance(cell, str) else [] for cell in cells.to_numpy(dtype=object)]


def regions(locations: pd.DataFrame, row_of: Rows) -> NDArray[np.object_]:
    """The region of each posting's first place that names one, as it is written: object (P,), "" where none does.

    Args:
        locations: as in ``recsys.schema.Tables``.
        row_of: int32 (P,), the row wanted for each posting of the table.
    """
    found = np.full(len(row_of), "", object)
    named = locations[locations["region"].notna()].drop_duplicates("posting")
    found[row_of[named["posting"].to_numpy(np.int64)]] = named["region"].str.strip().to_numpy(object)
    return found


def posting_places(locations: pd.DataFrame, latlon: NDArray[np.float32], row_of: Rows) -> NDArray[np.float32]:
    """Known places of each posting, float32 (P, L, 2), L as many as the posting with the most has, at least 1.

    Args:
        locations: R rows, as in ``recsys.schema.Tables``.
        latlon: float32 (R, 2) degrees, NaN where not known.
        row_of: see ``regions``.
    """
    known = ~np.isnan(latlon[:, 0])
    row, latlon = row_of[locations["posting"].to_numpy(np.int64)[known]], latlon[known]
    order = np.argsort(row, kind="stable")
    row, latlon = row[order], latlon[order]
    slot = np.arange(len(row)) - np.searchsorted(row, row)
    width = int(min(max(slot.max(initial=0) + 1, 1), PLACES))
    places = np.full((len(row_of), width, 2), np.nan, np.float32)
    kept = slot < width
    places[row[kept], slot[kept]] = latlon[kept]
    return places


def attributes(
    postings: pd.DataFrame,
    locations: pd.DataFrame,
    row_of: Rows,
    skills: dict[str, int],
    coder: Coder,
    rules: FilterSettings,
) -> Attributes:
    """What postings say of themselves.

    Args:
        postings: P rows in the order wanted, with a column ``region`` besides those of the schema.
        locations: as in ``recsys.schema.Tables``.
        row_of: see ``regions``.
        skills: code of each skill.
        coder: numbers of employers, industries, occupations, regions, languages and of the customer's own words.
        rules: currencies and their rates, and which of the customer's own fields are kept.
    """
    stated = seniority_levels(postings["seniority"])
    from_title = seniority_levels(postings["title"])
    period = postings["salary_period"]
    low, high = (yearly(postings[name], period) for name in ("salary_min", "salary_max"))
    rate = _rates(postings["salary_currency"], rules)
    words, numbers = _own_fields(postings["extra"], rules, coder)
    return Attributes(
        company=coder("company", postings["company"]),
        industry=coder("industry", postings["industry"]),
        occupation=coder("occupation", postings["occupation"]),
        region=coder("region", postings["region"]),
        seniority=np.where(np.isnan(stated), from_title, stated),
        pay_low=low,
        pay_high=np.fmax(low, high),
        remote=_remote(postings, locations, row_of),
        skills=skill_codes(words_of(postings["skills"]), skills, SKILLS),
        posted=postings["date_posted"].to_numpy(np.float64),
        until=postings["valid_through"].to_numpy(np.float64),
        employment=employment_bits(postings["employment_type"]),
        language=coder("language", postings["language"].map(language_key, na_action="ignore")),
        worth_low=np.fmin(low, high) * rate,
        worth_high=np.fmax(low, high) * rate,
        permit=postings["permit_needed"].to_numpy(np.int8),
        extra_words=words,
        extra_numbers=numbers,
    )


def _rates(currencies: pd.Series, rules: FilterSettings) -> NDArray[np.float32]:
    """What one unit of each posting's currency is worth in the board's (P,), NaN where no rate is stated."""
    clean = currencies.astype("str").str.strip().str.upper()
    named = currencies.notna() & (clean != "")
    rates = clean.map({rules.currency: 1.0, **rules.rates}).to_numpy(np.float64, na_value=np.nan)
    return np.where(named, rates, 1.0).astype(np.float32)


def _own_fields(cells: pd.Series, rules: FilterSettings, coder: Coder) -> tuple[Rows, NDArray[np.float32]]:
    """The customer's own fields: codes of words (P, W, OWN_WORDS) and numbers (P, N), in the order of the settings."""
    worded, numbered = own_names(rules, "words"), own_names(rules, "number")
    words = np.full((len(cells), len(worded), OWN_WORDS), None, object)
    numbers = np.full((len(cells), len(numbered)), np.nan, np.float32)
    if worded or numbered:
        for row, cell in enumerate(cells.to_numpy(dtype=object)):
            own = _own(cell)
            for at, name in enumerate(worded):
                said = own.get(name)
                texts = [own_word(name, one) for one in (said if isinstance(said, list) else [said]) if _is_word(one)]
                words[row, at, : len(texts)] = texts[:OWN_WORDS]
            for at, name in enumerate(numbered):
                said = own.get(name)
                if isinstance(said, int | float) and not isinstance(said, bool) and abs(said) < _LARGEST_NUMBER:
                    numbers[row, at] = said
    codes = coder("extra", pd.Series(words.ravel(), dtype="str"))
    return codes.reshape(words.shape), numbers


def own_names(rules: FilterSettings, kind: str) -> list[str]:
    """The customer's own fields of one kind, in the order of their columns."""
    return [name for name, of in rules.extra.items() if of == kind]


def own_word(name: str, value: object) -> str:
    """The form in which a value of the customer's own field is numbered: values of two fields never meet."""
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"


def _is_word(value: object) -> bool:
    return isinstance(value, str | int | float) and str(value).strip() != ""


def _own(cell: object) -> dict[str, object]:
    """``extra`` of a posting as it was sent; nothing where it is no JSON object."""
    if not isinstance(cell, str):
        return {}
    try:
        own = json.loads(cell)
    except (ValueError, RecursionError):  # a number of thousands of digits is no JSONDecodeError
        return {}
    return own if isinstance(own, dict) else {}


def _remote(postings: pd.DataFrame, locations: pd.DataFrame, row_of: Rows) -> NDArray[np.int8]:
    """As stated; where nothing is stated, what the title or a place's name says."""
    stated = postings["remote"].to_numpy(np.int8)
    said = is_remote(postings["title"]) == 1
    place = locations["city"].fillna("") + " " + locations["region"].fillna("") + " " + locations["country"].fillna("")
    said[row_of[locations["posting"].to_numpy(np.int64)[is_remote(place) == 1]]] = True
    return np.where((stated < 0) & said, np.int8(1), stated).astype(np.int8)
