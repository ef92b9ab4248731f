"""What diversity costs and brings: the same pools and scores, arranged with several values of ``arrange.diversity``."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys import metrics
from recsys.arrange import ordered
from recsys.config import ArrangeSettings, EngineSettings
from recsys.cut import signals_of
from recsys.diversity import likeness
from recsys.engine import Engine, one_thread_each
from recsys.interests import find_interests
from recsys.rank import LinearRanker, Ranker
from training.losses import PLACES, asked_length, of_stratum
from training.summary import Spread
from training.validate import FOLDS, Asked

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

_AT_ONCE: Final = 16  # requests


def diversity_curve(
    asked: Sequence[Asked],
    rankers: Sequence[Ranker],
    cuts: Sequence[LinearRanker],
    settings: EngineSettings,
    values: Sequence[float],
    most: int,
    seed: int,
) -> tuple[Spread, ...]:
    """A figure for each of ``values``, on at most about ``most`` of the queries, drawn at random.

    Args:
        asked: validation queries.
        rankers: that the engine uses, one a fold.
        cuts: likewise.
        settings: of the engine; all but the diversity stays what it is.
        values: of ``arrange.diversity``.
        most: queries.
        seed: of the draw and of the bootstrap.
    """
    share, rng = most / max(sum(len(one.block) for one in asked), 1), np.random.default_rng(seed)
    drawn = [part for one in asked if len((part := one.sample(rng.random(len(one.block)) < share)).block)]
    if not drawn or not values:
        return ()
    found = [_lists(one, rankers, cuts, settings, values, seed) for one in drawn]
    shown, gain, alike = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
    postings = len(drawn[0].catalogue)
    return tuple(
        Spread(
            value,
            metrics.bootstrap_interval(gain[at], seed=seed),
            metrics.coverage(shown[at], postings, PLACES),
            len(np.unique(shown[at][shown[at] >= 0])),
            metrics.bootstrap_interval(alike[at], seed=seed),
        )
        for at, value in enumerate(values)
    )


def _lists(
    asked: Asked,
    rankers: Sequence[Ranker],
    cuts: Sequence[LinearRanker],
    settings: EngineSettings,
    values: Sequence[float],
    seed: int,
) -> tuple[Rows, NDArray[np.float64], Numbers]:
    """For V values and Q queries the first ten (V, Q, 10), nDCG@10 (V, Q) and mean likeness of pairs (V, Q)."""
    count, fold = len(asked.block), asked.fold(seed)
    shown = np.full((len(values), count, PLACES), -1, np.int32)
    gain, alike = np.zeros((len(values), count)), np.full((len(values), count), np.nan, np.float32)
    arranged = [settings.arrange.model_copy(update={"diversity": value}) for value in values]
    with one_thread_each():
        for one in range(FOLDS):
            engine = Engine(asked.catalogue, rankers[one], settings, {}, cut=cuts[one])
            members = np.flatnonzero(fold == one)
            for at in range(0, len(members), _AT_ONCE):
                some = members[at : at + _AT_ONCE]
                for value, lists in enumerate(
                    _arranged(engine, asked.sample(np.isin(np.arange(count), some)), arranged)
                ):
                    own = of_stratum(engine, lists, asked.seen[some], PLACES)
                    gain[value, some] = _gain(engine, own, asked.block.answer[some])
                    ten = lists[:, :PLACES]
                    shown[value, some, : ten.shape[1]] = ten
                    alike[value, some] = mean_likeness(engine, ten)
    return shown, gain, alike


def _arranged(engine: Engine, asked: Asked, settings: Sequence[ArrangeSettings]) -> list[Rows]:
    """Lists (Q, k) of the same pools and scores by each of the settings."""
    length, queries = asked_length(engine, PLACES), asked.queries
    interests = find_interests(engine.catalogue, queries, engine.settings.retrieve)
    pool = engine.pool(queries, interests, length)
    scores = engine.ranker.score(signals_of(engine.catalogue, queries, interests, pool))
    return [ordered(engine.catalogue, queries, pool.rows, scores, one, length).of(pool.rows, -1) for one in settings]


def _gain(engine: Engine, lists: Rows, answer: Rows) -> NDArray[np.float64]:
    """NDCG of lists (Q, 10) with one answer each, or a copy of it."""
    same = engine.catalogue.copies.same(lists, answer[:, None])
    return np.where(same.any(axis=1), 1 / np.log2(same.argmax(axis=1) + 2.0), 0.0)


def mean_likeness(engine: Engine, lists: Rows) -> Numbers:
    """Mean cosine between the postings of each list (Q, n), float32 (Q,); NaN for a list of fewer than two."""
    there = (lists >= 0).sum(axis=1)
    between = likeness(engine.catalogue, lists)
    pairs = between.sum(axis=(1, 2)) - np.trace(between, axis1=1, axis2=2)
    return np.where(there > 1, pairs / np.maximum(there * (there - 1), 1), np.nan).astype(np.float32)
