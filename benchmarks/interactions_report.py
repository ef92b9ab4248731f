"""The page of ``interactions.py``: tables and what they mean, all from the figures of the run."""

import platform
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import yaml

from benchmarks.interactions_results import Question
from benchmarks.interactions_systems import Measured
from recsys.metrics import bootstrap_interval, paired_bootstrap

_COMMAND = "python -m benchmarks.interactions --data DIR --out docs/interactions.md"
_PACKAGES = ("jobrec", "numpy", "scipy", "implicit", "faiss-cpu")
_REMARKS = Path(__file__).with_name("interactions_remarks.md")  # what a reader made of the tables, by hand


def page(questions: Sequence[Question], budget: int, tuning: int) -> str:
    """The whole page as Markdown.

    Args:
        questions: what was found.
        budget: trials of every system.
        tuning: users asked while tuning.
    """
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    parts = [
        "# More interactions",
        f"Written by `{_COMMAND}` on {time.strftime('%Y-%m-%d', time.gmtime())}, commit "
        f"{commit.stdout.strip() or 'unknown'}; Python {platform.python_version()}, {versions}. Brackets hold 95 % "
        "bootstrap intervals over users, those of differences paired.",
        "Neither set is of jobs. They ask what the engine makes of longer histories, and of new items with a text.",
        f"Every system has the same budget, {budget} trials at most, on a cut of the known pairs that is made as the "
        f"test is, with at most {tuning:,} users; the settings with the best geometric mean of recall@50 and ndcg@20 "
        "are fitted again to all that is known, and asked once for what was held out. A plain system's trials are "
        "drawn at random from its grid (`GRIDS` in `benchmarks/interactions_tuning.py`). The engine's factors are ALS, "
        "and one kind of its neighbours is BM25: of the first few draws for these two the best are taken over, and "
        "count as its trials; the others are whole engines, trained on the cut. How the engine weighs its signals is "
        "learned in training, on queries that training cuts from the events it is given. It is fed files and the "
        "config that is shown, as a customer would feed it, texts by the `static` encoder. What a user is known to "
        "have is never listed.",
    ]
    for question in questions:
        parts += _section(question)
    if _REMARKS.exists():
        parts.append(_REMARKS.read_text(encoding="utf-8").strip())
    return "\n\n".join(parts) + "\n"


def _section(question: Question) -> list[str]:
    counts = ", ".join(f"{name} {count:,}" for name, count in question.sizes.items())
    parts = [f"## {question.name[0].upper()}{question.name[1:]}", counts[0].upper() + counts[1:] + "."]
    for table, systems in question.figures.items():
        if len(question.figures) > 1:
            parts.append(f"### {table[0].upper()}{table[1:]}")
        parts.append(table_of(systems))
    config = yaml.safe_dump(question.config, sort_keys=False).strip()
    return [
        *parts,
        "What was tried and chosen, with the figures on the validation cut:",
        "\n".join(f"- {note}" for note in question.notes),
        "The engine's config:",
        f"```yaml\n{config}\n```",
        *question.example,
    ]


def table_of(systems: dict[str, Measured]) -> str:
    """A row for each system; of those whose name begins with "engine", also the difference to the best other one."""
    plain = [name for name in systems if not name.startswith("engine")]
    best = {what: max(plain, key=lambda name: float(getattr(systems[name], what).mean())) for what in _MEASURES}
    lines = [
        "| system | recall@50 | against the best plain one | ndcg@20 | against the best plain one |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, found in systems.items():
        cells = [name]
        for what in _MEASURES:
            mean, low, high = bootstrap_interval(getattr(found, what))
            cells.append(f"{mean:.4f} [{low:.4f}, {high:.4f}]")
            cells.append("" if name in plain else _gain(found, systems[best[what]], what))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


_MEASURES = ("recall", "ndcg")


def _gain(one: Measured, other: Measured, what: str) -> str:
    """The difference in parts of the other's mean, which is taken as it is."""
    mean, low, high, _ = paired_bootstrap(getattr(one, what), getattr(other, what))
    base = float(getattr(other, what).mean())
    if base == 0:
        return f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"
    return f"{mean / base:+.1%} [{low / base:+.1%}, {high / base:+.1%}]"
