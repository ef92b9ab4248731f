import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.collab import (
    Factors,
    interaction_matrix,
    train_factors,
)
from recsys.config import FactorSettings

SETTINGS = FactorSettings(dimensions=8, iterations=20, neighbours=5)


def checkerboard(size):
    """Candidate u chose every posting of the same parity but posting u itself."""
    board = (np.add.outer(np.arange(size), np.arange(size)) % 2 == 0).astype(np.float32)
    np.fill_diagonal(board, 0)
    return sparse.csr_matrix(board)


def padded(matrix):
    """The rows of a CSR matrix as histories: rows and weights (C, H), -1 and 0 padded."""
    width = int(np.diff(matrix.indptr).max())
    rows, weights = np.full((matrix.shape[0], width), -1, np.int32), np.zeros((matrix.shape[0], width), np.float32)
    for at in range(matrix.shape[0]):
        one = slice(matrix.indptr[at], matrix.indptr[at + 1])
        rows[at, : one.stop - one.start] = matrix.indices[one]
        weights[at, : one.stop - one.start] = matrix.data[one]
    return rows, weights


def random_interactions(seed, candidates=60, postings=40, density=0.15):
    rng = np.random.default_rng(seed)
    there = rng.random((candidates, postings)) < density
    there[np.arange(postings) % candidates, np.arange(postings)] = True  # every posting has an event
    return sparse.csr_matrix(np.where(there, rng.uniform(0.5, 9, there.shape), 0).astype(np.float32))


def solved_densely(factors, row, weights):
    """Equation 4 of Hu, Koren and Volinsky (2008) in float64, with the preference of what was chosen 1."""
    y = factors.postings.astype(np.float64)
    confidence = np.zeros(len(y))
    chosen = row >= 0
    confidence[row[chosen]] = factors.confidence * weights[chosen].astype(np.float64)
    left = factors.gram.astype(np.float64) + factors.regularisation * np.eye(y.shape[1]) + (y.T * confidence) @ y
    right = y[row[chosen]].T @ (1 + confidence[row[chosen]])
    return np.linalg.solve(left, right)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_a_checkerboard_the_posting_held_out_tops_each_list(seed):
    matrix = checkerboard(50)
    factors = train_factors(matrix, FactorSettings(dimensions=2, seed=seed))
    scores = factors.fold_in(*padded(matrix)) @ factors.postings.T
    scores[matrix.toarray() > 0] = -np.inf
    np.testing.assert_array_equal(scores.argmax(axis=1), np.arange(50))


def test_fold_in_solves_equation_four():
    matrix = random_interactions(1)
    factors = train_factors(matrix, SETTINGS)
    rows, weights = padded(matrix)
    found = factors.fold_in(rows, weights)
    assert found.dtype == np.float32
    expected = [solved_densely(factors, row, weight) for row, weight in zip(rows, weights, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)


def test_fold_in_gives_what_implicit_gives():
    from implicit.cpu.als import AlternatingLeastSquares

    matrix = random_interactions(2, density=0.3)
    cells = matrix.copy()
    cells.data = 1 + SETTINGS.confidence * cells.data
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=8, regularization=0.1, alpha=1.0, iterations=20, random_state=0, use_cg=False
        )
        model.fit(cells, show_progress=False)
        theirs = model.recalculate_user(np.arange(matrix.shape[0]), cells)
    items = np.asarray(model.item_factors)
    ours = Factors(items, items.T @ items, 0.1, SETTINGS.confidence).fold_in(*padded(matrix))
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)


def test_trained_factors_are_those_of_implicit_and_postings_without_events_have_none():
    from implicit.cpu.als import AlternatingLeastSquares

    dense = random_interactions(3, density=0.3).toarray()
    wide = np.zeros((60, 55), np.float32)
    with_events = np.sort(np.random.default_rng(3).permutation(55)[:40])
    wide[:, with_events] = dense
    factors = train_factors(sparse.csr_matrix(wide), SETTINGS)
    cells = sparse.csr_matrix(dense)
    cells.data = 1 + SETTINGS.confidence * cells.data
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=8, regularization=0.1, alpha=1.0, iterations=20, random_state=0)
        model.fit(cells, show_progress=False)
    np.testing.assert_array_equal(factors.postings[with_events], np.asarray(model.item_factors))
    assert not np.delete(factors.postings, with_events, axis=0).any()
    np.testing.assert_allclose(factors.gram, factors.postings.T @ factors.postings, rtol=1e-5)


@pytest.mark.parametrize("filled", [0, 1])
def test_with_less_than_two_postings_with_events_there_are_no_factors(filled):
    matrix = np.zeros((4, 6), np.float32)
    matrix[:3, :filled] = 2
    factors = train_factors(sparse.csr_matrix(matrix), SETTINGS)
    assert factors.postings.shape == (6, 8)
    assert not factors.postings.any()
    assert np.isnan(factors.fold_in(np.array([[0]], np.int32), np.ones((1, 1), np.float32))).all()


def test_training_twice_gives_the_same_bits():
    matrix = random_interactions(4)
    np.testing.assert_array_equal(train_factors(matrix, SETTINGS).postings, train_factors(matrix, SETTINGS).postings)


class TestFoldIn:
    factors = train_factors(random_interactions(5), SETTINGS)

    def fold(self, rows, weights):
        return self.factors.fold_in(np.array(rows, np.int32), np.array(weights, np.float32))

    def test_a_history_of_nothing_gives_nan(self):
        assert np.isnan(self.fold([[-1, -1], [3, 4]], [[0, 0], [0, 0]])).all()

    def test_padding_and_unknown_postings_change_nothing(self):
        short, long = self.fold([[3, 7]], [[1, 2]]), self.fold([[-1, 3, -1, 7, 9]], [[5, 1, 0, 2, 0]])
        np.testing.assert_allclose(long, short, rtol=1e-5, atol=1e-6)

    def test_an_empty_history_leaves_its_neighbours_alone(self):
        alone, batch = self.fold([[3, 7]], [[1, 2]]), self.fold([[-1, -1], [3, 7]], [[0, 0], [1, 2]])
        assert np.isnan(batch[0]).all()
        np.testing.assert_array_equal(batch[1:], alone)

    def test_a_batch_equals_single_calls_to_the_bit(self):
        rng = np.random.default_rng(6)
        rows, weights = rng.integers(-1, 40, (33, 24)).astype(np.int32), rng.uniform(0, 8, (33, 24)).astype(np.float32)
        batch = self.factors.fold_in(rows, weights)
        for at in range(33):
            one = slice(at, at + 1)
            np.testing.assert_array_equal(self.factors.fold_in(rows[one], weights[one]), batch[one])


def test_repeated_events_add_up_and_those_of_no_weight_leave_nothing():
    candidates, postings = np.array([0, 0, 1, 2]), np.array([3, 3, 1, 0])
    weights = np.array([1, 2.5, 4, 0], np.float32)
    matrix = interaction_matrix(candidates, postings, weights, (3, 4))
    assert matrix.dtype == np.float32
    assert matrix.nnz == 2
    np.testing.assert_array_equal(matrix.toarray(), [[0, 0, 0, 3.5], [0, 4, 0, 0], [0, 0, 0, 0]])
