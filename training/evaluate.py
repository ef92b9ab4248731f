"""Measuring: the engine, every ranker and single signal and plain baselines on the same held-out events."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys.config import EngineSettings
from recsys.engine import Engine
from recsys.errors import DataError
from recsys.rank import HAND_SET, LinearRanker, Ranker, single
from recsys.schema import IMPRESSION
from recsys.signals import NAMES
from training.calibration import probability_line
from training.choose import contenders, cuts_of
from training.config import TrainConfig, ValidationSettings
from training.diversity import diversity_curve
from training.exposure import mean_percentile, nearest_km, popularity_percentiles
from training.learn import Lessons
from training.learned import learned_of
from training.losses import asked_length, follow, of_stratum
from training.measured import DEPTH, TOP, WITHOUT, Measured, Probabilities, Systems
from training.prepare import Prepared
from training.report import Report
from training.split import latest_moment, validation_blocks
from training.summarise import summarise
from training.teach import teach
from training.train import prepare_tables, read
from training.trial import Trial
from training.validate import FOLDS, Asked, ask, whole_lists

Rows = NDArray[np.int32]
Rankers = Mapping[str, Sequence[Ranker]]

_PAIRS = 60_000_000  # query-posting pairs scored exhaustively; more queries are left out at random
_BASELINES = {"popularity": "popularity alone", "factors_score": "implicit ALS alone"}
_NOT_LISTED = 10**6  # a rank for answers that are not among the first 100


def evaluate(
    config: TrainConfig,
    data: Path,
    cache: Path,
    say: Callable[[str], None],
) -> Report:
    """Ask the validation queries of a board and measure the answers.

    Every query has one right answer, the event that asks, so recall and hit are the same number. Rankers are learned
    on one half of the candidates and measured on the other; the engine uses the one that training would choose.

    Args:
        config: of every stage.
        data: folder that the paths in the config are relative to.
        cache: folder of the vector cache.
        say: prints a line of progress.

    Raises:
        DataError: the board has no events to ask for.
    """
    asked, prepared = ask_board(config, data, cache, say)
    say(f"{sum(len(one.block) for one in asked)} queries in {len(asked)} blocks of time")
    taught = teach(prepared, config.engine, config.validation, asked)
    rankers = rankers_of(taught.lessons, config.validation, rivals=taught.rivals)
    measured = measure(asked, rankers, taught.lessons, config, prepared.postings["region"].to_numpy(object))
    say(f"order: {measured.systems.order}, measured on {len(measured)} queries")
    served = by_fold(rankers, measured.systems.order)
    calibrated = taught.calibrate(served, served[0])
    say(probability_line(calibrated))
    probabilities = None if calibrated is None else Probabilities(calibrated.told, calibrated.answered)
    impressions = bool((prepared.candidates.histories.kind == IMPRESSION).any())
    learned, validation = learned_of(rankers, taught.lessons), config.validation
    cuts = cuts_of(measured.systems.order, served, taught.lessons)
    curve = diversity_curve(
        asked, served, cuts, config.engine, validation.diversity, validation.most_diverse, validation.seed
    )
    return Report(summarise(measured, learned, probabilities, impressions, validation.seed, curve))


def ask_board(config: TrainConfig, data: Path, cache: Path, say: Callable[[str], None]) -> tuple[list[Asked], Prepared]:
    """The validation queries of a board, in blocks of time, and everything that they were cut from.

    Raises:
        DataError: the board has no events to ask for.
    """
    cache.mkdir(parents=True, exist_ok=True)
    prepared, _ = prepare_tables(config, read(config, data, cache / "evaluate.rejected.parquet", say), cache, say)
    now = latest_moment(prepared, np.inf) if np.isfinite(prepared.candidates.histories.time).any() else 0.0
    blocks = validation_blocks(prepared, config.engine.events, config.validation, now)
    if not blocks:
        raise DataError(f"{data}: there are too few events of candidates with a history to ask for; nothing to measure")
    return [ask(prepared, config.engine, block) for block in blocks], prepared


def rankers_of(
    lessons: Lessons, settings: ValidationSettings, ablate: bool = True, rivals: Lessons | None = None
) -> Rankers:
    """As training has them: below the least number of queries nothing is learned."""
    if len(lessons) < settings.least:
        return {HAND_SET.name: [HAND_SET] * FOLDS}
    return contenders(lessons, settings.seed, ablate, rivals)


def measure(
    asked: list[Asked], rankers: Rankers, lessons: Lessons, config: TrainConfig, regions: NDArray[np.object_]
) -> Measured:
    """Ask every system; of more queries than can be ranked among the whole catalogue a random part is asked.

    Args:
        asked: queries in blocks of time.
        rankers: by name, one a fold.
        lessons: that they learned from, as the cuts do.
        config: of every stage.
        regions: object (P,), of each posting, "" where not known.
    """
    seed = config.validation.seed
    parts = [one for one in affordable(asked, config) if len(one.block)]
    lists = [whole_lists(part, list(rankers.values()), range(len(NAMES)), seed, DEPTH) for part in parts]
    names = (*rankers, *NAMES)
    places = np.concatenate([places_of(found, part) for found, part in zip(lists, parts, strict=True)], axis=1)
    order = _chosen(names, places, parts) if len(rankers) > 1 else HAND_SET.name
    systems = Systems(
        names=("engine", *(_BASELINES.get(name, name) for name in names)),
        kinds=(
            "engine",
            *("ablation" if name.startswith(WITHOUT) else "ranker" for name in rankers),
            *("baseline" if name in _BASELINES else "single" for name in NAMES),
        ),
        order=order,
        whole=1 + names.index(order),
    )
    served = by_fold(rankers, order)
    cuts = cuts_of(order, served, lessons)
    measured = []
    for part, found in zip(parts, lists, strict=True):
        engine, stage = _engine_lists(part, served, cuts, config.engine, seed)
        everything = np.concatenate([engine[None], found])
        measured.append(_measured(part, everything, stage, systems, regions))
    return Measured.join(measured)


def by_fold(rankers: Rankers, order: str) -> Sequence[Ranker]:
    """The rankers of this name, one a fold, also of a single signal."""
    return rankers[order] if order in rankers else [single(order)] * FOLDS


def affordable(asked: list[Asked], config: TrainConfig) -> list[Asked]:
    """A random part of the queries, small enough to be ranked among the whole catalogue."""
    queries = sum(len(one.block) for one in asked)
    most = min(config.validation.most_ranked, max(50, _PAIRS // max(len(asked[0].catalogue), 1)))
    rng = np.random.default_rng(config.validation.seed)
    return [one.sample(rng.random(len(one.block)) < most / queries) for one in asked]


def places_of(lists: Rows, asked: Asked) -> Rows:
    """Place of each answer or the first of its copies in lists (S, Q, k): int32 (S, Q), 0 where none is listed."""
    found = asked.catalogue.copies.same(lists, asked.block.answer[:, None])
    return np.where(found.any(axis=2), 1 + found.argmax(axis=2), 0).astype(np.int32)


def _chosen(names: tuple[str, ...], places: Rows, parts: list[Asked]) -> str:
    """The ranker that training would choose by these queries."""
    may = [at for at, name in enumerate(names) if not name.startswith(WITHOUT)]
    trial = Trial(
        names=tuple(names[at] for at in may),
        ranks=np.where(places > 0, places, _NOT_LISTED)[may].T.astype(np.int64),
        seen=np.concatenate([part.seen for part in parts]),
        with_history=np.concatenate([part.with_history for part in parts]),
        dated=parts[0].catalogue.dated,
    )
    return trial.best()


def _measured(
    asked: Asked, lists: Rows, stage: NDArray[np.int8], systems: Systems, regions: NDArray[np.object_]
) -> Measured:
    top, answer = lists[:, :, :TOP], asked.block.answer
    percentiles = popularity_percentiles(asked.catalogue)
    return Measured(
        systems=systems,
        postings=len(asked.catalogue),
        dated=asked.catalogue.dated,
        place=places_of(lists, asked),
        top=top,
        percentile=np.stack([mean_percentile(percentiles, one) for one in top]),
        km=np.stack([nearest_km(asked.catalogue, asked.queries, one) for one in top]),
        chosen_percentile=percentiles[answer],
        chosen_km=nearest_km(asked.catalogue, asked.queries, answer[:, None])[:, 0],
        stage=stage,
        history=(asked.queries.history >= 0).sum(axis=1).astype(np.int32),
        seen=asked.seen,
        region=regions[answer],
    )


def _engine_lists(
    asked: Asked, rankers: Sequence[Ranker], cuts: Sequence[LinearRanker], settings: EngineSettings, seed: int
) -> tuple[Rows, NDArray[np.int8]]:
    """What is really served, of a mixed list the part of the answer's stratum, and what became of the answers.

    The first ten places are those of a list that is asked for at that length, as a customer does; a longer list has a
    larger pool.
    """
    fold = asked.fold(seed)
    lists = np.full((len(asked.block), DEPTH), -1, np.int32)
    stage = np.zeros(len(asked.block), np.int8)
    for one in range(FOLDS):
        chosen = np.flatnonzero(fold == one)
        if len(chosen):
            part = asked.sample(fold == one)
            engine = Engine(part.catalogue, rankers[one], settings, {}, cut=cuts[one])
            followed = follow(part, engine)
            rows = engine.answer(part.queries, asked_length(engine, DEPTH)).rows
            longer = of_stratum(engine, rows, part.seen, DEPTH)
            lists[chosen], stage[chosen] = _continued(followed.lists, longer), followed.stage
    return lists, stage


def _continued(lists: Rows, longer: Rows) -> Rows:
    """Lists (Q, 10) followed by what longer lists (Q, k) hold besides: (Q, k)."""
    repeated = (longer[:, :, None] == lists[:, None, :]).any(axis=2)
    rows = np.concatenate([lists, np.where(repeated, np.int32(-1), longer)], axis=1)
    order = np.argsort(rows < 0, axis=1, kind="stable")
    return np.take_along_axis(rows, order, 1)[:, : longer.shape[1]]
