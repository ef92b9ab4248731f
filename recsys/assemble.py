"""Building the search structures of a catalogue: indices, grid, crowded cells, shelves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import CellLists, Shelves
from recsys.codes import Codes
from recsys.config import EngineSettings
from recsys.geo import Grid
from recsys.index import CellIndex, VectorIndex, build_cell_index, build_graph_index, build_index, split_lists
from recsys.terms import Lexicon
from recsys.wordlists import WordLists, build_word_lists

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]

_SHELF, _OVERALL = 24, 400  # postings on the shelf of a cell, and of the whole board
_CROWDED, _LIST = 2048, 512  # a cell with more places than the first is split into lists of about the second


@dataclass(frozen=True)
class SearchParts:
    """What ``assemble`` makes; the fields are those of ``Catalogue``."""

    grid: Grid
    cells: CellLists
    words: WordLists
    shelves: Shelves
    by_text: VectorIndex
    by_cell: CellIndex
    by_factor: VectorIndex


def search_vectors(title: Codes, text: Codes | None, rows: NDArray[np.integer]) -> Numbers:
    """What is indexed: the title, or the middle of title and text, so that both short and long queries find it."""
    vectors = title.vectors(rows)
    if text is not None:
        vectors = vectors + text.vectors(rows)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return vectors


def assemble(
    title: Codes,
    text: Codes | None,
    lexicon: Lexicon,
    latlon: Numbers,
    remote: NDArray[np.int8],
    posted: NDArray[np.float64],
    popularity: Numbers,
    factors: Numbers,
    open_: Flags,
    settings: EngineSettings,
) -> SearchParts:
    """Index the open postings.

    Args:
        title: vectors of P postings.
        text: of the same postings; None where no posting has more than a title.
        lexicon: words of the same postings.
        latlon: float32 (P, L, 2), places in degrees, NaN padded.
        remote: int8 (P,).
        posted: float64 (P,).
        popularity: float32 (P,).
        factors: float32 (P, f).
        open_: bool (P,).
        settings: of the engine.
    """
    rows = np.flatnonzero(open_).astype(np.int32)
    vectors = search_vectors(title, text, rows)
    retrieve = settings.retrieve
    by_text = build_index(vectors, rows, retrieve.exact_below, retrieve.probes)
    with_factors = factors[rows].any(axis=1)
    by_factor = build_graph_index(factors[rows[with_factors]], rows[with_factors], retrieve.exact_below)
    entry, place = _entries(rows, latlon)
    grid = Grid.build(place, settings.place.cell_degrees)
    member, cell = _members(rows, entry, grid, remote)
    cells, by_cell = _cell_index(vectors, rows, member, cell, grid)
    terms = lexicon.title if lexicon.text is None else lexicon.text
    words = build_word_lists(grid, cell, rows[member], terms, len(lexicon.vocabulary))
    shelves = _shelves(rows, rows[entry], grid, posted, popularity)
    return SearchParts(grid, cells, words, shelves, by_text, by_cell, by_factor)


def _entries(rows: Rows, latlon: Numbers) -> tuple[NDArray[np.intp], Numbers]:
    """Every known place of every open posting: position in ``rows``, and degrees."""
    entry, slot = np.nonzero(~np.isnan(latlon[rows, :, 0]))
    return entry, latlon[rows[entry], slot]


def _members(
    rows: Rows, entry: NDArray[np.intp], grid: Grid, remote: NDArray[np.int8]
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """What stands in the cells: positions in ``rows``, and cells, the one after the last being "anywhere"."""
    placed = np.zeros(len(rows), bool)
    placed[entry] = True
    far = np.flatnonzero((remote[rows] == 1) | ~placed)
    cell = np.concatenate([grid.cell_of, np.full(len(far), len(grid.counts))]).astype(np.int64)
    return np.concatenate([entry, far]), cell


def _cell_index(
    vectors: Numbers, rows: Rows, member: NDArray[np.intp], cell: NDArray[np.int64], grid: Grid
) -> tuple[CellLists, CellIndex]:
    """Inverted lists by cell; crowded cells split by text."""
    anywhere = len(grid.counts)
    number = np.ones(anywhere + 1, np.int64)
    inside = np.zeros(len(member), np.int64)
    centroids: dict[int, Numbers] = {}
    sizes = np.bincount(cell, minlength=anywhere + 1)
    for one in np.flatnonzero(sizes > _CROWDED).tolist():
        of_cell = np.flatnonzero(cell == one)
        centroids[one], inside[of_cell] = split_lists(vectors[member[of_cell]], int(sizes[one]) // _LIST)
        number[one] = len(centroids[one])
    start = np.concatenate([[0], np.cumsum(number)])
    lists = start[cell] + inside
    middle = np.zeros((int(start[-1]), vectors.shape[1]), np.float32)
    for one, of_cell_centroids in centroids.items():
        middle[start[one] : start[one + 1]] = of_cell_centroids
    by_cell = build_cell_index(vectors, member, rows[member], lists, int(start[-1]))
    counts = np.bincount(lists, minlength=int(start[-1])).astype(np.int32)
    return CellLists(start.astype(np.int64), counts, middle), by_cell


def _shelves(rows: Rows, entry_rows: Rows, grid: Grid, posted: NDArray[np.float64], popularity: Numbers) -> Shelves:
    age = np.where(np.isnan(posted), -np.inf, posted)
    return Shelves(
        newest=_top_of_cells(entry_rows, grid, age),
        popular=_top_of_cells(entry_rows, grid, popularity.astype(np.float64)),
        newest_overall=rows[np.argsort(-age[rows], kind="stable")[:_OVERALL]],
        popular_overall=rows[np.argsort(-popularity[rows], kind="stable")[:_OVERALL]],
    )


def _top_of_cells(entry_rows: Rows, grid: Grid, value: NDArray[np.float64]) -> Rows:
    """The ``_SHELF`` postings of each cell with the largest value: int32 (G, _SHELF), -1 padded."""
    cell = grid.cell_of
    order = np.lexsort((entry_rows, -value[entry_rows], cell))
    place = np.arange(len(order)) - np.repeat(grid.start[:-1], grid.counts)
    kept = place < _SHELF
    shelf = np.full((len(grid.counts), _SHELF), -1, np.int32)
    shelf[cell[order[kept]], place[kept]] = entry_rows[order[kept]]
    return shelf
