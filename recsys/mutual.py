"""Lists of candidates for postings: pairs scored from both sides, and the best of each posting.

Pairs are scored candidate by candidate, so that what one of them brings is made ready once for all postings; in pieces
of ``WIDTH`` postings, padded, so that a pair's arithmetic does not depend on its company.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import Candidates
from recsys.eligible import eligible
from recsys.engine import Engine, one_thread_each
from recsys.finders import Finders
from recsys.index import set_threads
from recsys.interests import find_interests
from recsys.reciprocal import Sides, measure, sides, yardstick
from recsys.reverse import AT_ONCE, find
from recsys.signals import compute

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]
T = TypeVar("T")
R = TypeVar("R")

WIDTH = 16
_CANDIDATES = 64  # at once


@dataclass(frozen=True)
class Match:
    """One line of an answer.

    Attributes:
        candidate_id: the customer's id.
        rank: 1 is best.
        apply: whether they would apply, 0 to 1; comparable between candidates, but no probability.
        brings: whether they have what the posting asks, 0 to 1, likewise.
        together: geometric mean of both.
    """

    candidate_id: str
    rank: int
    apply: float
    brings: float
    together: float


@dataclass(frozen=True)
class Matches:
    """Lines of several answers, best first in each: arrays (N,).

    Attributes:
        posting: int64, number of the posting among those asked for, ascending.
        candidate: int64, row of the snapshot.
        rank: int32, 1 is best.
        apply, brings, together: float32.
    """

    posting: NDArray[np.int64]
    candidate: NDArray[np.int64]
    rank: NDArray[np.int32]
    apply: NDArray[np.float32]
    brings: NDArray[np.float32]
    together: NDArray[np.float32]

    def lines(self, candidates: Candidates) -> list[Match]:
        """In the customer's ids, those of all postings one after another."""
        ids = candidates.ids.names(self.candidate).tolist()
        numbers = (getattr(self, field.name).tolist() for field in fields(self)[2:])
        return [Match(*line) for line in zip(ids, *numbers, strict=True)]


def findable(candidates: Candidates, default: bool) -> Flags:
    """Who may be listed for postings, bool (C,)."""
    said = candidates.profiles.findable
    return np.where(said < 0, default, said == 1)


def find_pairs(
    engine: Engine, finders: Finders, candidates: Candidates, rows: Rows, k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whom to look at for lists of ``k`` for the postings at ``rows``: number of the posting (N,), candidate (N,)."""
    settings = engine.settings.reciprocal
    listed = findable(candidates, settings.findable_default)

    def block(at: int) -> list[Rows]:
        return find(finders, candidates, engine.catalogue, rows[at : at + AT_ONCE], listed, settings, k)

    blocks = _shared_out(block, list(range(0, len(rows), AT_ONCE)))
    found = [one for part in blocks for one in part]
    number = np.repeat(np.arange(len(rows), dtype=np.int64), [len(one) for one in found])
    return number, np.concatenate([np.empty(0, np.int64), *found]).astype(np.int64)


def score_pairs(
    engine: Engine, candidates: Candidates, level: float, candidate: NDArray[np.int64], posting: Rows, now: float
) -> tuple[Sides, Flags]:
    """Both sides of N pairs of a candidate's and a posting's row, and which of them may be: (N,) each."""
    order = np.argsort(candidate, kind="stable")
    who, first = np.unique(candidate[order], return_index=True)
    count = np.diff(np.append(first, len(order)))
    by_count = np.argsort(count, kind="stable")  # those with as many postings together: less padding
    values, allowed = np.full((4, len(order)), np.nan, np.float32), np.zeros(len(order), bool)
    rivals = yardstick(engine.catalogue, engine.settings.reciprocal.rivals)

    def block(some: NDArray[np.intp]) -> None:
        width = -(-int(count[some].max()) // WIDTH) * WIDTH
        slot = np.arange(width)
        at = np.where(slot < count[some, None], first[some, None] + slot, -1)
        pairs = np.where(at >= 0, order[np.maximum(at, 0)], -1)
        rows = np.where(pairs >= 0, posting[np.maximum(pairs, 0)], -1).astype(np.int32)
        both, may = _block(engine, candidates, level, who[some], rows, rivals, now)
        there = pairs >= 0
        values[:, pairs[there]] = both[:, there]
        allowed[pairs[there]] = may[there]

    _shared_out(block, [by_count[at : at + _CANDIDATES] for at in range(0, len(who), _CANDIDATES)])
    return Sides(*values), allowed


def _block(
    engine: Engine,
    candidates: Candidates,
    level: float,
    who: NDArray[np.int64],
    rows: Rows,
    rivals: Rows,
    now: float,
) -> tuple[NDArray[np.float32], Flags]:
    """Apply, brings, together and score (4, B, n) of postings (B, n), and which may be."""
    catalogue, settings = engine.catalogue, engine.settings
    queries = candidates.queries(who, now, settings.events)
    interests = find_interests(catalogue, queries, settings.retrieve)
    usual = measure(catalogue, engine.ranker, queries, interests, rivals)
    parts = []
    for at in range(0, rows.shape[1], WIDTH):
        signals = compute(catalogue, queries, interests, rows[:, at : at + WIDTH])
        both = sides(signals, engine.ranker, usual, level, settings.reciprocal)
        parts.append(np.stack([both.apply, both.brings, both.together, both.score]))
    return np.concatenate(parts, axis=2), eligible(catalogue, queries, rows)


def _shared_out(work: Callable[[T], R], pieces: Sequence[T]) -> list[R]:
    """As ``map``, over as many threads as there are cores; each library works on one of its own."""
    with one_thread_each():
        if len(pieces) < 2:
            return [work(one) for one in pieces]
        with ThreadPoolExecutor(os.cpu_count(), initializer=set_threads, initargs=(1,)) as workers:
            return list(workers.map(work, pieces))


def best_matches(
    engine: Engine,
    candidates: Candidates,
    level: float,
    number: NDArray[np.int64],
    candidate: NDArray[np.int64],
    rows: Rows,
    k: int,
    now: float,
) -> Matches:
    """The best ``k`` of the pairs found for each posting.

    Args:
        engine: that scores.
        candidates: a snapshot.
        level: what is usual on the board, ``Finders.level``.
        number: int64 (N,), of each pair's posting in ``rows``, ascending.
        candidate: int64 (N,), of each pair's candidate in the snapshot.
        rows: int32 (n,), of the postings.
        k: at most so many each.
        now: seconds since 1970.
    """
    both, allowed = score_pairs(engine, candidates, level, candidate, rows[number], now)
    listed = findable(candidates, engine.settings.reciprocal.findable_default)[candidate]
    kept = np.flatnonzero(allowed & listed & ~np.isnan(both.together))
    place = _in_order_of_ids(candidates, candidate[kept])
    kept = kept[np.lexsort((place, -both.together[kept], number[kept]))]
    rank = np.arange(len(kept)) - np.searchsorted(number[kept], number[kept]) + 1
    kept, rank = kept[rank <= k], rank[rank <= k]
    return Matches(
        number[kept], candidate[kept], rank.astype(np.int32), both.apply[kept], both.brings[kept], both.together[kept]
    )


def _in_order_of_ids(candidates: Candidates, rows: NDArray[np.int64]) -> NDArray[np.intp]:
    """For each of ``rows`` the place of its id in the alphabet."""
    distinct, inverse = np.unique(rows, return_inverse=True)
    names: Sequence[str] = candidates.ids.names(distinct).tolist()
    place = np.empty(len(distinct), np.intp)
    place[np.array(sorted(range(len(distinct)), key=names.__getitem__), np.intp)] = np.arange(len(distinct))
    return place[inverse]


def matches_for(engine: Engine, finders: Finders, candidates: Candidates, rows: Rows, k: int, now: float) -> Matches:
    """The best ``k`` candidates of a bundle for each of the postings at ``rows`` (n,)."""
    number, candidate = find_pairs(engine, finders, candidates, rows, k)
    return best_matches(engine, candidates, float(finders.level[0]), number, candidate, rows, k, now)
