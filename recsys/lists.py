"""Answers as arrays, in rows of a catalogue."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys.arrange import Number
from recsys.calibrate import Calibration
from recsys.explain import Reasons

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

SHARED = 50  #: of the first so many postings of a list shares are given: those of trees cost a millisecond each


@dataclass(frozen=True)
class Lists:
    """Answers to B requests.

    Attributes:
        rows: int32 (B, k), catalogue rows, best first, -1 where fewer.
        scores: float32 (B, k), NaN where the row is -1.
        sources: uint8 (B, k), bits of ``recsys.pool.SOURCES``.
        reasons: None unless asked for.
        shares: float32 (B, k, F), what each signal adds to the score, of the first ``SHARED`` postings at most; None
            unless asked for.
        calibration: of the order that made them; None where its scores have no probabilities.
    """

    rows: Rows
    scores: Numbers
    sources: NDArray[np.uint8]
    reasons: Reasons | None = None
    shares: Numbers | None = None
    calibration: Calibration | None = None

    def take(self, at: NDArray[np.intp]) -> "Lists":
        """The answers at ``at``, in that order."""
        reasons = None if self.reasons is None else replace(self.reasons, keys=self.reasons.keys[at])
        shares = None if self.shares is None else self.shares[at]
        return Lists(self.rows[at], self.scores[at], self.sources[at], reasons, shares, self.calibration)

    def places(self, at: NDArray[np.intp], kept: NDArray[np.bool_], length: int) -> "Lists":
        """Places ``at`` (B, m) of the lists, in that order, where ``kept``, bool (B, m): lists of ``length`` >= m."""
        beyond = ((0, 0), (0, length - at.shape[1]))

        def take(values: NDArray[Number], fill: float) -> NDArray[Number]:
            chosen = np.where(kept, np.take_along_axis(values, at, 1), fill).astype(values.dtype)
            return np.pad(chosen, beyond, constant_values=fill)

        reasons = self.reasons
        if reasons is not None:
            keys = np.where(kept[..., None], np.take_along_axis(reasons.keys, at[..., None], 1), -1)
            reasons = replace(reasons, keys=np.pad(keys, (*beyond, (0, 0)), constant_values=-1))
        rows, scores, sources = take(self.rows, -1), take(self.scores, np.nan), take(self.sources, 0)
        return Lists(rows, scores, sources, reasons, calibration=self.calibration)

    @property
    def probabilities(self) -> Numbers:
        """float32 (B, k), see ``recsys.calibrate``; NaN without a calibration and beyond a list's end."""
        if self.calibration is None:
            return np.full(self.scores.shape, np.nan, np.float32)
        return self.calibration.of(self.scores)


def join(parts: list[Lists], k: int) -> Lists:
    """The requests of several answers of one order, (B, k)."""
    if not parts:
        empty = np.empty((0, k))
        return Lists(empty.astype(np.int32), empty.astype(np.float32), empty.astype(np.uint8))
    if len(parts) == 1 and parts[0].rows.shape[1] == k:
        return parts[0]
    reasons = [part.reasons for part in parts]
    shares = [part.shares for part in parts if part.shares is not None]
    return Lists(
        _stack([part.rows for part in parts], k, -1),
        _stack([part.scores for part in parts], k, np.nan),
        _stack([part.sources for part in parts], k, 0),
        Reasons.join([one for one in reasons if one is not None], k) if None not in reasons else None,
        _stack(shares, min(k, SHARED), np.nan) if len(shares) == len(parts) else None,
        parts[0].calibration,
    )


def _stack(arrays: list[NDArray[Number]], k: int, fill: float) -> NDArray[Number]:
    """One array (B, k, ...) of parts (b, <= k, ...)."""
    beyond = [((0, 0), (0, k - a.shape[1]), *[(0, 0)] * (a.ndim - 2)) for a in arrays]
    padded = [np.pad(a, width, constant_values=fill) for a, width in zip(arrays, beyond, strict=True)]
    return np.concatenate(padded)
