"""What each source brings to the pool, and what lists are without it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.config import EngineSettings, RetrieveSettings
from recsys.engine import Engine, one_thread_each
from recsys.metrics import bootstrap_interval
from recsys.pool import SOURCES
from recsys.rank import HAND_SET, LinearRanker, Ranker
from recsys.retrieve import retrieve
from training.losses import PLACES, asked_length, of_stratum
from training.summarise import differences, per_query
from training.summary import Difference, Interval
from training.validate import FOLDS, Asked, whole_lists

Rows = NDArray[np.int32]
Floats = NDArray[np.float64]

_AT_ONCE = 64


@dataclass(frozen=True)
class Recall:
    """How much of what matters is in a pool.

    Attributes:
        sources: "all together", or one source alone.
        width: of the pool.
        answers: share of the answers that are in it.
        kept_hits: of the answers that the order of the whole catalogue has in its first ten, the share in the pool.
        kept_top: share of the first ten of the whole catalogue's order that is in the pool.
    """

    sources: str
    width: int
    answers: Interval
    kept_hits: Interval
    kept_top: Interval


@dataclass(frozen=True)
class WithoutSource:
    """The engine without a source, minus the engine: share of answers in the pool, hit@10 and nDCG@10."""

    source: str
    pool: Difference
    hit: Difference
    ndcg: Difference


@dataclass(frozen=True)
class Whole:
    """The order of the whole catalogue.

    Attributes:
        top: int32 (Q, 10), of the answer's stratum, -1 padded.
        hit: bool (Q,), the answer is among them.
    """

    top: Rows
    hit: NDArray[np.bool_]


def whole_order(asked: Sequence[Asked], rankers: Sequence[Ranker], seed: int) -> list[Whole]:
    """The first ten of everything that the answer could have been, a value for each block."""
    found = []
    for one in asked:
        top = whole_lists(one, [rankers], (), seed, PLACES)[0]
        found.append(Whole(top, (top == one.block.answer[:, None]).any(axis=1)))
    return found


def pool_recalls(
    asked: Sequence[Asked],
    whole: Sequence[Whole],
    cuts: Sequence[LinearRanker],
    settings: EngineSettings,
    sizes: Sequence[int],
    seed: int,
) -> list[Recall]:
    """Pools of several sizes, of all sources together and of each alone, by the ``cuts`` of the folds."""
    found = []
    for size in sizes:
        wide = settings.retrieve.model_copy(update={"pool": size})
        alone = {f"{name} alone": only(wide, name) for name in SOURCES}
        for name, changed in {"all together": wide, **alone}.items():
            engine = settings.model_copy(update={"retrieve": changed})
            each = [_recalls(one, best, cuts, engine, seed) for one, best in zip(asked, whole, strict=True)]
            values = np.concatenate(each)  # (Q, 3)
            intervals = [bootstrap_interval(values[:, at], seed=seed) for at in range(3)]
            found.append(Recall(name, size, *intervals))
    return found


def only(settings: RetrieveSettings, source: str) -> RetrieveSettings:
    """The same pool with one source alone."""
    return settings.model_copy(update={name: 0 for name in SOURCES if name != source})


def _recalls(asked: Asked, whole: Whole, cuts: Sequence[LinearRanker], settings: EngineSettings, seed: int) -> Floats:
    pool = pools(asked, cuts, settings, 1, seed)
    answer = asked.block.answer[:, None]
    among = np.array([np.isin(top, rows) & (top >= 0) for top, rows in zip(whole.top, pool, strict=True)])
    inside = (pool == answer).any(axis=1).astype(np.float64)
    there = (whole.top >= 0).sum(axis=1)
    return np.stack(
        [
            inside,
            np.where(whole.hit, inside, np.nan),
            np.where(there > 0, among.sum(axis=1) / np.maximum(there, 1), np.nan),
        ],
        axis=1,
    )


def pools(asked: Asked, cuts: Sequence[LinearRanker], settings: EngineSettings, length: int, seed: int) -> Rows:
    """The pools of all queries for a list of ``length``, each by the cut of its fold: int32 (Q, n)."""
    fold = asked.fold(seed)
    found: list[tuple[NDArray[np.intp], Rows]] = []
    with one_thread_each():
        for one, order in enumerate(cuts):
            engine = Engine(asked.catalogue, HAND_SET, settings, {}, cut=order)
            members = np.flatnonzero(fold == one)
            for at in range(0, len(members), _AT_ONCE):
                chosen = members[at : at + _AT_ONCE]
                queries, interests = asked.queries.take(chosen), asked.interests.take(chosen)
                # not ``engine.pool``, which makes up for a source that brings too few
                union = retrieve(engine.catalogue, queries, interests, engine.settings.retrieve, length)
                pool = engine.cut_down(queries, interests, union, length)
                found.append((chosen, pool.rows))
    rows = np.full((len(fold), found[0][1].shape[1] if found else 0), -1, np.int32)
    for chosen, some in found:
        rows[chosen] = some
    return rows


def without_sources(
    asked: Sequence[Asked],
    rankers: Sequence[Ranker],
    cuts: Sequence[LinearRanker],
    settings: EngineSettings,
    seed: int,
    say: Callable[[str], None],
) -> tuple[Floats, list[WithoutSource]]:
    """The engine without each source: the means of the full engine (3,), and differences to it."""
    full = _served(asked, rankers, cuts, settings, seed)
    found = []
    for name in SOURCES:
        retrieve_settings = settings.retrieve.model_copy(update={name: 0})
        changed = settings.model_copy(update={"retrieve": retrieve_settings})
        lacking = differences(_served(asked, rankers, cuts, changed, seed), full, seed)
        found.append(WithoutSource(name, *lacking))
        say(f"served without the source {name}")
    return full.mean(axis=0), sorted(found, key=lambda one: one.ndcg[0])


def _served(
    asked: Sequence[Asked],
    rankers: Sequence[Ranker],
    cuts: Sequence[LinearRanker],
    settings: EngineSettings,
    seed: int,
) -> Floats:
    """In the pool, hit@10 and nDCG@10 of each query as the engine serves it: float64 (Q, 3)."""
    found = []
    for one in asked:
        fold = one.fold(seed)
        for at in range(FOLDS):
            part = one.sample(fold == at)
            if not len(part.block):
                continue
            engine = Engine(part.catalogue, rankers[at], settings, {}, cut=cuts[at])
            length = asked_length(engine, PLACES)
            lists = of_stratum(engine, engine.answer(part.queries, length).rows, part.seen, PLACES)
            hit = lists == part.block.answer[:, None]
            place = np.where(hit.any(axis=1), 1 + hit.argmax(axis=1), 0)
            inside = (pools(part, cuts, settings, length, seed) == part.block.answer[:, None]).any(axis=1)
            found.append(np.stack([inside, per_query(place, "hit@10"), per_query(place, "ndcg@10")], axis=1))
    return np.concatenate(found)
