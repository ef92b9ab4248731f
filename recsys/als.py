"""Weighted ALS whose regularisation grows with the number of events, by conjugate gradients over sparse arrays.

The objective is that of Hu, Koren and Volinsky (2008) with the regularisation of Rendle et al., Revisiting the
Performance of iALS on Item Recommendation Benchmarks (RecSys 2022); the solver is that of Takacs, Pilaszy and Tikk,
Applications of the conjugate gradient method for implicit feedback collaborative filtering (RecSys 2011): a few steps
from the vectors of the sweep before, never a matrix a candidate.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.config import FactorSettings

Numbers = NDArray[np.float32]

_STEPS = 3  # of conjugate gradients in each half of a sweep
_AT_ONCE = 65_536  # cells whose inner products are computed at once
_SPREAD = 0.1  # standard deviation of the numbers that the factors start from


def strengths(counts: NDArray[np.integer], population: float, settings: FactorSettings) -> Numbers:
    """The regularisation of candidates or postings with ``counts`` choices each: float32, of the same shape.

    r (n + N / c) ** s: r the regularisation, N how many could have been chosen, c the confidence, s the scaling.
    This is c times the published lambda (n + alpha_0 N) ** nu, for the objective there gives what was chosen weight 1
    and all else alpha_0 = 1 / c, where here it is c and 1.
    """
    return regularisation(counts, population, settings.regularisation, settings.confidence, settings.frequency_scaling)


def regularisation(
    counts: NDArray[np.integer], population: float, base: float, confidence: float, scaling: float
) -> Numbers:
    """As ``strengths``, from plain numbers."""
    return np.asarray(base * (counts + population / confidence) ** scaling, np.float32)


def scaled_als(weights: sparse.csr_matrix, settings: FactorSettings) -> Numbers:
    """Factors of P postings (P, f) from event weights (C, P) of candidates and postings that all have events."""
    candidates, postings = weights.shape
    extra = weights.astype(np.float32).tocsr()
    extra.data = extra.data * np.float32(settings.confidence)
    by_posting = extra.T.tocsr()
    of_candidates = strengths(np.diff(extra.indptr), postings, settings)
    of_postings = strengths(np.diff(by_posting.indptr), candidates, settings)
    rng = np.random.default_rng(settings.seed)
    y = (_SPREAD * rng.standard_normal((postings, settings.dimensions))).astype(np.float32)
    x = np.zeros((candidates, settings.dimensions), np.float32)
    for _ in range(settings.iterations):
        x = _solve(extra, x, y, of_candidates)
        y = _solve(by_posting, y, x, of_postings)
    return y


def _solve(extra: sparse.csr_matrix, x: Numbers, y: Numbers, strength: Numbers) -> Numbers:
    """Nearer to the minimum over the rows of ``x`` with ``y`` held, each row by conjugate gradients of its own."""
    gram = y.T @ y

    def times(vectors: Numbers) -> Numbers:
        weighted = sparse.csr_matrix(
            (extra.data * _products(extra, vectors, y), extra.indices, extra.indptr), extra.shape
        )
        return np.asarray(vectors @ gram + strength[:, None] * vectors + weighted @ y, np.float32)

    asked = sparse.csr_matrix((1 + extra.data, extra.indices, extra.indptr), extra.shape) @ y
    residual = np.asarray(asked - times(x), np.float32)
    direction, squared = residual, _dots(residual, residual)
    for _ in range(_STEPS):
        turned = times(direction)
        step = squared / np.maximum(_dots(direction, turned), 1e-30)
        x = (x + step[:, None] * direction).astype(np.float32)
        residual = (residual - step[:, None] * turned).astype(np.float32)
        before, squared = squared, _dots(residual, residual)
        direction = (residual + (squared / np.maximum(before, 1e-30))[:, None] * direction).astype(np.float32)
    return x


def _products(cells: sparse.csr_matrix, x: Numbers, y: Numbers) -> Numbers:
    """The inner product of the two vectors of each cell, float32 (cells,)."""
    row = np.repeat(np.arange(cells.shape[0]), np.diff(cells.indptr))
    out = np.empty(cells.nnz, np.float32)
    for at in range(0, cells.nnz, _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        out[part] = _dots(x[row[part]], y[cells.indices[part]])
    return out


def _dots(a: Numbers, b: Numbers) -> Numbers:
    return np.asarray(np.einsum("nf,nf->n", a, b), np.float32)
