"""Postings that speak for each other: co-occurrence, BM25 and a model solved in closed form, as one sparse structure.

The score of a posting for a candidate is the sum, over the history, of the weight of the event times the weight of the
posting among the neighbours of what was chosen.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.closed_form import closed_form
from recsys.config import FactorSettings

Weights = NDArray[np.float32]

_STRONGEST_EVENT = 10  # an event's weight counts up to this, so that one application is not worth ten candidates
_DENSE = 16_000_000  # weights laid out at once to find the heaviest


@dataclass(frozen=True)
class Neighbours:
    """For each posting, the postings that it speaks for, the heaviest first.

    Attributes:
        start: int64 (P + 1,), posting p's neighbours stand at start[p]:start[p + 1].
        rows: int32 (N,).
        weights: float32 (N,); below 0 where choosing the one speaks against the other.
    """

    start: NDArray[np.int64]
    rows: NDArray[np.int32]
    weights: NDArray[np.float32]

    @cached_property
    def width(self) -> int:
        """The most neighbours that a posting has."""
        return int(np.diff(self.start).max(initial=0))

    def gather(self, history: NDArray[np.int32], width: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Up to ``width`` neighbours of each posting in ``history`` (B, H): rows and weights, both (B, H, width)."""
        if len(self.rows) == 0:
            shape = (*history.shape, 0)
            return np.empty(shape, np.int32), np.empty(shape, np.float32)
        safe = np.maximum(history, 0)
        first, past = self.start[safe], self.start[safe + 1]
        at = first[..., None] + np.arange(width)
        there = (at < past[..., None]) & (history >= 0)[..., None]
        at = np.where(there, at, 0)
        return np.where(there, self.rows[at], np.int32(-1)), np.where(there, self.weights[at], np.float32(0))

    def add_up(self, history: NDArray[np.int32], weight: Weights) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """What the histories of B requests say for each posting that is a neighbour of any of theirs.

        Args:
            history: int32 (B, H), -1 padded.
            weight: float32 (B, H), of the events; only their shares count.

        Returns:
            sorted keys (request << 32 | row), int64 (K,), and the weighted mean of the neighbours' weights, (K,).
        """
        share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
        rows, weights = self.gather(history, self.width)
        there = rows >= 0  # most of a wide history is padding
        request = np.broadcast_to(np.arange(len(history), dtype=np.int64)[:, None, None] << 32, rows.shape)
        keys, inverse = np.unique(request[there] | rows[there], return_inverse=True)
        sums = np.bincount(inverse, (weights * share[..., None])[there], len(keys))
        return keys.astype(np.int64), sums.astype(np.float64)


def find_neighbours(interactions: sparse.csr_matrix, settings: FactorSettings) -> Neighbours:
    """The neighbours of each posting by the model that the settings name.

    Args:
        interactions: summed event weights (C, P).
        settings: see there.
    """
    if settings.neighbours_model == "bm25":
        return bm25_neighbours(interactions, settings.neighbours, settings.bm25_k1, settings.bm25_b)
    if settings.neighbours_model == "ease":
        chosen = _relative(interactions)
        return _from_parts(*closed_form(chosen, settings.neighbours, settings.ease_ridge, settings.ease_most))
    return count_neighbours(interactions, settings.neighbours)


def neighbours_of_codes(interactions: sparse.csr_matrix, codes: NDArray[np.int32], keep: int) -> Neighbours:
    """Co-occurrence of what postings have in common, as of industries, in the place of postings.

    Args:
        interactions: summed event weights (C, P).
        codes: int32 (P,), -1 for a posting that has none.
        keep: so many neighbours of each code.
    """
    coded = np.flatnonzero(codes >= 0)
    shape = (len(codes), int(codes.max(initial=-1)) + 1)
    membership = sparse.csr_matrix((np.ones(len(coded), np.float32), (coded, codes[coded])), shape=shape)
    return count_neighbours((interactions @ membership).tocsr(), keep)


def _relative(interactions: sparse.csr_matrix) -> sparse.csr_matrix:
    """Weights in units of their mean, capped: a model with a penalty must not depend on how old all events are."""
    relative = interactions.astype(np.float32)
    if relative.nnz:
        mean = np.mean(relative.data, dtype=np.float64)
        relative.data = np.minimum(relative.data / mean, _STRONGEST_EVENT).astype(np.float32)
    return relative


def _from_parts(size: NDArray[np.int64], rows: NDArray[np.int32], weights: Weights) -> Neighbours:
    return Neighbours(np.concatenate([np.zeros(1, np.int64), np.cumsum(size)]).astype(np.int64), rows, weights)


def bm25_neighbours(interactions: sparse.csr_matrix, keep: int, k1: float, b: float, block: int = 4096) -> Neighbours:
    """Inner products of the postings' columns weighted by BM25, each divided by the largest of all.

    A posting is read as a document of candidates: w (k1 + 1) / (k1 (1 - b + b n / mean n) + w) times the inverse
    frequency log(P / (1 + p)), for a weight w of a candidate with p postings in the column of a posting with the sum n
    (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009; the form is that of implicit).
    """
    weighted = bm25_weights(_relative(interactions), k1, b)
    columns = weighted.T.tocsr()
    sizes, rows, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for at in range(0, weighted.shape[1], block):
        dots = (columns[at : at + block] @ weighted).tocsr()
        dots.sort_indices()
        source = np.repeat(np.arange(dots.shape[0]), np.diff(dots.indptr))
        size, found, weight = _first(source, dots.indices, dots.data, dots.shape[0], at, keep)
        sizes.append(size)
        rows.append(found)
        weights.append(weight)
    joined = _from_parts(np.concatenate(sizes), np.concatenate(rows), np.concatenate(weights))
    largest = joined.weights.max(initial=0)
    return joined if largest == 0 else Neighbours(joined.start, joined.rows, joined.weights / largest)


def bm25_weights(interactions: sparse.csr_matrix, k1: float, b: float) -> sparse.csr_matrix:
    """The weights of ``bm25_neighbours`` (C, P), float32, before they are multiplied."""
    cells = interactions.tocsr()
    postings = cells.shape[1]
    rare = np.log(max(postings, 1)) - np.log1p(np.diff(cells.indptr))
    sums = np.asarray(cells.sum(axis=0), np.float64).ravel()
    length = 1 - b + b * sums / max(sums.mean(), 1e-30) if postings else sums
    weight = cells.data * (k1 + 1) / (k1 * length[cells.indices] + cells.data)
    weight = weight * np.repeat(np.maximum(rare, 0), np.diff(cells.indptr))
    return sparse.csr_matrix((weight.astype(np.float32), cells.indices, cells.indptr), shape=cells.shape)


def count_neighbours(interactions: sparse.csr_matrix, keep: int, block: int = 4096) -> Neighbours:
    """Co-occurrence of postings in candidates' histories.

    The weight is the cosine of the two columns times n / (n + 2), n the number of candidates that they share, since
    a cosine of two postings with one candidate each is 1 and says little.
    """
    postings = interactions.shape[1]
    once = interactions.copy()
    once.data = np.minimum(once.data, _STRONGEST_EVENT).astype(np.float32)
    shared = interactions.copy()
    shared.data = np.ones_like(shared.data)
    norms = np.sqrt(np.asarray(once.multiply(once).sum(axis=0)).ravel())
    by_posting, by_posting_shared = once.T.tocsr(), shared.T.tocsr()
    sizes, rows, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for at in range(0, postings, block):
        dots = (by_posting[at : at + block] @ once).tocsr()
        counts = (by_posting_shared[at : at + block] @ shared).tocsr()
        dots.sort_indices()
        counts.sort_indices()
        size, found, weight = _strongest(dots, counts.data, norms, at, keep)
        sizes.append(size)
        rows.append(found)
        weights.append(weight)
    return _from_parts(np.concatenate(sizes), np.concatenate(rows), np.concatenate(weights))


def _strongest(
    dots: sparse.csr_matrix, counts: NDArray[np.float32], norms: NDArray[np.float32], at: int, keep: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    source = np.repeat(np.arange(dots.shape[0]), np.diff(dots.indptr))
    # in float64: the norms of events that age has made small would fall below any floor
    lengths = norms[source + at].astype(np.float64) * norms[dots.indices]
    cosine = dots.data / np.maximum(lengths, 1e-300) * counts / (counts + 2)
    return _first(source, dots.indices, cosine, dots.shape[0], at, keep)


def _first(
    source: NDArray[np.int64], target: NDArray[np.int32], weight: NDArray[np.floating], count: int, at: int, keep: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], Weights]:
    """The ``keep`` heaviest targets but itself of each of ``count`` sources ``at`` ...: how many, rows, weights."""
    useful = (target != source + at) & (weight > 0)
    source, target, weight = source[useful], target[useful], weight[useful].astype(np.float32)
    if len(source) > 4 * keep * max(count, 1):  # sorting all to keep a few would take most of the training
        few = _not_too_light(source, target, weight, count, keep)
        source, target, weight = source[few], target[few], weight[few]
    order = np.lexsort((target, -weight, source))
    source, target, weight = source[order], target[order], weight[order]
    size = np.bincount(source, minlength=count)
    position = np.arange(len(source)) - np.repeat(np.cumsum(size) - size, size)
    kept = position < keep
    return np.minimum(size, keep).astype(np.int64), target[kept].astype(np.int32), weight[kept]


def _not_too_light(
    source: NDArray[np.int64], target: NDArray[np.int32], weight: Weights, count: int, keep: int
) -> NDArray[np.bool_]:
    """Which weights are at least the ``keep``-th of their source; sources ascend."""
    width = int(target.max()) + 1
    start = np.searchsorted(source, np.arange(count + 1))
    few = np.ones(len(source), bool)
    step = max(1, _DENSE // width)
    for a in range(0, count, step):
        part = slice(int(start[a]), int(start[min(a + step, count)]))
        dense = np.zeros((min(step, count - a), max(width, keep)), np.float32)
        dense[source[part] - a, target[part]] = weight[part]
        least = np.partition(dense, dense.shape[1] - keep, axis=1)[:, dense.shape[1] - keep]
        few[part] = weight[part] >= least[source[part] - a]
    return few
