"""Lessons against rivals: what the engine would have listed in the answer's place.

Postings drawn uniformly are mostly far away and of other work, so they say little about the order of the first ten.
Rivals come from the pool, by the same sources and the same cut that a request has. Alone they would teach that place
does not matter, since all of them are near; so what learned from them is added to an order that learned from all.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.config import EngineSettings
from recsys.cut import cut
from recsys.eligible import eligible
from recsys.rank import LinearRanker
from recsys.retrieve import retrieve
from training.config import ValidationSettings
from training.learn import Lessons
from training.validate import Asked, lessons_against

Rows = NDArray[np.int32]

_AT_ONCE = 64
_LENGTH = 10  # of the list that the pool is made for


def rivals_of(
    asked: Asked, settings: EngineSettings, validation: ValidationSettings, cuts: Sequence[LinearRanker]
) -> Lessons:
    """Signals of each answer and of rivals drawn from its pool; undated, of those seen or new as the answer is.

    Args:
        asked: Q queries.
        settings: of the engine.
        validation: how many, and the seed.
        cuts: for each fold the cut that was learned on the others.
    """
    rng = np.random.default_rng(validation.seed)
    fold = asked.fold(validation.seed)
    drawn = np.repeat(asked.block.answer[:, None], 1 + validation.rivals, axis=1)
    for number, order in enumerate(cuts):
        mine = np.flatnonzero(fold == number)
        for at in range(0, len(mine), _AT_ONCE):
            chosen = mine[at : at + _AT_ONCE]
            drawn[chosen] = _drawn(asked.sample(np.isin(np.arange(len(fold)), chosen)), settings, order, rng, drawn)
    return lessons_against(asked, drawn, validation.seed)


def _drawn(asked: Asked, settings: EngineSettings, order: LinearRanker, rng: np.random.Generator, like: Rows) -> Rows:
    """Int32 (Q, 1 + N) as wide as ``like``: the answer, and rivals or the answer again."""
    catalogue, queries, answer = asked.catalogue, asked.queries, asked.block.answer[:, None]
    width, _ = settings.retrieve.widths(_LENGTH)
    union = retrieve(catalogue, queries, asked.interests, settings.retrieve, _LENGTH)
    rows = cut(catalogue, queries, asked.interests, union, order, settings.arrange.new_share, width).rows
    there = eligible(catalogue, queries, rows) & (rows >= 0) & ~catalogue.copies.same(rows, answer)
    if not catalogue.dated:
        there &= catalogue.behaviour.seen[np.maximum(rows, 0)] == asked.seen[:, None]
    luck = np.where(there, rng.random(rows.shape), 2)
    first = np.argsort(luck, axis=1, kind="stable")[:, : like.shape[1] - 1]
    rivals = np.where(np.take_along_axis(there, first, 1), np.take_along_axis(rows, first, 1), answer)
    out = np.repeat(answer, like.shape[1], axis=1)
    out[:, 1 : 1 + rivals.shape[1]] = rivals
    return out
