"""Collaborative filtering: the only file that imports implicit.

A candidate has no stored factors. The vector of a candidate is always solved from the history of that moment
against the posting factors (fold-in), so a new event counts at once and training and serving cannot drift apart.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.config import FactorSettings

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Factors:
    """Posting factors and what the fold-in needs.

    Attributes:
        postings: float32 (P, f); solved from events where there are any, mapped from text elsewhere, zeros where
            neither is known.
        gram: float32 (f, f), the Gram matrix of the factors that came from events.
        regularisation: as in training.
        confidence: as in training.
    """

    postings: Vectors
    gram: Vectors
    regularisation: float
    confidence: float

    def fold_in(self, rows: NDArray[np.int32], weights: NDArray[np.float32]) -> Vectors:
        """Candidate vectors (B, f) from histories.

        Solves (G + r I + sum_h c w_h y_h y_h') x = sum_h (1 + c w_h) y_h, equation 4 of Hu, Koren and Volinsky,
        Collaborative Filtering for Implicit Feedback Datasets (2008), for each request.

        Args:
            rows: int32 (B, H) posting rows, -1 where there are fewer.
            weights: float32 (B, H), 0 where the row is -1.

        Returns:
            NaN in the whole row for a history that holds nothing with factors.
        """
        known = (rows >= 0) & (weights > 0)
        y = self.postings[np.where(known, rows, 0)] * known[..., None]
        extra = self.confidence * np.where(known, weights, 0).astype(np.float32)
        base = self.gram + self.regularisation * np.eye(len(self.gram), dtype=np.float32)
        left = base + np.matmul((y * extra[..., None]).transpose(0, 2, 1), y)
        right = np.matmul((1 + extra)[:, None, :], y)[:, 0, :]
        solved = np.linalg.solve(left, right[..., None])[..., 0].astype(np.float32)
        nothing = ~np.any(y, axis=(1, 2))
        solved[nothing] = np.nan
        return solved


def interaction_matrix(
    candidates: NDArray[np.int32], postings: NDArray[np.int32], weights: NDArray[np.float32], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """Summed event weights (C, P) as CSR float32; events of weight 0 leave nothing."""
    useful = weights > 0
    matrix = sparse.csr_matrix(
        (weights[useful].astype(np.float32), (candidates[useful], postings[useful])), shape=shape, dtype=np.float32
    )
    matrix.sum_duplicates()
    return matrix


def train_factors(interactions: sparse.csr_matrix, settings: FactorSettings) -> Factors:
    """Weighted ALS over summed event weights (C, P); postings without events get zeros.

    implicit reads a cell as the confidence itself, so the cells are 1 + confidence * weight.
    """
    postings = interactions.shape[1]
    with_events = np.flatnonzero(np.diff(interactions.tocsc().indptr))
    factors = np.zeros((postings, settings.dimensions), np.float32)
    if len(with_events) >= 2:
        cells = interactions[:, with_events].tocsr()
        cells = cells[np.flatnonzero(np.diff(cells.indptr))]
        cells.data = (1 + settings.confidence * cells.data).astype(np.float32)
        factors[with_events] = _als(cells, settings)
    gram = factors[with_events].T @ factors[with_events]
    return Factors(factors, gram, settings.regularisation, settings.confidence)


def _als(cells: sparse.csr_matrix, settings: FactorSettings) -> Vectors:
    with threadpool_limits(1, "blas"):  # implicit threads by itself and warns if BLAS does too
        from implicit.cpu.als import AlternatingLeastSquares

        model = AlternatingLeastSquares(
            factors=settings.dimensions,
            regularization=settings.regularisation,
            alpha=1.0,
            iterations=settings.iterations,
            random_state=settings.seed,
        )
        model.fit(cells, show_progress=False)
    return np.asarray(model.item_factors, np.float32)


def map_text_to_factors(
    factors: Factors, text: Vectors, with_events: NDArray[np.bool_], strengths: tuple[float, ...] = (1, 3, 10, 30, 100)
) -> Factors:
    """Give postings without events factors by ridge regression from their text vectors.

    The strength of the ridge is the one with the least leave-one-out error over postings that have events, which
    has a closed form (Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, equation 7.64).

    Args:
        factors: as trained.
        text: float32 (P, d).
        with_events: bool (P,).
        strengths: ridge penalties to choose from.
    """
    known = np.flatnonzero(with_events)
    if len(known) < 50 or with_events.all():
        return factors
    sample = known if len(known) <= 50_000 else np.random.default_rng(0).choice(known, 50_000, replace=False)
    x, y = text[sample].astype(np.float64), factors.postings[sample].astype(np.float64)
    values, basis = np.linalg.eigh(x.T @ x)
    projected, target = x @ basis, basis.T @ (x.T @ y)
    errors = []
    for strength in strengths:
        shrink = 1 / (np.maximum(values, 0) + strength)
        leverage = np.einsum("nd,d,nd->n", projected, shrink, projected)
        residual = y - projected @ (shrink[:, None] * target)
        errors.append(float(np.mean((residual / (1 - leverage)[:, None]) ** 2)))
    best = strengths[int(np.argmin(errors))]
    coefficients = (basis @ (target / (np.maximum(values, 0) + best)[:, None])).astype(np.float32)
    filled = factors.postings.copy()
    unseen = np.flatnonzero(~with_events)
    for at in range(0, len(unseen), 65_536):
        rows = unseen[at : at + 65_536]
        filled[rows] = text[rows] @ coefficients
    return Factors(filled, factors.gram, factors.regularisation, factors.confidence)


@dataclass(frozen=True)
class Neighbours:
    """For each posting, the postings that the same candidates chose, most alike first.

    Attributes:
        start: int64 (P + 1,), posting p's neighbours stand at start[p]:start[p + 1].
        rows: int32 (N,).
        weights: float32 (N,), cosine of the two postings' columns of the interaction matrix, damped.
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


def count_neighbours(interactions: sparse.csr_matrix, keep: int, block: int = 4096) -> Neighbours:
    """Co-occurrence of postings in candidates' histories.

    The weight is the cosine of the two columns times n / (n + 2), n the number of candidates that they share, since
    a cosine of two postings with one candidate each is 1 and says little.
    """
    postings = interactions.shape[1]
    once = interactions.copy()
    once.data = np.minimum(once.data, 10).astype(np.float32)
    shared = interactions.copy()
    shared.data = np.ones_like(shared.data)
    norms = np.sqrt(np.asarray(once.multiply(once).sum(axis=0)).ravel())
    by_posting, by_posting_shared = once.T.tocsr(), shared.T.tocsr()
    starts, rows, weights = [np.zeros(1, np.int64)], [], []
    for at in range(0, postings, block):
        dots = (by_posting[at : at + block] @ once).tocsr()
        counts = (by_posting_shared[at : at + block] @ shared).tocsr()
        dots.sort_indices()
        counts.sort_indices()
        size, found, weight = _strongest(dots, counts.data, norms, at, keep)
        starts.append(starts[-1][-1] + np.cumsum(size))
        rows.append(found)
        weights.append(weight)
    return Neighbours(np.concatenate(starts), np.concatenate(rows), np.concatenate(weights))


def _strongest(
    dots: sparse.csr_matrix, counts: NDArray[np.float32], norms: NDArray[np.float32], at: int, keep: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    source = np.repeat(np.arange(dots.shape[0]), np.diff(dots.indptr))
    # in float64: the norms of events that age has made small would fall below any floor
    lengths = norms[source + at].astype(np.float64) * norms[dots.indices]
    cosine = dots.data / np.maximum(lengths, 1e-300) * counts / (counts + 2)
    others = dots.indices != source + at
    source, target, cosine = source[others], dots.indices[others], cosine[others]
    order = np.lexsort((target, -cosine, source))
    source, target, cosine = source[order], target[order], cosine[order]
    size = np.bincount(source, minlength=dots.shape[0])
    position = np.arange(len(source)) - np.repeat(np.cumsum(size) - size, size)
    kept = position < keep
    return np.minimum(size, keep).astype(np.int64), target[kept].astype(np.int32), cosine[kept].astype(np.float32)
