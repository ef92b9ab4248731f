"""Discover: good by the engine's order, yet unlike what a candidate chose and said; refreshed weekly, steady till then.

Nothing is stored. What was known when the week began is asked, at the moment when it began, so what a candidate does
since changes nothing. A number that depends on candidate, week and posting alone gives each posting one of as many
slots as the shelf has places, or none this week; a slot shows the best of its postings that may be shown now. So a
posting that must not be shown any more is replaced in its slot, and no other place of the shelf moves.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.eligible import eligible, unnamed
from recsys.engine import Engine
from recsys.explain import Reasons
from recsys.filters import Filters
from recsys.interests import find_interests
from recsys.lists import Lists
from recsys.queries import VIEWED, Queries
from recsys.signals_place import places

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.float32]

_DAY: Final = 86_400.0
_WEEK: Final = 7 * _DAY
_MONDAY: Final = 4 * 86_400.0  # 1970-01-05, the first Monday
_NOTHING: Final = np.empty(0, np.int64)
DEPTH: Final = 160  #: places of a list from which is chosen what is like or unlike: it may stand far down


def week_began(now: NDArray[np.float64]) -> NDArray[np.float64]:
    """When the ISO week of each moment (B,) began: Monday, 0 h UTC, in seconds since 1970."""
    return np.floor((now - _MONDAY) / _WEEK) * _WEEK + _MONDAY


def discover(
    engine: Engine,
    queries: Queries,
    week: Queries,
    who: Sequence[str],
    explain: bool,
    filters: Sequence[Filters | None] | None = None,
    taken: NDArray[np.int64] = _NOTHING,
) -> tuple[Lists, Flags]:
    """What comes into question for the shelf: lists (B, m), and which of their places are chosen, bool (B, m).

    Args:
        engine: whose order.
        queries: B requests, as they stand now.
        week: the same, as they stood when the week began.
        who: the candidates' ids.
        explain: with reasons.
        filters: of each request.
        taken: keys (request << 32 | group of copies) of what is not chosen, so that a slot shows its next best.
    """
    home = engine.settings.home
    lists = engine.answer(week, max(DEPTH, home.length), explain, filters)
    rows = lists.rows
    slot = _slots(engine.catalogue, rows, week_began(week.now), who, home.length * home.turns)
    may = (slot < home.length) & (alike(engine.catalogue, week, rows) < home.unlike)
    may &= near_places(engine, week, rows)[0]
    may &= eligible(engine.catalogue, queries, rows) & (engine.catalogue.open[np.maximum(rows, 0)])
    groups = engine.catalogue.copies.group[np.maximum(rows, 0)]
    may &= ~np.isin(np.arange(len(rows), dtype=np.int64)[:, None] << 32 | groups, taken)
    key = np.arange(len(rows))[:, None] * home.length + slot.astype(np.int64)
    flat = np.flatnonzero(may)
    first = flat[np.unique(key.ravel()[flat], return_index=True)[1]]  # lists are best first
    chosen = np.zeros(rows.shape, bool)
    chosen.ravel()[first] = True
    return replace(lists, reasons=_said_now(engine, queries, rows, lists.reasons)), chosen


def _said_now(engine: Engine, queries: Queries, rows: Rows, reasons: Reasons | None) -> Reasons | None:
    """Reasons of the week's beginning: how old a posting is now, without naming what is not wanted any more."""
    if reasons is None:
        return None
    age = (queries.now[:, None] - engine.catalogue.attributes.posted[np.maximum(rows, 0)]) / _DAY
    at, place = np.nonzero(unnamed(engine.catalogue, queries))
    keys = at.astype(np.int64) << 32 | queries.history[at, place]
    return reasons.later(np.rint(np.nan_to_num(age)).astype(np.int64), keys)


def alike(catalogue: Catalogue, queries: Queries, rows: Rows) -> Numbers:
    """How like the title of a posting (B, n) is to those that the candidate viewed last, wants and held.

    Returns:
        the highest cosine, float32 (B, n); -1 where the candidate has no titles, NaN for postings without one.
    """
    viewed = queries.history[:, :VIEWED]
    met = np.concatenate([catalogue.title.vectors(viewed), queries.wanted, queries.past], axis=1)
    cosines = catalogue.title.similarity(np.maximum(rows, 0), np.ascontiguousarray(met.transpose(0, 2, 1)))
    known = np.concatenate([viewed >= 0, queries.wanted_known, queries.past_known], axis=1)
    best = np.where(known[:, None], cosines, np.float32(-1)).max(axis=2)
    return np.where((rows >= 0) & (catalogue.title.scale[rows] > 0), best, np.float32(np.nan))


def near_places(engine: Engine, queries: Queries, rows: Rows) -> tuple[Flags, Flags]:
    """Which postings (B, n) are near one of a candidate's places, and who has any, bool (B,); else all are near."""
    catalogue = engine.catalogue
    interests = find_interests(catalogue, queries, engine.settings.retrieve)
    nearness = places(catalogue, queries, interests, np.maximum(rows, 0))["near_any"]
    placed = ~np.isnan(interests.places[:, 0, 0])
    near = (nearness >= 1 / (1 + engine.settings.home.near_km / 10)) | (catalogue.attributes.remote[rows] == 1)
    return (rows >= 0) & (near | ~placed[:, None]), placed


def _slots(
    catalogue: Catalogue, rows: Rows, began: NDArray[np.float64], who: Sequence[str], count: int
) -> NDArray[np.uint64]:
    """A number 0 ... ``count`` - 1 of each posting (B, n) for that candidate in that week: uint64 (B, n)."""
    distinct, at = np.unique(np.maximum(rows, 0), return_inverse=True)
    posting = pd.util.hash_array(catalogue.ids.names(distinct))[at.reshape(rows.shape)]
    candidate = pd.util.hash_array(np.asarray(list(who), dtype=object))
    week = np.rint(began / _WEEK).astype(np.int64).astype(np.uint64)
    return _mixed(posting ^ _mixed(candidate + week * np.uint64(0x9E3779B97F4A7C15))[:, None]) % np.uint64(count)


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers whose every bit depends on every bit: the end of SplitMix64."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
