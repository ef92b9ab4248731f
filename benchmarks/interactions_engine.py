"""The engine on a set of interactions, fed through the ordinary doors: files, a config, training, a bundle."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.interactions_data import Cut
from recsys.bundle import open_bundle
from recsys.candidates import Candidates
from recsys.config import EngineSettings
from recsys.engine import Engine
from recsys.interests import find_interests
from recsys.queries import Queries
from recsys.stored import read_candidates
from training.config import TrainConfig
from training.train import train

Rows = NDArray[np.int64]
Document = dict[str, Any]

SHELVED = "1990-01-01"  # a date before all events: the item was there from the start
_AT_ONCE = 256


@dataclass(frozen=True)
class Trained:
    """A bundle, and what training measured on its own validation queries."""

    bundle: Path
    ranker: str
    validation: dict[str, Any]

    @property
    def worth(self) -> float:
        """nDCG@10 of the order that was chosen."""
        return float(self.validation["figures"].get(self.ranker, {"ndcg@10": float("nan")})["ndcg@10"])


def engine_document(engine: Document, dated: bool, timed: bool, validation: Document) -> Document:
    """The config of a run as a YAML file holds it.

    Args:
        engine: settings of the engine.
        dated: all items were there from the start; otherwise nothing says when an item came.
        timed: the events carry the times of the file.
        validation: settings of validation.
    """
    events: Document = {"candidate_id": "user", "posting_id": "item", "type": {"constant": "view"}}
    postings: Document = {"posting_id": "posting_id", "title": "title", "description": "description"}
    if timed:
        events["timestamp"] = "time"
    if dated:
        postings["date_posted"] = {"constant": SHELVED}
    return {
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


def write_tables(cut: Cut, items: pd.DataFrame, folder: Path, seed: int) -> None:
    """The items and the known events as a customer's files; without times the rows stand in no order."""
    folder.mkdir(parents=True, exist_ok=True)
    items.to_parquet(folder / "items.parquet", index=False)
    row = np.repeat(np.arange(cut.known.shape[0]), np.diff(cut.known.indptr))
    events = pd.DataFrame(
        {"user": [user_id(at) for at in row], "item": items["posting_id"].to_numpy()[cut.known.indices]}
    )
    if cut.time is not None:
        events["time"] = cut.time
    events.sample(frac=1, random_state=seed).to_csv(folder / "events.csv", index=False)


def user_id(at: int) -> str:
    """The id of a user in the tables."""
    return f"u{at:06d}"


def train_engine(document: Document, folder: Path, cache: Path, name: str, say: Callable[[str], None]) -> Trained:
    """Train a bundle from the files in ``folder``; one of this name that is there already is made again."""
    shutil.rmtree(folder / name, ignore_errors=True)
    done = train(TrainConfig.model_validate(document), folder, folder / name, cache, say)
    return Trained(folder / name, done.choice.ranker.name, done.manifest["validation"])


@dataclass(frozen=True)
class Opened:
    """A bundle that answers in numbers of items.

    Attributes:
        engine: of the bundle.
        candidates: the users, as the bundle knows them.
        now: the moment that is asked for.
        number: int64 (P + 1,), from a catalogue row to the number of the item; -1 at the end, for padding.
    """

    engine: Engine
    candidates: Candidates
    now: float
    number: Rows

    @classmethod
    def of(cls, trained: Trained, items: pd.DataFrame, **changed: Document) -> "Opened":
        """The bundle; settings of a stage (``retrieve``, ``arrange``) may differ from those it was trained with."""
        bundle = open_bundle(trained.bundle, verify=False)
        whole = bundle.settings.model_dump()
        settings = EngineSettings.model_validate(whole | {stage: whole[stage] | new for stage, new in changed.items()})
        engine = Engine(bundle.catalogue, bundle.ranker, settings, bundle.skills, cut=bundle.cut)
        number = np.full(len(items) + 1, -1, np.int64)
        number[bundle.catalogue.ids.rows(items["posting_id"].tolist())] = np.arange(len(items))
        return cls(engine, read_candidates(bundle), float(bundle.manifest["as_of"]), number)

    def lists(self, cut: Cut, k: int) -> Rows:
        """Lists of the askers, int64 (Q, k), numbers of items, -1 padded."""
        return np.concatenate([self.number[self.engine.answer(part, k).rows] for part in self._asking(cut)])

    def kept_by_pool(self, cut: Cut, k: int) -> NDArray[np.float64]:
        """Share of what each asker asks for that stands in the pool of a list of ``k``, float64 (Q,)."""
        shares, asked = [], cut.asked[cut.users]
        for part in self._asking(cut):
            interests = find_interests(self.engine.catalogue, part, self.engine.settings.retrieve)
            for rows in self.number[self.engine.pool(part, interests, k).rows]:
                one = asked[len(shares)].indices
                shares.append(float(np.isin(one, rows).mean()))
        return np.array(shares)

    def _asking(self, cut: Cut) -> list[Queries]:
        rows = self.candidates.ids.rows([user_id(at) for at in cut.users])
        events = self.engine.settings.events
        parts = [rows[at : at + _AT_ONCE] for at in range(0, len(rows), _AT_ONCE)]
        return [self.candidates.queries(part, self.now, events) for part in parts]


def kept(rows: Rows, among: NDArray[np.bool_], depth: int) -> Rows:
    """The first ``depth`` of each list that are ``among``, -1 padded."""
    allowed = (rows >= 0) & among[np.maximum(rows, 0)]
    order = np.argsort(~allowed, axis=1, kind="stable")[:, :depth]
    return np.where(np.take_along_axis(allowed, order, 1), np.take_along_axis(rows, order, 1), -1)
