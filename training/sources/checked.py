"""One piece while it is checked: which of its rows are still good, and what was dropped from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.sources.rejects import Rejects

#: A checked column: text and words as ``str`` Series, numbers, times and flags as arrays, ``locations`` as lists.
Values = pd.Series | NDArray[Any] | list[Any]


@dataclass(frozen=True)
class _Dropped:
    column: str
    reason: str
    places: NDArray[np.intp]
    raw: list[str | None]


class Checked:
    """Collects verdicts on the rows of a piece and reports them, a row's rejection before its dropped values.

    Attributes:
        good: bool (n,), rows not rejected so far.
    """

    def __init__(self, table: str, file: str, rows: NDArray[np.int64], rejects: Rejects) -> None:
        self.table = table
        self.file = file
        self.rows = rows
        self.good = np.ones(len(rows), dtype=bool)
        self._rejects = rejects
        self._dropped: list[_Dropped] = []
        rejects.table(table).read += len(rows)

    def reject(self, mask: NDArray[np.bool_], column: str, reason: str, raw: pd.Series) -> None:
        """Sets aside the rows in ``mask`` that are still good."""
        for at in np.flatnonzero(mask & self.good):
            self._rejects.row(self.table, self.file, int(self.rows[at]), column, reason, _raw(raw.iloc[at]))
        self.good &= ~mask

    def drop(self, mask: NDArray[np.bool_], column: str, reason: str, raw: pd.Series) -> None:
        """Notes values that were set to missing (or cut), if their rows turn out good."""
        if mask.any():
            places = np.flatnonzero(mask)
            self._dropped.append(_Dropped(column, reason, places, [_raw(raw.iloc[at]) for at in places]))

    def finish(self) -> NDArray[np.bool_]:
        """Reports the dropped values of the good rows and returns ``good``."""
        for dropped in self._dropped:
            for at, raw in zip(dropped.places, dropped.raw, strict=True):
                if self.good[at]:
                    row = int(self.rows[at])
                    self._rejects.dropped(self.table, self.file, row, dropped.column, dropped.reason, raw)
        self._dropped = []
        return self.good


def _raw(value: object) -> str | None:
    return None if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)[:1000]
