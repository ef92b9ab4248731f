"""Near and alike: the one source of the pool that is joint, since a union of near and of alike loses what is both."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.config import RetrieveSettings
from recsys.geo import chord_to_km, squared_chords
from recsys.interests import Interests

Rows = NDArray[np.int32]
Whole = NDArray[np.int64]
Numbers = NDArray[np.float32]
Integer = TypeVar("Integer", np.int32, np.int64)

_FARTHER = 4  # times the cells wanted are looked at where filters empty some: they lie apart
_MOST_CELLS = 2048
_WIDER = 4  # times the lists that would hold as many of what filters leave: at one place all but nearness decides
_LISTS_OF_CROWDED_CELL = 2  # inverted lists searched in a cell that is split by text
_NONE = np.int64(2**31 - 1)


def cells_around(catalogue: Catalogue, places: Numbers, count: int) -> Rows:
    """The ``count`` grid cells nearest to each place (B, A, 3), nearest first: (B, A, count), -1 padded.

    Where filters leave cells empty, those that are not.
    """
    shape = (*places.shape[:2], count)
    if catalogue.within is None:
        return catalogue.grid.nearest_cells(places.reshape(-1, 3), count)[0].reshape(shape)
    there = np.append(catalogue.within.counts > 0, False)
    total, used = len(there) - 1, int(np.count_nonzero(there))
    looked = min(total, int(np.ceil(_FARTHER * count * total / max(used, 1))), _MOST_CELLS)
    cells, _ = catalogue.grid.nearest_cells(places.reshape(-1, 3), max(looked, count))
    order = np.argsort(~there[cells], axis=1, kind="stable")[:, :count]
    cells = np.take_along_axis(cells, order, 1)
    return np.where(there[cells], cells, np.int32(-1)).reshape(shape)


def cell_counts(catalogue: Catalogue) -> Rows:
    """Places in each cell that can be listed, and 0 for the cell -1: int32 (G + 1,)."""
    counts = catalogue.grid.counts if catalogue.within is None else catalogue.within.counts
    return np.append(counts, np.int32(0))


def near_and_alike(
    catalogue: Catalogue, interests: Interests, around: Rows, settings: RetrieveSettings, scale: int
) -> Rows:
    """Postings around the candidate's places by likeness of text plus twice the nearness.

    All postings of a close circle compete, of a wider ring only the most alike.

    Args:
        catalogue: the postings.
        interests: of B requests.
        around: int32 (B, A, m), see ``cells_around``.
        settings: see there.
        scale: by which the quota and the close circle grow.

    Returns:
        int32 (B, up to twice the quota), best first, -1 padded; a posting may stand several times.
    """
    quota = settings.near * scale
    close, wide = _circles(catalogue, interests.places, around, settings, scale)
    found = [
        alike_in(catalogue, interests.vectors, close, quota),
        alike_in(catalogue, interests.vectors, wide, max(quota // 3, 1)),
    ]
    rows, alike = (np.concatenate([one[at] for one in found], axis=1) for at in (0, 1))
    place = np.take(catalogue.place, np.maximum(rows, 0), axis=0)
    chords = [squared_chords(place[:, :, slot], interests.places) for slot in range(place.shape[2])]
    km = chord_to_km(np.sqrt(np.fmin.reduce(np.fmin.reduce(chords), axis=2)))
    joint = alike + 2 / (1 + np.where(np.isnan(km), np.inf, km) / 10)
    steps = np.rint(np.where(rows >= 0, -joint, 1e3) * 1e5).astype(np.int64)  # in steps, so that ties fall by row
    best = np.sort((steps << 32) | np.where(rows >= 0, rows, _NONE), axis=1)[:, : 2 * quota] & 0xFFFFFFFF
    return np.where(best == _NONE, -1, best).astype(np.int32)


def fresh_and_alike(catalogue: Catalogue, interests: Interests, quota: int) -> Rows:
    """Of the postings that no index holds yet, the best by the same sum, each compared; the newest where it is equal.

    Returns:
        int32 (B, quota), best first, -1 where fewer are there; (B, 0) where there are none at all.
    """
    fresh, requests = catalogue.fresh, len(interests.vectors)
    keep = min(quota, len(fresh.rows))
    if keep == 0:
        return np.empty((requests, 0), np.int32)
    alike = np.matmul(interests.vectors, fresh.vectors.T).max(axis=1)  # one product of one shape a request
    place = catalogue.place[fresh.rows].astype(np.float64)
    km = np.full(alike.shape, np.inf)
    for slot in range(place.shape[1]):
        cosine = np.matmul(interests.places.astype(np.float64), place[:, slot].T)
        near = chord_to_km(np.sqrt(np.maximum(2 - 2 * cosine, 0)))
        km = np.fmin(km, np.fmin.reduce(near, axis=1))
    joint = alike + 2 / (1 + np.where(np.isnan(km), np.inf, km) / 10)
    steps = np.rint(np.where(catalogue.gone[fresh.rows], 1e3, -joint) * 1e5).astype(np.int64) << 32
    keys = steps | (np.int64(2**31 - 1) - fresh.rows)
    best = np.sort(np.partition(keys, keep - 1, axis=1)[:, :keep], axis=1)
    rows = (np.int64(2**31 - 1) - (best & 0xFFFFFFFF)).astype(np.int32)
    rows[catalogue.gone[rows]] = -1
    return np.pad(rows, ((0, 0), (0, quota - keep)), constant_values=-1)  # a place's worth counts from the whole quota


def _circles(
    catalogue: Catalogue, places: Numbers, around: Rows, settings: RetrieveSettings, scale: int
) -> tuple[Rows, Rows]:
    """Cells of the close circle, and those of the ring around it with "anywhere" (remote work): both (B, some)."""
    requests, anchors, count = around.shape
    size = cell_counts(catalogue)[around]
    before = np.cumsum(size, axis=2) - size
    places_known = np.maximum((~np.isnan(places[..., 0])).sum(axis=1), 1)[:, None, None]
    close = (around >= 0) & (before < settings.close_postings * scale / places_known)
    wide = (around >= 0) & (before < settings.near_postings / places_known) & ~close
    shape = (requests, anchors * count)
    anywhere = np.full((requests, 1), len(catalogue.cells.start) - 2, np.int32)
    ring = np.concatenate([np.where(wide, around, np.int32(-1)).reshape(shape), anywhere], axis=1)
    return _squeeze(np.where(close, around, np.int32(-1)).reshape(shape)), _squeeze(ring)


def alike_in(catalogue: Catalogue, vectors: Numbers, cells: Rows, keep: int) -> tuple[Rows, Numbers]:
    """The ``keep`` most alike to each of ``vectors`` (B, I, d) in ``cells`` (B, m): rows and products (B, I * keep).

    Of a crowded cell only the lists most alike are looked at, the more of them the less filters leave.
    """
    requests, count, dimension = vectors.shape
    flat = vectors.reshape(-1, dimension)
    within = catalogue.within
    crowded = _LISTS_OF_CROWDED_CELL
    if within is not None:
        crowded = int(np.ceil(_WIDER * crowded / max(within.share, 1e-6)))
    lists = _lists_of(catalogue, vectors, cells, crowded)
    asked = flat.any(axis=1) & (lists >= 0).any(axis=1)
    rows, alike = np.full((len(flat), keep), -1, np.int32), np.zeros((len(flat), keep), np.float32)
    kept = None if within is None else within.by_cell
    rows[asked], alike[asked] = catalogue.by_cell.search(flat[asked], lists[asked], keep, kept)
    shape = (requests, count * keep)
    return rows.reshape(shape), alike.reshape(shape)


def _lists_of(catalogue: Catalogue, vectors: Numbers, cells: Rows, most: int) -> Whole:
    """Inverted lists of cells (B, m) for each interest: int64 (B * I, some), -1 padded.

    Of a crowded cell, which is split by text, only the ``most`` lists whose centroids are the most like the interest.
    """
    start = catalogue.cells.start
    first = start[np.maximum(cells, 0)]
    number = np.where(cells >= 0, start[np.maximum(cells, 0) + 1] - first, 0)
    plain = np.repeat(_squeeze(np.where(number == 1, first, -1)), vectors.shape[1], axis=0)
    crowded = _crowded_lists(start, catalogue.cells.centroids, np.where(number > 1, cells, -1), vectors, most)
    return np.concatenate([plain, crowded], axis=1)


def _crowded_lists(start: Whole, centroids: Numbers, cells: Rows, vectors: Numbers, most: int) -> Whole:
    """Of each crowded cell in ``cells`` (B, m) the lists most like each interest (B, I, d): (B * I, some)."""
    requests, count, dimension = vectors.shape
    request, column = np.nonzero(cells >= 0)
    if len(request) == 0:
        return np.empty((requests * count, 0), np.int64)
    cell = cells[request, column]
    pieces = []
    for one in np.unique(cell):  # crowded cells are few: large cities
        of_cell = np.arange(start[one], start[one + 1])
        asking = np.unique(request[cell == one])
        alike = vectors[asking].reshape(-1, dimension) @ centroids[of_cell].T
        best = np.argsort(-alike, axis=1, kind="stable")[:, :most]
        lists = np.full((requests, count, best.shape[1]), -1, np.int64)
        lists[asking] = of_cell[best].reshape(len(asking), count, -1)
        pieces.append(lists.reshape(requests * count, -1))
    return _squeeze(np.concatenate(pieces, axis=1))


def _squeeze(numbers: NDArray[Integer]) -> NDArray[Integer]:
    """Largest first, so that -1 is at the right, and without the columns that hold nothing else."""
    moved = -np.sort(-numbers, axis=1)
    return moved[:, : max(1, int((moved >= 0).sum(axis=1).max(initial=0)))]
