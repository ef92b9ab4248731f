"""Postings that have vectors now: described all at once, placed in the order of the log."""

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import RequestError
from recsys.grow import Growth
from recsys.newcomers import Describer, Newcomers
from serving.live.reading import Unreadable, in_parts
from serving.live.waiting import Waiting

log = logging.getLogger(__name__)


class Arrivals:
    """Places postings beside those of the bundle; of one thread.

    Args:
        growth: of the catalogue.
        describer: of the bundle.
    """

    def __init__(self, growth: Growth, describer: Describer) -> None:
        self._growth, self._describer = growth, describer
        self._described: dict[int, tuple[Newcomers, int] | Unreadable] = {}  # by position: in which table, which row
        self.unplaced = 0  #: that there was no room for

    def describe(self, ready: Sequence[Waiting]) -> None:
        """Describe what is then placed.

        Raises:
            StoreError: the store failed, not a document.
        """
        self._described, at = {}, 0
        for count, found in in_parts(self._describer.describe, [one.document for one in ready]):
            for row, one in enumerate(ready[at : at + count]):
                self._described[one.position] = found if isinstance(found, Unreadable) else (found, row)
            at += count

    def place(self, some: Sequence[Waiting]) -> list[tuple[Waiting, Unreadable]]:
        """Add some of what was described, each id once; what came and went is taken down again.

        Returns:
            those that cannot be read.
        """
        readable: list[tuple[Newcomers, int, bool]] = []
        unreadable: list[tuple[Waiting, Unreadable]] = []
        for one in some:
            found = self._described.pop(one.position)
            if isinstance(found, Unreadable):
                unreadable.append((one, found))
            else:
                readable.append((*found, one.changes))
        for _, group in groupby(readable, key=lambda found: id(found[0])):
            tables, rows, changes = zip(*group, strict=True)
            self._add(tables[0].take(np.array(rows, np.intp)), np.array(changes, bool))
        self._growth.remove([one.key for one in some if one.gone])
        return unreadable

    def _add(self, newcomers: Newcomers, changes: NDArray[np.bool_]) -> None:
        """Add them, or as many as there is room for; of one that changed and has no room, the old words still count."""
        if len(newcomers) <= self._growth.room:
            self._growth.add(newcomers, changes)
            return
        for at in range(len(newcomers)):
            try:
                self._growth.add(newcomers.take(np.array([at])), changes[[at]])
            except RequestError as error:
                if not self.unplaced:
                    log.error("%s", error)
                self.unplaced += 1


def each_id_once(ready: Sequence[Waiting]) -> Iterator[Sequence[Waiting]]:
    """The same in their order, cut before a posting whose id was there already since the last cut."""
    start, seen = 0, set[Any]()
    for at, one in enumerate(ready):
        if one.kind != "posting":
            continue
        if one.key in seen:
            yield ready[start:at]
            start, seen = at, set()
        seen.add(one.key)
    if start < len(ready):
        yield ready[start:]
