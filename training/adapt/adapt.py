"""From a config to a folder that ``encoder.encoder`` opens: read, plan, train, choose, write."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recsys.encode import load_encoder, open_model
from recsys.errors import ConfigError
from training.adapt.config import AdaptConfig
from training.adapt.plan import make_plan
from training.adapt.read import read_groups
from training.adapt.record import make_record, write_record
from training.adapt.trainer import Learned, check_installed, judge_model, learn

Say = Callable[[str], None]

_STATE = "run.json"


def adapt(
    config: AdaptConfig, data: Path, out: Path, cache: Path, minutes: float | None, resume: bool, say: Say
) -> dict[str, Any]:
    """Train an encoder further and write it to ``out``.

    The best checkpoint by MRR on held-out groups is kept; where none is better than the start, the start is.

    Args:
        config: which model, from which titles, how.
        data: folder that the paths in the config are relative to.
        out: the model's folder; checkpoints stand in ``OUT.checkpoints`` until it is written.
        cache: where the static model is kept.
        minutes: bound on the training; None trains the whole plan.
        resume: go on from the checkpoints of a run that was ended.
        say: takes a line of progress.

    Returns:
        the record, see ``record.make_record``.

    Raises:
        JobrecError: what is wrong, in one line.
    """
    check_installed()
    if out.exists():
        raise ConfigError(f"{out} exists already: remove it, or give another folder")
    checkpoints = out.parent / f"{out.name}.checkpoints"
    _check_checkpoints(checkpoints, resume)
    out.parent.mkdir(parents=True, exist_ok=True)
    groups = read_groups(config, data, out.parent / f"{out.name}.rejected.parquet", say)
    plan = make_plan(groups, config)
    say(f"{plan.steps} batches of {plan.batch_size} pairs; {plan.held_out} groups held out")
    encoder = load_encoder(config.encoder, cache)
    model = open_model(config.encoder, cache)
    before = _begin(checkpoints, plan.fingerprint(config) + encoder.name, lambda: judge_model(model, plan))
    say(f"start, {encoder.name}: MRR on held-out groups {before['mean']:.4f}")
    learned = learn(model, plan, config.learning, config.hold_out.every, checkpoints, minutes, say)
    better = learned.model is not None and learned.figures[learned.best_step]["mean"] > before["mean"]
    outcome = {
        "kept_step": learned.best_step if better else 0,
        "sentence": _sentence(learned, better, before),
        "steps": learned.steps,
        "seconds": learned.seconds,
        "stopped_by_minutes": learned.stopped,
    }
    record = make_record(config, encoder.name, groups, plan, before, learned.figures, outcome)
    _write(learned.model if better else open_model(config.encoder, cache), record, out)
    shutil.rmtree(checkpoints)
    say(record["sentence"])
    return record


def _write(model: Any, record: dict[str, Any], out: Path) -> None:
    """The model's folder with its record, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=".adapt-", dir=out.parent) as scratch:
        folder = Path(scratch, out.name)
        model.save(str(folder), create_model_card=False)
        write_record(record, folder)
        folder.rename(out)


def _check_checkpoints(folder: Path, resume: bool) -> None:
    if folder.exists() and not resume:
        raise ConfigError(f"{folder} holds a run that was ended: go on with --resume, or remove it")
    if resume and not (folder / _STATE).is_file():
        raise ConfigError(f"there is nothing to resume: {folder} has no {_STATE}; leave --resume out")


def _begin(folder: Path, fingerprint: str, judge: Callable[[], dict[str, float]]) -> dict[str, float]:
    """The start's figures: judged now and written down, or read where the run is resumed.

    Raises:
        ConfigError: the run in the folder had other settings or other titles.
    """
    state = folder / _STATE
    if state.is_file():
        known = json.loads(state.read_text(encoding="utf-8"))
        if known["fingerprint"] != fingerprint:
            raise ConfigError(f"{folder} is of other settings or other titles: remove it, and leave --resume out")
        return {name: float(value) for name, value in known["before"].items()}
    before = judge()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{_STATE}.new"
    fresh.write_text(json.dumps({"fingerprint": fingerprint, "before": before}), encoding="utf-8")
    fresh.rename(state)
    return before


def _sentence(learned: Learned, better: bool, before: dict[str, float]) -> str:
    if not better:
        best = max((one["mean"] for one in learned.figures.values()), default=float("nan"))
        return (
            f"No checkpoint is better than the start on held-out groups (best {best:.4f}, start {before['mean']:.4f}): "
            "the start is kept as it was."
        )
    after = learned.figures[learned.best_step]["mean"]
    return f"Step {learned.best_step} is kept: MRR on held-out groups {after:.4f}, start {before['mean']:.4f}."
