"""Factors of postings that nobody has chosen yet, from their text.

Two ways, of which the one whose guesses point more nearly where the trained factors do is taken, each posting with
events being guessed from the others: a ridge regression from text vectors, and the mean of the factors of the postings
that share most words.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.collab import Factors
from recsys.terms import Terms

Vectors = NDArray[np.float32]
Flags = NDArray[np.bool_]

_LEAST = 50  # postings with events below which nothing is learned
_SAMPLE = 50_000  # postings that a ridge is learned from
_ASKED = 2_000  # postings guessed to compare the two ways
_PAIRS = 2_000_000_000  # cosines of words computed; with more, fewer postings with events are looked among
_AT_ONCE = 20_000_000  # of them held at once
_NEAREST = 20  # postings whose factors are averaged: the best of 20 and 50 on validation queries of a dense set


def map_text_to_factors(
    factors: Factors,
    text: Vectors,
    with_events: Flags,
    strengths: tuple[float, ...] = (1, 3, 10, 30, 100),
    words: Terms | None = None,
) -> Factors:
    """Give postings without events factors by what their text is like.

    Args:
        factors: as trained.
        text: float32 (P, d), text vectors.
        with_events: bool (P,).
        strengths: ridge penalties to choose from.
        words: the same texts as words; None: the ridge alone.
    """
    known = np.flatnonzero(with_events)
    if len(known) < _LEAST:
        return factors
    rng = np.random.default_rng(0)
    unseen = np.flatnonzero(~with_events)
    sample = known if len(known) <= _SAMPLE else np.sort(rng.choice(known, _SAMPLE, replace=False))
    coefficients, left_out = _ridge(text[sample], factors.postings[sample], strengths)
    factors = replace(factors, from_text=coefficients)
    if not len(unseen):
        return factors
    filled = factors.postings.copy()
    if words is not None:
        most = max(_LEAST, _PAIRS // max(len(unseen), _ASKED))
        among = known if len(known) <= most else np.sort(rng.choice(known, most, replace=False))
        asked = np.sort(rng.choice(len(sample), min(_ASKED, len(sample)), replace=False))
        guessed = _by_words(words, factors.postings, among, sample[asked])
        if _alike(guessed, factors.postings[sample[asked]]) > _alike(left_out[asked], factors.postings[sample[asked]]):
            filled[unseen] = _by_words(words, factors.postings, among, unseen)
            return replace(factors, postings=filled)
    for at in range(0, len(unseen), 65_536):
        rows = unseen[at : at + 65_536]
        filled[rows] = text[rows] @ coefficients
    return replace(factors, postings=filled)


def _ridge(text: Vectors, target: Vectors, strengths: tuple[float, ...]) -> tuple[Vectors, Vectors]:
    """Coefficients (d, f), and what each row (N, f) would be if it were left out.

    The strength is the one with the least leave-one-out error, which has a closed form (Hastie, Tibshirani, Friedman,
    The Elements of Statistical Learning, equation 7.64).
    """
    x, y = text.astype(np.float64), target.astype(np.float64)
    values, basis = np.linalg.eigh(x.T @ x)
    projected, moment = x @ basis, basis.T @ (x.T @ y)
    best, least = np.zeros_like(y), np.inf
    chosen = strengths[0]
    for strength in strengths:
        shrink = 1 / (np.maximum(values, 0) + strength)
        leverage = np.einsum("nd,d,nd->n", projected, shrink, projected)
        residual = (y - projected @ (shrink[:, None] * moment)) / (1 - leverage)[:, None]
        error = float(np.mean(residual**2))
        if error < least:
            best, least, chosen = y - residual, error, strength
    coefficients = basis @ (moment / (np.maximum(values, 0) + chosen)[:, None])
    return coefficients.astype(np.float32), best.astype(np.float32)


def _alike(guessed: Vectors, trained: Vectors) -> float:
    """Mean cosine; a guess of nothing counts 0."""
    length = np.linalg.norm(guessed, axis=1) * np.linalg.norm(trained, axis=1)
    return float(np.mean(np.einsum("nf,nf->n", guessed, trained) / np.maximum(length, 1e-12)))


def _by_words(words: Terms, factors: Vectors, among: NDArray[np.intp], rows: NDArray[np.intp]) -> Vectors:
    """Mean of the factors of the ``_NEAREST`` of ``among`` by the cosine of words, weighted by it, never of itself."""
    others = _matrix(words, among).T.tocsr()
    keep = min(_NEAREST, len(among))
    out = np.zeros((len(rows), factors.shape[1]), np.float32)
    step = max(1, _AT_ONCE // len(among))
    for at in range(0, len(rows), step):
        part = rows[at : at + step]
        alike = (_matrix(words, part) @ others).toarray()
        own = np.minimum(np.searchsorted(among, part), len(among) - 1)
        met = np.flatnonzero(among[own] == part)
        alike[met, own[met]] = 0
        near = np.sort(np.argpartition(-alike, keep - 1, axis=1)[:, :keep], axis=1)
        weight = np.take_along_axis(alike, near, 1)
        total = np.einsum("nk,nkf->nf", weight, factors[among[near]])
        out[at : at + step] = total / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    return out


def _matrix(words: Terms, rows: NDArray[np.intp]) -> sparse.csr_matrix:
    """The texts at ``rows`` as unit rows of a sparse matrix, one column a word."""
    codes, weights = words.at(rows)
    start = np.arange(len(rows) + 1) * codes.shape[1]
    columns = np.iinfo(words.codes.dtype).max + 1
    matrix = sparse.csr_matrix((weights.ravel(), codes.ravel().astype(np.int32), start), shape=(len(rows), columns))
    matrix.eliminate_zeros()  # the padding would meet itself in every pair of texts
    return matrix
