"""What each room of signals and each stage of a request costs, alone and in a batch."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from recsys.arrange import arrange
from recsys.cut import QUICK_ROOMS, signals_of
from recsys.eligible import eligible
from recsys.engine import Engine, one_thread_each
from recsys.explain import Explainer
from recsys.interests import find_interests
from recsys.queries import Queries
from recsys.retrieve import retrieve
from recsys.signals import ROOMS

T = TypeVar("T")

BATCH = 64
_LENGTH = 10
_SCORED_AT_ONCE = 16  # as the engine does
_ALONE, _BATCHES = 200, 8


class Column:
    """A column of texts in memory."""

    def __init__(self, texts: pd.Series) -> None:
        self._texts = texts.fillna("").astype(str).to_numpy(object)

    def take(self, rows: list[int]) -> list[str]:
        """The texts at ``rows``."""
        return list(self._texts[np.asarray(rows, np.int64)])


@dataclass(frozen=True)
class Cost:
    """Median milliseconds a request, alone and in a batch of ``BATCH``, by stage or room."""

    alone: dict[str, float]
    batch: dict[str, float]
    width: int


class Clock:
    """Milliseconds of calls, by name."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(list)

    def time(self, name: str, call: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = call()
        self.spent[name].append(1000 * (time.perf_counter() - started))
        return result


def costs(engine: Engine, queries: Queries, postings: pd.DataFrame) -> tuple[Cost, Cost]:
    """Of stages and of rooms of signals.

    Args:
        engine: with the catalogue and the ranker.
        queries: at least one; taken again from the start where there are fewer than are timed.
        postings: P rows with ``title`` and ``company``.
    """
    explainer = Explainer(Column(postings["title"]), Column(postings["company"]))
    stages: list[dict[str, float]] = []
    rooms: list[dict[str, float]] = []
    width = 0
    for size, repeats in ((1, _ALONE), (BATCH, _BATCHES)):
        stage_runs, room_runs = [], []
        with one_thread_each():
            for at in range(repeats + 1):
                rows = np.sort((at * size + np.arange(size)) % len(queries))
                part = queries.take(np.unique(rows))
                stage, room, width = _one(engine, part, explainer)
                stage_runs.append(stage)
                room_runs.append(room)
        stages.append(_median(stage_runs[1:]))  # the first call opens what is opened once
        rooms.append(_median(room_runs[1:]))
    return Cost(stages[0], stages[1], width), Cost(rooms[0], rooms[1], width)


def _one(engine: Engine, queries: Queries, explainer: Explainer) -> tuple[dict[str, float], dict[str, float], int]:
    """Milliseconds a request of each stage and each room, for one batch."""
    clock, inside, size = Clock(), Clock(), len(queries)
    catalogue, settings = engine.catalogue, engine.settings
    interests = clock.time("interests", lambda: find_interests(catalogue, queries, settings.retrieve))
    union = clock.time("retrieve", lambda: retrieve(catalogue, queries, interests, settings.retrieve, _LENGTH))
    pool = clock.time("cut", lambda: engine.cut_down(queries, interests, union, _LENGTH))
    for at in range(0, size, _SCORED_AT_ONCE):
        span = at, min(at + _SCORED_AT_ONCE, size)
        some, mine, part = queries.part(*span), interests.part(*span), pool.part(*span)
        rows = part.rows
        safe = np.maximum(rows, 0)
        signals = clock.time("signals", lambda: signals_of(catalogue, some, mine, part))  # noqa: B023 - at once
        scores = clock.time("score", lambda: engine.ranker.score(signals))  # noqa: B023
        allowed = clock.time("eligible", lambda: eligible(catalogue, some, rows))  # noqa: B023
        seen = None if catalogue.dated else catalogue.behaviour.seen[safe]
        company = catalogue.attributes.company[safe]
        order = clock.time(
            "arrange",
            lambda: arrange(scores, allowed, seen, company, settings.arrange, _LENGTH),  # noqa: B023
        )
        clock.time(
            "explain",
            lambda: explainer.reasons(catalogue, engine.ranker, some, signals, order, rows),  # noqa: B023
        )
        brought = np.maximum(union.rows[slice(*span)], 0)
        for room in ROOMS:
            of = brought if room in QUICK_ROOMS else safe
            inside.time(_name(room), lambda: room(catalogue, some, mine, of))  # noqa: B023
    return _per_request(clock, size), _per_request(inside, size), pool.rows.shape[1]


def _name(room: Callable[..., object]) -> str:
    return f"{room.__module__.removeprefix('recsys.signals_')}: {room.__name__}"


def _per_request(clock: Clock, size: int) -> dict[str, float]:
    return {name: sum(spent) / size for name, spent in clock.spent.items()}


def _median(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.median([run[name] for run in runs])) for name in runs[0]}
