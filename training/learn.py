"""Learning the order: a linear ranker by listwise softmax against postings drawn at random.

Negatives are drawn uniformly from what the answer could have been. Drawn mostly from near look-alikes they teach
that place does not matter, since all of them are near.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from recsys.cut import quick_mask
from recsys.rank import LinearRanker

Numbers = NDArray[np.float32]

#: On squared weights of standardised signals, for each query a share of it: a normal prior of standard deviation 1.6,
#: which yields to many queries. Chosen on validation queries of a real board.
_RIDGE = 0.2


@dataclass(frozen=True)
class Lessons:
    """Q queries to learn from.

    Attributes:
        signals: float32 (Q, 1 + N, F), the answer first, then the negatives; all NaN where a negative is lacking.
        lacking: bool (Q, 1 + N).
        fold: int64 (Q,).
        weight: float32 (Q,), how much a query counts; left out, all count 1.
    """

    signals: Numbers
    lacking: NDArray[np.bool_]
    fold: NDArray[np.int64]
    weight: Numbers = field(default_factory=lambda: np.empty(0, np.float32))

    def __post_init__(self) -> None:
        if len(self.weight) == 0:
            object.__setattr__(self, "weight", np.ones(len(self.fold), np.float32))
        if len(self.weight) != len(self.fold):
            raise ValueError(f"{len(self.weight)} weights for {len(self.fold)} queries")

    def __len__(self) -> int:
        return len(self.fold)

    def where(self, chosen: NDArray[np.bool_]) -> "Lessons":
        """The chosen queries."""
        return Lessons(*(getattr(self, one.name)[chosen] for one in fields(self)))

    def beside(self, other: "Lessons") -> "Lessons":
        """The same queries, each against its own negatives and those of ``other``."""
        signals = np.concatenate([self.signals, other.signals[:, 1:]], axis=1)
        return Lessons(signals, np.concatenate([self.lacking, other.lacking[:, 1:]], axis=1), self.fold, self.weight)

    @classmethod
    def join(cls, parts: "Sequence[Lessons]") -> "Lessons":
        """The queries of several blocks."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))


def learn_linear(lessons: Lessons, used: NDArray[np.bool_], name: str = "linear") -> LinearRanker:
    """Fit weights by maximum likelihood of the answers (softmax over answer and negatives), with a ridge.

    The loss is convex: ListNet's top-one form (Cao et al., Learning to Rank, ICML 2007) with one relevant document.

    Args:
        lessons: what to learn from.
        used: bool (F,), the signals that may be used; the others get weight 0.
        name: of the ranker.
    """
    there = lessons.signals[~lessons.lacking]
    known = ~np.isnan(there)
    count = known.sum(axis=0)
    centre = np.where(known, there, 0).sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    spread = np.sqrt(np.where(known, (there - centre) ** 2, 0).sum(axis=0, dtype=np.float64) / np.maximum(count, 1))
    live = used & (count > 0) & (spread > 1e-6)
    columns = np.flatnonzero(live)
    scale = spread[columns]
    part = lessons.signals[..., columns]
    absent = np.isnan(part)
    features = np.concatenate([np.where(absent, 0, (part - centre[columns]) / scale), absent], axis=2, dtype=np.float32)
    solved = _fit(features, lessons.lacking, lessons.weight)
    weights, missing = np.zeros(len(used), np.float32), np.zeros(len(used), np.float32)
    weights[columns] = solved[: len(columns)] / scale
    missing[columns] = solved[len(columns) :]
    return LinearRanker(name, weights, centre.astype(np.float32), missing)


def learn_cut(lessons: Lessons) -> LinearRanker:
    """What cuts the union of the sources to the pool: a linear order over the quick signals."""
    return learn_linear(lessons, quick_mask(), "cut")


def _fit(features: Numbers, lacking: NDArray[np.bool_], weight: Numbers) -> NDArray[np.float64]:
    counts = weight.astype(np.float64) / weight.sum(dtype=np.float64)
    ridge = _RIDGE / len(weight)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = (features @ weights.astype(np.float32)).astype(np.float64)
        scores[lacking] = -np.inf
        scores -= scores.max(axis=1, keepdims=True)
        share = np.exp(scores)
        share /= share.sum(axis=1, keepdims=True)
        value = -np.log(np.maximum(share[:, 0], 1e-300)) @ counts + ridge * weights @ weights
        share[:, 0] -= 1
        share *= counts[:, None]
        gradient = np.tensordot(share.astype(np.float32), features, axes=2)
        return float(value), gradient + 2 * ridge * weights

    result = minimize(loss, np.zeros(features.shape[2]), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return np.asarray(result.x)
