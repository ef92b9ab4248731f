"""An item-item model solved in closed form (Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019).

The weights B minimise |X - X B|^2 + r |B|^2 with a diagonal of zeros, X the candidates' choices (C, P):
with Q = (X'X + r I)^-1, B_ij = -Q_ij / Q_jj (equation 8 there). Where there are fewer candidates than postings,
Q = (I - X' K X) / r with K = (X X' + r I)^-1, so that the matrix to be inverted is the smaller of the two.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

Numbers = NDArray[np.float32]
Parts = tuple[NDArray[np.int64], NDArray[np.int32], Numbers]

_CELLS = 32_000_000  # weights held at once


def closed_form(chosen: sparse.csr_matrix, keep: int, ridge: float, most: int) -> Parts:
    """For each posting the ``keep`` others with the largest weights by size, the heaviest first.

    Args:
        chosen: weights (C, P), 0 where a posting was not chosen.
        keep: weights kept for each posting.
        ridge: r above.
        most: rows of the largest matrix that is inverted. Where more candidates and more postings than this have
            events, the postings chosen by the most candidates stand for all, and the others get no weights.

    Returns:
        how many each posting has, int64 (P,); rows int32 (N,) and weights float32 (N,), posting by posting.
    """
    count = np.bincount(chosen.indices[chosen.data > 0], minlength=chosen.shape[1])
    used = np.flatnonzero(count)
    cells = chosen[np.flatnonzero(np.diff(chosen.indptr))]
    if min(len(used), cells.shape[0]) > most:
        used = np.sort(used[np.argsort(-count[used], kind="stable")[:most]])
    cells = cells[:, used].tocsr().astype(np.float32)
    size = np.zeros(chosen.shape[1], np.int64)
    if len(used) < 2:
        return size, np.zeros(0, np.int32), np.zeros(0, np.float32)
    by_posting = len(used) <= cells.shape[0]
    inverse = _inverse(cells.T @ cells if by_posting else cells @ cells.T, ridge)
    diagonal = np.diag(inverse) if by_posting else 1 - _own(cells, inverse)
    rows, weights = [], []
    step = max(1, _CELLS // len(used))
    for at in range(0, len(used), step):
        members = np.arange(at, min(at + step, len(used)))
        block = -inverse[members] if by_posting else _between(cells, inverse, members)
        found, weight, number = _largest(block / diagonal, members, keep)
        size[used[members]] = number
        rows.append(used[found].astype(np.int32))
        weights.append(weight)
    return size, np.concatenate(rows), np.concatenate(weights)


def _inverse(gram: sparse.spmatrix, ridge: float) -> Numbers:
    """The inverse of a Gram matrix with the ridge on its diagonal, by Cholesky."""
    dense = np.asfortranarray(gram.toarray(), np.float32)
    dense[np.diag_indices_from(dense)] += ridge
    factor, failed = lapack.spotrf(dense, lower=1, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError("the ridge of the closed-form model is too small for these events")
    half, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    upper = np.triu_indices(len(half), 1)
    half[upper] = half.T[upper]
    return np.asarray(half)


def _between(cells: sparse.csr_matrix, inverse: Numbers, members: NDArray[np.int64]) -> Numbers:
    """X' K X for the rows ``members``: float32 (b, P)."""
    left = cells[:, members].T.tocsr() @ inverse
    return np.asarray((cells.T.tocsr() @ left.T).T, np.float32)


def _own(cells: sparse.csr_matrix, inverse: Numbers) -> Numbers:
    """The diagonal of X' K X."""
    columns, postings = cells.T.tocsr(), cells.shape[1]
    step = max(1, _CELLS // cells.shape[0])
    parts = [
        np.asarray(columns[at : at + step].multiply(columns[at : at + step] @ inverse).sum(axis=1)).ravel()
        for at in range(0, postings, step)
    ]
    return np.concatenate(parts).astype(np.float32)


def _largest(
    block: Numbers, members: NDArray[np.int64], keep: int
) -> tuple[NDArray[np.int64], Numbers, NDArray[np.int64]]:
    """The weights of each row that are largest by size, heaviest first: columns, weights, how many a row."""
    block[np.arange(len(members)), members] = 0
    keep = min(keep, block.shape[1] - 1)
    some = np.sort(np.argpartition(-np.abs(block), keep - 1, axis=1)[:, :keep], axis=1)
    weight = np.take_along_axis(block, some, 1)
    order = np.argsort(-weight, axis=1, kind="stable")
    some, weight = np.take_along_axis(some, order, 1), np.take_along_axis(weight, order, 1)
    there = weight != 0
    return some[there], weight[there], there.sum(axis=1)
