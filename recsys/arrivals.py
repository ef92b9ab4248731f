"""Copies among postings that arrive: each joins a group as it comes, so that the grain of additions does not show."""

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.config import CopySettings
from recsys.copies import Copies, later_first
from recsys.sketch import Sketches

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]

_COMPARED: Final = 2000  # postings of one key that a newcomer is compared with, the latest


class Arrivals:
    """The rows behind those of a bundle by their keys; the one writer of a growing ``Copies``.

    Args:
        settings: see there.
    """

    def __init__(self, settings: CopySettings) -> None:
        self._settings = settings
        self._keyed: dict[int, array[int]] = {}

    def join(self, copies: Copies, sketches: Sketches, rows: Rows) -> list[int]:
        """Write the rows of newcomers, (R,) ascending and without a gap; those of them that are copies."""
        at, keys = slice(int(rows[0]), int(rows[-1]) + 1), sketches.keys.tolist()
        copies.keys[at], copies.texts[at] = sketches.keys, sketches.texts
        copies.group[at] = copies.freshest[at] = rows
        joined = []
        for row, key in zip(rows.tolist(), keys, strict=True):
            if key:
                group = copies.joined(copies.texts[row], self._of_key(copies, key)[-_COMPARED:], self._settings)
                self._keyed.setdefault(key, array("i")).append(row)
                if group >= 0:
                    copies.group[row] = group
                    copies.several[[row, group]] = True  # earlier snapshots may look for copies in vain
                    joined.append(row)
        return joined

    def freshened(
        self, copies: Copies, rows: Sequence[int], posted: NDArray[np.float64], open_: Flags, gone: Flags
    ) -> dict[int, int]:
        """The freshest of those groups of ``rows`` in which it is another one than ``copies`` says, by lowest row.

        Args:
            copies: as they stand.
            rows: that came, went, or were dated otherwise.
            posted: float64 (P,), as in ``Attributes``.
            open_: bool (P,), as in ``Catalogue``, as is the next.
            gone: bool (P,).
        """
        found: dict[int, int] = {}
        for row in rows:
            group, key = int(copies.group[row]), int(copies.keys[row])
            if key and group not in found:
                alike = self._of_key(copies, key)
                members = alike[copies.group[alike] == group]
                order = later_first(posted[members], open_[members] & ~gone[members])
                found[group] = int(members[order[0]])
        return {group: row for group, row in found.items() if copies.freshest[group] != row}

    def _of_key(self, copies: Copies, key: int) -> Rows:
        """All rows of a key, those of what is gone and of what changed, too: a vacancy may be put up again."""
        return np.concatenate([copies.known(key), np.array(self._keyed.get(key, ()), np.int32)])
