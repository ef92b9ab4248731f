"""Collaborative filtering: the only file that imports implicit.

A candidate has no stored factors. The vector of a candidate is always solved from the history of that moment
against the posting factors (fold-in), so a new event counts at once and training and serving cannot drift apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.als import regularisation, scaled_als
from recsys.config import FactorSettings

Vectors = NDArray[np.float32]

_NUMBERS = 8_000_000  # of a history's factors that the fold-in holds at once


@dataclass(frozen=True)
class Factors:
    """Posting factors and what the fold-in needs.

    Attributes:
        postings: float32 (P, f); solved from events where there are any, mapped from text elsewhere, zeros where
            neither is known.
        gram: float32 (f, f), the Gram matrix of the factors that came from events.
        regularisation: as in training.
        confidence: as in training.
        frequency_scaling: as in training.
        population: how many postings have factors from events; only the scaling reads it.
        from_text: float32 (d, f), what turns the text vector of a posting that arrives later into factors, see
            ``recsys.unseen``; None where too few postings have events to learn it.
    """

    postings: Vectors
    gram: Vectors
    regularisation: float
    confidence: float
    frequency_scaling: float = 0.0
    population: int = 0
    from_text: Vectors | None = None

    def fold_in(self, rows: NDArray[np.int32], weights: NDArray[np.float32]) -> Vectors:
        """Candidate vectors (B, f) from histories.

        Solves (G + r I + sum_h c w_h y_h y_h') x = sum_h (1 + c w_h) y_h, equation 4 of Hu, Koren and Volinsky,
        Collaborative Filtering for Implicit Feedback Datasets (2008), for each request; r as in training, for a
        candidate with as many postings as the history has.

        Args:
            rows: int32 (B, H) posting rows, -1 where there are fewer.
            weights: float32 (B, H), 0 where the row is -1.

        Returns:
            NaN in the whole row for a history that holds nothing with factors.
        """
        solved = np.full((len(rows), self.postings.shape[1]), np.nan, np.float32)
        step = max(1, _NUMBERS // max(rows.shape[1] * self.postings.shape[1], 1))
        for at in range(0, len(rows), step):
            solved[at : at + step] = self._fold_in(rows[at : at + step], weights[at : at + step])
        return solved

    def _fold_in(self, rows: NDArray[np.int32], weights: NDArray[np.float32]) -> Vectors:
        known = (rows >= 0) & (weights > 0)
        y = self.postings[np.where(known, rows, 0)] * known[..., None]
        extra = self.confidence * np.where(known, weights, 0).astype(np.float32)
        strength = regularisation(
            known.sum(axis=1), self.population, self.regularisation, self.confidence, self.frequency_scaling
        )
        base = self.gram + strength[:, None, None] * np.eye(len(self.gram), dtype=np.float32)
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
        factors[with_events] = scaled_als(cells, settings) if settings.frequency_scaling else _als(cells, settings)
    gram = factors[with_events].T @ factors[with_events]
    return Factors(
        factors,
        gram,
        settings.regularisation,
        settings.confidence,
        settings.frequency_scaling,
        population=len(with_events),
    )


def _als(weights: sparse.csr_matrix, settings: FactorSettings) -> Vectors:
    cells = weights.copy()
    cells.data = (1 + settings.confidence * cells.data).astype(np.float32)
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
