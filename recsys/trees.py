"""Boosted trees over the signals, by LightGBM: alone, or grown on what a linear ranker leaves. The only file that opens
their models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import BundleError, JobrecError
from recsys.rank import LinearRanker, Owner, Places, Ranker
from recsys.signals import NAMES

Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class TreeRanker:
    """The sum of a linear order, where there is one, and of trees that know what signals mean together.

    Attributes:
        name: "trees" where they stand alone, "ensemble" where they were grown on a linear order.
        linear: the order below; None: trees alone.
        model: LightGBM's own text form of the trees, over the signals in the order of ``NAMES``.
    """

    name: str
    linear: LinearRanker | None
    model: str

    @cached_property
    def _booster(self) -> Any:
        return import_lightgbm().Booster(model_str=self.model)

    @cached_property
    def _constant(self) -> float:
        """What the trees give on the average of what they were grown on; it says nothing about a posting."""
        return float(self._predict(np.full((1, len(NAMES)), np.nan, np.float32), pred_contrib=True)[0, -1])

    def _predict(self, rows: Numbers, **kind: bool) -> NDArray[np.float64]:
        # One thread: requests are shared out over threads as a whole.
        return np.asarray(self._booster.predict(rows, num_threads=1, **kind))

    def score(self, signals: Numbers) -> Numbers:
        """Scores (B, n) float32."""
        requests, pool, width = signals.shape
        if signals.size == 0:
            return np.zeros((requests, pool), np.float32)
        flat = np.ascontiguousarray(signals).reshape(-1, width)
        grown = (self._predict(flat, raw_score=True) - self._constant).astype(np.float32).reshape(requests, pool)
        return grown if self.linear is None else self.linear.score(signals) + grown

    def shares(self, signals: Numbers) -> Numbers:
        """What each signal adds, (B, n, F): the linear part exactly, of the trees their Shapley values.

        TreeSHAP: Lundberg et al., From local explanations to global understanding with explainable AI for trees,
        Nature Machine Intelligence 2 (2020).
        """
        grown = self._grown(signals)
        return grown if self.linear is None else self.linear.shares(signals) + grown

    def gains(self, signals: Numbers, there: Flags, at: Places, owner: Owner, kinds: int) -> Numbers:
        """As ``Ranker.gains``: of the trees, what the score loses with a kind's signals at those of an average posting.

        Signals of one kind are left out together: what one of them says the others know too, so that each alone would
        hardly be missed. Shapley values cost some ten times as much.
        """
        grown = self._without_each(np.take_along_axis(signals, at[..., None], 1), _means(signals, there), owner, kinds)
        return grown if self.linear is None else self.linear.gains(signals, there, at, owner, kinds) + grown

    def _without_each(self, signals: Numbers, means: Numbers, owner: Owner, kinds: int) -> Numbers:
        """For postings (B, k, F) the score of the trees less that with each kind left out: (B, k, kinds)."""
        lost = np.zeros((*signals.shape[:2], kinds), np.float32)
        if signals.size == 0:
            return lost
        width = signals.shape[2]
        asked = np.asarray(self._booster.feature_importance("split")) > 0
        used = np.unique(owner[..., asked])
        used = used[used >= 0]
        others = np.broadcast_to(means[:, None], signals.shape)
        left_out = [np.where(asked & (owner == one), others, signals) for one in used.tolist()]
        rows = np.stack([signals, *left_out]).reshape(-1, width)
        whole, *without = self._predict(rows, raw_score=True).reshape(len(used) + 1, *signals.shape[:2])
        for one, score in zip(used.tolist(), without, strict=True):
            lost[..., one] = whole - score
        return lost

    def _grown(self, signals: Numbers) -> Numbers:
        """Shapley values of the trees alone (B, n, F)."""
        if signals.size == 0:
            return np.zeros(signals.shape, np.float32)
        flat = np.ascontiguousarray(signals).reshape(-1, signals.shape[2])
        return self._predict(flat, pred_contrib=True)[:, :-1].astype(np.float32).reshape(signals.shape)

    @property
    def importances(self) -> dict[str, float]:
        """By signal, how much its splits of all trees lessen the loss."""
        return dict(zip(NAMES, map(float, self._booster.feature_importance("gain")), strict=True))

    def to_document(self) -> dict[str, Any]:
        """As JSON values."""
        below = None if self.linear is None else self.linear.to_document()
        return {"name": self.name, "names": list(NAMES), "linear": below, "model": self.model}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "TreeRanker":
        """The ranker that ``to_document`` gave.

        Raises:
            BundleError: its signals are not those of this version.
        """
        if document["names"] != list(NAMES):
            raise BundleError("the bundle's trees know other signals than this version; train again")
        below = document["linear"]
        linear = None if below is None else LinearRanker.from_document(below)
        return cls(str(document["name"]), linear, str(document["model"]))


def _means(signals: Numbers, there: Flags) -> Numbers:
    """Of each request and signal the mean over the postings that have it, (B, F); NaN where none has."""
    known = ~np.isnan(signals) & there[..., None]
    count = known.sum(axis=1)
    with np.errstate(invalid="ignore"):
        total = np.where(known, signals, np.float32(0)).sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan)).astype(np.float32)


def ranker_from_document(document: Mapping[str, Any]) -> Ranker:
    """The ranker that any ranker's ``to_document`` gave.

    Raises:
        BundleError: its signals are not those of this version.
    """
    return TreeRanker.from_document(document) if "model" in document else LinearRanker.from_document(document)


def import_lightgbm() -> Any:
    """LightGBM, imported when first needed.

    Raises:
        JobrecError: the system's OpenMP library is lacking.
    """
    try:
        import lightgbm
    except OSError as error:  # its own library could not be loaded
        raise JobrecError(f"LightGBM cannot be loaded ({error}): sudo apt install libgomp1") from None
    return lightgbm
