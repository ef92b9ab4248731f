"""Trees: what every ranker must do, alone and on a linear order; refusals."""

import lightgbm
import numpy as np
import pytest
from ranker_contract import RankerContract, signals_at_random
from small_catalogue import random_linear

from recsys.errors import BundleError
from recsys.signals import COLUMN, NAMES
from recsys.trees import TreeRanker, ranker_from_document


@pytest.fixture(scope="module")
def model() -> str:
    """Trees over three signals, grown by the library itself."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, len(NAMES)))
    rows[rng.random(rows.shape) < 0.3] = np.nan
    target = np.nan_to_num(rows[:, 0] * rows[:, 1]) + np.isnan(rows[:, 2])
    settings = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 20, "boost_from_average": False}
    return lightgbm.train(settings, lightgbm.Dataset(rows, target), 25).model_to_string()


class TestAlone(RankerContract):
    @pytest.fixture
    def ranker(self, model):
        return TreeRanker("trees", None, model)


class TestOnALinearOrder(RankerContract):
    @pytest.fixture
    def ranker(self, model):
        return TreeRanker("ensemble", random_linear(np.random.default_rng(1)), model)

    def test_it_is_the_sum_of_both(self, ranker, model):
        signals = signals_at_random(6)
        both = ranker.linear.score(signals) + TreeRanker("trees", None, model).score(signals)
        np.testing.assert_allclose(ranker.score(signals), both, rtol=1e-6, atol=1e-6)


def test_scores_are_those_of_the_library_but_for_a_constant(model):
    signals = signals_at_random(7)
    theirs = lightgbm.Booster(model_str=model).predict(signals.reshape(-1, len(NAMES))).reshape(9, 37)
    difference = TreeRanker("trees", None, model).score(signals) - theirs
    np.testing.assert_allclose(difference, difference[0, 0], atol=1e-6)


def test_importances_name_what_was_split_by(model):
    gains = TreeRanker("trees", None, model).importances
    assert set(gains) == set(NAMES)
    assert {NAMES[0], NAMES[1], NAMES[2]} == set(sorted(gains, key=lambda name: gains[name])[-3:])
    assert gains[NAMES[0]] > 10 * gains[NAMES[COLUMN["popularity"]]]


def test_trees_over_other_signals_are_refused(model):
    document = TreeRanker("trees", None, model).to_document() | {"names": ["another", *NAMES[1:]]}
    with pytest.raises(BundleError, match="train again"):
        ranker_from_document(document)


def test_an_empty_pool_has_no_scores(model):
    assert TreeRanker("trees", None, model).score(np.empty((3, 0, len(NAMES)), np.float32)).shape == (3, 0)
