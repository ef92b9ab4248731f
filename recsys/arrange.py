"""From scored pools to lists: the total order, the mix of seen and new, the employer cap, diversity."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.config import ArrangeSettings
from recsys.diversity import BEST, diversified, likeness
from recsys.eligible import eligible
from recsys.queries import Queries

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)

_SLACK = 60  # postings beyond k that may move up when an employer's run is broken


@dataclass(frozen=True)
class Order:
    """Positions in the pool, best first.

    Attributes:
        at: int32 (B, m), positions in the pool, -1 where fewer.
    """

    at: Rows

    def of(self, values: NDArray[Number], fill: float) -> NDArray[Number]:
        """``values`` (B, n) in this order, ``fill`` where there is none."""
        taken = np.take_along_axis(values, np.maximum(self.at, 0), axis=1)
        taken[self.at < 0] = fill
        return taken


def ordered(
    catalogue: Catalogue, queries: Queries, rows: Rows, scores: Numbers, settings: ArrangeSettings, k: int
) -> Order:
    """Lists of at most ``k`` of what may be shown, one of each group of copies.

    Args:
        catalogue: the postings.
        queries: B requests.
        rows: int32 (B, n), their pools, ascending, -1 padded.
        scores: float32 (B, n).
        settings: see there.
        k: length of the lists.
    """
    allowed = eligible(catalogue, queries, rows)
    allowed = one_of_copies(catalogue.copies.group, catalogue.attributes.posted, scores, allowed, rows)
    safe = np.maximum(rows, 0)
    seen = None if catalogue.dated else catalogue.behaviour.seen[safe]

    def between(at: Rows) -> Numbers:
        return likeness(catalogue, np.take_along_axis(rows, at, 1))

    return arrange(scores, allowed, seen, catalogue.attributes.company[safe], settings, k, between)


def arrange(
    scores: Numbers,
    allowed: NDArray[np.bool_],
    seen: NDArray[np.bool_] | None,
    company: Rows,
    settings: ArrangeSettings,
    k: int,
    between: Callable[[Rows], Numbers] | None = None,
) -> Order:
    """Lists of at most ``k`` from scored pools whose postings stand in ascending order of their id.

    Args:
        scores: float32 (B, n).
        allowed: bool (B, n).
        seen: bool (B, n), postings with events; None where dates tell what was on the board, so that one order holds.
        company: int32 (B, n), employer code, -1 where not known.
        settings: see there.
        k: length of the lists.
        between: for positions in the pools (B, m) the cosines between their postings (B, m, m); None: all are unlike.

    Returns:
        A total order: by score, then by posting id; then seen and new mixed by the stated share, then no more of one
        employer than are wanted, then what is like what stands before it moved down, then runs of one employer broken.
    """
    by_score = np.argsort(np.where(allowed, -scores, np.float32(np.inf)), axis=1, kind="stable").astype(np.int32)
    valid = np.take_along_axis(allowed, by_score, 1)
    if seen is not None:
        by_score, valid = _mix(by_score, valid, np.take_along_axis(seen, by_score, 1), settings.new_share)
    if settings.employer_most:
        employer = np.where(valid, np.take_along_axis(company, by_score, 1), -1)
        by_score, valid = _capped(by_score, valid, employer, settings.employer_most)
    if settings.diversity and between is not None:
        some, there = by_score[:, :BEST], valid[:, :BEST]
        order = diversified(there, between(some), settings.diversity, k)
        by_score = np.concatenate([np.take_along_axis(some, order, 1), by_score[:, BEST:]], axis=1)
        valid = np.concatenate([np.take_along_axis(there, order, 1), valid[:, BEST:]], axis=1)
    by_score, valid = by_score[:, : k + _SLACK], valid[:, : k + _SLACK]
    if settings.employer_run:
        employer = np.where(valid, np.take_along_axis(company, by_score, 1), -1)
        order = _break_runs(employer, valid, settings.employer_run, k)
        by_score, valid = np.take_along_axis(by_score, order, 1), np.take_along_axis(valid, order, 1)
    return Order(np.where(valid, by_score, np.int32(-1))[:, :k])


def one_of_copies(
    group: Rows, posted: NDArray[np.float64], scores: Numbers, allowed: NDArray[np.bool_], rows: Rows
) -> NDArray[np.bool_]:
    """Of the allowed postings of one group the one that was posted last, bool (B, n).

    Among those posted at the same moment the first by id; where no date is known, the one with the best score.

    Args:
        group: int32 (P,), see ``recsys.copies``.
        posted: float64 (P,), NaN where not known.
        scores: float32 (B, n).
        allowed: bool (B, n).
        rows: int32 (B, n), ascending in each request, -1 where empty.
    """
    of = group[rows]
    if not ((of != rows) & allowed).any():  # of two of a group, one is not its lowest row
        return allowed
    keys = np.where(allowed, np.arange(len(rows), dtype=np.int64)[:, None] << 32 | of, -1)
    copied = np.unique(keys[(of != rows) & allowed])
    at = np.minimum(np.searchsorted(copied, keys), len(copied) - 1)
    some = np.flatnonzero(copied[at] == keys)
    key, date = keys.ravel()[some], posted[rows.ravel()[some]]
    undated = np.isnan(date)
    order = np.lexsort((np.where(undated, -scores.ravel()[some], 0), np.where(undated, np.inf, -date), key))
    kept = allowed.copy()
    kept.ravel()[some[order[np.diff(key[order], prepend=-1) == 0]]] = False
    return kept


def _mix(
    by_score: Rows, valid: NDArray[np.bool_], seen: NDArray[np.bool_], new_share: float
) -> tuple[Rows, NDArray[np.bool_]]:
    """Interleave two orders: every beginning of the list holds ``new_share`` new postings, while there are any."""
    is_new = valid & ~seen
    is_seen = valid & seen
    place = np.where(is_new, np.cumsum(is_new, axis=1), np.cumsum(is_seen, axis=1)) - 0.5
    share = np.where(is_new, max(new_share, 1e-6), max(1 - new_share, 1e-6))
    key = np.where(valid, place / share, np.inf)
    order = np.argsort(key, axis=1, kind="stable")
    return np.take_along_axis(by_score, order, 1), np.take_along_axis(valid, order, 1)


def _capped(by_score: Rows, valid: NDArray[np.bool_], employer: Rows, most: int) -> tuple[Rows, NDArray[np.bool_]]:
    """The same order without those that have ``most`` of their employer, where it is known, before them."""
    together = np.argsort(employer, axis=1, kind="stable")
    name = np.take_along_axis(employer, together, 1)
    at = np.arange(name.shape[1])
    first = np.maximum.accumulate(np.where(np.diff(name, axis=1, prepend=-2) != 0, at, 0), axis=1)
    before = np.empty(name.shape, np.int64)
    np.put_along_axis(before, together, at - first, 1)
    kept = valid & ((employer < 0) | (before < most))
    order = np.argsort(~kept, axis=1, kind="stable")
    return np.take_along_axis(by_score, order, 1), np.take_along_axis(kept, order, 1)


def _break_runs(employer: Rows, valid: NDArray[np.bool_], run: int, k: int) -> NDArray[np.intp]:
    """An order (B, m) in which, as far as possible, no employer stands more than ``run`` times in a row in the first k.

    Greedy: each place takes the best posting left whose employer has not just had its run. Requests without a long
    run are not touched.
    """
    requests, width = employer.shape
    order = np.tile(np.arange(width), (requests, 1))
    touched = np.flatnonzero(_has_long_run(employer[:, :k], run))
    if len(touched) == 0:
        return order
    names = employer[touched]
    left = np.ones(names.shape, bool)
    picked = np.empty(names.shape, np.intp)
    here = np.arange(len(touched))
    last, length = np.full(len(touched), -1), np.zeros(len(touched), int)
    for place in range(min(k, width)):
        blocked = (names == last[:, None]) & ((length >= run) & (last >= 0))[:, None]
        free = left & valid[touched] & ~blocked  # what is not valid stands at the end, so left.argmax finds it last
        best = np.where(free.any(axis=1), free.argmax(axis=1), left.argmax(axis=1))
        picked[:, place] = best
        left[here, best] = False
        name = names[here, best]
        length = np.where((name == last) & (name >= 0), length + 1, 1)
        last = name
    rest = np.argsort(~left, axis=1, kind="stable")
    done = min(k, width)
    picked[:, done:] = rest[:, : width - done]
    order[touched] = picked
    return order


def _has_long_run(employer: Rows, run: int) -> NDArray[np.bool_]:
    if employer.shape[1] <= run:
        return np.zeros(len(employer), bool)
    same = (employer[:, 1:] == employer[:, :-1]) & (employer[:, 1:] >= 0)
    windows = np.lib.stride_tricks.sliding_window_view(same, run, axis=1)
    return np.asarray(np.any(np.all(windows, axis=2), axis=1))
