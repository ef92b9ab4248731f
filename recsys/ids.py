"""The one place where the customer's ids and our row numbers meet."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.errors import RequestError


class Ids:
    """A frozen map between ids (the customer's strings) and rows (positions 0..N-1).

    Args:
        ids: N distinct strings.
        what: the word for such a thing in error messages ("posting", "candidate").

    Raises:
        ValueError: an id stands twice.
    """

    def __init__(self, ids: Sequence[str] | NDArray[np.object_] | pd.Series, what: str) -> None:
        self._names = np.asarray(ids, dtype=object)
        self._names.setflags(write=False)
        self.what = what
        if pd.Index(self._names).has_duplicates:
            raise ValueError(f"a {what} id stands twice")

    def __len__(self) -> int:
        return len(self._names)

    @cached_property
    def _index(self) -> "pd.Index[Any]":
        index: pd.Index[Any] = pd.Index(self._names)
        return index

    def rows(self, ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int32]:
        """Rows (N,) int32 of ``ids``, -1 for an id that is not here."""
        return self._index.get_indexer(pd.Index(np.asarray(ids, dtype=object))).astype(np.int32)

    def find(self, one: str) -> int:
        """The row of one id, -1 where it is not here: ``rows`` of one, at a twentieth of its price."""
        try:
            return int(self._index.get_loc(one))  # type: ignore[arg-type]  # no id stands twice
        except KeyError:
            return -1

    def row(self, one: str) -> int:
        """The row of one id.

        Raises:
            RequestError: there is no such id.
        """
        row = self.find(one)
        if row < 0:
            raise RequestError(f"there is no {self.what} with the id {one!r} in this bundle")
        return row

    def names(self, rows: NDArray[np.integer] | Sequence[int] | slice | None = None) -> NDArray[np.object_]:
        """The ids at ``rows`` (any shape), or all of them, as an object array."""
        return self._names if rows is None else self._names[rows]


class GrownIds(Ids):
    """The ids of a bundle and those that came later, in rows behind; an id that came again stands for its last row.

    Args:
        base: of the bundle.
        names: ids of the rows behind the base; may grow, what lies beyond ``count`` is not seen.
        rows_of: rows of each of them, ascending; may grow likewise.
        count: rows behind the base.
    """

    def __init__(self, base: Ids, names: list[str], rows_of: Mapping[str, Sequence[int]], count: int) -> None:
        self.what = base.what
        self._base, self._newer, self._rows_of, self._count = base, names, rows_of, count

    def __len__(self) -> int:
        return len(self._base) + self._count

    def rows(self, ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int32]:
        """As in ``Ids``."""
        found = self._base.rows(ids)
        for at, one in enumerate(ids):
            newer = self._newest(one)
            if newer >= 0:
                found[at] = newer
        return found

    def find(self, one: str) -> int:
        """As in ``Ids``."""
        newer = self._newest(one)
        return newer if newer >= 0 else self._base.find(one)

    def _newest(self, one: str) -> int:
        rows = self._rows_of.get(one)
        if rows is None:
            return -1
        seen = bisect_left(rows, len(self))  # what came after this map was made lies behind
        return rows[seen - 1] if seen else -1

    def names(self, rows: NDArray[np.integer] | Sequence[int] | slice | None = None) -> NDArray[np.object_]:
        """As in ``Ids``."""
        if rows is None or isinstance(rows, slice):
            newer = np.array(self._newer[: self._count], dtype=object)
            return np.concatenate([self._base.names(), newer])[slice(None) if rows is None else rows]
        wanted = np.asarray(rows)
        inside = wanted < len(self._base)
        names = np.empty(wanted.shape, object)
        names[inside] = self._base.names(wanted[inside])
        names[~inside] = [self._newer[row - len(self._base)] for row in wanted[~inside].tolist()]
        return names
