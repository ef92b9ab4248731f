"""What a signal is: a named column of what is known about a candidate and a posting together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: Families that can be switched off together: text, place, behaviour (collaborative), attributes, board, shown.
FAMILIES = ("text", "place", "behaviour", "attributes", "board", "shown")
NOTHING = np.float32(np.nan)  #: no evidence


@dataclass(frozen=True)
class Signal:
    """A column of the signal matrix; one made of two families names both."""

    name: str
    family: str
    meaning: str


def best(values: Numbers, known: Flags) -> Numbers:
    """Largest over the last axis of ``values`` (B, n, s) where ``known`` (B, s); NaN where nothing is known."""
    largest = np.where(known[:, None], values, np.float32(-np.inf)).max(axis=-1, initial=-np.inf)
    return np.where(np.isfinite(largest), largest, NOTHING)


def mean(values: Numbers, known: Flags) -> Numbers:
    """Mean over the last axis of ``values`` (B, n, s) where ``known`` (B, s); NaN where nothing is known."""
    count = known.sum(axis=1).astype(np.float32)[:, None]
    with np.errstate(invalid="ignore"):
        total = np.where(known[:, None], values, np.float32(0)).sum(axis=-1)
        return np.where(count > 0, total / np.maximum(count, 1), NOTHING)
