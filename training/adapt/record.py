"""What an adapted encoder was trained on, beside its weights: ``adapted.json`` and ``ADAPTED.md``."""

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from training.adapt.config import AdaptConfig
from training.adapt.groups import Groups
from training.adapt.plan import Plan

JSON: Final = "adapted.json"
MARKDOWN: Final = "ADAPTED.md"
_PACKAGES: Final = ("jobrec", "numpy", "torch", "transformers", "sentence-transformers", "accelerate", "datasets")


def make_record(
    config: AdaptConfig,
    start: str,
    groups: Groups,
    plan: Plan,
    before: dict[str, float],
    after: dict[int, dict[str, float]],
    outcome: dict[str, Any],
) -> dict[str, Any]:
    """All that is worth knowing of a run, as JSON holds it.

    Args:
        config: its settings.
        start: name of the encoder it started from.
        groups: what it was trained on.
        plan: its pairs and questions.
        before: figures of the start.
        after: figures of each judged step.
        outcome: kept step, steps, seconds, whether it was stopped.
    """
    return {
        "start": start,
        "trained_on": {
            name: {
                "groups": int((groups.kind == at).sum()),
                "titles": int(groups.sizes[groups.kind == at].sum()),
            }
            for at, name in enumerate(groups.names)
        },
        "held_out_groups": plan.held_out,
        "pairs": {"drawn": plan.available, "in_batches": plan.steps * plan.batch_size, "batches": plan.steps},
        "asked": {one.name: {"queries": len(one), "among": len(one.pool)} for one in plan.questions},
        "mrr_before": before,
        "mrr_by_step": {str(step): values for step, values in after.items()},
        **outcome,
        "config": config.model_dump(mode="json"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    }


def write_record(record: dict[str, Any], folder: Path) -> None:
    """Both files, into the folder of the model."""
    text = json.dumps(record, indent=2, ensure_ascii=False, sort_keys=False)
    (folder / JSON).write_text(text + "\n", encoding="utf-8")
    (folder / MARKDOWN).write_text(markdown(record), encoding="utf-8")


def markdown(record: dict[str, Any]) -> str:
    """The record for people."""
    kept, before = record["kept_step"], record["mrr_before"]
    after = record["mrr_by_step"].get(str(kept), before)
    trained = [
        f"| {name} | {count['groups']:,} | {count['titles']:,} |" for name, count in record["trained_on"].items()
    ]
    judged = [
        f"| {name} | {record['asked'][name]['queries']:,} | {record['asked'][name]['among']:,} "
        f"| {before[name]:.4f} | {after[name]:.4f} |"
        for name in record["asked"]
    ]
    return "\n".join(
        [
            "# An adapted encoder",
            "",
            f"Started from {record['start']}. {record['sentence']}",
            "",
            "| trained on | groups | titles |",
            "| --- | ---: | ---: |",
            *trained,
            "",
            f"{record['held_out_groups']:,} of these groups were held out. MRR of the right title among all:",
            "",
            "| held out of | queries | among | start | kept |",
            "| --- | ---: | ---: | ---: | ---: |",
            *judged,
            f"| mean | | | {before['mean']:.4f} | {after['mean']:.4f} |",
            "",
            f"{record['steps']} of {record['pairs']['batches']} batches, {record['seconds']:.0f} s, seed "
            f"{record['config']['learning']['seed']}; "
            + ", ".join(f"{name} {one}" for name, one in record["versions"].items())
            + ". All settings and the figures of every checkpoint are in `adapted.json`.",
            "",
        ]
    )
