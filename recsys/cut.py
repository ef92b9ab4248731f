"""The cut: from a wide union to a pool, by the few signals that are quick to compute.

A pool that keeps a fixed quota of each source loses what several sources bring in their middle. So the sources bring
more than is scored, the whole union is ordered by a linear ranker over the quick signals alone (learned beside the full
one), and the best of it become the pool.
"""

import numpy as np
from numpy.typing import NDArray

from recsys import (
    signals_attributes,
    signals_behaviour,
    signals_lexical,
    signals_place,
    signals_shown,
    signals_text,
)
from recsys.arrange import arrange, one_of_copies
from recsys.catalogue import Catalogue
from recsys.config import ArrangeSettings
from recsys.eligible import eligible
from recsys.interests import Interests
from recsys.pool import Pool
from recsys.queries import Queries
from recsys.rank import HAND_SET, LinearRanker, Ranker
from recsys.signals import NAMES, ROOMS, Room, compute
from recsys.trees import TreeRanker

#: What computes the quick signals: one product of title vectors, distances, and single numbers of a posting.
QUICK_ROOMS: tuple[Room, ...] = (
    signals_text.titles,
    signals_lexical.words,
    signals_place.places,
    signals_behaviour.popularity,
    signals_attributes.met,
)
_OF_OTHER_ROOMS = (
    *("text_profile", "text_viewed"),
    *("factors", "factors_score", "factors_new", "cooccur", "industry_cooccur", "occupation_cooccur"),
    *signals_behaviour.KIN,
    *("seniority_gap", "pay_fit", "skills_met"),
    "words_skills",
    *(signal.name for signal in signals_shown.SIGNALS),
)
_AT_ONCE = 8  # requests: a union is wide, and the cache of the processor small


#: The signals that they compute, Q of them, in the order of ``NAMES``.
QUICK = tuple(name for name in NAMES if name not in _OF_OTHER_ROOMS)
_SLOW_ROOMS = tuple(room for room in ROOMS if room not in QUICK_ROOMS)
_SLOW = tuple(name for name in NAMES if name in _OF_OTHER_ROOMS)
_QUICK_AT, _SLOW_AT = np.flatnonzero(np.isin(NAMES, QUICK)), np.flatnonzero(np.isin(NAMES, _SLOW))


def quick_mask() -> NDArray[np.bool_]:
    """Which signals the cut may use, bool (F,)."""
    return np.isin(NAMES, QUICK)


def quick_part(ranker: Ranker) -> LinearRanker:
    """A ranker's own weights of the quick signals, the others at their mean: the cut where none was learned.

    Of trees that were grown on a linear order, that order's; the hand-set order's where no linear order uses a quick
    signal.
    """
    linear = ranker.linear if isinstance(ranker, TreeRanker) else ranker
    quick, none = quick_mask(), np.float32(0)
    if not isinstance(linear, LinearRanker) or not (linear.weights[quick].any() or linear.missing[quick].any()):
        return quick_part(HAND_SET)
    weights, missing = np.where(quick, linear.weights, none), np.where(quick, linear.missing, none)
    return LinearRanker("cut", weights, linear.centre, missing)


def cut(
    catalogue: Catalogue,
    queries: Queries,
    interests: Interests,
    union: Pool,
    order: LinearRanker,
    new_share: float,
    width: int,
    employer_most: int = 0,
    k: int = 0,
) -> Pool:
    """The best ``width`` of a wide union; a union that is no wider is kept whole.

    Where postings carry no dates a list mixes seen and new postings, each ordered for itself; so does the pool, by the
    same share.

    Args:
        catalogue: the postings.
        queries: B requests.
        interests: of the same requests.
        union: what the sources brought.
        order: a ranker over quick signals, see ``quick_mask``.
        new_share: ``arrange.new_share``.
        width: of the pool.
        employer_most: ``arrange.employer_most``; where employers are capped, the best may be of a few of them, so the
            list of ``k`` that this order alone would make is kept in any case.
        k: length of the list to be made; no more than ``width``.
    """
    if union.rows.shape[1] <= width:
        return union
    mixing, limits = ArrangeSettings(employer_run=0, new_share=new_share), (width, k, employer_most)
    parts = []
    for at in range(0, max(len(queries), 1), _AT_ONCE):
        to = at + _AT_ONCE
        block = queries.part(at, to)
        parts.append(_best(catalogue, block, interests.part(at, to), union.part(at, to), order, mixing, limits))
    return parts[0] if len(parts) == 1 else Pool.join(parts)


def quick_signals(
    catalogue: Catalogue, queries: Queries, interests: Interests, rows: NDArray[np.int32]
) -> NDArray[np.float32]:
    """The signals ``QUICK`` of postings at ``rows`` (B, n), -1 where none: (B, n, Q)."""
    return compute(catalogue, queries, interests, rows, QUICK_ROOMS, QUICK)


def _best(
    catalogue: Catalogue,
    queries: Queries,
    interests: Interests,
    union: Pool,
    order: LinearRanker,
    mixing: ArrangeSettings,
    limits: tuple[int, int, int],
) -> Pool:
    """``cut`` for a few requests; ``limits``: width, k, and ``employer_most``."""
    quick = quick_signals(catalogue, queries, interests, union.rows)
    scores = _over_quick(order).score(quick)
    seen = None if catalogue.dated else catalogue.behaviour.seen[np.maximum(union.rows, 0)]
    allowed = eligible(catalogue, queries, union.rows)
    allowed = one_of_copies(catalogue.copies.group, catalogue.attributes.posted, scores, allowed, union.rows)
    width, k, most = limits
    best = arrange(scores, allowed, seen, union.rows, mixing, width).at
    if most:
        company = catalogue.attributes.company[np.maximum(union.rows, 0)]
        capped = mixing.model_copy(update={"employer_most": most})
        best = _first_of(arrange(scores, allowed, seen, company, capped, min(k, width)).at, best, scores.shape[1])
    at = np.sort(np.where(best < 0, union.rows.shape[1], best), axis=1)  # ascending by posting, as in the union
    there = at < union.rows.shape[1]
    at = np.where(there, at, 0)
    rows = np.where(there, np.take_along_axis(union.rows, at, 1), np.int32(-1))
    sources = np.where(there, np.take_along_axis(union.sources, at, 1), np.uint8(0))
    # each signal stays in one piece, as in ``compute``
    taken = np.take_along_axis(quick.transpose(0, 2, 1), at[:, None], 2).transpose(0, 2, 1)
    return Pool(rows, sources, taken)


def _first_of(listed: NDArray[np.int32], best: NDArray[np.int32], none: int) -> NDArray[np.int32]:
    """Positions below ``none``, -1 where there is none: as many as ``best`` (B, n), and all of the shorter list."""
    taken = np.zeros((len(best), none + 1), bool)
    np.put_along_axis(taken, np.where(listed < 0, none, listed), True, axis=1)
    others = np.where(np.take_along_axis(taken, np.where(best < 0, none, best), 1), np.int32(-1), best)
    both = np.concatenate([listed, others], axis=1)
    order = np.argsort(both < 0, axis=1, kind="stable")[:, : best.shape[1]]
    return np.take_along_axis(both, order, 1)


def _over_quick(order: LinearRanker) -> LinearRanker:
    """The same order over a matrix of the quick signals alone."""
    parts = (order.weights[_QUICK_AT], order.centre[_QUICK_AT], order.missing[_QUICK_AT])
    return LinearRanker(order.name, *parts)


def signals_of(catalogue: Catalogue, queries: Queries, interests: Interests, pool: Pool) -> NDArray[np.float32]:
    """The signal matrix (B, n, F) of a pool; the quick signals are taken over from the cut."""
    if pool.quick is None:
        return compute(catalogue, queries, interests, pool.rows)
    slow = compute(catalogue, queries, interests, pool.rows, _SLOW_ROOMS, _SLOW)
    signals = np.empty((len(slow), len(NAMES), slow.shape[1]), np.float32)
    signals[:, _QUICK_AT] = pool.quick.transpose(0, 2, 1)
    signals[:, _SLOW_AT] = slow.transpose(0, 2, 1)
    return signals.transpose(0, 2, 1)
