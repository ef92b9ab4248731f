import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from recsys.config import FactorSettings
from recsys.neighbours import bm25_neighbours, bm25_weights, count_neighbours, find_neighbours, neighbours_of_codes


def random_interactions(seed, candidates=60, postings=40, density=0.15):
    rng = np.random.default_rng(seed)
    there = rng.random((candidates, postings)) < density
    there[np.arange(postings) % candidates, np.arange(postings)] = True  # every posting has an event
    return sparse.csr_matrix(np.where(there, rng.uniform(0.5, 9, there.shape), 0).astype(np.float32))


def neighbours_densely(matrix, keep):
    """For each posting a list of (row, weight): the definition, in float64."""
    capped = np.minimum(matrix.toarray().astype(np.float64), 10)
    lists = []
    for one in range(capped.shape[1]):
        weighed = []
        for other in range(capped.shape[1]):
            shared = int(((capped[:, one] > 0) & (capped[:, other] > 0)).sum())
            if other != one and shared:
                norm = np.linalg.norm(capped[:, one]) * np.linalg.norm(capped[:, other])
                weighed.append((other, capped[:, one] @ capped[:, other] / norm * shared / (shared + 2)))
        lists.append(sorted(weighed, key=lambda pair: -pair[1])[:keep])
    return lists


class TestNeighbours:
    @settings(max_examples=20, deadline=None)
    @given(seed=st.integers(0, 10**6), keep=st.integers(1, 8), block=st.integers(1, 50))
    def test_weights_are_those_of_the_definition(self, seed, keep, block):
        matrix = random_interactions(seed, 25, 18, 0.2)
        found = count_neighbours(matrix, keep, block)
        assert (found.start.dtype, found.rows.dtype, found.weights.dtype) == (np.int64, np.int32, np.float32)
        assert found.start[-1] == len(found.rows) == len(found.weights)
        for posting, expected in enumerate(neighbours_densely(matrix, keep)):
            mine = slice(found.start[posting], found.start[posting + 1])
            np.testing.assert_allclose(found.weights[mine], [weight for _, weight in expected], rtol=1e-5)
            clear = {row for row, weight in expected if expected and weight > expected[-1][1] + 1e-6}
            assert clear <= set(found.rows[mine].tolist())
            assert posting not in found.rows[mine]

    def test_equal_weights_stand_in_the_order_of_rows(self):
        matrix = sparse.csr_matrix(np.ones((3, 6), np.float32))
        found = count_neighbours(matrix, 3)
        rows, _ = found.gather(np.array([[4, 0]], np.int32), 3)
        np.testing.assert_array_equal(rows, [[[0, 1, 2], [1, 2, 3]]])

    def test_one_common_candidate_says_less_than_many(self):
        matrix = np.zeros((9, 4), np.float32)
        matrix[0, :2] = 1
        matrix[1:, 2:] = 1
        found = count_neighbours(sparse.csr_matrix(matrix), 4)
        np.testing.assert_allclose(found.weights, [1 / 3, 1 / 3, 8 / 10, 8 / 10], rtol=1e-6)

    def test_a_cosine_does_not_depend_on_how_old_all_events_are(self):
        matrix = random_interactions(11, 25, 18, 0.2)
        fresh, old = matrix.copy(), matrix.copy()
        fresh.data, old.data = np.minimum(fresh.data, 1), np.minimum(old.data, 1) * np.float32(0.5**24)  # two years
        np.testing.assert_allclose(count_neighbours(old, 5).weights, count_neighbours(fresh, 5).weights, rtol=1e-4)

    def test_gather_pads_what_is_not_there(self):
        matrix = np.zeros((2, 4), np.float32)
        matrix[0, :3] = 1
        rows, weights = count_neighbours(sparse.csr_matrix(matrix), 9).gather(np.array([[1, -1, 3]], np.int32), 4)
        np.testing.assert_array_equal(rows, [[[0, 2, -1, -1], [-1] * 4, [-1] * 4]])
        assert (weights[rows < 0] == 0).all()
        assert (weights[rows >= 0] > 0).all()

    def test_a_board_without_events_has_no_neighbours(self):
        found = count_neighbours(sparse.csr_matrix((0, 5), dtype=np.float32), 4)
        np.testing.assert_array_equal(found.start, np.zeros(6))
        rows, weights = found.gather(np.array([[2, -1]], np.int32), 3)
        assert rows.shape == weights.shape == (1, 2, 0)


class TestBm25:
    def test_weights_are_those_of_implicit(self):
        from implicit.nearest_neighbours import bm25_weight

        matrix = random_interactions(4, 30, 20, 0.2)
        theirs = bm25_weight(matrix.T.tocsr(), K1=0.7, B=0.4).T.toarray()
        np.testing.assert_allclose(bm25_weights(matrix, 0.7, 0.4).toarray(), theirs, rtol=1e-5)

    @settings(max_examples=15, deadline=None)
    @given(seed=st.integers(0, 10**6), keep=st.integers(1, 8), block=st.integers(1, 50))
    def test_neighbours_are_the_largest_products_divided_by_the_largest_of_all(self, seed, keep, block):
        matrix = random_interactions(seed, 25, 18, 0.2)
        matrix.data = matrix.data / np.float32(matrix.data.mean(dtype=np.float64))
        weighted = bm25_weights(matrix, 0.2, 0.2).toarray().astype(np.float64)
        dots = weighted.T @ weighted
        np.fill_diagonal(dots, 0)
        found = bm25_neighbours(matrix, keep, 0.2, 0.2, block)
        largest = dots.max()
        for posting in range(18):
            mine = found.weights[found.start[posting] : found.start[posting + 1]]
            expected = -np.sort(-dots[posting][dots[posting] > 0])[:keep] / largest
            np.testing.assert_allclose(mine, expected, rtol=1e-4)

    def test_how_old_all_events_are_does_not_matter(self):
        fresh = random_interactions(5)
        old = fresh * np.float32(0.5**24)
        np.testing.assert_allclose(
            bm25_neighbours(old, 5, 0.2, 0.2).weights, bm25_neighbours(fresh, 5, 0.2, 0.2).weights, rtol=1e-4
        )


def as_matrix(found, postings):
    """Neighbours as a dense matrix (P, P): row i holds what i says for the others."""
    dense = np.zeros((postings, postings))
    dense[np.repeat(np.arange(postings), np.diff(found.start)), found.rows] = found.weights
    return dense


def test_the_settings_choose_the_model():
    matrix = random_interactions(6)
    given = {model: FactorSettings(neighbours=6, neighbours_model=model) for model in ("cosine", "bm25", "ease")}
    found = {model: find_neighbours(matrix, chosen) for model, chosen in given.items()}
    np.testing.assert_array_equal(found["cosine"].weights, count_neighbours(matrix, 6).weights)
    np.testing.assert_array_equal(found["bm25"].weights, bm25_neighbours(matrix, 6, 0.2, 0.2).weights)
    whole = find_neighbours(matrix, given["ease"].model_copy(update={"neighbours": 39, "ease_ridge": 1.0}))
    assert (whole.weights < 0).any()
    for one in found.values():
        assert one.start[-1] == len(one.rows) == len(one.weights)
        assert (np.diff(one.start) <= 6).all()


@pytest.mark.parametrize("model", ["cosine", "bm25", "ease"])
def test_a_board_without_events_has_no_neighbours_by_any_model(model):
    chosen = FactorSettings(neighbours_model=model)
    found = find_neighbours(sparse.csr_matrix((3, 5), dtype=np.float32), chosen)
    np.testing.assert_array_equal(found.start, np.zeros(6))
    assert len(found.rows) == len(found.weights) == 0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), model=st.sampled_from(["cosine", "bm25", "ease"]))
def test_what_a_history_says_is_the_weighted_mean_of_its_neighbours(seed, model):
    rng = np.random.default_rng(seed)
    found = find_neighbours(
        random_interactions(seed, 25, 18, 0.2), FactorSettings(neighbours=5, neighbours_model=model)
    )
    dense = as_matrix(found, 18)
    history = np.array([rng.permutation(18)[:7] for _ in range(4)], np.int32)
    history[rng.random(history.shape) < 0.4] = -1
    weight = np.where(history >= 0, rng.uniform(0.5, 8, history.shape), 0).astype(np.float32)
    keys, sums = found.add_up(history, weight)
    said = np.zeros((4, 18))
    said[keys >> 32, keys & 0xFFFFFFFF] = sums
    share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    expected = [sum(share[at, h] * dense[row] for h, row in enumerate(history[at]) if row >= 0) for at in range(4)]
    np.testing.assert_allclose(said, [np.zeros(18) + one for one in expected], rtol=1e-4, atol=1e-7)
    assert (np.diff(keys) > 0).all()


@pytest.mark.parametrize("model", ["cosine", "bm25"])
def test_few_kept_of_many_are_the_first_of_all(model):
    """Where there are far more neighbours than are kept, most are left out before they are sorted."""
    matrix = random_interactions(8, 120, 60, 0.3)
    whole = find_neighbours(matrix, FactorSettings(neighbours=59, neighbours_model=model))
    few = find_neighbours(matrix, FactorSettings(neighbours=3, neighbours_model=model))
    for posting in range(60):
        mine = slice(few.start[posting], few.start[posting] + 3)
        first = slice(whole.start[posting], whole.start[posting] + 3)
        np.testing.assert_array_equal(few.rows[mine], whole.rows[first])
        np.testing.assert_array_equal(few.weights[mine], whole.weights[first])


def test_codes_speak_for_each_other_as_postings_that_were_one_would():
    matrix = random_interactions(3, 40, 30)
    codes = np.random.default_rng(1).integers(-1, 6, 30).astype(np.int32)
    merged = np.stack([np.asarray(matrix[:, codes == one].sum(axis=1)).ravel() for one in range(6)], axis=1)
    expected = count_neighbours(sparse.csr_matrix(merged), 4)
    found = neighbours_of_codes(matrix, codes, 4)
    np.testing.assert_array_equal(found.start, expected.start)
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-5)


def test_without_codes_nothing_speaks():
    found = neighbours_of_codes(random_interactions(3, 40, 30), np.full(30, -1, np.int32), 4)
    assert found.start.tolist() == [0]
    assert found.add_up(np.full((2, 5), -1, np.int32), np.ones((2, 5), np.float32))[0].shape == (0,)
