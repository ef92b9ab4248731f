"""Inverted lists of words, neighbourhood by neighbourhood: which postings of a region use a word, and how strongly.

A vector index finds what is alike as a whole; what shares a rare word with a profile it may rank in the middle of a
large city. Here the words themselves are looked up, so that tens of thousands of postings compete at the price of the
few that share a word.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.geo import Grid
from recsys.terms import Terms

Rows = NDArray[np.int32]
Whole = NDArray[np.int64]

_BLOCK = 4096  # places in a block, unless a single cell has more
_DEPTH = 1024  # places kept of a word in a block: a word that more postings use says little
IMPACT = 255  #: a word that is all of a text has this impact


@dataclass(frozen=True)
class WordLists:
    """Places of open postings in blocks of neighbouring cells, and for each block and word the places that use it.

    Attributes:
        block: int32 (G + 1,), the block of each grid cell; the cell after the last is "anywhere", alone in its block.
        first: int64 (blocks + 1,), block b has the places first[b] ... first[b + 1] - 1.
        rows: int32 (E,), posting row of each place, ascending in a block.
        cell: int32 (E,), its cell.
        start: int64 (blocks * V + 1,), word with code w has in block b the entries start[b * V + w - 1] ... of the two
            below; V words.
        place: int32 (N,), number of the place within its block; the heaviest users of the word first.
        impact: uint8 (N,), ``IMPACT`` times what the word weighs there.
    """

    block: Rows
    first: Whole
    rows: Rows
    cell: Rows
    start: Whole
    place: Rows
    impact: NDArray[np.uint8]

    @property
    def words(self) -> int:
        """V, the number of words."""
        return (len(self.start) - 1) // (len(self.first) - 1)


def build_word_lists(grid: Grid, cell: Whole, rows: Rows, terms: Terms, words: int) -> WordLists:
    """Lists of E places.

    Args:
        grid: of G cells.
        cell: int64 (E,), cell of each place, G for "anywhere".
        rows: int32 (E,), posting row of each place.
        terms: texts of all postings.
        words: size of the vocabulary.
    """
    block = blocks_of(grid, _BLOCK)
    blocks = int(block[-1]) + 1
    order = np.lexsort((cell, rows, block[cell]))
    rows, cell = rows[order], cell[order]
    first = np.searchsorted(block[cell], np.arange(blocks + 1)).astype(np.int64)
    lengths, places, impacts = [], [], []
    for one in range(blocks):
        length, place, impact = _lists(terms, rows[first[one] : first[one + 1]], words)
        lengths.append(length)
        places.append(place)
        impacts.append(impact)
    return WordLists(
        block=block,
        first=first,
        rows=rows,
        cell=cell.astype(np.int32),
        start=np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64),
        place=np.concatenate(places),
        impact=np.concatenate(impacts),
    )


def _lists(terms: Terms, rows: Rows, words: int) -> tuple[Whole, Rows, NDArray[np.uint8]]:
    """The lists of one block: length for each word (V,), then places and impacts, word by word."""
    codes, weights = terms.at(rows)
    impact = np.rint(weights * IMPACT).astype(np.int64)
    place, slot = np.nonzero((codes > 0) & (impact > 0))
    code, impact = codes[place, slot].astype(np.int64) - 1, impact[place, slot]
    order = np.lexsort((place, -impact, code))
    code, impact, place = code[order], impact[order], place[order]
    kept = np.arange(len(code)) - np.searchsorted(code, code) < _DEPTH
    return np.bincount(code[kept], minlength=words), place[kept].astype(np.int32), impact[kept].astype(np.uint8)


def blocks_of(grid: Grid, most: int) -> Rows:
    """Cells in blocks of neighbours, halved until no block has more than ``most`` places: int32 (G + 1,).

    A cell is never split. "Anywhere", the cell after the last, has a block of its own, the last.
    """
    block = np.zeros(len(grid.counts) + 1, np.int32)
    number, waiting = 0, [np.arange(len(grid.counts))] if len(grid.counts) else []
    while waiting:
        cells = waiting.pop()
        counts = grid.counts[cells]
        if counts.sum() <= most or len(cells) == 1:
            block[cells] = number
            number += 1
            continue
        centres = grid.centres[cells]
        cells = cells[np.lexsort((cells, centres[:, int(np.argmax(np.ptp(centres, axis=0)))]))]
        total = np.cumsum(grid.counts[cells])
        half = int(np.clip(np.searchsorted(total, total[-1] / 2), 1, len(cells) - 1))
        waiting += [cells[half:], cells[:half]]
    block[-1] = number
    return block
