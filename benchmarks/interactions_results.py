"""What ``interactions.py`` keeps on disk: trials, and the figures of a finished question."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.interactions_data import Cut
from benchmarks.interactions_systems import Measured
from benchmarks.interactions_tuning import Tried


@dataclass(frozen=True)
class Question:
    """Figures of one question.

    Attributes:
        name: of the question.
        sizes: counts, by what they count.
        figures: by table, then by system: recall@50 and ndcg@20 of each asker.
        notes: what was tried and chosen.
        example: the lists of one user, in Markdown.
        config: of the engine.
    """

    name: str
    sizes: dict[str, int]
    figures: dict[str, dict[str, Measured]]
    notes: list[str]
    example: list[str]
    config: dict[str, Any]


def sizes(cut: Cut) -> dict[str, int]:
    """What there is to ask and to learn from."""
    asked = cut.asked[cut.users]
    return {
        "users asked": len(cut.users),
        "known pairs": cut.known.nnz,
        "pairs asked for": asked.nnz,
        "items listed": int(cut.among.sum()),
    }


def write_question(path: Path, question: Question) -> None:
    """As JSON."""
    figures = {
        table: {name: [one.recall.tolist(), one.ndcg.tolist()] for name, one in systems.items()}
        for table, systems in question.figures.items()
    }
    path.write_text(json.dumps(question.__dict__ | {"figures": figures}), encoding="utf-8")


def read_question(path: Path) -> Question:
    """What ``write_question`` wrote."""
    document = json.loads(path.read_text(encoding="utf-8"))
    figures = {
        table: {name: Measured(np.array(recall), np.array(ndcg)) for name, (recall, ndcg) in systems.items()}
        for table, systems in document["figures"].items()
    }
    return Question(**document | {"figures": figures})


def remembered(path: Path, run: Callable[[], list[Tried]]) -> list[Tried]:
    """The trials in a file; where there is none they are run and written."""
    if not path.exists():
        path.write_text(json.dumps([asdict(one) for one in run()]), encoding="utf-8")
    return [Tried(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
