"""Filters to the postings that they leave: one column compared at a time, and the catalogue that holds no others."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.attributes import EMPLOYMENT, LEVELS, PERIODS, language_key
from recsys.catalogue import Catalogue, Within
from recsys.errors import RequestError
from recsys.filters import Filters
from recsys.geo import distance_km, unit_vectors
from recsys.index import Kept
from recsys.postings import own_names, own_word

Flags = NDArray[np.bool_]
Rows = NDArray[np.int32]

EXACT_FACTORS: Final = 20_000  #: where filters leave no more postings, the factors of each are compared
_DEGREE_KM: Final = 111.2


def conditions(catalogue: Catalogue, filters: Filters) -> dict[str, Flags]:
    """Which postings pass each condition that is asked for, by its name: bool (P,).

    Raises:
        RequestError: a currency has no rate, or a field of the customer's own is not kept.
    """
    found = {name: column(catalogue, filters) for name, asked, column in _COLUMNS if asked(filters)}
    return found | _own_fields(catalogue, filters)


def open_postings(catalogue: Catalogue) -> Flags:
    """Those that could be listed when nothing is asked, bool (P,)."""
    count = len(catalogue)
    open_: Flags = catalogue.open[:count] & ~catalogue.gone[:count]
    return open_


def filtered(catalogue: Catalogue, filters: Filters) -> Catalogue:
    """What filters leave of a catalogue; itself where they ask for nothing. The latest are remembered.

    Raises:
        RequestError: as ``conditions``.
    """
    if not (filters.extra or filters.extra_least or filters.extra_most or any(ask(filters) for _, ask, _ in _COLUMNS)):
        return catalogue

    def made() -> Catalogue:
        return narrowed(catalogue, np.logical_and.reduce(list(conditions(catalogue, filters).values())))

    key = filters.key
    return catalogue.narrowings.of(key, made, lambda one: len(key) + _bytes_beyond(one, catalogue))


def _bytes_beyond(one: Catalogue, base: Catalogue) -> int:
    """What a narrowed catalogue holds beside what it shares with that which it was made of."""
    within = one.within
    if within is None:
        return 0
    kept = [within.by_text.bits, within.by_cell.bits, within.by_factor.bits]
    own = [one.gone, within.rows, within.named, within.counts, *kept]
    return sum(array.nbytes for array in own) + (0 if one.open is base.open else one.open.nbytes)


def narrowed(catalogue: Catalogue, allowed: Flags) -> Catalogue:
    """The same catalogue, in which everything but the ``allowed`` (P,) postings is gone, and no source looks for it."""
    count = len(catalogue)
    base = open_postings(catalogue)
    left = base & allowed
    rows = np.flatnonzero(left).astype(np.int32)
    gone = np.ones(len(catalogue.gone), bool)
    np.logical_not(left, out=gone[:count])
    named = left
    if len(catalogue.fresh.was):  # the indices know a posting that changed by its old row
        named = left.copy()
        named[catalogue.fresh.was] = left[catalogue.fresh.now]
    share = len(rows) / max(int(np.count_nonzero(base)), 1)
    if catalogue.within is not None:  # the indices still hold what was taken away before
        share *= catalogue.within.share
    nothing = Kept(np.empty(0, np.uint8), 0, 0.0)
    if len(rows) <= catalogue.rules.listed:  # all will be scored: nobody searches
        within = Within(rows, named, np.zeros(len(catalogue.grid.counts), np.int32), share, nothing, nothing, nothing)
        return replace(catalogue, gone=gone, within=within)
    cells = catalogue.grid.cell_of
    placed = np.take(named, catalogue.by_cell.rows)
    there = np.flatnonzero(placed[: len(cells)])  # four times as quick as to index by what is true
    within = Within(
        rows=rows,
        named=named,
        counts=np.bincount(cells[there], minlength=len(catalogue.grid.counts)).astype(np.int32),
        share=share,
        by_text=_entries(named, catalogue.by_text.rows),
        by_cell=Kept.of(placed),
        by_factor=nothing if len(rows) <= EXACT_FACTORS else _entries(named, catalogue.by_factor.rows),
    )
    openly = np.zeros(len(catalogue.open), bool)
    openly[:count] = left
    return replace(catalogue, gone=gone, open=openly, within=within)


def without_employers(catalogue: Catalogue, employers: Rows) -> Catalogue:
    """The same catalogue without the postings of some employers, by their codes.

    Who fills the pools of one candidate fills those of others, so the latest of a whole board are remembered.
    """

    def made() -> Catalogue:
        return narrowed(catalogue, ~_one_of(catalogue.attributes.company[: len(catalogue)], employers))

    if catalogue.within is not None:  # what filters left counts what it takes itself
        return made()
    key = f"without {employers.tolist()}"
    return catalogue.narrowings.of(key, made, lambda one: len(key) + _bytes_beyond(one, catalogue))


def _entries(named: Flags, rows: Rows) -> Kept:
    """Which entries of an index are named; ``rows`` are ascending, so as many as there are postings are all of them."""
    return Kept.of(named if len(rows) == len(named) else np.take(named, rows))


def costs(shown: Flags, passed: dict[str, Flags], group: Rows) -> dict[str, int]:
    """How many of the ``shown`` postings (P,) each condition alone takes away; "left" counts what passes all.

    Copies, postings of one ``group`` (P,), count once: a list shows one of them.
    """
    failed = sum((~one).astype(np.uint8) for one in passed.values()) if passed else np.zeros(len(shown), np.uint8)
    only = shown & (failed == 1)
    left = np.unique(group[shown & (failed == 0)])
    return {"left": len(left), **{name: len(np.setdiff1d(group[only & ~one], left)) for name, one in passed.items()}}


def _near(catalogue: Catalogue, filters: Filters) -> Flags:
    """Those of which a place lies in the circle. Only the grid's cells that it touches are looked at, and newcomers."""
    passes = np.zeros(len(catalogue), bool)
    here = unit_vectors(np.array([filters.latitude, filters.longitude], np.float64))
    reach = filters.within_km or 0.0
    inside, border = _rows_around(catalogue, here, reach)
    passes[inside] = True
    rows = np.concatenate([border, catalogue.fresh.rows])
    passes[rows[np.any(distance_km(catalogue.place[rows], here) <= reach, axis=1)]] = True
    if filters.or_remote:
        passes |= catalogue.attributes.remote[: len(catalogue)] == 1
    return passes


def _rows_around(catalogue: Catalogue, here: NDArray[np.float32], km: float) -> tuple[Rows, Rows]:
    """Postings of the bundle with a place in cells inside the circle, and in those on its border; some twice."""
    grid = catalogue.grid
    if len(grid.counts) == 0:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    # a place is no farther from the mean of its cell than the cell's two edges together
    away, slack = distance_km(grid.centres, here), 2 * grid.edge * _DEGREE_KM
    inside = away + slack <= km
    return _rows_of(catalogue, inside), _rows_of(catalogue, ~inside & (away <= km + slack))


def _rows_of(catalogue: Catalogue, cells: Flags) -> Rows:
    """Postings of the bundle in the marked cells (G,)."""
    grid, marked = catalogue.grid, np.flatnonzero(cells)
    size = grid.counts[marked].astype(np.int64)
    entries = np.arange(size.sum()) + np.repeat(grid.start[marked] - (np.cumsum(size) - size), size)
    rows: Rows = catalogue.by_cell.rows[grid.rows[entries]]
    return rows


def _remote(catalogue: Catalogue, filters: Filters) -> Flags:
    remote: Flags = catalogue.attributes.remote[: len(catalogue)] == 1
    return remote if filters.remote else ~remote


def _employment(catalogue: Catalogue, filters: Filters) -> Flags:
    names = list(EMPLOYMENT)
    wanted = np.uint8(sum(1 << names.index(kind) for kind in set(filters.employment)))
    return np.asarray(catalogue.attributes.employment[: len(catalogue)] & wanted != 0)


def _seniority(catalogue: Catalogue, filters: Filters) -> Flags:
    level = catalogue.attributes.seniority[: len(catalogue)]
    if not filters.seniority:
        return np.asarray(~np.isnan(level))
    passes = np.zeros(len(level), bool) if filters.seniority_known else np.isnan(level)
    for name in filters.seniority:
        passes |= level == np.float32(LEVELS[name])
    return passes


def _pay(catalogue: Catalogue, filters: Filters) -> Flags:
    rules = catalogue.rules
    currency = filters.pay_currency or rules.currency
    rates = {rules.currency: 1.0, **rules.rates}
    if currency not in rates:
        raise RequestError(f"no rate is known for {currency}; known are {', '.join(sorted(rates))}")
    worth = catalogue.attributes.worth_high[: len(catalogue)]
    least = np.float32((filters.pay_least or 0.0) * PERIODS[filters.pay_period] * rates[currency])
    return np.asarray(worth >= least if filters.pay_known else ~(worth < least))


def _language(catalogue: Catalogue, filters: Filters) -> Flags:
    codes = catalogue.attributes.language[: len(catalogue)]
    wanted = catalogue.numbering.find("language", [language_key(one) for one in filters.language])
    return _one_of(codes, wanted) | (codes < 0)


def _posted_after(catalogue: Catalogue, filters: Filters) -> Flags:
    return np.asarray(catalogue.attributes.posted[: len(catalogue)] >= (filters.posted_after or 0.0))


def _permit(catalogue: Catalogue, filters: Filters) -> Flags:
    return np.asarray(catalogue.attributes.permit[: len(catalogue)] != 1)


def _muted_postings(catalogue: Catalogue, filters: Filters) -> Flags:
    """Those that are not muted, nor copies of what is: the same vacancy would come back under another id."""
    group = catalogue.copies.group[: len(catalogue)]
    rows = catalogue.ids.rows(list(filters.muted_postings))
    return np.asarray(~np.isin(group, group[rows[rows >= 0]]))


def _muted_employers(catalogue: Catalogue, filters: Filters) -> Flags:
    muted = catalogue.numbering.find("company", filters.muted_employers)
    return ~_one_of(catalogue.attributes.company[: len(catalogue)], muted)


def _one_of(codes: Rows, wanted: Rows) -> Flags:
    """Which codes are among ``wanted``; few are compared one by one."""
    if len(wanted) > 8:
        return np.isin(codes, wanted)
    passes = np.zeros(codes.shape, bool)
    for one in wanted.tolist():
        passes |= codes == one
    return passes


_COLUMNS: Final[tuple[tuple[str, Callable[[Filters], object], Callable[[Catalogue, Filters], Flags]], ...]] = (
    ("place", lambda asked: asked.within_km is not None, _near),
    ("remote", lambda asked: asked.remote is not None, _remote),
    ("employment", lambda asked: asked.employment, _employment),
    ("seniority", lambda asked: asked.seniority or asked.seniority_known, _seniority),
    ("pay", lambda asked: asked.pay_least is not None or asked.pay_known, _pay),
    ("language", lambda asked: asked.language, _language),
    ("posted_after", lambda asked: asked.posted_after is not None, _posted_after),
    ("no_permit", lambda asked: asked.no_permit, _permit),
    ("muted_postings", lambda asked: asked.muted_postings, _muted_postings),
    ("muted_employers", lambda asked: asked.muted_employers, _muted_employers),
)


def _own_fields(catalogue: Catalogue, filters: Filters) -> dict[str, Flags]:
    """The conditions on the customer's own fields."""
    a, count = catalogue.attributes, len(catalogue)
    found: dict[str, Flags] = {}
    for name, words in filters.extra.items():
        at = _own_column(catalogue, name, "words")
        wanted = catalogue.numbering.find("extra", [own_word(name, one) for one in words])
        found[f"extra.{name}"] = np.asarray(_one_of(a.extra_words[:count, at], wanted).any(axis=1))
    for name, least in filters.extra_least.items():
        at = _own_column(catalogue, name, "number")
        found[f"extra_least.{name}"] = np.asarray(a.extra_numbers[:count, at] >= np.float32(least))
    for name, most in filters.extra_most.items():
        at = _own_column(catalogue, name, "number")
        found[f"extra_most.{name}"] = np.asarray(a.extra_numbers[:count, at] <= np.float32(most))
    return found


def _own_column(catalogue: Catalogue, name: str, kind: str) -> int:
    names = own_names(catalogue.rules, kind)
    if name not in names:
        known = ", ".join(names) or "none; filters.extra in the board's settings names them"
        raise RequestError(f"postings cannot be filtered by extra.{name} as {kind}: known are {known}")
    return names.index(name)
