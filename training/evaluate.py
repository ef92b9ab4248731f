"""Measuring: the engine, every single signal and plain baselines on the same held-out events, whole catalogue."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys import metrics
from recsys.config import EngineSettings
from recsys.cut import quick_mask
from recsys.engine import Engine
from recsys.errors import DataError
from recsys.rank import LinearRanker
from recsys.signals import NAMES
from training.choose import contenders
from training.config import TrainConfig
from training.learn import Lessons, learn_linear
from training.report import Report, Row
from training.split import latest_moment, validation_blocks
from training.train import read_and_prepare
from training.validate import FOLDS, Asked, ask, lessons_of, whole_lists

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]

_DEPTH = 100  # places of a list that are measured
_PAIRS = 60_000_000  # query-posting pairs scored exhaustively; more queries are left out at random
_BASELINES = {"popularity": "popularity alone", "factors_score": "implicit ALS alone"}


@dataclass(frozen=True)
class Measured:
    """Lists of every system for Q queries, cut to the answer's stratum, and where each query belongs.

    Attributes:
        names: of the S systems.
        lists: int32 (S, Q, 100), -1 padded.
        answer: int32 (Q,).
        seen, with_history: bool (Q,).
        postings: size of the catalogue.
    """

    names: tuple[str, ...]
    lists: Rows
    answer: Rows
    seen: Flags
    with_history: Flags
    postings: int


def evaluate(config: TrainConfig, data: Path, cache: Path, say: Callable[[str], None]) -> Report:
    """Ask the validation queries of a board and measure the answers.

    Every query has one right answer, the event that asks, so recall and hit are the same number. Rankers are learned
    on one half of the candidates and measured on the other.

    Raises:
        DataError: the board has no events to ask for.
    """
    cache.mkdir(parents=True, exist_ok=True)
    rejected = cache / "evaluate.rejected.parquet"
    prepared, _, _ = read_and_prepare(config, data, cache, rejected, say)
    now = latest_moment(prepared, np.inf) if np.isfinite(prepared.candidates.histories.time).any() else 0.0
    blocks = validation_blocks(prepared, config.engine.events, config.validation, now)
    if not blocks:
        raise DataError(f"{data}: there are too few events of candidates with a history to ask for; nothing to measure")
    asked = [ask(prepared, config.engine, block) for block in blocks]
    say(f"{sum(len(one.block) for one in asked)} queries in {len(asked)} blocks of time")
    lessons = Lessons.join([lessons_of(one, config.validation) for one in asked])
    rankers = contenders(lessons, ablate=True)
    cuts = [learn_linear(lessons.where(lessons.fold != fold), quick_mask(), "cut") for fold in range(FOLDS)]
    parts = [one for one in _affordable(asked, config) if len(one.block)]
    measured = [_measure(part, rankers, cuts, config.engine, config.validation.seed) for part in parts]
    return _report(_join(measured), parts[0].catalogue.dated, config)


def _affordable(asked: list[Asked], config: TrainConfig) -> list[Asked]:
    queries = sum(len(one.block) for one in asked)
    most = min(config.validation.most_ranked, max(50, _PAIRS // max(len(asked[0].catalogue), 1)))
    rng = np.random.default_rng(config.validation.seed)
    return [one.sample(rng.random(len(one.block)) < most / queries) for one in asked]


def _measure(
    asked: Asked,
    rankers: dict[str, list[LinearRanker]],
    cuts: list[LinearRanker],
    settings: EngineSettings,
    seed: int,
) -> Measured:
    exhaustive = whole_lists(asked, list(rankers.values()), True, seed, _DEPTH)
    engine = _engine_lists(asked, rankers["linear"], cuts, settings, seed)
    names = ("engine", *(f"{name}, whole catalogue" if name == "linear" else name for name in rankers))
    return Measured(
        names=(*names, *(_BASELINES.get(name, name) for name in NAMES)),
        lists=np.concatenate([engine[None], exhaustive]),
        answer=asked.block.answer,
        seen=asked.seen,
        with_history=asked.with_history,
        postings=len(asked.catalogue),
    )


def _engine_lists(
    asked: Asked, rankers: list[LinearRanker], cuts: list[LinearRanker], settings: EngineSettings, seed: int
) -> Rows:
    """What is really served: pool, order, arrangement; of a mixed list the part of the answer's stratum."""
    catalogue, fold = asked.catalogue, asked.fold(seed)
    share = settings.arrange.new_share
    k = _DEPTH if catalogue.dated else int(_DEPTH / np.clip(min(share, 1 - share), 0.1, 1))
    rows = np.full((len(asked.block), k), -1, np.int32)
    for one in range(FOLDS):
        chosen = np.flatnonzero(fold == one)
        if len(chosen):
            engine = Engine(catalogue, rankers[one], settings, {}, cut=cuts[one])
            rows[chosen] = engine.answer(asked.queries.take(chosen), k).rows
    if not catalogue.dated:
        same = catalogue.behaviour.seen[np.maximum(rows, 0)] == asked.seen[:, None]
        rows = np.where(same, rows, np.int32(-1))
    order = np.argsort(rows < 0, axis=1, kind="stable")
    return np.take_along_axis(rows, order, 1)[:, :_DEPTH]


def _join(parts: list[Measured]) -> Measured:
    return Measured(
        names=parts[0].names,
        lists=np.concatenate([part.lists for part in parts], axis=1),
        answer=np.concatenate([part.answer for part in parts]),
        seen=np.concatenate([part.seen for part in parts]),
        with_history=np.concatenate([part.with_history for part in parts]),
        postings=parts[0].postings,
    )


def _report(measured: Measured, dated: bool, config: TrainConfig) -> Report:
    slices: dict[str, Flags] = {"all": np.ones(len(measured.answer), bool)}
    slices |= {"with history": measured.with_history, "without history": ~measured.with_history}
    for name, flags in (("seen postings", measured.seen), ("new postings", ~measured.seen)):
        slices[name] = flags
        slices[f"{name}, with history"] = flags & measured.with_history
        slices[f"{name}, without history"] = flags & ~measured.with_history
    tables = {}
    for name, flags in slices.items():
        if flags.any():
            rows = [_row(measured, at, flags, config.validation.seed) for at in range(len(measured.names))]
            tables[f"{name} ({int(flags.sum())} queries)"] = [row for row in rows if row.served > 0]
    return Report(tables, dated, measured.postings)


def _row(measured: Measured, at: int, flags: Flags, seed: int) -> Row:
    rows, answer = measured.lists[at][flags], measured.answer[flags]
    start = np.arange(len(answer) + 1)
    hit, relevant = metrics.hits(rows, start, answer), np.ones(len(answer), np.int64)
    figures = {}
    for k in (10, 50, 100):
        figures[f"recall@{k}"] = metrics.bootstrap_interval(metrics.recall_at(hit, relevant, k), seed=seed)
        figures[f"hit@{k}"] = metrics.bootstrap_interval(metrics.hit_at(hit, relevant, k), seed=seed)
        figures[f"ndcg@{k}"] = metrics.bootstrap_interval(metrics.ndcg_at(hit, relevant, k), seed=seed)
    return Row(
        name=measured.names[at],
        figures=figures,
        coverage=metrics.coverage(rows, measured.postings, 10),
        gini=metrics.gini(rows, measured.postings, 10),
        served=metrics.served_share(rows),
    )
