"""Slips that the benchmark of search makes, and how it counts ranks."""

from dataclasses import replace

import numpy as np
import pytest
from rapidfuzz.distance import OSA

from benchmarks.search import reciprocal_ranks, slip
from recsys.request import Request
from recsys.search import search, wording


@pytest.mark.parametrize("text", ["Registered Nurse", "C++ developer", "a"])
def test_a_slip_is_one_step_away(text):
    rng = np.random.default_rng(0)
    found = {slip(text, rng) for _ in range(200)}
    assert {OSA.distance(text, one) for one in found} <= {0, 1}
    assert len(found) > 20
    assert {len(one) - len(text) for one in found} == {-1, 0, 1}


def test_what_has_no_letters_has_no_slip():
    assert slip("24/7", np.random.default_rng(0)) == "24/7"


def test_ranks_are_those_of_the_product(scorer):
    engine = scorer.engine
    engine = replace(engine, catalogue=replace(engine.catalogue, attributes=without_ends(engine.catalogue)))
    asked = wording(engine.catalogue, "manager")
    (answer,) = search(engine, engine.queries([Request(now=scorer.as_of)]), [asked], None, 3, personal=False)
    third = answer.hits[2].posting_id
    ranks = reciprocal_ranks(engine, [asked, None, asked], [third, third, "nobody"], None)
    assert ranks.tolist() == pytest.approx([1 / 3, 0, 0])


def without_ends(catalogue):
    """Nothing expires: the benchmark asks at the moment of the call."""
    return replace(catalogue.attributes, until=np.full(len(catalogue), np.nan))
