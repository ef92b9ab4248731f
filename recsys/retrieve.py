"""From requests to a pool: a union of sources, one of them joint (near and alike)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.config import RetrieveSettings
from recsys.geo import distance_km
from recsys.leaders import leaders, take
from recsys.pool import SOURCES, Pool, everything, unite
from recsys.queries import VIEWED, Queries

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

_INTEREST_ALIKE = 0.7  # cosine above which two titles are one interest
_PLACES = 2  # places around which is searched
_SAME_PLACE = float(np.cos(40 / 6371.0))  # cosine of the angle of two places 40 km apart
_NONE = np.int64(2**31 - 1)
_LISTS_OF_CROWDED_CELL = 2  # inverted lists searched in a cell that is split by text


@dataclass(frozen=True)
class Interests:
    """What and where B candidates are searching.

    Attributes:
        vectors: float32 (B, I, d), zeros where fewer.
        places: float32 (B, A, 3), NaN where fewer.
        factors: float32 (B, f), NaN rows for those without usable history.
    """

    vectors: Numbers
    places: Numbers
    factors: Numbers

    def part(self, at: int, to: int) -> "Interests":
        """Requests ``at`` to ``to`` - 1."""
        return Interests(self.vectors[at:to], self.places[at:to], self.factors[at:to])

    def take(self, rows: NDArray[np.intp]) -> "Interests":
        """The requests at ``rows``."""
        return Interests(self.vectors[rows], self.places[rows], self.factors[rows])


def find_interests(catalogue: Catalogue, queries: Queries, settings: RetrieveSettings) -> Interests:
    """Cluster what a candidate viewed, wants and did into a few interests and places, the latest first."""
    viewed = queries.history[:, :VIEWED]
    titles = catalogue.title.vectors(viewed)
    texts = [titles, queries.wanted, queries.past, queries.whole[:, None]]
    known = [viewed >= 0, queries.wanted_known, queries.past_known, queries.whole_known[:, None]]
    all_texts = np.concatenate(texts, axis=1)
    vectors = take(all_texts, leaders(all_texts, np.concatenate(known, axis=1), settings.interests, _INTEREST_ALIKE))
    looked = np.where((viewed >= 0)[..., None], catalogue.place[np.maximum(viewed, 0), 0], np.float32(np.nan))
    all_places = np.concatenate([looked, queries.home[:, None], queries.worked], axis=1)
    there = ~np.isnan(all_places[..., 0])
    anchors = leaders(all_places, there, _PLACES, _SAME_PLACE)
    places = np.where((anchors >= 0)[..., None], take(all_places, anchors), np.float32(np.nan))
    return Interests(vectors, places, catalogue.behaviour.factors.fold_in(queries.history, queries.weight))


def retrieve(catalogue: Catalogue, queries: Queries, interests: Interests, settings: RetrieveSettings, k: int) -> Pool:
    """The pool of each request.

    Args:
        catalogue: the postings.
        queries: B requests.
        interests: of the same requests.
        settings: quotas of the sources; all grow in proportion where ``k`` needs a larger pool.
        k: length of the list to be made.
    """
    scale = max(1, int(np.ceil(3 * k / settings.pool)))
    width = settings.pool * scale
    open_rows = np.flatnonzero(catalogue.open).astype(np.int32)
    if len(open_rows) <= width:
        return everything(open_rows, len(queries))
    cells = _cells_around(catalogue, interests.places, 16)
    found = {
        "text": _by_text(catalogue, interests, settings.text * scale),
        "near": _near_and_alike(catalogue, interests, settings, scale),
        "factors": _by_factors(catalogue, interests, settings.factors * scale),
        "cooccur": _by_neighbours(catalogue, queries, settings.cooccur * scale),
        "recent": _from_shelves(
            catalogue.shelves.newest, catalogue.shelves.newest_overall, cells, settings.recent * scale
        ),
        "popular": _from_shelves(
            catalogue.shelves.popular, catalogue.shelves.popular_overall, cells, settings.popular * scale
        ),
    }
    return unite([found[name] for name in SOURCES], width)


def _interleave(found: Rows, requests: int, keep: int) -> Rows:
    """Lists of several interests (B * I, k), one after another rank by rank: (B, I * keep)."""
    per_request = found.reshape(requests, -1, found.shape[1])[:, :, :keep]
    return per_request.transpose(0, 2, 1).reshape(requests, -1)


def _by_text(catalogue: Catalogue, interests: Interests, quota: int) -> Rows:
    requests, count, dimension = interests.vectors.shape
    flat = interests.vectors.reshape(-1, dimension)
    asked = flat.any(axis=1)
    found = np.full((len(flat), quota), -1, np.int32)
    found[asked] = catalogue.by_text.search(flat[asked], quota)
    return _interleave(found, requests, quota)[:, : quota * 2]


def _by_factors(catalogue: Catalogue, interests: Interests, quota: int) -> Rows:
    asked = ~np.isnan(interests.factors[:, 0])
    found = np.full((len(asked), quota), -1, np.int32)
    found[asked] = catalogue.by_factor.search(interests.factors[asked], quota)
    return found


def _by_neighbours(catalogue: Catalogue, queries: Queries, quota: int) -> Rows:
    """Neighbours of the history, those of the latest postings first."""
    rows, _ = catalogue.behaviour.neighbours.gather(queries.history[:, :VIEWED], max(quota // VIEWED, 8))
    flat = rows.transpose(0, 2, 1).reshape(len(rows), -1)[:, : 2 * quota]
    return np.where((flat >= 0) & catalogue.open[np.maximum(flat, 0)], flat, np.int32(-1))


def _cells_around(catalogue: Catalogue, places: Numbers, count: int) -> Rows:
    """Grid cells around the places (B, A, 3), those of the first place first: (B, A * count)."""
    requests, anchors, _ = places.shape
    cells, _ = catalogue.grid.nearest_cells(places.reshape(-1, 3), count)
    return cells.reshape(requests, anchors * count)


def _from_shelves(by_cell: Rows, overall: Rows, cells: Rows, quota: int) -> Rows:
    """The first few of the shelf of each cell around, then those of the whole board: (B, quota + some)."""
    requests = len(cells)
    anywhere = np.broadcast_to(overall[:quota], (requests, min(quota, len(overall))))
    if len(by_cell) == 0:
        return anywhere
    each = max(1, min(by_cell.shape[1], quota // 4))
    near = np.where((cells >= 0)[..., None], by_cell[np.maximum(cells, 0)][..., :each], np.int32(-1))
    flat = near.reshape(requests, -1)
    order = np.argsort(flat < 0, axis=1, kind="stable")
    near = np.take_along_axis(flat, order, 1)[:, :quota]
    return np.concatenate([near, anywhere], axis=1)


def _near_and_alike(catalogue: Catalogue, interests: Interests, settings: RetrieveSettings, scale: int) -> Rows:
    """Postings around the candidate's places by likeness of text plus twice the nearness: (B, quota).

    The joint score must choose: the most alike of a wide circle are too far away, the nearest are not alike, and a
    union of the two loses what is fairly near and fairly alike.
    """
    quota = settings.near * scale
    close = _alike_around(catalogue, interests, settings.close_postings * scale, settings.cells, quota)
    wide = _alike_around(catalogue, interests, settings.near_postings, settings.cells, quota)
    rows = np.concatenate([close[0], wide[0]], axis=1)
    alike = np.concatenate([close[1], wide[1]], axis=1)
    place = catalogue.place[np.maximum(rows, 0), 0]
    km = np.fmin.reduce([distance_km(place, interests.places[:, None, at]) for at in range(interests.places.shape[1])])
    joint = alike + 2 / (1 + np.where(np.isnan(km), np.inf, km) / 10)
    steps = np.rint(np.where(rows >= 0, -joint, 1e3) * 1e5).astype(np.int64)
    best = np.sort((steps << 32) | np.where(rows >= 0, rows, _NONE), axis=1)[:, : 2 * quota] & 0xFFFFFFFF
    return np.where(best == _NONE, -1, best).astype(np.int32)


def _alike_around(
    catalogue: Catalogue, interests: Interests, postings: int, cells: int, keep: int
) -> tuple[Rows, Numbers]:
    """The ``keep`` most alike to each interest among the nearest ``postings``: rows and cosines (B, I * keep)."""
    requests, count, dimension = interests.vectors.shape
    flat = interests.vectors.reshape(-1, dimension)
    lists = _lists_around(catalogue, interests, postings, cells)
    asked = flat.any(axis=1) & (lists >= 0).any(axis=1)
    rows, alike = np.full((len(flat), keep), -1, np.int32), np.zeros((len(flat), keep), np.float32)
    rows[asked], alike[asked] = catalogue.by_cell.search(flat[asked], lists[asked], keep)
    shape = (requests, count * keep)
    return rows.reshape(shape), alike.reshape(shape)


def _lists_around(catalogue: Catalogue, interests: Interests, postings: int, cells: int) -> Rows:
    """Inverted lists to search for each interest: int32 (B * I, m), -1 padded.

    Cells come nearest first until they hold ``postings``; of a crowded cell only the lists whose centroids are the
    most like the interest. "Anywhere" (remote work) is searched as one more cell.
    """
    start = catalogue.cells.start
    places, count = interests.places, interests.vectors.shape[1]
    requests, anchors, _ = places.shape
    around, _ = catalogue.grid.nearest_cells(places.reshape(-1, 3), cells)
    size = np.where(around >= 0, catalogue.grid.counts[np.maximum(around, 0)], 0)
    before = np.cumsum(size, axis=1) - size
    known = (~np.isnan(places[..., 0])).sum(axis=1)
    budget = np.repeat(postings / np.maximum(known, 1), anchors)
    wanted = (around >= 0) & (before < budget[:, None])
    anywhere = np.full((requests, 1), len(start) - 2)
    used = np.concatenate([np.where(wanted, around, -1).reshape(requests, -1), anywhere], axis=1)
    first = start[np.maximum(used, 0)]
    number = np.where(used >= 0, start[np.maximum(used, 0) + 1] - first, 0)
    plain = np.repeat(_squeeze(np.where(number == 1, first, -1)), count, axis=0)
    crowded = _crowded_lists(start, catalogue.cells.centroids, np.where(number > 1, used, -1), interests.vectors)
    return np.concatenate([plain, crowded], axis=1).astype(np.int32)


def _crowded_lists(start: NDArray[np.int64], centroids: Numbers, used: NDArray[np.int64], vectors: Numbers) -> Rows:
    """Of each crowded cell in ``used`` (B, m) the lists most like each interest (B, I, d): (B * I, some)."""
    requests, count, _ = vectors.shape
    request, column = np.nonzero(used >= 0)
    if len(request) == 0:
        return np.empty((requests * count, 0), np.int32)
    cell = used[request, column]
    pieces = []
    for one in np.unique(cell):  # crowded cells are few: large cities
        of_cell = np.arange(start[one], start[one + 1])
        asking = np.unique(request[cell == one])
        alike = vectors[asking].reshape(-1, vectors.shape[2]) @ centroids[of_cell].T
        best = np.argsort(-alike, axis=1, kind="stable")[:, :_LISTS_OF_CROWDED_CELL]
        lists = np.full((requests, count, _LISTS_OF_CROWDED_CELL), -1, np.int64)
        lists[asking, :, : best.shape[1]] = of_cell[best].reshape(len(asking), count, -1)
        pieces.append(lists.reshape(requests * count, -1))
    return _squeeze(np.concatenate(pieces, axis=1)).astype(np.int32)


def _squeeze(lists: NDArray[np.integer]) -> NDArray[np.integer]:
    """Move -1 to the right and drop the columns that hold nothing else."""
    order = np.argsort(lists < 0, axis=1, kind="stable")
    moved = np.take_along_axis(lists, order, 1)
    return moved[:, : max(1, int((moved >= 0).sum(axis=1).max(initial=0)))]
