"""The page of ``ranking.py``: tables, and sentences that are counted from them."""

import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby

import numpy as np

from benchmarks.ranking_cost import BATCH, Cost
from benchmarks.ranking_pools import Recall, WithoutSource
from benchmarks.ranking_signals import COLUMNS, NEGATIVES, Ablation, Without
from training import report
from training.report import Report, interval, number, table
from training.summary import Difference

_COMMAND = "python -m benchmarks.ranking --config FILE --data DIR --out docs/ranking.md"
_PACKAGES = ("jobrec", "numpy", "scipy", "faiss-cpu", "implicit", "lightgbm")


@dataclass(frozen=True)
class Found:
    """Everything that the page shows."""

    config: str
    report: Report
    ablation: Ablation
    served: Sequence[float]
    sources: list[WithoutSource]
    recalls: list[Recall]
    stages: Cost
    rooms: Cost


def page(found: Found) -> str:
    """The whole page as Markdown."""
    summary = found.report.summary
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    parts = [
        "# The order, and what it is made of",
        f"Written by `{_COMMAND}` with `{found.config}` on {time.strftime('%Y-%m-%d', time.gmtime())}, nothing by "
        f"hand. Python {platform.python_version()}, {versions}. {summary.queries} validation queries. "
        + found.report.head(),
        "Rankers are learned on one half of the candidates and asked by the other. `jobrec evaluate` measures the "
        "same way and draws the figures.",
        *_systems(found),
        "## The engine against others",
        report.PAIRED,
        _table(*report.comparisons(summary)),
        *_slices(found),
        "## Where answers were lost",
        report.LOSSES,
        _table(*report.losses(summary)),
        *_ablation(found.ablation),
        *_sources(found),
        *_recalls(found.recalls),
        *_learned(found),
        *_cost(found),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    return "\n".join(table(head, body))


def _systems(found: Found) -> list[str]:
    parts = [f"## Systems\n\nEngine: what is served, by {found.report.summary.order}. The others order everything."]
    for name, rows in found.report.summary.tables.items():
        shown = report.foremost(rows, singles=5)
        parts.append(f"{name[0].upper()}{name[1:]}:")
        parts.append(_table(report.short_row(None), map(report.short_row, shown)))
    return parts


def _slices(found: Found) -> list[str]:
    judged = [one for one in found.report.summary.slices if one.verdict != "too few"]
    by = {word: sum(one.verdict == word for one in judged) for word in ("above", "level", "below")}
    counted = (
        f"Of {len(judged)} slices with a verdict the engine is above the best single signal in {by['above']}, "
        f"not told apart from it in {by['level']}, below it in {by['below']}."
    )
    return ["## Slices", report.SLICES, counted, _table(*report.slices(found.report.summary))]


def _difference(one: Difference) -> str:
    return interval(one[:3], sign="+")


def _beyond(differences: Iterable[Difference]) -> tuple[int, int]:
    """How many are below, and how many above 0 beyond noise."""
    ends = [(low, high) for _, low, high, _ in differences]
    return sum(high < 0 for _, high in ends), sum(low > 0 for low, _ in ends)


def _ablation(found: Ablation) -> list[str]:
    def rows(some: Iterable[Without]) -> Iterable[Sequence[str]]:
        return [(one.name, *map(_difference, one.differences)) for one in some]

    worse, better = _beyond(one.differences[1] for one in found.signals)
    full = ", ".join(f"{name} {number(value)}" for name, value in found.full.items())
    parts = [
        "## Without each family of signals",
        f"The linear ranker learned without them, minus the one with all ({full}), both over the whole catalogue and "
        f"learned from {NEGATIVES} postings a query.",
        _table(("without", *COLUMNS), rows(found.families)),
        "## Without each signal",
        f"The same for one signal at a time. By nDCG@10 over all queries the order is worse beyond noise without "
        f"{worse} of {len(found.signals)} signals, better without {better}. Signals that say nearly the same stand in "
        "for each other, so a small figure does not mean that a signal says nothing.",
        _table(("without", *COLUMNS), rows(found.signals)),
    ]
    if found.unused:
        parts.append(f"No evidence on this board: {', '.join(found.unused)}.")
    return parts


def _sources(found: Found) -> list[str]:
    pool, hit, ndcg = found.served
    body = [(one.source, _difference(one.pool), _difference(one.hit), _difference(one.ndcg)) for one in found.sources]
    return [
        "## Without each source of the pool",
        f"What is served without the source, minus what is served with all: {number(pool)} of the answers in the "
        f"pool, hit@10 {number(hit)}, nDCG@10 {number(ndcg)}.",
        _table(("without", "answers in the pool", "hit@10", "nDCG@10"), body),
    ]


def _recalls(found: list[Recall]) -> list[str]:
    parts = [
        "## What is in the pool",
        "Answers: share of the answers in the pool. Kept hits: of the answers that the order of the whole catalogue "
        "has in its first ten, the share in the pool. Kept top: share of that whole first ten in the pool. Each source "
        "has the quota of the settings, cut to the pool's size.",
    ]
    for width, recalls in groupby(found, key=lambda one: one.width):
        body = [(one.sources, *map(interval, (one.answers, one.kept_hits, one.kept_top))) for one in recalls]
        parts += [f"### A pool of {width}", _table(("sources", "answers", "kept hits", "kept top"), body)]
    return parts


def _learned(found: Found) -> list[str]:
    parts = []
    for one in found.report.summary.learned:
        parts += [f"## What {one.ranker} learned: {one.kind}s", report.LEARNED[one.kind]]
        parts.append(_table(*report.learned(one, None)))
    return parts


def _cost(found: Found) -> list[str]:
    intro = (
        f"Median milliseconds a request on one thread, for a pool of {found.stages.width} and a list of ten; alone, "
        f"and in a batch of {BATCH}. The machine was not otherwise idle, so small differences mean nothing."
    )
    return [
        "## What a request costs",
        intro,
        _costs("stage", found.stages),
        "Of the signals, by room:",
        _costs("room", found.rooms),
    ]


def _costs(what: str, cost: Cost) -> str:
    body = [(name, number(cost.alone[name]), number(cost.batch[name])) for name in cost.alone]
    total = ("together", *(number(float(np.sum(list(part.values())))) for part in (cost.alone, cost.batch)))
    return _table((what, "ms alone", f"ms in a batch of {BATCH}"), [*body, total])
