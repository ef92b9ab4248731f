"""Rankers: from the signal matrix to one number a posting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.errors import BundleError
from recsys.signals import COLUMN, FAMILIES, NAMES, SIGNALS
from recsys.signals_behaviour import KIN

Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]
Places = NDArray[np.integer]
Owner = NDArray[np.int8]


class Ranker(Protocol):
    """Orders a pool. A higher score is better; scores of different requests cannot be compared."""

    @property
    def name(self) -> str:
        """What it is called in reports and manifests."""
        ...

    def score(self, signals: Numbers) -> Numbers:
        """Scores (B, n) float32 of a signal matrix (B, n, F)."""
        ...

    def shares(self, signals: Numbers) -> Numbers:
        """What each signal adds to the score: (B, n, F); they sum to the score."""
        ...

    def gains(self, signals: Numbers, there: Flags, at: Places, owner: Owner, kinds: int) -> Numbers:
        """What each kind of evidence adds to chosen postings beyond what it adds to an average one of their pool.

        Args:
            signals: float32 (B, n, F).
            there: bool (B, n), False for padding.
            at: int (B, k), positions in the pool of the postings that are asked about.
            owner: int8 (B, k, F), which kind of evidence each signal of these postings speaks of, -1 for none.
            kinds: how many there are.

        Returns:
            float32 (B, k, kinds).
        """
        ...

    def to_document(self) -> dict[str, Any]:
        """As JSON values, from which ``recsys.trees.ranker_from_document`` makes it again."""
        ...


@dataclass(frozen=True)
class LinearRanker:
    """A weighted sum of centred signals; a missing one adds a constant of its own.

    Attributes:
        name: "blend" where the weights are set by hand, "linear" where they are learned.
        weights: float32 (F,).
        centre: float32 (F,), subtracted from a signal before it is weighted.
        missing: float32 (F,), added where the signal is NaN.
    """

    name: str
    weights: Numbers
    centre: Numbers
    missing: Numbers

    def score(self, signals: Numbers) -> Numbers:
        """Scores (B, n) float32."""
        absent = np.isnan(signals)
        centred = signals - self.centre
        centred[absent] = 0
        result: Numbers = np.matmul(centred, self.weights) + np.matmul(absent.astype(np.float32), self.missing)
        return result

    def shares(self, signals: Numbers) -> Numbers:
        """What each signal adds, (B, n, F), exactly."""
        return np.where(np.isnan(signals), self.missing, (signals - self.centre) * self.weights).astype(np.float32)

    def gains(self, signals: Numbers, there: Flags, at: Places, owner: Owner, kinds: int) -> Numbers:
        """As ``Ranker.gains``: the shares of a kind's signals less their mean over the postings that are there."""
        shares = self.shares(signals)
        number = np.maximum(there.sum(axis=1), 1)[:, None, None]
        mean = np.where(there[..., None], shares, 0).sum(axis=1, keepdims=True) / number
        beyond = np.take_along_axis(shares, at[..., None], 1) - mean
        place = np.arange(owner[..., 0].size).reshape(*owner.shape[:2], 1) * kinds + owner
        sums = np.bincount(place[owner >= 0], beyond[owner >= 0], minlength=owner[..., 0].size * kinds)
        return sums.astype(np.float32).reshape(*owner.shape[:2], kinds)

    def to_document(self) -> dict[str, Any]:
        """As JSON values, by the signal's name."""
        rows = zip(NAMES, self.weights, self.centre, self.missing, strict=True)
        return {
            "name": self.name,
            "signals": {name: [float(w), float(c), float(m)] for name, w, c, m in rows},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "LinearRanker":
        """The ranker that ``to_document`` gave.

        Raises:
            BundleError: its signals are not those of this version.
        """
        stored = document["signals"]
        if set(stored) != set(NAMES):
            odd = sorted(set(stored) ^ set(NAMES))
            raise BundleError(
                f"the bundle's ranker knows other signals than this version ({', '.join(odd)}); train again"
            )
        table = np.array([stored[name] for name in NAMES], np.float32)
        return cls(str(document["name"]), *(np.ascontiguousarray(table[:, at]) for at in range(3)))


def blend(weights: Mapping[str, float], name: str = "blend") -> LinearRanker:
    """A ranker with weights set by hand, by signal; a missing signal adds nothing."""
    vector = np.zeros(len(NAMES), np.float32)
    for signal, weight in weights.items():
        vector[COLUMN[signal]] = weight
    zeros = np.zeros(len(NAMES), np.float32)
    return LinearRanker(name, vector, zeros, zeros)


#: The order of a board that has too few events to learn one: likeness of titles plus twice the nearness, the best pair
#: of signals on the validation queries of a real board; the rest breaks ties and serves those who bring less.
HAND_SET = blend(
    {
        "title_any": 1.0,
        "near_any": 2.0,
        "title_profile": 1.5,  # where only a CV is known these two stand against twice the nearness
        "text_profile": 1.5,
        "words_text_profile": 1.5,  # as much as the other two: what found most on CVs and on halves of postings
        "text_viewed": 0.5,
        "factors": 0.2,
        "cooccur": 0.1,
        "popularity": 0.1,
        "skills_met": 0.3,
        "seniority_gap": 0.1,
        "pay_fit": 0.1,
        "remote_fit": 0.3,
        "freshness": 0.1,
    }
)


def single(signal: str) -> LinearRanker:
    """The order by one signal alone; where it is missing, last."""
    alone = blend({signal: 1.0}, name=signal)
    missing = alone.missing.copy()
    missing[COLUMN[signal]] = -1e6
    return LinearRanker(signal, alone.weights, alone.centre, missing)


def sum_mask(without: str = "") -> NDArray[np.bool_]:
    """Which signals a learned sum may use, bool (F,): as ``family_mask``, less those that only trees gain by."""
    return family_mask(without) & ~np.isin(NAMES, KIN)


def family_mask(without: str = "") -> NDArray[np.bool_]:
    """Which signals may be used, bool (F,): all but those that one family has a part in."""
    if without and without not in FAMILIES:
        raise ValueError(f"{without!r} is no family of signals; there are {', '.join(FAMILIES)}")
    return np.array([without not in signal.family.split() for signal in SIGNALS])
