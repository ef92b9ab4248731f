import numpy as np
import pytest
from ranker_contract import RankerContract, signals_at_random
from small_catalogue import random_linear

from recsys.errors import BundleError
from recsys.rank import HAND_SET, LinearRanker, blend, family_mask, single
from recsys.signals import COLUMN, FAMILIES, NAMES, SIGNALS


class TestHandSet(RankerContract):
    @pytest.fixture
    def ranker(self):
        return HAND_SET


class TestLearned(RankerContract):
    @pytest.fixture
    def ranker(self):
        return random_linear(np.random.default_rng(3))


class TestSingle(RankerContract):
    @pytest.fixture(params=["title_any", "freshness"])
    def ranker(self, request):
        return single(request.param)

    def test_the_order_is_that_of_the_signal_and_what_lacks_it_comes_last(self, ranker):
        signals = signals_at_random(4)[1:]
        values = signals[..., COLUMN[ranker.name]]
        order = np.argsort(-ranker.score(signals), axis=1)
        for line, value in zip(order, values, strict=True):
            known = int((~np.isnan(value)).sum())
            assert (np.diff(value[line[:known]]) <= 0).all()
            assert np.isnan(value[line[known:]]).all()


def test_a_score_is_the_weighted_sum_of_centred_signals():
    ranker, signals = random_linear(np.random.default_rng(5)), signals_at_random(5)
    terms = (signals.astype(np.float64) - ranker.centre) * ranker.weights
    expected = np.where(np.isnan(signals), ranker.missing, terms).sum(axis=2)
    np.testing.assert_allclose(ranker.score(signals), expected, rtol=1e-4, atol=1e-4)


def test_a_missing_signal_adds_its_constant_and_nothing_else():
    ranker = random_linear(np.random.default_rng(6))
    nothing = np.full((1, 1, len(NAMES)), np.nan, np.float32)
    one = nothing.copy()
    one[..., 3] = ranker.centre[3] + 2
    np.testing.assert_allclose(ranker.score(nothing), [[ranker.missing.sum()]], rtol=1e-5)
    moved = ranker.score(one) - ranker.score(nothing)
    np.testing.assert_allclose(moved, [[2 * ranker.weights[3] - ranker.missing[3]]], rtol=1e-4)


def test_a_blend_is_made_of_the_named_signals_and_leaves_out_what_is_missing():
    ranker = blend({"title_any": 2.0, "freshness": 0.5})
    signals = np.full((1, 2, len(NAMES)), np.nan, np.float32)
    signals[0, 0, [COLUMN["title_any"], COLUMN["popularity"]]] = [0.25, 100]
    signals[0, 1, COLUMN["freshness"]] = -3
    np.testing.assert_allclose(ranker.score(signals), [[0.5, -1.5]])
    with pytest.raises(KeyError):
        blend({"no_such_signal": 1.0})


@pytest.mark.parametrize("change", ["lacks one", "has one more"])
def test_a_ranker_of_other_signals_is_refused_and_they_are_named(change):
    document = HAND_SET.to_document()
    if change == "lacks one":
        del document["signals"]["freshness"]
    else:
        document["signals"]["smell"] = [0.0, 0.0, 0.0]
    with pytest.raises(BundleError, match=r"(freshness|smell).*train again"):
        LinearRanker.from_document(document)


def test_the_order_of_the_signals_in_a_document_does_not_matter():
    document = random_linear(np.random.default_rng(7)).to_document()
    shuffled = {"name": document["name"], "signals": dict(reversed(document["signals"].items()))}
    np.testing.assert_array_equal(
        LinearRanker.from_document(shuffled).weights, LinearRanker.from_document(document).weights
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_can_be_left_out(family):
    mask = family_mask(without=family)
    assert [family in signal.family.split() for signal in SIGNALS] == (~mask).tolist()
    assert family_mask().all()
