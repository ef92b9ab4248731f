"""The page of ``interactions.py``: tables and what they mean, all from the figures of the run."""

import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from benchmarks.interactions_systems import Measured
from recsys.metrics import bootstrap_interval, paired_bootstrap

if TYPE_CHECKING:
    from benchmarks.interactions import Question

_COMMAND = "python -m benchmarks.interactions --data DIR --out docs/interactions.md"
_PACKAGES = ("jobrec", "numpy", "scipy", "implicit", "faiss-cpu")


def page(questions: Sequence["Question"], budget: int, askers: int) -> str:
    """The whole page as Markdown."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    parts = [
        "# More interactions",
        f"Written by `{_COMMAND}` on {time.strftime('%Y-%m-%d', time.gmtime())}, nothing by hand. "
        f"Python {platform.python_version()}, {versions}. Brackets hold 95 % bootstrap intervals over users.",
        "Neither set is of jobs. They ask what the engine makes of longer histories, and of new items with a text.",
        f"Every plain system is tuned with the same budget, {budget} settings drawn at random from its grid "
        "(`GRIDS` in `benchmarks/interactions_systems.py`), on a cut of the known pairs made as the test is; "
        "the best geometric mean of recall@50 and ndcg@20 is fitted again to all that is known. The engine's factors "
        "and neighbours take over the settings of ALS and BM25 that won there; its order is learned on validation "
        "queries that training cuts from the known events. It is fed files and a config as a customer would feed it, "
        "texts by the `static` encoder (the larger one would need some ten minutes a run). "
        f"At most {askers:,} users are asked, drawn at random, the same for every system. What a user is known to have "
        "is never listed.",
    ]
    for question in questions:
        parts += _section(question)
    return "\n\n".join(parts) + "\n"


def _section(question: "Question") -> list[str]:
    sizes = ", ".join(f"{name} {count:,}" for name, count in question.sizes.items())
    parts = [f"## {question.name[0].upper()}{question.name[1:]}", sizes[0].upper() + sizes[1:] + "."]
    for table, systems in question.figures.items():
        if len(question.figures) > 1:
            parts.append(f"### {table[0].upper()}{table[1:]}")
        parts.append(_table(systems))
    return [*parts, "Chosen:", "\n".join(f"- {note}" for note in question.notes)]


def _table(systems: dict[str, Measured]) -> str:
    baselines = [name for name in systems if not name.startswith("engine")]
    best = {
        what: max(baselines, key=lambda name: float(getattr(systems[name], what).mean())) for what in ("recall", "ndcg")
    }
    lines = [
        "| system | recall@50 | against the best plain one | ndcg@20 | against the best plain one |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, found in systems.items():
        cells = [name]
        for what in ("recall", "ndcg"):
            mean, low, high = bootstrap_interval(getattr(found, what))
            cells.append(f"{mean:.4f} [{low:.4f}, {high:.4f}]")
            cells.append(_gain(found, systems[best[what]], what) if name not in baselines else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _gain(one: Measured, other: Measured, what: str) -> str:
    mean, low, high, _ = paired_bootstrap(getattr(one, what), getattr(other, what))
    base = float(getattr(other, what).mean())
    return f"{mean / base:+.1%} ({mean:+.4f} [{low:+.4f}, {high:+.4f}])"
