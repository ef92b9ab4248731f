"""What each signal and each family of signals is worth: the linear ranker learned without it, on the same queries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.rank import sum_mask
from recsys.signals import COLUMN, FAMILIES, NAMES
from training.learn import Lessons, learn_linear
from training.learned import spreads
from training.summarise import differences, per_query
from training.summary import Difference
from training.validate import FOLDS, Asked, ranks

FULL = "everything"
NEGATIVES = 50  # for each query: a quarter of what training draws, since so many rankers are learned
COLUMNS = ("hit@10", "nDCG@10", "nDCG@10, seen postings", "nDCG@10, new postings")


@dataclass(frozen=True)
class Without:
    """A ranker that lacks something, minus the full one; ``differences`` in the order of ``COLUMNS``."""

    name: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Ablation:
    """What the order is without each signal.

    Attributes:
        full: hit@10 and nDCG@10 of the ranker with all signals.
        families, signals: without each, the dearest first.
        unused: signals that say nothing on this board.
    """

    full: Mapping[str, float]
    families: tuple[Without, ...]
    signals: tuple[Without, ...]
    unused: tuple[str, ...]


def ablate(asked: Sequence[Asked], lessons: Lessons, seed: int, say: Callable[[str], None]) -> Ablation:
    """Learn without each signal and each family, on the other half of the candidates, and rank the whole catalogue.

    All of these rankers, the full one too, are learned from ``NEGATIVES`` postings a query.
    """
    spread = spreads(lessons)
    lessons = Lessons(lessons.signals[:, : 1 + NEGATIVES], lessons.lacking[:, : 1 + NEGATIVES], lessons.fold)
    halves = [lessons.where(lessons.fold != fold) for fold in range(FOLDS)]
    masks = {FULL: sum_mask()} | {f"family {one}": sum_mask(without=one) for one in FAMILIES}
    there = masks[FULL] & (spread > 0)
    masks |= {name: masks[FULL] & (np.arange(len(NAMES)) != COLUMN[name]) for name in NAMES if there[COLUMN[name]]}
    rankers = []
    for at, (name, mask) in enumerate(masks.items()):
        rankers.append([learn_linear(half, mask, name) for half in halves])
        say(f"learned without {name}, {at + 1} of {len(masks)}")
    found = np.concatenate([ranks(one, rankers, (), seed) for one in asked])
    seen = np.concatenate([one.seen for one in asked])
    columns = [_columns(found[:, at], seen) for at in range(len(masks))]
    lacking = {
        name: Without(name.removeprefix("family "), tuple(differences(values, columns[0], seed)))
        for name, values in zip(masks, columns, strict=True)
    }
    families = [lacking[f"family {one}"] for one in FAMILIES]
    signals = [one for name, one in lacking.items() if name in COLUMN]
    return Ablation(
        full={"hit@10": float(columns[0][:, 0].mean()), "nDCG@10": float(columns[0][:, 1].mean())},
        families=tuple(sorted(families, key=_loss)),
        signals=tuple(sorted(signals, key=_loss)),
        unused=tuple(name for name in NAMES if spread[COLUMN[name]] == 0),
    )


def _columns(place: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The measures of ``COLUMNS`` for each query, NaN where the query is of the other stratum: float64 (Q, 4)."""
    gain = per_query(place, "ndcg@10")
    return np.stack(
        [per_query(place, "hit@10"), gain, np.where(seen, gain, np.nan), np.where(seen, np.nan, gain)], axis=1
    )


def _loss(one: Without) -> float:
    return one.differences[1][0]
