"""Shelves of many pages at once, as arrays: what one takes of a list, and where it stands."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.copies import Copies
from recsys.lists import Lists

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Shelf:
    """One shelf of B pages.

    Attributes:
        kind: of ``HomeSettings.shelves``.
        name: int8 (B,), which of the names that shelves have.
        about: int32 (B,), the posting that the name speaks of, -1 where it speaks of none.
        lists: (B, length); a list that is empty is no shelf of that page.
    """

    kind: str
    name: NDArray[np.int8]
    about: Rows
    lists: Lists


def claim(
    copies: Copies,
    lists: Lists,
    may: Flags,
    at: NDArray[np.intp],
    taken: NDArray[np.int64],
    length: int,
    least: int = 1,
) -> tuple[Lists, NDArray[np.int64]]:
    """Of each list the first that may be shown, and what is taken then.

    Args:
        copies: a copy of what is taken is taken too.
        lists: (b, m).
        may: bool (b, m), what comes into question.
        at: int (b,), of which requests.
        taken: int64, keys (request << 32 | group) of what stands on the pages already.
        length: so many of each list.
        least: where fewer are there, none.
    """
    keys = at.astype(np.int64)[:, None] << 32 | copies.group[np.maximum(lists.rows, 0)]
    free = may & (lists.rows >= 0) & ~np.isin(keys, taken)
    first = np.argsort(~free, axis=1, kind="stable")[:, :length]
    kept = np.take_along_axis(free, first, 1)
    kept &= kept.sum(axis=1, keepdims=True) >= least
    taken = np.union1d(taken, np.take_along_axis(keys, first, 1)[kept])
    return lists.places(first, kept, length), taken


def spread(kind: str, requests: int, at: NDArray[np.intp], name: NDArray[np.int8], about: Rows, shown: Lists) -> Shelf:
    """A shelf of the requests ``at`` as one of all requests, empty for the others."""

    def put(values: NDArray[Any], fill: float) -> NDArray[Any]:
        whole = np.full((requests, *values.shape[1:]), fill, values.dtype)
        whole[at] = values
        return whole

    reasons = shown.reasons
    if reasons is not None:
        reasons = replace(reasons, keys=put(reasons.keys, -1))
    columns = (put(shown.rows, -1), put(shown.scores, np.nan), put(shown.sources, 0))
    lists = Lists(*columns, reasons, calibration=shown.calibration)
    return Shelf(kind, put(name, 0), put(about, -1), lists)
