"""Many bootstraps at once say what one at a time says."""

import numpy as np
import pytest

from recsys.metrics import bootstrap_interval, paired_bootstrap
from training.resample import means, p_values, percentile_intervals, resampled_means


@pytest.fixture
def values() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.column_stack([rng.random(90), rng.random(90) < 0.3, np.zeros(90), rng.normal(size=90)])


def test_intervals_are_those_of_one_column_at_a_time(values):
    found = percentile_intervals(means(values), resampled_means(values, seed=5))
    expected = np.array([bootstrap_interval(column, seed=5) for column in values.T]).T
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_paired_differences_are_those_of_one_pair_at_a_time(values):
    difference = values - values[:, :1]
    resampled = resampled_means(difference, seed=2)
    found = [*percentile_intervals(means(difference), resampled), p_values(means(difference), resampled)]
    for at, column in enumerate(values.T):
        expected = paired_bootstrap(column, values[:, 0], seed=2)
        np.testing.assert_allclose([one[at] for one in found], expected, rtol=0, atol=1e-12)


def test_draws_do_not_depend_on_the_block(values, monkeypatch):
    whole = resampled_means(values, repeats=50, seed=1)
    monkeypatch.setattr("training.resample._BLOCK", 90 * 7)
    np.testing.assert_allclose(resampled_means(values, repeats=50, seed=1), whole, rtol=0, atol=1e-12)


def test_what_is_not_known_is_left_out():
    half = np.column_stack([np.where(np.arange(100) < 50, 1.0, np.nan), np.full(100, np.nan)])
    assert means(half)[0] == 1
    resampled = resampled_means(half, repeats=30)
    np.testing.assert_allclose(resampled[:, 0], 1)
    found = percentile_intervals(means(half), resampled)
    assert found[:, 0] == pytest.approx([1, 1, 1])
    assert np.isnan(found[:, 1]).all()
    assert np.isnan(p_values(means(half), resampled)[1])


def test_no_queries_say_nothing():
    empty = np.empty((0, 3))
    assert resampled_means(empty, repeats=4).shape == (4, 3)
    assert np.isnan(percentile_intervals(means(empty), resampled_means(empty))).all()
