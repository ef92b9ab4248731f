"""Slips that the benchmark of search makes, and how it counts ranks."""

import numpy as np
import pytest
from rapidfuzz.distance import OSA

from benchmarks.search import reciprocal_ranks, slip
from recsys.search import wording


@pytest.mark.parametrize("text", ["Registered Nurse", "C++ developer", "a"])
def test_a_slip_is_one_step_away(text):
    rng = np.random.default_rng(0)
    found = {slip(text, rng) for _ in range(200)}
    assert {OSA.distance(text, one) for one in found} <= {0, 1}
    assert len(found) > 20
    assert {len(one) - len(text) for one in found} == {-1, 0, 1}


def test_what_has_no_letters_has_no_slip():
    assert slip("24/7", np.random.default_rng(0)) == "24/7"


def test_ranks_are_those_of_the_product(scorer, market):
    engine = scorer.engine
    asked = [wording(engine.catalogue, "nurse"), None, wording(engine.catalogue, "nurse")]
    ranks = reciprocal_ranks(engine, asked, np.array([99_999, 0, 0]), None)
    assert ranks.tolist() == [0, 0, 0]
