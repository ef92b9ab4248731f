"""From requests to a wide union of sources, one of them joint (near and alike)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recsys.bywords import by_words
from recsys.catalogue import Catalogue
from recsys.compared import compared
from recsys.config import RetrieveSettings
from recsys.interests import Interests, sought
from recsys.narrow import EXACT_FACTORS
from recsys.nearby import cells_around, fresh_and_alike, near_and_alike
from recsys.pool import SOURCES, Pool, everything, unite
from recsys.queries import Queries
from recsys.standing import standing

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

_SHELVES = 16  # cells around a place whose shelves are looked at


def retrieve(catalogue: Catalogue, queries: Queries, interests: Interests, settings: RetrieveSettings, k: int) -> Pool:
    """What the sources bring to each request.

    Args:
        catalogue: the postings.
        queries: B requests.
        interests: of the same requests.
        settings: quotas of the sources; all grow in proportion where ``k`` needs a larger union.
        k: length of the list to be made.
    """
    least, scale = settings.widths(k)
    width, within = settings.union * scale, catalogue.within
    if within is not None:
        if len(within.rows) <= max(width, catalogue.rules.listed):
            return everything(within.rows, len(queries))
        scale *= catalogue.rules.widen
        width *= catalogue.rules.widen
        interests = replace(interests, vectors=sought(catalogue, queries, catalogue.rules.interests))
    if len(catalogue.by_text.rows) <= width:
        there = np.concatenate([catalogue.by_text.rows, catalogue.fresh.rows])
        there = there[~catalogue.gone[there]]  # no trace of what came and went: reasons compare with the pool's mean
        if len(there) <= width:
            return everything(there, len(queries))
    around = cells_around(catalogue, interests.places, settings.cells)
    cells = around[:, :, :_SHELVES].reshape(len(queries), -1)
    found = {
        "text": _by_text(catalogue, queries, interests, settings.text * scale),
        "near": near_and_alike(catalogue, interests, around, settings, scale)
        if within is None
        else compared(catalogue, queries, interests, settings.near * scale),
        "factors": _by_factors(catalogue, interests, settings.factors * scale),
        "cooccur": _by_neighbours(catalogue, queries, settings.cooccur * scale),
        "words": by_words(catalogue, queries, around, settings, scale),
        "recent": _newest(catalogue, cells, settings.recent * scale),
        "popular": _popular(catalogue, cells, settings.popular * scale),
        "fresh": fresh_and_alike(catalogue, interests, settings.fresh * scale),
    }
    lists = _current(catalogue, queries, [found[name] for name in SOURCES])
    return _filled(unite(lists, width), lists, catalogue, queries, cells, settings, least)


def _current(catalogue: Catalogue, queries: Queries, lists: list[Rows]) -> list[Rows]:
    """What the rows (B, n_i) of each source stand for now.

    What a source knows by an old row is the same posting, changed since; what it is now, the signals tell. And where a
    copy was posted later and may be shown, that stands for the vacancy.
    """
    rows = standing(catalogue, queries, catalogue.fresh.now_of(np.concatenate(lists, axis=1)))
    return np.split(rows, np.cumsum([one.shape[1] for one in lists])[:-1], axis=1)


def _filled(
    pool: Pool,
    lists: list[Rows],
    catalogue: Catalogue,
    queries: Queries,
    cells: Rows,
    settings: RetrieveSettings,
    least: int,
) -> Pool:
    """Unions with fewer than ``least`` postings filled from the whole shelves, of the cells around and then of all.

    They are empty for those of whom little is known: without a text there is nothing that near postings could be alike
    to.
    """
    short = np.flatnonzero((pool.rows >= 0).sum(axis=1) < least)
    if len(short) == 0:
        return pool
    width = pool.rows.shape[1]
    recent, popular = (4 * width if quota else 0 for quota in (settings.recent, settings.popular))
    asking = queries.take(short)
    spare = [_newest(catalogue, cells[short], recent), _popular(catalogue, cells[short], popular)]
    spare = _current(catalogue, asking, spare)
    if catalogue.within is not None:  # the shelves may hold none of what filters leave
        left = np.broadcast_to(_most_popular(catalogue, least), (len(short), least))
        spare[-1] = np.concatenate([spare[-1], left], axis=1)  # of the same source, which ``unite`` tells by the place
    full = unite([one[short] for one in lists], width, spare)
    rows, sources = pool.rows.copy(), pool.sources.copy()
    rows[short], sources[short] = full.rows, full.sources
    return Pool(rows, sources)


def _interleave(found: Rows, requests: int, keep: int) -> Rows:
    """Lists of several interests (B * I, k), one after another rank by rank: (B, I * keep)."""
    per_request = found.reshape(requests, len(found) // max(requests, 1), found.shape[1])[:, :, :keep]
    return per_request.transpose(0, 2, 1).reshape(requests, -1)


def _by_text(catalogue: Catalogue, queries: Queries, interests: Interests, quota: int) -> Rows:
    """By each interest; among what filters leave by the whole profile too, which may say more of what is left."""
    vectors = interests.vectors
    if catalogue.within is not None:
        vectors = np.concatenate([vectors, queries.whole[:, None]], axis=1)
    requests, count, dimension = vectors.shape
    flat = vectors.reshape(-1, dimension)
    asked = flat.any(axis=1)
    found = np.full((len(flat), quota), -1, np.int32)
    kept = None if catalogue.within is None else catalogue.within.by_text
    found[asked] = catalogue.by_text.search(flat[asked], quota, kept)
    return _interleave(found, requests, quota)[:, : quota * (2 if catalogue.within is None else count)]


def _by_factors(catalogue: Catalogue, interests: Interests, quota: int) -> Rows:
    asked = ~np.isnan(interests.factors[:, 0])
    found = np.full((len(asked), quota), -1, np.int32)
    within = catalogue.within
    if within is None or len(within.rows) > EXACT_FACTORS:
        kept = None if within is None else within.by_factor
        found[asked] = catalogue.by_factor.search(interests.factors[asked], quota, kept)
        return found
    rows, factors = within.rows, catalogue.behaviour.factors.postings[within.rows]  # a graph loses so few
    keep = min(quota, len(rows))
    for at in np.flatnonzero(asked).tolist():
        scores = factors @ interests.factors[at]
        scores[scores == 0] = -np.inf  # a posting without factors
        best = np.argpartition(-scores, keep - 1)[:keep] if keep else np.empty(0, np.intp)
        best = best[np.lexsort((rows[best], -scores[best]))]
        found[at, :keep] = np.where(np.isfinite(scores[best]), rows[best], -1)
    return found


def _by_neighbours(catalogue: Catalogue, queries: Queries, quota: int) -> Rows:
    """Those for which the history speaks most, by its neighbours: (B, quota)."""
    keys, sums = catalogue.spoken_for(queries.history, queries.weight)
    request, row = keys >> 32, (keys & 0xFFFFFFFF).astype(np.int32)
    useful = (sums > 0) & catalogue.open[row]
    request, row, sums = request[useful], row[useful], sums[useful]
    order = np.lexsort((row, -sums, request))
    request, row = request[order], row[order]
    place = np.arange(len(row)) - np.searchsorted(request, request)
    found = np.full((len(queries), quota), -1, np.int32)
    first = place < quota
    found[request[first], place[first]] = row[first]
    return found


def _newest(catalogue: Catalogue, cells: Rows, quota: int) -> Rows:
    return _from_shelves(catalogue, catalogue.shelves.newest, catalogue.shelves.newest_overall, cells, quota)


def _popular(catalogue: Catalogue, cells: Rows, quota: int) -> Rows:
    return _from_shelves(catalogue, catalogue.shelves.popular, catalogue.shelves.popular_overall, cells, quota)


def _from_shelves(catalogue: Catalogue, by_cell: Rows, overall: Rows, cells: Rows, quota: int) -> Rows:
    """The first few of the shelf of each cell around, then those of the whole board: (B, quota + some)."""
    requests, within = len(cells), catalogue.within
    if within is not None:
        overall = overall[within.named[overall]]
    anywhere = np.broadcast_to(overall[:quota], (requests, min(quota, len(overall))))
    if len(by_cell) == 0:
        return anywhere
    each = max(1, min(by_cell.shape[1], quota // 4))
    near = np.where((cells >= 0)[..., None], by_cell[np.maximum(cells, 0)], np.int32(-1))
    if within is not None:
        near[~within.named[near]] = -1
        near = np.take_along_axis(near, np.argsort(near < 0, axis=2, kind="stable"), 2)
    flat = near[..., :each].reshape(requests, -1)
    order = np.argsort(flat < 0, axis=1, kind="stable")
    near = np.take_along_axis(flat, order, 1)[:, :quota]
    return np.concatenate([near, anywhere], axis=1)


def _most_popular(catalogue: Catalogue, count: int) -> Rows:
    """The most popular of what filters leave, by popularity and then by row: (count,), -1 padded."""
    rows = np.empty(0, np.int32) if catalogue.within is None else catalogue.within.rows
    order = np.argsort(-catalogue.behaviour.popularity[rows], kind="stable")[:count]
    return np.pad(rows[order], (0, count - len(order)), constant_values=-1)
