"""Among what filters leave: the postings around a candidate, each compared by all that weighs most together.

In a large city thousands of postings are equally near. Who stands first among them is then decided by sums of small
things, of which no list of the most alike holds enough. So they are added up for every one, likeness from the codes of
the cell index.
"""

import numpy as np
from numpy.typing import NDArray

from recsys.bywords import freshness
from recsys.catalogue import Catalogue
from recsys.geo import chord_to_km, squared_chords
from recsys.interests import Interests
from recsys.nearby import alike_in, cell_counts
from recsys.queries import VIEWED, Queries

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

# What counts beside likeness of a title, in the proportion of the hand-set order.
_PROFILE = 2.7  # the profile against title and text, 1.5 each; the index holds their middle, of length 1
_NEAR, _FRESH, _POPULAR, _REMOTE = 2.0, 0.1, 0.1, 0.3
_SHARE_OF_EACH = 4  # of the quota a fourth for each interest: several are alike
_VISITED = 60_000  # places, left or not, in the cells that are looked at: where little is left, it lies far apart
_AT_ONCE = 8  # requests: of each tens of thousands of postings may be added up
_NONE = np.int64(2**31 - 1)


def compared(catalogue: Catalogue, queries: Queries, interests: Interests, quota: int) -> Rows:
    """The best around the candidate's places by likeness, nearness, freshness, popularity and remote work together.

    Args:
        catalogue: the postings, with what filters leave of them.
        queries: B requests.
        interests: of the same requests.
        quota: how many of all, by likeness to the whole profile, and how many of those most like some interest.

    Returns:
        int32 (B, 2 * quota), the two kinds in turn, best first, -1 padded; a posting may stand several times.
    """
    found = np.full((len(queries), 2 * quota), -1, np.int32)
    if quota and len(catalogue.grid.counts):
        for at in range(0, len(queries), _AT_ONCE):
            to = at + _AT_ONCE
            found[at:to] = _best(catalogue, queries.part(at, to), interests.part(at, to), quota)
    return found


def _best(catalogue: Catalogue, queries: Queries, interests: Interests, quota: int) -> Rows:
    places = _places(catalogue, queries)
    cells = _cells(catalogue, places, catalogue.rules.compared)
    profile = np.float32(_PROFILE) * queries.whole
    kept = None if catalogue.within is None else catalogue.within.by_cell
    every = catalogue.by_cell.all_in(profile, _lists(catalogue, cells), kept)
    some = interests.vectors.any(axis=2, keepdims=True)
    asked = np.where(some, interests.vectors + profile[:, None], np.float32(0))
    likely = alike_in(catalogue, asked, cells, -(-quota // _SHARE_OF_EACH))
    best = [_first(catalogue, queries, places, *one, quota) for one in (likely, every)]
    return np.stack(best, axis=2).reshape(len(queries), 2 * quota)


def _places(catalogue: Catalogue, queries: Queries) -> Numbers:
    """The different places where a candidate lives, looked and worked: (B, s, 3), first, then NaN."""
    viewed = queries.history[:, :VIEWED]
    looked = np.where((viewed >= 0)[..., None], catalogue.place[np.maximum(viewed, 0), 0], np.float32(np.nan))
    places = np.concatenate([queries.home[:, None], looked, queries.worked], axis=1)
    same = (places[:, :, None] == places[:, None]).all(axis=3)
    new = (same.argmax(axis=2) == np.arange(places.shape[1])) & ~np.isnan(places[..., 0])
    order = np.argsort(~new, axis=1, kind="stable")
    there = np.take_along_axis(new, order, 1)[..., None]
    return np.where(there, np.take_along_axis(places, order[..., None], 1), np.float32(np.nan))


def _cells(catalogue: Catalogue, places: Numbers, most: int) -> Rows:
    """The cells nearest to any of the places that hold ``most`` of what is left, or ``_VISITED`` places at all.

    int32 (B, some), -1 padded.
    """
    counts = cell_counts(catalogue)[:-1]
    used = np.flatnonzero(counts).astype(np.int32)
    if len(used) == 0:
        return np.full((len(places), 1), -1, np.int32)
    centres = np.broadcast_to(catalogue.grid.centres[used], (len(places), len(used), 3))
    every = squared_chords(centres, places)
    chords = np.fmin.reduce(every, axis=2)
    own = np.argmin(np.where(np.isnan(every), np.inf, every), axis=1)  # none is crowded out by another place's city
    known = ~np.isnan(places[..., 0])
    own = np.where(known, own, own[:, :1])
    np.put_along_axis(chords, own, np.where(known[:, :1], -1, np.nan), 1)
    order = np.argsort(chords, axis=1, kind="stable")
    size, whole = counts[used][order], catalogue.grid.counts[used][order]
    near = (np.cumsum(size, axis=1) - size < most) & (np.cumsum(whole, axis=1) - whole < _VISITED)
    chords = np.take_along_axis(chords, order, 1)
    near = (near | (chords < 0)) & ~np.isnan(chords)
    return np.where(near, used[order], np.int32(-1))[:, : max(1, int(near.sum(axis=1).max(initial=0)))]


def _lists(catalogue: Catalogue, cells: Rows) -> NDArray[np.int64]:
    """All inverted lists of the cells (B, m): int64 (B, some), -1 padded."""
    start = catalogue.cells.start
    number = np.where(cells >= 0, start[np.maximum(cells, 0) + 1] - start[np.maximum(cells, 0)], 0)
    request, column = np.nonzero(number)
    length = number[request, column]
    within_cell = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    owner = np.repeat(request, length)
    lists = np.full((len(cells), max(1, int(number.sum(axis=1).max(initial=0)))), -1, np.int64)
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    lists[owner, place] = np.repeat(start[cells[request, column]], length) + within_cell
    return lists


def _first(catalogue: Catalogue, queries: Queries, places: Numbers, rows: Rows, alike: Numbers, quota: int) -> Rows:
    """The best ``quota`` of the rows (B, n) by their likeness (B, n) and all else: (B, quota), -1 padded."""
    total = alike + _beside_text(catalogue, queries, places, np.maximum(rows, 0))
    steps = np.rint(np.where(rows >= 0, -total, 1e3) * 1e5).astype(np.int64)  # in steps, so that ties fall by row
    keys = (steps << 32) | np.where(rows >= 0, rows, _NONE)
    if keys.shape[1] > quota:
        keys = np.partition(keys, quota - 1, axis=1)[:, :quota]
    best = np.sort(keys, axis=1) & 0xFFFFFFFF
    best = np.pad(best, ((0, 0), (0, quota - best.shape[1])), constant_values=_NONE)
    return np.where(best == _NONE, -1, best).astype(np.int32)


def _beside_text(catalogue: Catalogue, queries: Queries, places: Numbers, rows: Rows) -> NDArray[np.float64]:
    """What of the postings at ``rows`` (B, n) counts beside their texts: (B, n)."""
    used = max(1, int((~np.isnan(places[..., 0])).sum(axis=1).max(initial=0)))
    theirs = np.take(catalogue.place, rows, axis=0)
    chords = [squared_chords(theirs[:, :, slot], places[:, :used]) for slot in range(theirs.shape[2])]
    km = chord_to_km(np.sqrt(np.fmin.reduce(np.fmin.reduce(chords), axis=2)))
    near = 1 / (1 + np.where(np.isnan(km), np.inf, km) / 10)
    remote = (catalogue.attributes.remote[rows] == 1) & (queries.remote_ok[:, None] == 1)
    fresh = freshness(catalogue.attributes.posted[rows], queries.now[:, None])
    popular = catalogue.behaviour.popularity[rows]
    return np.asarray(_NEAR * near + _FRESH * fresh + _POPULAR * popular + _REMOTE * remote)
