"""Learning weights from a planted order."""

import numpy as np
import pytest

from recsys.signals import COLUMN, NAMES
from training.learn import Lessons, learn_linear

PLANTED = {"title_any": 3.0, "near_any": 1.5, "popularity": -1.0}
ALL = np.ones(len(NAMES), bool)


def lessons(queries: int = 1500, negatives: int = 20, seed: int = 0, missing: float = 0.0) -> Lessons:
    """Signals at random; the answer is drawn by softmax of the planted utility."""
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=(queries, 1 + negatives, len(NAMES))).astype(np.float32)
    utility = sum(weight * signals[..., COLUMN[name]] for name, weight in PLANTED.items())
    answer = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1)
    first = np.arange(1 + negatives)[None].repeat(queries, 0)
    first[:, 0], first[np.arange(queries), answer] = answer, 0
    signals = np.take_along_axis(signals, first[..., None], 1)
    signals[rng.random(signals.shape) < missing] = np.nan
    return Lessons(signals, np.zeros(signals.shape[:2], bool), rng.integers(0, 2, queries))


def test_the_planted_weights_are_found():
    ranker = learn_linear(lessons(), ALL)
    for name, weight in PLANTED.items():
        assert ranker.weights[COLUMN[name]] == pytest.approx(weight, rel=0.15)
    others = np.delete(ranker.weights, [COLUMN[name] for name in PLANTED])
    assert np.abs(others).max() < 0.2


def test_the_planted_order_is_found_on_other_queries():
    ranker = learn_linear(lessons(), ALL)
    fresh = lessons(300, seed=1).signals
    utility = sum(weight * fresh[..., COLUMN[name]] for name, weight in PLANTED.items())
    scores = ranker.score(fresh)
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(utility, scores, strict=True)]
    assert np.min(alike) > 0.97


def test_signals_that_may_not_be_used_weigh_nothing():
    used = ALL.copy()
    used[[COLUMN["title_any"], COLUMN["freshness"]]] = False
    ranker = learn_linear(lessons(), used)
    assert (ranker.weights[~used] == 0).all()
    assert (ranker.missing[~used] == 0).all()
    assert ranker.weights[COLUMN["near_any"]] > 0.5


def test_a_signal_that_never_varies_or_is_never_known_weighs_nothing():
    one = lessons(300)
    one.signals[..., COLUMN["skills_met"]] = np.nan
    one.signals[..., COLUMN["pay_fit"]] = 0.25
    ranker = learn_linear(one, ALL)
    for name in ("skills_met", "pay_fit"):
        assert ranker.weights[COLUMN[name]] == ranker.missing[COLUMN[name]] == 0
    assert np.isfinite(ranker.weights).all()


def test_missing_values_spoil_nothing():
    ranker = learn_linear(lessons(3000, missing=0.3), ALL)
    for name, weight in PLANTED.items():
        assert np.sign(ranker.weights[COLUMN[name]]) == np.sign(weight)
        assert abs(ranker.weights[COLUMN[name]]) > 0.5 * abs(weight)
    assert np.abs(np.delete(ranker.weights, [COLUMN[name] for name in PLANTED])).max() < 0.2


def test_that_a_signal_is_missing_can_be_told():
    """Where the answer is the posting without a place, a missing place adds to the score."""
    one = lessons(400)
    one.signals[:, 0, COLUMN["near_home_log"]] = np.nan
    ranker = learn_linear(one, ALL)
    assert ranker.missing[COLUMN["near_home_log"]] > 1


def test_lacking_negatives_are_left_out():
    whole = lessons(400, negatives=12)
    lacking = whole.lacking.copy()
    lacking[:, 7:] = True
    spoilt = whole.signals.copy()
    spoilt[:, 7:] = 1e3
    cut = Lessons(whole.signals[:, :7], whole.lacking[:, :7], whole.fold)
    padded = Lessons(spoilt, lacking, whole.fold)
    np.testing.assert_allclose(learn_linear(padded, ALL).weights, learn_linear(cut, ALL).weights, rtol=1e-3, atol=1e-3)


def test_learning_twice_gives_the_same_bits():
    one, other = (learn_linear(lessons(300), ALL) for _ in range(2))
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.missing, other.missing)


def test_lessons_can_be_parted_and_joined():
    whole = lessons(50)
    parts = [whole.where(whole.fold == fold) for fold in (0, 1)]
    joined = Lessons.join(parts)
    assert len(joined) == len(whole) == sum(map(len, parts))
    order = np.argsort(whole.fold, kind="stable")
    np.testing.assert_array_equal(joined.signals, whole.signals[order])
