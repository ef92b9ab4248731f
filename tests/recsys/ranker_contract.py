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


KINDS = 4


def owners_at_random(shape, seed=7):
    """Which kind of evidence each signal of each posting speaks of, some of none."""
    return np.random.default_rng(seed).integers(-1, KINDS, shape).astype(np.int8)


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

    def test_what_kinds_of_evidence_add_beyond_the_others(self, ranker):
        """A linear order's parts sum to the score; of trees each part is what the score loses without the kind."""
        signals, at = signals_at_random(4), np.tile(np.arange(37), (9, 1))
        there, owner = np.ones((9, 37), bool), owners_at_random(signals.shape)
        gains, scores = ranker.gains(signals, there, at, owner, KINDS), ranker.score(signals)
        assert gains.shape == (9, 37, KINDS)
        if not isinstance(ranker, TreeRanker):
            whole = ranker.gains(signals, there, at, np.zeros_like(owner), 1)[..., 0].astype(np.float64)
            close = {"rtol": 1e-3, "atol": 1e-3 + 1e-6 * abs(scores).max()}
            np.testing.assert_allclose(whole - whole[:, :1], scores - scores[:, :1], **close)
            parted = ranker.gains(signals, there, at, np.where(owner < 0, np.int8(0), owner), KINDS).sum(axis=2)
            np.testing.assert_allclose(parted, whole, **close)
            return
        if ranker.linear is not None:
            gains = gains - ranker.linear.gains(signals, there, at, owner, KINDS)
            ranker = TreeRanker("trees", None, ranker.model)
        scores = ranker.score(signals)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a signal that no posting of a request has
            means = np.broadcast_to(np.nanmean(signals, axis=1, keepdims=True), signals.shape)
        for kind in range(KINDS):
            lost = scores - ranker.score(np.where(owner == kind, means, signals))
            off = np.abs(gains[..., kind] - lost) > 1e-3 + 1e-5 * abs(scores).max()
            assert off.mean() < 0.05, "a mean that stands at a split may fall on either side of it"

    def test_gains_are_given_for_chosen_places(self, ranker):
        signals, at = signals_at_random(5), np.array([[3, 0]] * 9)
        there, owner = np.ones((9, 37), bool), owners_at_random(signals.shape)
        whole = ranker.gains(signals, there, np.tile(np.arange(37), (9, 1)), owner, KINDS)
        np.testing.assert_array_equal(ranker.gains(signals, there, at, owner[:, [3, 0]], KINDS), whole[:, [3, 0]])

    def test_it_says_its_name(self, ranker):
        assert isinstance(ranker.name, str)
        assert ranker.name
