"""Keeps the time of a training run: says how far it is, and ends it in order when the minutes are over."""

import time
from collections.abc import Callable
from typing import Any, Final

from training.adapt.plan import Plan

Say = Callable[[str], None]

SAID_EVERY: Final = 20.0  # seconds


def make_watch(plan: Plan, minutes: float | None, say: Say) -> Any:
    """A callback that keeps the time, says how far it is, and stops at the bound."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.started = self.said = time.monotonic()
            self.first = 0
            self.stopped = False

        def share(self) -> float:
            """How much of the minutes is gone."""
            return 0.0 if minutes is None else (time.monotonic() - self.started) / (60 * minutes)

        def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.started, self.first = time.monotonic(), state.global_step
            if self.first:
                say(f"resumed at step {self.first} of {plan.steps}")

        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            now, step = time.monotonic(), state.global_step
            if now - self.said > SAID_EVERY:
                self.said = now
                speed = (step - self.first) / (now - self.started)
                left = (plan.steps - step) / speed / 60
                say(f"step {step} of {plan.steps}, {speed * plan.batch_size:.0f} pairs/s, {left:.0f} minutes left")
            if self.share() >= 1 and step < plan.steps:
                self.stopped = True
            if self.stopped or step == plan.steps:
                control.should_evaluate = control.should_save = True
                control.should_training_stop = True

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **more: Any) -> None:
            say(f"step {state.global_step}: MRR on held-out groups {metrics['eval_mrr_mean']:.4f}")

    return Watch()
