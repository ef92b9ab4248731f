"""The page of ``title_encoders.py``: tables, all from the figures of the run."""

import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.metrics import bootstrap_interval, paired_bootstrap

if TYPE_CHECKING:
    from benchmarks.title_encoders import Floats, Measured, Titles

_PACKAGES = ("jobrec", "numpy", "sentence-transformers", "torch")
_TARGET = 0.40


def page(titles: "Titles", found: Sequence["Measured"], validation: dict[str, Any]) -> str:
    """The whole page as Markdown."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    adapted = [one for one in found if one.record]
    parts = [
        "# Encoders that read titles",
        "Written by `python -m benchmarks.title_encoders --data DIR --out docs/encoder.md` on "
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, nothing by hand. Python {platform.python_version()}, {versions}. "
        "Brackets hold 95 % bootstrap intervals over queries.",
        "## The occupation of a vacancy",
        f"{len(titles.queries):,} distinct vacancy titles ({titles.rows:,} in the file), each with the ESCO occupation "
        f"that a person gave it; {titles.unknown:,} more name an occupation that the table has not. "
        f"{len(titles.start):,} occupations are put in order by the cosine of the title with their preferred label, or "
        f"with the best of all their {len(titles.labels):,} labels. MRR of the right one, and how often it is first or "
        "among the first ten. A label that several occupations have makes them equal: half of the equals count as "
        "better, in the last column none. No encoder has seen these titles, and nothing was chosen by them.",
        _table(
            ["encoder", "MRR, preferred label", "MRR, all labels", "first, preferred", "in ten, preferred",
             "first, all", "in ten, all", "MRR, all labels, equals in its favour"],
            [[one.name, _interval(one.preferred), _interval(one.best), *_hits(one.preferred), *_hits(one.best),
              _interval(one.lenient)]
             for one in found],
        ),
        *([_gains(found), _target(found[2:])] if found[2:] else []),
        *(_adapted(adapted) if adapted else []),
        *(_lists(validation) if validation else []),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _gains(found: Sequence["Measured"]) -> str:
    base = found[0]
    rows = []
    for one in found[1:]:
        cells = [paired_bootstrap(mine, other) for mine, other in
                 ((one.preferred, base.preferred), (one.best, base.best))]  # fmt: skip
        rows.append([one.name, *(f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]" for mean, low, high, _ in cells)])
    head = [f"against {base.name}, the same queries", "MRR, preferred label", "MRR, all labels"]
    return _table(head, rows)


def _target(adapted: Sequence["Measured"]) -> str:
    best = max(adapted, key=lambda one: one.best.mean())
    reached = [f"{name} {values.mean():.3f}" for name, values in
               (("by preferred labels", best.preferred), ("by all labels", best.best))]  # fmt: skip
    met = [name for name, values in (("preferred", best.preferred), ("all", best.best)) if values.mean() >= _TARGET]
    said = f"reached with {' and '.join(met)} labels" if met else "not reached"
    return f"The aim was an MRR of {_TARGET:.2f}: {said} ({best.name}: {', '.join(reached)})."


def _adapted(adapted: Sequence["Measured"]) -> list[str]:
    rows = []
    for one in adapted:
        record = one.record or {}
        before, after = record["mrr_before"], record["mrr_by_step"].get(str(record["kept_step"]), record["mrr_before"])
        learning = record["config"]["learning"]
        rows.append(
            [one.name, record["start"], f"{record['steps']} of {record['pairs']['batches']}",
             f"{learning['batch_size']}", f"{record['kept_step']}", f"{record['seconds'] / 60:.0f}",
             *(f"{before[name]:.3f} -> {after[name]:.3f}" for name in ("mean", *record["asked"]))]
        )  # fmt: skip
    names = list((adapted[0].record or {})["asked"])
    trained = ", ".join(
        f"{name} ({count['groups']:,} occupations, {count['titles']:,} titles)"
        for name, count in (adapted[0].record or {})["trained_on"].items()
    )
    return [
        "## How they were adapted",
        f"`jobrec adapt-encoder --config configs/adapt_titles.yaml`, from {trained}. The checkpoint is chosen by MRR "
        "on held-out occupations, whose labels are in no training pair. Minutes are of the wall clock, on a machine "
        "with two cores that had much else to do.",
        _table(
            ["encoder", "start", "batches", "pairs in one", "kept", "minutes", "held out: mean MRR",
             *(f"held out of {name}" for name in names)],
            rows,
        ),
    ]  # fmt: skip


def _lists(validation: dict[str, Any]) -> list[str]:
    names = list(validation)
    measures = ("hit@10", "ndcg@10")
    known = sorted(set.intersection(*(set(one["figures"]) for one in validation.values())))
    present = [name for name in ("linear", "blend") if name in known]
    present += [name for name in known if name.startswith(("title_", "text_"))]
    rows = [
        [
            f"`{name}`",
            *(f"{validation[which]['figures'][name][measure]:.4f}" for which in names for measure in measures),
        ]
        for name in present
    ]
    return [
        "## What it does to lists",
        "Validation figures that `jobrec train` wrote into its bundle, the same board and settings but for the "
        f"encoder: {validation[names[0]]['queries']:,} queries. A figure is of the order by that signal alone; "
        "`linear` is the learned order.",
        _table(["order by", *(f"{which}, {measure}" for which in names for measure in measures)], rows),
    ]


def _hits(reciprocal: "Floats") -> list[str]:
    return [f"{(reciprocal == 1).mean():.3f}", f"{(reciprocal >= 0.1).mean():.3f}"]


def _interval(values: "Floats") -> str:
    mean, low, high = bootstrap_interval(np.asarray(values))
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
