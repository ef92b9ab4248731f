"""Copies: postings of one vacancy, put up again or brought by several feeds. A group is named by its lowest row.

Two postings are copies where the keys of their sketches are equal and their texts are alike enough; what is a copy of a
copy belongs to the group, too. A newcomer joins the group of the posting that it is most alike: groups that it stands
between are joined by the next training, not by it.
"""

from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from recsys.config import CopySettings
from recsys.sketch import BINS, Sketches, likeness

Rows = NDArray[np.int32]
Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]
Times = NDArray[np.float64]

Index = TypeVar("Index", bound=np.signedinteger)

_BAND: Final = 4  # bytes of a sketch that must be equal for two texts to be compared
_BANDS: Final = BINS // _BAND
_BESIDE: Final = 3  # postings of the same band that each is compared with


@dataclass(frozen=True)
class Copies:
    """Which of P postings are copies of one another.

    Attributes:
        group: int32 (P,), the lowest row of the posting's group: its own where it has no copies.
        freshest: int32 (P,), at the lowest row of a group the row of its open posting that was posted last, the
            lowest of them where none has a date; elsewhere without a meaning.
        keys, texts: of ``Sketches``.
        order: int32 (N,), the rows that training knew by ascending key.
        several: bool (P,), False for postings that have no copies; left out, it is found by the groups.
    """

    group: Rows
    freshest: Rows
    keys: NDArray[np.uint64]
    texts: NDArray[np.uint8]
    order: Rows
    several: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))

    def __post_init__(self) -> None:
        if len(self.several) == 0:
            object.__setattr__(self, "several", several_of(self.group))

    @classmethod
    def of(cls, sketches: Sketches, group: Rows, open_: NDArray[np.bool_], posted: Times) -> "Copies":
        """The copies among P postings.

        Args:
            sketches: of the postings.
            group: of ``groups``.
            open_: bool (P,), may be recommended.
            posted: float64 (P,), seconds since 1970, NaN where not known.
        """
        order = np.argsort(sketches.keys, kind="stable").astype(np.int32)
        return cls(group, freshest_of(group, open_, posted), sketches.keys, sketches.texts, order)

    def known(self, key: int) -> Rows:
        """The rows that training knew under a key, ascending."""
        keys = self.keys[: len(self.order)]
        at, to = (np.searchsorted(keys, np.uint64(key), side, sorter=self.order) for side in ("left", "right"))
        return self.order[at:to]

    def joined(self, text: NDArray[np.uint8], among: Rows, settings: CopySettings) -> int:
        """The group that a text belongs to, of the postings ``among`` that have its key, ascending; -1: to none."""
        if len(among) == 0 or not settings.found:
            return -1
        alike = likeness(self.texts[among], text)
        best = int(np.argmax(alike))
        return int(self.group[among[best]]) if alike[best] >= settings.alike else -1

    def same(self, rows: Rows, others: Rows) -> NDArray[np.bool_]:
        """Which rows (any shape), -1 for none, are those of ``others`` (broadcast, none -1) or copies of them."""
        same: NDArray[np.bool_] = (rows >= 0) & (self.group[rows] == self.group[others])
        return same

    def fresher(self, rows: Rows, posted: Times) -> Rows:
        """For rows (any shape), -1 for none, the freshest of their groups where that was posted later."""
        best = self.freshest[self.group[rows]]
        return np.where((rows >= 0) & later(posted[best], posted[rows]), best, rows)

    def members(self, groups: Rows) -> tuple[NDArray[np.intp], Rows]:
        """All postings of groups (G,) by their lowest rows: at which of them each stands, ascending, and its row."""
        keys, count = self.keys[groups], len(self.order)
        late = np.flatnonzero(self.keys[count:] != 0) + count
        late = late[np.isin(self.keys[late], keys)].astype(np.int32)
        at, rows = _under(keys, self.keys[:count], self.order)
        at_late, which = _under(keys, self.keys[late], np.argsort(self.keys[late], kind="stable"))
        at, rows = np.concatenate([at, at_late]), np.concatenate([rows, late[which]])
        kept = np.flatnonzero((self.group[rows] == groups[at]) & (keys[at] != 0))
        kept = kept[np.argsort(at[kept], kind="stable")]
        return at[kept], rows[kept]


def later(one: Times, other: Times) -> NDArray[np.bool_]:
    """Which moments are later than others; any is later than one that is not known, NaN."""
    return np.asarray((one > other) | (np.isnan(other) & ~np.isnan(one)))


def _under(
    wanted: NDArray[np.uint64], keys: NDArray[np.uint64], order: NDArray[Index]
) -> tuple[NDArray[np.intp], NDArray[Index]]:
    """Where among ``keys`` (N,), whose order is given, those stand that are wanted (G,): which of these, and where."""
    low, high = (np.searchsorted(keys, wanted, side, sorter=order) for side in ("left", "right"))
    length = high - low
    at = np.repeat(np.arange(len(wanted)), length)
    return at, order[np.arange(len(at)) - np.repeat(np.cumsum(length) - length, length) + np.repeat(low, length)]


def several_of(group: Rows) -> NDArray[np.bool_]:
    """``Copies.several`` of P postings."""
    several: NDArray[np.bool_] = group != np.arange(len(group), dtype=np.int32)
    several[group[several]] = True
    return several


def freshest_of(group: Rows, open_: NDArray[np.bool_], posted: Times) -> Rows:
    """``Copies.freshest`` of P postings."""
    freshest = np.arange(len(group), dtype=np.int32)
    copied = np.flatnonzero(group != freshest)
    rows = np.union1d(group[copied], copied)
    rows = rows[later_first(posted[rows], open_[rows])]
    order = rows[np.argsort(group[rows], kind="stable")]
    first = np.diff(group[order], prepend=-1) != 0
    freshest[group[order[first]]] = order[first]
    return freshest


def later_first(posted: Times, shown: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The order (M,) of postings in ascending rows: what is shown first, then what was posted later, then by row."""
    return np.lexsort((np.where(np.isnan(posted), np.inf, -posted), ~shown))


def groups(sketches: Sketches, settings: CopySettings) -> Rows:
    """``Copies.group`` of P postings: int32 (P,).

    Postings of one key are sorted by each band of their sketches in turn and compared with the few that then stand
    beside them, so that thousands of one employer cost no more than thousands of many.
    """
    own = np.arange(len(sketches.keys), dtype=np.int32)
    if not settings.found:
        return own
    rows = _several(sketches.keys)
    keys, texts = sketches.keys[rows], sketches.texts[rows]
    bands = np.ascontiguousarray(texts).view(np.uint32)
    links: list[Pairs] = []
    for band in range(_BANDS if len(rows) else 0):
        order = np.lexsort((bands[:, (band + 1) % _BANDS], bands[:, band], keys))
        for step in range(1, _BESIDE + 1):
            one, other = order[:-step], order[step:]
            same = (keys[one] == keys[other]) & (bands[one, band] == bands[other, band])
            one, other = one[same], other[same]
            alike = likeness(texts[one], texts[other]) >= settings.alike
            links.append((one[alike], other[alike]))
    own[rows] = _lowest(links, rows)
    return own


def _several(keys: NDArray[np.uint64]) -> Rows:
    """The rows whose key is another's too, ascending."""
    order = np.argsort(keys, kind="stable")
    same = np.zeros(len(keys) + 1, bool)
    same[1:-1] = keys[order[1:]] == keys[order[:-1]]
    return np.sort(order[(same[1:] | same[:-1]) & (keys[order] != 0)]).astype(np.int32)


def _lowest(links: list[Pairs], rows: Rows) -> Rows:
    """Of each of ``rows``, ascending, the lowest that is linked with it."""
    if not links:
        return rows
    one, other = (np.concatenate([pair[at] for pair in links]) for at in (0, 1))
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(rows), len(rows)))
    part = connected_components(graph, directed=False)[1]
    first = np.full(int(part.max(initial=-1)) + 1, len(rows), np.int64)
    np.minimum.at(first, part, np.arange(len(rows)))
    lowest: Rows = rows[first[part]]
    return lowest
