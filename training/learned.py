"""What rankers hold of each signal: weights on one scale, and the gain of trees."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.rank import HAND_SET, LinearRanker, Ranker
from recsys.signals import NAMES
from training.learn import Lessons
from training.measured import WITHOUT
from training.summary import Learned


def learned_of(rankers: Mapping[str, Sequence[Ranker]], lessons: Lessons) -> tuple[Learned, ...]:
    """What rankers that were learned hold of each signal: weights times spreads, and importances where they have any.

    A ranker has importances if its attribute ``importances`` maps names of signals to gains.
    """
    found = []
    for name, by_fold in rankers.items():
        if name.startswith(WITHOUT) or by_fold[0] is HAND_SET:
            continue
        linear = [one for one in by_fold if isinstance(one, LinearRanker)]
        gains = [_shares(one) for one in by_fold if getattr(one, "importances", None)]
        if linear:
            spread = spreads(lessons)
            weights = [one.weights * spread for one in linear]
            values = {signal: tuple(float(w[at]) for w in weights) for at, signal in enumerate(NAMES)}
            found.append(Learned(name, "weight", values))
        if gains:
            values = {signal: tuple(gain.get(signal, 0.0) for gain in gains) for signal in NAMES}
            found.append(Learned(name, "gain", values))
    return tuple(found)


def _shares(ranker: object) -> dict[str, float]:
    gains: Mapping[str, float] = ranker.importances  # type: ignore[attr-defined]
    total = sum(gains.values()) or 1.0
    return {name: gain / total for name, gain in gains.items()}


def spreads(lessons: Lessons) -> NDArray[np.float32]:
    """Standard deviation of each signal over the lessons' postings for which it is known: float32 (F,), 0 for none."""
    there = ~lessons.lacking
    out = np.zeros(lessons.signals.shape[2], np.float32)
    for at in range(len(out)):
        values = lessons.signals[..., at][there]
        values = values[~np.isnan(values)]
        out[at] = values.std(dtype=np.float64) if len(values) else 0
    return out
