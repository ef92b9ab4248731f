"""What every ranker must do; a subclass gives one."""

import json
import warnings

import numpy as np
import pytest

from recsys.signals import NAMES
from recsys.trees import TreeRanker, ranker_from_document


def signals_at_random(seed=0, requests=9, pool=37, lacking=0.4):
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=(requests, pool, len(NAMES))).astype(np.float32)
    signals[rng.random(signals.shape) < lacking] = np.nan
    signals[0] = np.nan  # a request of which nothing is known
    return signals


class RankerContract:
    """What every ranker must do."""

    @pytest.fixture
    def ranker(self):
        raise NotImplementedError("a subclass gives the ranker")

    def test_a_finite_number_for_each_posting_whatever_is_lacking(self, ranker):
        scores = ranker.score(signals_at_random())
        assert scores.shape == (9, 37)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_signals_are_not_written_to(self, ranker):
        signals = signals_at_random()
        before = signals.copy()
        ranker.score(signals)
        ranker.shares(signals)
        np.testing.assert_array_equal(signals, before)

    @pytest.mark.parametrize("pool", [1, 37, 320])
    def test_a_batch_equals_single_calls_to_the_bit(self, ranker, pool):
        signals = signals_at_random(1, requests=19, pool=pool)
        batch, shares = ranker.score(signals), ranker.shares(signals)
        for at in range(len(signals)):
            one = slice(at, at + 1)
            np.testing.assert_array_equal(ranker.score(signals[one]), batch[one])
            np.testing.assert_array_equal(ranker.shares(signals[one]), shares[one])

    def test_shares_sum_to_the_score(self, ranker):
        signals = signals_at_random(2)
        shares = ranker.shares(signals)
        assert shares.shape == signals.shape
        np.testing.assert_allclose(shares.sum(axis=2, dtype=np.float64), ranker.score(signals), rtol=1e-4, atol=1e-4)

    def test_a_document_gives_it_back_to_the_bit(self, ranker):
        read = ranker_from_document(json.loads(json.dumps(ranker.to_document())))
        assert type(read) is type(ranker)
        assert read.to_document() == ranker.to_document()
        signals = signals_at_random(3)
        np.testing.assert_array_equal(read.score(signals), ranker.score(signals), strict=True)

    def test_what_is_added_beyond_the_others(self, ranker):
        """A linear order's parts sum to the score; of trees each part is what the score loses without it."""
        signals, at = signals_at_random(4), np.tile(np.arange(37), (9, 1))
        there = np.ones((9, 37), bool)
        beyond, scores = ranker.beyond(signals, there, at), ranker.score(signals)
        assert beyond.shape == signals.shape
        if not isinstance(ranker, TreeRanker):
            total = beyond.sum(axis=2, dtype=np.float64)
            close = {"rtol": 1e-3, "atol": 1e-3 + 1e-6 * abs(scores).max()}
            np.testing.assert_allclose(total - total[:, :1], scores - scores[:, :1], **close)
            return
        if ranker.linear is not None:
            beyond = beyond - ranker.linear.beyond(signals, there, at)
            ranker = TreeRanker("trees", None, ranker.model)
        scores = ranker.score(signals)
        for column in np.flatnonzero(np.abs(beyond).max(axis=(0, 1)) > 0)[:5]:
            without = signals.copy()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a signal that no posting of a request has
                without[..., column] = np.nanmean(signals[..., column], axis=1, keepdims=True)
            lost = scores - ranker.score(without)
            off = np.abs(beyond[..., column] - lost) > 1e-3 + 1e-5 * abs(scores).max()
            assert off.mean() < 0.05, "a mean that stands at a split may fall on either side of it"

    def test_beyond_is_given_for_chosen_places(self, ranker):
        signals, at = signals_at_random(5), np.array([[3, 0]] * 9)
        there = np.ones((9, 37), bool)
        whole = ranker.beyond(signals, there, np.tile(np.arange(37), (9, 1)))
        np.testing.assert_array_equal(ranker.beyond(signals, there, at), whole[:, [3, 0]])

    def test_it_says_its_name(self, ranker):
        assert isinstance(ranker.name, str)
        assert ranker.name
