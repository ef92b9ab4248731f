"""The seam to torch and to the trainer of sentence-transformers: a plan in, the best checkpoint out."""

import importlib.util
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from recsys.encode import computes_bfloat16, open_folder, quiet
from recsys.errors import MissingExtraError
from training.adapt.config import LearningSettings
from training.adapt.judge import figures
from training.adapt.plan import Plan

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Say = Callable[[str], None]

_RATE: Final = 5e-5
_STATIC_RATE: Final = 2e-2  # a static model has a row a word and sees each rarely
_SAID_EVERY: Final = 20.0  # seconds


@dataclass(frozen=True)
class Learned:
    """What the training gave.

    Attributes:
        model: the best checkpoint of this run, or None where none was judged.
        figures: of each judged step, see ``judge.figures``.
        best_step: of the model.
        steps: batches seen, those before a resume included.
        seconds: of this call.
        stopped: whether the bound on minutes ended it.
    """

    model: "SentenceTransformer | None"
    figures: dict[int, dict[str, float]]
    best_step: int
    steps: int
    seconds: float
    stopped: bool


def check_installed() -> None:
    """Refuses to start without what the trainer needs.

    Raises:
        MissingExtraError: accelerate or datasets is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in ("accelerate", "datasets")):
        raise MissingExtraError("adapting an encoder", "adapt")


def judge_model(model: "SentenceTransformer", plan: Plan) -> dict[str, float]:
    """The model's figures on the plan's questions."""

    def encode(texts: Any) -> Any:
        return model.encode(list(texts), batch_size=256, normalize_embeddings=True, show_progress_bar=False)

    training = model.training
    model.eval()
    try:
        return figures(plan.questions, encode)
    finally:
        model.train(training)


def is_static(model: "SentenceTransformer") -> bool:
    """Whether the model adds up rows of a table, without a transformer."""
    return type(model[0]).__name__ == "StaticEmbedding"


def last_checkpoint(folder: Path) -> Path | None:
    """The latest whole checkpoint in the folder."""
    found = [one for one in folder.glob("checkpoint-*") if (one / "trainer_state.json").is_file()]
    return max(found, key=lambda one: int(one.name.rsplit("-", 1)[1]), default=None)


def learn(
    model: "SentenceTransformer",
    plan: Plan,
    settings: LearningSettings,
    every: int | None,
    folder: Path,
    minutes: float | None,
    say: Say,
) -> Learned:
    """Train, from the last checkpoint in the folder where there is one.

    Args:
        model: where it starts; it is changed.
        plan: batches and questions.
        settings: how it learns.
        every: steps from one checkpoint to the next; None writes ten a run.
        folder: of checkpoints.
        minutes: after so many it stops, judges and keeps what is best; None trains the whole plan.
        say: takes a line of progress.
    """
    import torch

    started = time.monotonic()
    limit = model.max_seq_length if not is_static(model) else None
    before = torch.get_num_threads()
    try:
        if limit is not None:
            model.max_seq_length = min(limit, settings.max_tokens)
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        with _calm():
            trainer, watch = _trainer(model, plan, settings, every, folder, minutes, say)
            checkpoint = last_checkpoint(folder)
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
            state = trainer.state
            best = open_folder(Path(state.best_model_checkpoint)) if state.best_model_checkpoint else None
    finally:
        torch.set_num_threads(before)
        if limit is not None:
            model.max_seq_length = limit
    if best is not None and limit is not None:
        best.max_seq_length = limit
    return Learned(
        model=best,
        figures=_judged(state.log_history),
        best_step=int(str(state.best_model_checkpoint).rsplit("-", 1)[1]) if best is not None else 0,
        steps=int(state.global_step),
        seconds=time.monotonic() - started,
        stopped=watch.stopped,
    )


def _judged(history: list[dict[str, Any]]) -> dict[int, dict[str, float]]:
    """The figures of each judged step, from the trainer's log."""
    prefix = "eval_mrr_"
    # Only lines of a judgement: the last step has a line of its own on the whole run as well.
    return {
        int(line["step"]): {key.removeprefix(prefix): float(line[key]) for key in line if key.startswith(prefix)}
        for line in history
        if f"{prefix}mean" in line
    }


def _trainer(
    model: "SentenceTransformer",
    plan: Plan,
    settings: LearningSettings,
    every: int | None,
    folder: Path,
    minutes: float | None,
    say: Say,
) -> tuple[Any, Any]:
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainingArguments
    from transformers import PrinterCallback, ProgressCallback

    static = is_static(model)
    half = settings.precision == "bfloat16" or (settings.precision == "auto" and computes_bfloat16())
    period = min(every or max(1, plan.steps // 10), plan.steps)
    watch = _watch(plan, minutes, say)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate or (_STATIC_RATE if static else _RATE), weight_decay=0.0
    )

    def rate(step: int) -> float:
        warm = max(1, round(settings.warmup * plan.steps))
        done = max(step / plan.steps, watch.share())
        return float(min((step + 1) / warm, max(0.0, (1 - done) / (1 - settings.warmup)), 1.0))

    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=plan.steps,
        per_device_train_batch_size=plan.batch_size,
        bf16=half and not static,
        use_cpu=True,
        eval_strategy="steps",
        eval_steps=period,
        save_strategy="steps",
        save_steps=period,
        save_total_limit=2,  # the best one is kept besides
        metric_for_best_model="eval_mrr_mean",
        greater_is_better=True,
        logging_steps=period,
        max_grad_norm=0.0,  # Adam takes steps of bounded length anyway, and this is a pass over all weights
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        seed=settings.seed,
    )
    trainer = _trainer_class()(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict({"left": plan.left, "right": plan.right}),
        loss=_loss(model, settings.scale),
        evaluator=_evaluator(plan),
        callbacks=[watch],
        optimizers=(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, rate)),
    )
    for talker in (PrinterCallback, ProgressCallback):  # they write to standard output
        trainer.remove_callback(talker)
    return trainer, watch


def _loss(model: "SentenceTransformer", scale: float) -> Any:
    """Each text against all others of the batch: the symmetric loss of Li et al. 2023, arXiv 2308.03281."""
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.util import cos_sim

    def cosines(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", enabled=False):  # times the scale, the steps of bfloat16 would be seen
            similarities: torch.Tensor = cos_sim(a.float(), b.float())
            return similarities

    return MultipleNegativesRankingLoss(
        model,
        scale=scale,
        similarity_fct=cosines,
        directions=("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc"),
    )


def _trainer_class() -> Any:
    """The library's trainer, with the plan's batches as they stand."""
    from sentence_transformers import SentenceTransformerTrainer
    from sentence_transformers.base.sampler import DefaultBatchSampler

    class InOrder(DefaultBatchSampler):  # type: ignore[misc]
        def __iter__(self) -> Iterator[list[int]]:
            for start in range(0, len(self.sampler), self.batch_size):
                yield list(range(start, start + self.batch_size))

    class Trainer(SentenceTransformerTrainer):  # type: ignore[misc]
        # Not by the arguments: those are pickled with each checkpoint, and this class cannot be.
        def get_batch_sampler(self, dataset: Any, batch_size: int, **more: Any) -> Any:
            return InOrder(range(len(dataset)), batch_size=batch_size, drop_last=True)

        def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
            """None: ``record`` says what there is to say."""

    return Trainer


def _evaluator(plan: Plan) -> Any:
    from sentence_transformers.base.evaluation import BaseEvaluator

    class Judge(BaseEvaluator):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.primary_metric = "mrr_mean"

        def __call__(
            self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
        ) -> dict[str, float]:
            return {f"mrr_{name}": value for name, value in judge_model(model, plan).items()}

    return Judge()


def _watch(plan: Plan, minutes: float | None, say: Say) -> Any:
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
            if now - self.said > _SAID_EVERY:
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


@contextmanager
def _calm() -> Iterator[None]:
    """Warnings of the libraries about themselves are not the user's; errors stay errors."""
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        logging.getLogger("accelerate").setLevel(logging.ERROR)
        yield
