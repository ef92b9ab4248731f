"""One small simulated market, the bundle trained from it, and what answers from it: made once for all tests."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys.attributes import seniority_levels
from recsys.bundle import write_bundle
from recsys.config import EngineSettings, FactorSettings, RetrieveSettings
from recsys.documents import candidate_documents, posting_documents
from recsys.encode import EncoderConfig, HashEncoder
from recsys.engine import Engine
from recsys.finders import finders_of
from recsys.geo import resolve_places
from recsys.request import Interaction, Request
from recsys.schema import EVENT_TYPES, Tables
from recsys.stored import FINDERS, FOLDER, candidate_arrays, finder_arrays
from recsys.text import candidate_texts, split_words
from serving.profile import profile_from_texts
from serving.score import Scorer
from training.config import TrainConfig
from training.prepare import Prepared
from training.simulate import SimulateConfig, simulate
from training.snapshot import catalogue_at, with_words
from training.sources import read_tables
from training.train import Trained, train, train_on

#: Fixtures of one room that stand beside its tests: a second conftest.py would hide this one from ``import conftest``.
pytest_plugins = ["store_fixtures", "hosts"]

#: Small factors, so that nothing takes long. The hash encoder needs no model.
ENGINE = EngineSettings(factors=FactorSettings(dimensions=16, iterations=5))
CONFIG = TrainConfig(encoder=EncoderConfig(encoder="hash"), engine=ENGINE)
#: The same engine made to search compressed indices for a pool that is smaller than the board.
SEARCHING = ENGINE.model_copy(
    update={
        "retrieve": RetrieveSettings(
            pool=36,
            union=72,
            text=24,
            near=24,
            factors=12,
            cooccur=12,
            recent=8,
            popular=12,
            exact_below=20,
            probes=4,
        )
    }
)


@dataclass(frozen=True)
class Market:
    """A simulated market and what training made of it."""

    data: Path
    cache: Path
    bundle: Path
    trained: Trained
    said: tuple[str, ...]

    @property
    def prepared(self) -> Prepared:
        return self.trained.prepared

    @property
    def as_of(self) -> float:
        return float(self.trained.manifest["as_of"])


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    folder = tmp_path_factory.mktemp("market")
    drawn = SimulateConfig(
        candidates=300,
        postings=400,
        cities=20,
        seed=5,
        exact_duplicates=0.1,
        sessions_per_candidate=12,
        end=date(2025, 6, 30),
    )
    simulate(drawn, folder / "data")
    said: list[str] = []
    trained = train(CONFIG, folder / "data", folder / "bundle", folder / "cache", said.append)
    return Market(folder / "data", folder / "cache", folder / "bundle", trained, tuple(said))


@dataclass(frozen=True)
class LiveMarket:
    """The small market with its dates shifted, so that it ends now: a service that runs finds its postings open.

    Attributes:
        tables: that the bundle was made from.
        bundle: its folder; position 0.
        cache: of vectors.
        trained: what training did.
    """

    tables: Tables
    bundle: Path
    cache: Path
    trained: Trained

    @property
    def as_of(self) -> float:
        return float(self.trained.manifest["as_of"])

    @cached_property
    def postings(self) -> list[dict[str, Any]]:
        """A document each."""
        return list(posting_documents(self.tables.postings, self.tables.locations))

    @cached_property
    def candidates(self) -> list[dict[str, Any]]:
        """A document each."""
        return list(candidate_documents(self.tables.candidates, self.tables.experience))


@pytest.fixture(scope="session")
def live_market(market: Market, tmp_path_factory: pytest.TempPathFactory) -> LiveMarket:
    folder = tmp_path_factory.mktemp("live_market")
    tables = shifted(
        read_tables(CONFIG.sources, market.data, folder / "rejected.parquet")[0], time.time() - market.as_of
    )
    trained = train_on(CONFIG, tables, folder / "bundle", market.cache, lambda line: None)
    return LiveMarket(tables, folder / "bundle", market.cache, trained)


def shifted(tables: Tables, seconds: float) -> Tables:
    """The same board so much later."""
    dates = ["date_posted", "valid_through"]
    return replace(
        tables,
        postings=tables.postings.assign(**{name: tables.postings[name] + seconds for name in dates}),
        events=replace(tables.events, time=tables.events.time + seconds),
    )


def engine_in_memory(market: Market, settings: EngineSettings) -> Engine:
    """The engine of the market as it is before anything is written."""
    everything = np.ones(len(market.prepared.candidates.histories.posting), bool)
    catalogue = with_words(
        catalogue_at(market.prepared, settings, everything, market.as_of, market.as_of), market.prepared
    )
    choice = market.trained.choice
    return Engine(catalogue, choice.ranker, settings, market.prepared.skills, cut=choice.cut)


@pytest.fixture(scope="session")
def whole_in_memory(market: Market) -> Engine:
    return engine_in_memory(market, ENGINE)


@pytest.fixture(scope="session")
def searching_in_memory(market: Market) -> Engine:
    return engine_in_memory(market, SEARCHING)


@pytest.fixture(scope="session")
def scorer(market: Market) -> Scorer:
    """Scores the whole board, which is smaller than the pool."""
    return Scorer(market.bundle)


@pytest.fixture(scope="session")
def searching(market: Market, searching_in_memory: Engine, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """Finds a pool in compressed indices first."""
    out = tmp_path_factory.mktemp("searching") / "bundle"
    order = market.trained.choice.ranker
    finders = finders_of(market.prepared.candidates, searching_in_memory.catalogue, SEARCHING, order)
    write_bundle(
        out,
        searching_in_memory.catalogue,
        market.trained.choice.ranker,
        SEARCHING,
        market.prepared.skills,
        market.prepared.postings[["posting_id", "title", "company", "region", "url"]],
        market.trained.manifest,
        market.prepared.books,
        {FOLDER: candidate_arrays(market.prepared.candidates), FINDERS: finder_arrays(finders)},
        market.trained.choice.cut,
    )
    return Scorer(out)


@pytest.fixture(scope="session")
def requests_of(market: Market) -> Callable[[float], list[Request]]:
    """Every candidate of the market as a service would ask: texts, places and events instead of an id."""
    tables, _ = read_tables(CONFIG.sources, market.data, market.data.parent / "rejected.parquet")
    frame, encoder = tables.candidates, HashEncoder()
    wholes = candidate_texts(frame, tables.experience)
    homes, worked = _places(resolve_places(frame)), _places(resolve_places(tables.experience))
    levels = seniority_levels(frame["seniority"])
    posting_ids = tables.postings["posting_id"].to_numpy(object)
    jobs = tables.experience.groupby("candidate").indices
    events = pd.Series(tables.events.candidate).groupby(tables.events.candidate).indices
    requests = []
    for row, one in enumerate(frame.itertuples()):
        mine = jobs.get(row, [])
        titles = tables.experience["title"].iloc[mine]
        profile = profile_from_texts(
            encoder,
            wholes[row],
            _list(one.desired_titles),
            titles[titles.notna()].tolist(),
            _list(one.skills),
            homes[row],
            None if np.isnan(one.max_distance_km) else one.max_distance_km,
            None if one.remote_ok < 0 else bool(one.remote_ok),
        )
        profile = replace(
            profile,
            worked=[worked[job] for job in mine if worked[job]],
            seniority=None if np.isnan(levels[row]) else float(levels[row]),
            pay=None if np.isnan(one.desired_salary_min) else one.desired_salary_min,
        )
        did = [
            Interaction(
                posting_ids[tables.events.posting[event]],
                EVENT_TYPES[tables.events.kind[event]],
                float(tables.events.time[event]),
            )
            for event in events.get(row, [])
        ]
        requests.append(Request(one.candidate_id, profile, did))
    return lambda now: [replace(request, now=now) for request in requests]


def _list(cell: object) -> list[str]:
    return split_words(cell) if isinstance(cell, str) else []


def _places(latlon: np.ndarray) -> list[tuple[float, float] | None]:
    return [None if np.isnan(one[0]) else (float(one[0]), float(one[1])) for one in latlon]


@pytest.fixture
def train_board(tmp_path: Path, market: Market) -> Callable[..., tuple[Scorer, Trained]]:
    """Trains a board that is written into CSV files, a list of rows for each table."""

    def run(config: TrainConfig = CONFIG, **tables: Sequence[dict[str, object]]) -> tuple[Scorer, Trained]:
        data = tmp_path / "board"
        data.mkdir()
        for name, rows in tables.items():
            pd.DataFrame(rows).to_csv(data / f"{name}.csv", index=False)
        trained = train(config, data, tmp_path / "board_bundle", market.cache, lambda line: None)
        return Scorer(tmp_path / "board_bundle"), trained

    return run


@pytest.fixture
def service(scorer: Scorer) -> object:
    """What stands behind the app in tests/serving/http."""
    from memory_service import MemoryService

    return MemoryService(scorer)


@pytest.fixture
def ask_with(scorer: Scorer) -> Iterator[Callable[..., object]]:
    """Makes an app with other settings, and asks it."""
    from asked import Asking
    from memory_service import MemoryService

    made: list[Asking] = []

    def make(settings: object = None, service: object = None, **given: object) -> Asking:
        made.append(Asking(service or MemoryService(scorer), settings, **given))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def ask(ask_with: Callable[..., object], service: object) -> object:
    """Asks the app over the small market."""
    return ask_with(service=service)
