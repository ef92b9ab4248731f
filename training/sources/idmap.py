"""Ids to row numbers while files are read, and which event ids were there before."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_MERGE_AT: Final = 1 << 20


class IdMap:
    """Gives each new id the next row number."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def ids(self) -> list[str]:
        """All ids by row."""
        return list(self._rows)

    def find(self, ids: pd.Series) -> NDArray[np.int32]:
        """Row of each id (n,), -1 where unknown or missing."""
        codes, uniques = pd.factorize(ids)
        rows = [self._rows.get(value, -1) for value in uniques.to_numpy(dtype=object)]
        return np.array([*rows, -1], dtype=np.int32)[codes]

    def add(self, ids: pd.Series) -> NDArray[np.int32]:
        """Row of each id (n,), new ones numbered in order of appearance; -1 where missing."""
        codes, uniques = pd.factorize(ids)
        rows = [self._rows.setdefault(value, len(self._rows)) for value in uniques.to_numpy(dtype=object)]
        return np.array([*rows, -1], dtype=np.int32)[codes]


class SeenBefore:
    """Which texts have come before, in 8 bytes a text: 64-bit hashes, so that 100 million of them take 0.8 GB.

    Two different texts are taken for one with a probability of n^2 / 2^65: under 1 in 3,000 for a single mistake
    among 100 million.
    """

    def __init__(self) -> None:
        self._sorted = np.empty(0, dtype=np.uint64)
        self._recent: list[NDArray[np.uint64]] = []
        self._count = 0

    def repeated(self, values: pd.Series) -> NDArray[np.bool_]:
        """True (n,) where the same text came before, in this call or an earlier one; False where missing."""
        known = values.notna().to_numpy()
        again = np.zeros(len(values), dtype=bool)
        hashes = pd.util.hash_array(values[known].astype(object).to_numpy(), categorize=False)
        within = pd.Series(hashes).duplicated().to_numpy()
        before = self._among(self._sorted, hashes)
        for recent in self._recent:
            before |= self._among(recent, hashes)
        again[known] = within | before
        self._remember(hashes[~(within | before)])
        return again

    @staticmethod
    def _among(ordered: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        if not len(ordered):
            return np.zeros(len(hashes), dtype=bool)
        at = np.minimum(np.searchsorted(ordered, hashes), len(ordered) - 1)
        return np.asarray(ordered[at] == hashes)

    def _remember(self, hashes: NDArray[np.uint64]) -> None:
        self._recent.append(np.sort(hashes))
        self._count += len(hashes)
        # Merging ever larger parts keeps the cost of all merges at n log n.
        if self._count >= max(_MERGE_AT, len(self._sorted) // 4) or len(self._recent) > 8:
            self._recent = [np.sort(np.concatenate(self._recent))]
            if self._count >= max(_MERGE_AT, len(self._sorted) // 4):
                self._sorted = np.sort(np.concatenate([self._sorted, *self._recent]))
                self._recent, self._count = [], 0
