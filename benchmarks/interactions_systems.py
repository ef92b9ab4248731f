"""The plain systems that the engine is compared with, and what lists are measured by."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.interactions_data import Cut
from recsys.metrics import hits, ndcg_at, recall_at

Numbers = NDArray[np.float32]
Rows = NDArray[np.int64]
Score = Callable[[NDArray[np.int64]], Numbers]  # users (b,) to scores (b, P)
Fit = Callable[[sparse.csr_matrix, dict[str, Any]], Score]

DEPTH = 50
_AT_ONCE = 256


def lists(score: Score, cut: Cut, among: NDArray[np.bool_] | None = None) -> Rows:
    """The best ``DEPTH`` items of each asker that are allowed and not known already: int64 (Q, DEPTH)."""
    allowed = cut.among if among is None else among
    out = np.empty((len(cut.users), DEPTH), np.int64)
    for at in range(0, len(cut.users), _AT_ONCE):
        users = cut.users[at : at + _AT_ONCE]
        scores = np.where(allowed, score(users), -np.inf)
        known = cut.known[users]
        scores[np.repeat(np.arange(len(users)), np.diff(known.indptr)), known.indices] = -np.inf
        best = np.argpartition(-scores, DEPTH, axis=1)[:, :DEPTH]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
        out[at : at + _AT_ONCE] = np.take_along_axis(best, order, 1)
    return out


@dataclass(frozen=True)
class Measured:
    """recall@50 and ndcg@20 of each asker, float64 (Q,)."""

    recall: NDArray[np.float64]
    ndcg: NDArray[np.float64]


def measure(rows: Rows, cut: Cut) -> Measured:
    """Of lists (Q, n), -1 padded."""
    asked = cut.asked[cut.users]
    hit = hits(rows, asked.indptr, asked.indices)
    relevant = np.diff(asked.indptr).astype(np.int64)
    return Measured(recall_at(hit, relevant, DEPTH), ndcg_at(hit, relevant, 20))


def als(known: sparse.csr_matrix, chosen: dict[str, Any]) -> Score:
    """Implicit's ALS."""
    from implicit.cpu.als import AlternatingLeastSquares

    cells = known.copy()
    cells.data = np.full(known.nnz, 1 + chosen["confidence"], np.float32)
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=chosen["dimensions"], regularization=chosen["regularisation"], alpha=1.0, random_state=0
        )
        model.fit(cells, show_progress=False)
    return lambda users: np.asarray(model.user_factors[users] @ model.item_factors.T, np.float32)


def bm25(known: sparse.csr_matrix, chosen: dict[str, Any]) -> Score:
    """Implicit's BM25 item-kNN."""
    from implicit.nearest_neighbours import BM25Recommender

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = BM25Recommender(K=chosen["neighbours"], K1=chosen["k1"], B=chosen["b"])
        model.fit(known, show_progress=False)
    similar = model.similarity.tocsr()
    return lambda users: np.asarray((known[users] @ similar).toarray(), np.float32)


def tfidf(words: sparse.csr_matrix) -> Fit:
    """Cosine of an item's words with the mean of a user's items."""
    rarity = np.log(words.shape[0] / np.maximum(np.diff(words.tocsc().indptr), 1))

    def fit(known: sparse.csr_matrix, chosen: dict[str, Any]) -> Score:
        weighted = words.copy()
        weighted.data = 1 + np.log(words.data) if chosen["log"] else words.data
        unit = _unit(weighted @ sparse.diags(rarity ** chosen["rarity"])).astype(np.float32)
        columns = unit.T.tocsr()
        return lambda users: np.asarray((_profile(known, users, chosen["length"]) @ unit @ columns).toarray())

    return fit


def encoder(texts: Numbers, titles: Numbers) -> Fit:
    """The same by the vectors of an encoder."""

    def fit(known: sparse.csr_matrix, chosen: dict[str, Any]) -> Score:
        vectors = {"text": texts, "title": titles, "both": texts + titles}[chosen["read"]].astype(np.float32)
        if chosen["centred"]:
            vectors = vectors - vectors.mean(axis=0)
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return lambda users: np.asarray(_profile(known, users, chosen["length"]) @ vectors @ vectors.T, np.float32)

    return fit


def _profile(known: sparse.csr_matrix, users: NDArray[np.int64], power: float) -> sparse.csr_matrix:
    """The users' items, each weighted by its own number of users to the power -``power``."""
    count = np.maximum(np.asarray(known.sum(axis=0)).ravel(), 1)
    return (known[users] @ sparse.diags(count**-power)).astype(np.float32).tocsr()


def _unit(matrix: sparse.spmatrix) -> sparse.csr_matrix:
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return (sparse.diags(1 / np.maximum(length, 1e-9)) @ matrix).tocsr()
