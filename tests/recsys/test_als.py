from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from recsys.als import scaled_als
from recsys.collab import Factors, train_factors
from recsys.config import FactorSettings

SETTINGS = FactorSettings(dimensions=3, iterations=150, regularisation=0.2, confidence=8, frequency_scaling=0.7)


def interactions(seed, candidates=40, postings=30):
    """Three circles of candidates, each with postings of its own: one best solution, up to rotation."""
    rng = np.random.default_rng(seed)
    same = np.equal.outer(np.arange(candidates) % 3, np.arange(postings) % 3)
    there = rng.random((candidates, postings)) < np.where(same, 0.7, 0.03)
    there[np.arange(postings) % candidates, np.arange(postings)] = True
    there[np.arange(candidates), np.arange(candidates) % postings] = True
    return sparse.csr_matrix(np.where(there, rng.uniform(0.5, 4, there.shape), 0).astype(np.float32))


def half_densely(weights, other, settings):
    """The rows' minimum with the other side held, row by row in float64."""
    out = np.zeros((len(weights), other.shape[1]))
    for at, row in enumerate(weights.astype(np.float64)):
        chosen = row > 0
        confidence = 1 + settings.confidence * row
        count = chosen.sum() + other.shape[0] / settings.confidence
        strength = settings.regularisation * count**settings.frequency_scaling
        left = (other.T * confidence) @ other + strength * np.eye(other.shape[1])
        out[at] = np.linalg.solve(left, other.T @ (confidence * chosen))
    return out


def densely(matrix, settings):
    """Alternating exact solves from the same start: factors of postings and of candidates."""
    weights = matrix.toarray()
    rng = np.random.default_rng(settings.seed)
    y = (0.1 * rng.standard_normal((weights.shape[1], settings.dimensions))).astype(np.float32).astype(np.float64)
    for _ in range(settings.iterations):
        x = half_densely(weights, y, settings)
        y = half_densely(weights.T, x, settings)
    return y, half_densely(weights, y, settings)


def loss(matrix, x, y, settings):
    """The objective of Rendle et al. (2022) times the confidence, for weighted choices."""
    weights = matrix.toarray().astype(np.float64)
    chosen, confidence = weights > 0, 1 + settings.confidence * weights
    fit = np.sum(confidence * (chosen - x @ y.T) ** 2)
    power = settings.frequency_scaling
    of_x = (chosen.sum(axis=1) + len(y) / settings.confidence) ** power
    of_y = (chosen.sum(axis=0) + len(x) / settings.confidence) ** power
    return fit + settings.regularisation * (of_x @ np.sum(x**2, axis=1) + of_y @ np.sum(y**2, axis=1))


def padded(matrix):
    width = int(np.diff(matrix.indptr).max())
    rows, weights = np.full((matrix.shape[0], width), -1, np.int32), np.zeros((matrix.shape[0], width), np.float32)
    for at in range(matrix.shape[0]):
        one = slice(matrix.indptr[at], matrix.indptr[at + 1])
        rows[at, : one.stop - one.start] = matrix.indices[one]
        weights[at, : one.stop - one.start] = matrix.data[one]
    return rows, weights


@pytest.mark.parametrize("scaling", [0.3, 1.0])
def test_scores_are_those_of_exact_alternating_solves(scaling):
    matrix, settings = interactions(1), SETTINGS.model_copy(update={"frequency_scaling": scaling})
    y, x = densely(matrix, settings)
    found = train_factors(matrix, settings)
    mine = found.fold_in(*padded(matrix)).astype(np.float64)
    np.testing.assert_allclose(mine @ found.postings.T, x @ y.T, atol=2e-3)
    least = loss(matrix, x, y, settings)
    np.testing.assert_allclose(loss(matrix, mine, found.postings.astype(np.float64), settings), least, rtol=1e-4)


def test_the_fold_in_of_a_history_is_what_training_gives_its_candidate():
    matrix = interactions(2)
    found = train_factors(matrix, SETTINGS)
    expected = half_densely(matrix.toarray(), found.postings.astype(np.float64), SETTINGS)
    np.testing.assert_allclose(found.fold_in(*padded(matrix)), expected, rtol=2e-3, atol=2e-4)


def test_postings_are_at_their_minimum_given_the_candidates():
    matrix = interactions(3)
    found = train_factors(matrix, SETTINGS)
    x = found.fold_in(*padded(matrix)).astype(np.float64)
    np.testing.assert_allclose(found.postings, half_densely(matrix.toarray().T, x, SETTINGS), atol=1e-3)


def test_without_scaling_it_is_what_implicit_converges_to():
    matrix = interactions(4)
    plain = SETTINGS.model_copy(update={"frequency_scaling": 0.0})
    theirs = train_factors(matrix, plain)
    ours = Factors(scaled_als(matrix, plain), np.zeros((3, 3), np.float32), 0.2, 8.0)
    ours = replace(ours, gram=ours.postings.T @ ours.postings)
    expected = theirs.fold_in(*padded(matrix)) @ theirs.postings.T
    np.testing.assert_allclose(ours.fold_in(*padded(matrix)) @ ours.postings.T, expected, atol=0.01)


def test_postings_without_events_get_none_and_are_not_counted():
    dense = interactions(5).toarray()
    wide = np.zeros((45, 37), np.float32)
    wide[:40, 3:33] = dense
    found = train_factors(sparse.csr_matrix(wide), SETTINGS)
    alone = train_factors(sparse.csr_matrix(dense), SETTINGS)
    np.testing.assert_array_equal(found.postings[3:33], alone.postings)
    assert not found.postings[:3].any()
    assert not found.postings[33:].any()
    assert found.population == alone.population == 30


def test_training_twice_gives_the_same_bits():
    matrix = interactions(6)
    np.testing.assert_array_equal(scaled_als(matrix, SETTINGS), scaled_als(matrix, SETTINGS))
