"""How many of the postings that match a search say what: counts by region, employment, level, employer and pay."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.attributes import EMPLOYMENT, LEVELS
from recsys.catalogue import Catalogue

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]

#: Facets, and the filter that each would set: it is lifted while the facet is counted, so that another can be chosen.
FACETS: Final = {"region": "", "employment": "employment", "seniority": "seniority", "employer": "", "pay": "pay"}
MOST_NAMED: Final = 10  #: employers and regions that are named, those with the most postings
Names = Callable[[Rows], list[str]]


@dataclass(frozen=True)
class Count:
    """So many matching postings say this; copies of one vacancy count once.

    Attributes:
        value: a name as the board writes it, or the word that the filter takes; of pay the band's lower end a year.
        count: postings.
    """

    value: str
    count: int


def facets(
    catalogue: Catalogue,
    rows: Rows,
    passed: dict[str, Flags],
    names: dict[str, Names],
    bands: tuple[float, ...],
) -> dict[str, list[Count]]:
    """Counts for one search.

    Args:
        catalogue: the postings, whatever the filters leave.
        rows: int32 (N,), those that match by their words and may be shown.
        passed: by the name of each filter which of ``rows`` pass it, bool (N,).
        names: what the regions and employers of postings are called, by "region" and "company"; where one is missing,
            its facet is empty.
        bands: lower ends of the bands of pay, ascending.
    """
    left = {name: rows[_all_but(passed, lifted, len(rows))] for name, lifted in FACETS.items()}
    return {
        "region": _named(catalogue, left["region"], catalogue.attributes.region, names.get("region")),
        "employment": _employment(catalogue, left["employment"]),
        "seniority": _seniority(catalogue, left["seniority"]),
        "employer": _named(catalogue, left["employer"], catalogue.attributes.company, names.get("company")),
        "pay": _pay(catalogue, left["pay"], bands),
    }


def _all_but(passed: dict[str, Flags], lifted: str, count: int) -> Flags:
    kept = np.ones(count, bool)
    for name, one in passed.items():
        if name != lifted:
            kept &= one
    return kept


def _distinct(catalogue: Catalogue, rows: Rows, codes: NDArray[np.integer], most: int) -> NDArray[np.int64]:
    """How many vacancies have each code: int64 (most,); ``codes`` (N,) of the ``rows``, -1 for none."""
    known = codes >= 0
    keys = catalogue.copies.group[rows[known]].astype(np.int64) << 32 | codes[known].astype(np.int64)
    return np.bincount(np.unique(keys) & 0xFFFFFFFF, minlength=most)


def _named(catalogue: Catalogue, rows: Rows, column: Rows, name: Names | None) -> list[Count]:
    """The commonest codes under the name of their first posting; among equals the first posting's."""
    if name is None or len(rows) == 0:
        return []
    codes, first, inverse = np.unique(column[rows], return_index=True, return_inverse=True)
    counts = _distinct(catalogue, rows, np.where(codes < 0, -1, np.arange(len(codes)))[inverse], len(codes))
    best = np.lexsort((first, -counts))[:MOST_NAMED]
    best = best[counts[best] > 0]
    texts = name(rows[first[best]])
    return [Count(text, count) for text, count in zip(texts, counts[best].tolist(), strict=True)]


def _employment(catalogue: Catalogue, rows: Rows) -> list[Count]:
    bits = catalogue.attributes.employment[rows]
    found = [
        Count(kind, len(np.unique(catalogue.copies.group[rows[bits >> at & 1 == 1]])))
        for at, kind in enumerate(EMPLOYMENT)
    ]
    return [one for one in found if one.count]


def _seniority(catalogue: Catalogue, rows: Rows) -> list[Count]:
    level = catalogue.attributes.seniority[rows]
    codes = np.where(np.isnan(level), -1, np.nan_to_num(level)).astype(np.int32)
    counts = _distinct(catalogue, rows, codes, len(LEVELS)).tolist()
    return [Count(name, counts[int(at)]) for name, at in LEVELS.items() if counts[int(at)]]


def _pay(catalogue: Catalogue, rows: Rows, bands: tuple[float, ...]) -> list[Count]:
    """By the highest pay, which is what the filter asks for."""
    worth = catalogue.attributes.worth_high[rows]
    codes = np.where(np.isnan(worth), -1, np.searchsorted(np.array(bands), worth, side="right") - 1)
    counts = _distinct(catalogue, rows, codes, len(bands)).tolist()
    return [Count(f"{low:g}", count) for low, count in zip(bands, counts, strict=True) if count]
