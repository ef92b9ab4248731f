import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import minimize

from recsys.closed_form import closed_form


def choices(seed, candidates, postings, density=0.25):
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((candidates, postings)) < density, rng.uniform(0.5, 2, (candidates, postings)), 0)
    return sparse.csr_matrix(dense.astype(np.float32))


def as_matrix(parts, postings):
    size, rows, weights = parts
    assert len(rows) == len(weights) == size.sum()
    dense = np.zeros((postings, postings))
    dense[np.repeat(np.arange(postings), size), rows] = weights
    return dense


def by_definition(chosen, ridge):
    """Equation 8 of Steck (2019), densely in float64."""
    x = chosen.toarray().astype(np.float64)
    inverse = np.linalg.inv(x.T @ x + ridge * np.eye(x.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


@pytest.mark.parametrize("shape", [(60, 20), (20, 60), (30, 30)])
@pytest.mark.parametrize("ridge", [0.5, 30.0])
def test_all_weights_are_those_of_the_definition(shape, ridge):
    chosen = choices(1, *shape)
    found = as_matrix(closed_form(chosen, shape[1], ridge, 1000), shape[1])
    np.testing.assert_allclose(found, by_definition(chosen, ridge), rtol=1e-3, atol=2e-5)


def test_they_are_the_minimum_of_the_objective():
    chosen = choices(2, 15, 6, 0.5).toarray().astype(np.float64)
    off = ~np.eye(6, dtype=bool)

    def loss(flat):
        weights = np.zeros((6, 6))
        weights[off] = flat
        return np.sum((chosen - chosen @ weights) ** 2) + 3 * np.sum(weights**2)

    best = np.zeros((6, 6))
    best[off] = minimize(loss, np.zeros(30)).x
    found = as_matrix(closed_form(sparse.csr_matrix(chosen.astype(np.float32)), 6, 3.0, 100), 6)
    np.testing.assert_allclose(found, best, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), keep=st.integers(1, 8), wide=st.booleans())
def test_the_largest_by_size_are_kept_the_heaviest_first(seed, keep, wide):
    shape = (12, 25) if wide else (25, 12)
    chosen = choices(seed, *shape)
    size, rows, weights = closed_form(chosen, keep, 5.0, 1000)
    whole = by_definition(chosen, 5.0)
    start = np.concatenate([[0], np.cumsum(size)])
    assert (size.dtype, rows.dtype, weights.dtype) == (np.int64, np.int32, np.float32)
    for posting in range(shape[1]):
        mine = weights[start[posting] : start[posting + 1]]
        expected = -np.sort(-np.abs(whole[posting]))[:keep]
        np.testing.assert_allclose(
            -np.sort(-np.abs(mine)), expected[expected > 1e-7][: len(mine)], rtol=1e-2, atol=1e-5
        )
        assert (np.diff(mine) <= 0).all()
        assert posting not in rows[start[posting] : start[posting + 1]]


def test_postings_without_events_have_no_weights_and_change_none():
    dense = choices(3, 30, 10).toarray()
    wide = np.zeros((34, 16), np.float32)
    places = np.array([1, 2, 3, 5, 7, 8, 9, 12, 13, 15])
    wide[np.ix_(np.arange(30), places)] = dense
    found = as_matrix(closed_form(sparse.csr_matrix(wide), 20, 2.0, 1000), 16)
    np.testing.assert_allclose(found[np.ix_(places, places)], by_definition(sparse.csr_matrix(dense), 2.0), atol=2e-5)
    assert np.count_nonzero(found) == np.count_nonzero(found[np.ix_(places, places)])


def test_above_the_bound_the_postings_chosen_most_often_stand_alone():
    chosen = choices(4, 40, 30)
    found = as_matrix(closed_form(chosen, 30, 5.0, 12), 30)
    count = (chosen.toarray() > 0).sum(axis=0)
    kept = np.sort(np.argsort(-count, kind="stable")[:12])
    np.testing.assert_allclose(found[np.ix_(kept, kept)], by_definition(chosen[:, kept], 5.0), rtol=1e-3, atol=2e-5)
    assert not np.delete(found, kept, axis=0).any()


def test_a_posting_chosen_for_what_another_explains_is_spoken_against():
    """Everybody who chose 2 chose 0 or 1; who chose both 0 and 1 never chose 2."""
    groups = [[0, 2]] * 20 + [[1, 2]] * 20 + [[0, 1]] * 20
    dense = np.zeros((60, 3), np.float32)
    for at, group in enumerate(groups):
        dense[at, group] = 1
    found = as_matrix(closed_form(sparse.csr_matrix(dense), 2, 0.5, 10), 3)
    both, one = found[0, 2] + found[1, 2], found[0, 2]
    alone = sparse.csr_matrix(np.vstack([dense, np.float32([[1, 1, 0]] * 200)]))
    assert as_matrix(closed_form(alone, 2, 0.5, 10), 3)[0, 2] < one
    assert both > 0


@pytest.mark.parametrize("filled", [0, 1])
def test_with_less_than_two_postings_with_events_there_are_no_weights(filled):
    dense = np.zeros((4, 6), np.float32)
    dense[:3, :filled] = 1
    size, rows, weights = closed_form(sparse.csr_matrix(dense), 3, 1.0, 10)
    assert size.tolist() == [0] * 6
    assert len(rows) == len(weights) == 0
