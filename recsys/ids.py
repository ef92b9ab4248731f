"""The one place where the customer's ids and our row numbers meet."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from recsys.errors import RequestError

_BLOCK: Final = 65_536  # ids that are Python objects at a time


class Ids:
    """A frozen map between ids (the customer's strings) and rows (positions 0..N-1).

    A board has millions of them in each worker's own memory, so they are one run of text and a sorted column of hashes,
    some 30 bytes an id, and no Python objects, which take 170.

    Args:
        ids: N distinct strings.
        what: the word for such a thing in error messages ("posting", "candidate").

    Raises:
        ValueError: an id stands twice.
    """

    def __init__(self, ids: "Sequence[str] | NDArray[np.object_] | pd.Series | pa.ChunkedArray", what: str) -> None:
        if isinstance(ids, pa.ChunkedArray):
            self._texts = ids.cast(pa.large_string()).combine_chunks()
        else:
            self._texts = pa.array(np.asarray(ids, dtype=object), pa.large_string())
        self.what = what
        if len(self) > 1 and self._some_twice():
            raise ValueError(f"a {what} id stands twice")

    def __len__(self) -> int:
        return len(self._texts)

    @cached_property
    def _index(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Python's hash of each id, ascending, and whose it is; of use in this process alone."""
        hashes = np.empty(len(self), np.int64)
        for at in range(0, len(self), _BLOCK):
            hashes[at : at + _BLOCK] = _hashes(self._texts[at : at + _BLOCK].to_pylist())
        order = np.argsort(hashes, kind="stable").astype(np.int32)
        return hashes[order], order

    def _some_twice(self) -> bool:
        hashes, order = self._index
        as_next = hashes[1:] == hashes[:-1]
        alike = np.zeros(len(hashes), bool)
        alike[1:] |= as_next
        alike[:-1] |= as_next
        texts = self.names(order[alike]).tolist()
        return len(set(texts)) < len(texts)

    def rows(self, ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int32]:
        """Rows (N,) int32 of ``ids``, -1 for an id that is not here."""
        wanted = list(ids)
        found = np.full(len(wanted), -1, np.int32)
        if not len(self):
            return found
        (hashes, order), asked = self._index, _hashes(wanted)
        at = np.minimum(np.searchsorted(hashes, asked), len(hashes) - 1)
        met = np.flatnonzero(hashes[at] == asked)
        found[met] = order[at[met]]
        for place, text in zip(met.tolist(), self.names(found[met]).tolist(), strict=True):
            if text != wanted[place]:  # two ids of one hash
                found[place] = self.find(wanted[place])
        return found

    def find(self, one: str) -> int:
        """The row of one id, -1 where it is not here: ``rows`` of one, at a fraction of its price."""
        (hashes, order), asked = self._index, hash(one)
        at = int(np.searchsorted(hashes, asked))
        while at < len(hashes) and hashes[at] == asked:
            row = int(order[at])
            if self._texts[row].as_py() == one:
                return row
            at += 1
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
        """The ids at ``rows`` (any shape), or all of them, as an object array of the caller's own."""
        if rows is None or isinstance(rows, slice):
            rows = np.arange(len(self))[slice(None) if rows is None else rows]
        at = np.asarray(rows, np.int64)
        flat = np.where(at < 0, at + len(self), at).ravel()
        names: NDArray[np.object_] = np.empty(len(flat), object)
        names[:] = self._texts.take(pa.array(flat)).to_pylist()
        return names.reshape(at.shape)


def _hashes(texts: Iterable[Any]) -> NDArray[np.int64]:
    return np.fromiter(map(hash, texts), np.int64)


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
