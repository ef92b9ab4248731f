"""What diversity costs and brings, measured on the small market."""

import numpy as np
import pytest
from conftest import CONFIG

from recsys.engine import Engine
from recsys.rank import HAND_SET, LinearRanker
from training.diversity import diversity_curve, mean_likeness
from training.evaluate import ask_board
from training.validate import FOLDS


@pytest.fixture(scope="module")
def asked(market):
    return ask_board(CONFIG, market.data, market.cache, lambda line: None)[0]


def curve(asked, values):
    quick = [LinearRanker("cut", HAND_SET.weights, HAND_SET.centre, HAND_SET.missing)] * FOLDS
    return diversity_curve(asked, [HAND_SET] * FOLDS, quick, CONFIG.engine, values, 60, 0)


def test_lists_grow_less_alike_and_without_it_they_are_the_engines(asked):
    found = curve(asked, (0.0, 0.3, 0.8))
    assert [one.diversity for one in found] == [0.0, 0.3, 0.8]
    assert found[0].alike[0] > found[1].alike[0] > found[2].alike[0]
    assert all(one.distinct == round(one.coverage * len(asked[0].catalogue)) for one in found)
    assert curve(asked, ()) == ()


def test_likeness_is_the_mean_over_pairs(asked):
    engine = Engine(asked[0].catalogue, HAND_SET, CONFIG.engine, {})
    rows = np.array([[3, 9, 14], [5, -1, -1]], np.int32)
    codes = engine.catalogue.title if engine.catalogue.text is None else engine.catalogue.text
    vectors = codes.vectors(rows[0])
    pairs = [vectors[0] @ vectors[1], vectors[0] @ vectors[2], vectors[1] @ vectors[2]]
    found = mean_likeness(engine, rows)
    assert found[0] == pytest.approx(np.mean(pairs), abs=1e-5)
    assert np.isnan(found[1])
