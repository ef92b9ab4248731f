"""The engine on a set of interactions, fed through the ordinary doors: files, a config, training, a bundle."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.interactions_data import Cut
from recsys.bundle import open_bundle
from recsys.config import EngineSettings
from recsys.engine import Engine
from recsys.stored import read_candidates
from training.config import TrainConfig
from training.train import train

Rows = NDArray[np.int64]

SHELVED = "1990-01-01"  # a date before all events: the item was there from the start
WHOLE = 1_000_000  # a pool that holds every item


@dataclass(frozen=True)
class Trained:
    """A bundle, and what training measured on its validation queries."""

    bundle: Path
    settings: EngineSettings
    ranker: str
    validation: dict[str, Any]

    @property
    def worth(self) -> float:
        """nDCG@10 of the order that was chosen."""
        return float(self.validation["figures"][self.ranker]["ndcg@10"])


def engine_config(engine: dict[str, Any], dated: bool, timed: bool, validation: dict[str, Any]) -> TrainConfig:
    """The config of a run, as a YAML file would hold it."""
    events: dict[str, Any] = {"candidate_id": "user", "posting_id": "item", "type": {"constant": "view"}}
    postings: dict[str, Any] = {"posting_id": "posting_id", "title": "title", "description": "description"}
    if timed:
        events["timestamp"] = "time"
    if dated:
        postings["date_posted"] = {"constant": SHELVED}
    document = {
        "sources": {
            "tables": {
                "postings": [{"path": "items.parquet", "columns": postings}],
                "events": [{"path": "events.csv", "columns": events}],
            }
        },
        "encoder": {"encoder": "static", "threads": 1},
        "engine": engine,
        "validation": validation,
    }
    return TrainConfig.model_validate(document)


def write_tables(cut: Cut, items: pd.DataFrame, folder: Path, seed: int) -> None:
    """The items and the known events as a customer's files; without times the rows stand in no order."""
    folder.mkdir(parents=True, exist_ok=True)
    items.to_parquet(folder / "items.parquet", index=False)
    row = np.repeat(np.arange(cut.known.shape[0]), np.diff(cut.known.indptr))
    events = pd.DataFrame(
        {"user": [f"u{at:06d}" for at in row], "item": items["posting_id"].to_numpy()[cut.known.indices]}
    )
    if cut.time is not None:
        events["time"] = cut.time
    events.sample(frac=1, random_state=seed).to_csv(folder / "events.csv", index=False)


def train_engine(config: TrainConfig, folder: Path, cache: Path, name: str, say: Callable[[str], None]) -> Trained:
    """Train a bundle from the files in ``folder``."""
    done = train(config, folder, folder / name, cache, say)
    return Trained(folder / name, config.engine, done.choice.ranker.name, done.manifest["validation"])


def engine_lists(trained: Trained, cut: Cut, items: pd.DataFrame, k: int, **changed: dict[str, Any]) -> Rows:
    """The engine's lists for the askers, int64 (Q, k), numbers of items, -1 padded.

    Args:
        trained: see there.
        cut: who asks.
        items: as given to ``write_tables``.
        k: length of the lists.
        changed: settings of a stage (``retrieve``, ``arrange``) that differ from those of the bundle.
    """
    bundle = open_bundle(trained.bundle, verify=False)
    candidates = read_candidates(bundle)
    whole = trained.settings.model_dump()
    settings = EngineSettings.model_validate(whole | {stage: whole[stage] | new for stage, new in changed.items()})
    engine = Engine(bundle.catalogue, bundle.ranker, settings, bundle.skills)
    rows = candidates.ids.rows([f"u{user:06d}" for user in cut.users])
    now = float(bundle.manifest["as_of"])
    number = np.full(len(items) + 1, -1, np.int64)
    number[bundle.catalogue.ids.rows(items["posting_id"].tolist())] = np.arange(len(items))
    parts = [
        number[engine.answer(candidates.queries(rows[at : at + 256], now, settings.events), k).rows]
        for at in range(0, len(rows), 256)
    ]
    return np.concatenate(parts)


def kept(rows: Rows, among: NDArray[np.bool_], depth: int) -> Rows:
    """The first ``depth`` of each list that are ``among``, -1 padded."""
    allowed = (rows >= 0) & among[np.maximum(rows, 0)]
    order = np.argsort(~allowed, axis=1, kind="stable")[:, :depth]
    return np.where(np.take_along_axis(allowed, order, 1), np.take_along_axis(rows, order, 1), -1)
