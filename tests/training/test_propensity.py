"""Chances of places found from logs whose chances are known by construction."""

import numpy as np
import pytest

from training.propensity import EDGES, Propensity, estimate_propensity

PLACES = 20


def log(true_chance, lists=6000, seed=0, order_noise=1.0, first=-1.5):
    """Lists of ``PLACES`` postings, better ones first but for noise, and what was answered."""
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=(lists, PLACES, 3)).astype(np.float32)
    appeal = signals @ np.array([1.2, -0.8, 0.0]) + first
    order = np.argsort(-(appeal + order_noise * rng.gumbel(size=appeal.shape)), axis=1)
    signals, appeal = np.take_along_axis(signals, order[..., None], 1), np.take_along_axis(appeal, order, 1)
    rank = np.broadcast_to(np.arange(1, PLACES + 1), appeal.shape)
    answered = rng.random(appeal.shape) < true_chance(rank) / (1 + np.exp(-appeal))
    return answered.ravel(), rank.ravel(), signals.reshape(-1, 3)


def naive(answered, rank):
    """Share answered at each place, relative to the first: good postings stand in front, so it falls too fast."""
    rates = np.array([answered[rank == place].mean() for place in range(1, PLACES + 1)])
    return rates / rates[0]


@pytest.mark.parametrize("power", [0.0, 0.35, 1.0])
def test_the_chances_that_made_the_log_are_found(power):
    def true_chance(rank):
        return 0.9 * rank**-power

    answered, rank, signals = log(true_chance)
    found = estimate_propensity(answered, rank, signals)
    places = np.arange(1.0, 13.0)
    assert found.chance[0] == 1
    np.testing.assert_allclose(found.chance[:5], places[:5] ** -power, rtol=0.15)
    true = np.maximum(places**-power, 0.1)
    error = np.abs(np.log(found.of(places.astype(int)) / true))
    worse = np.abs(np.log(naive(answered, rank)[:12] / true))
    assert error.mean() < 0.15
    assert worse.mean() > 3 * error.mean()


def test_chances_that_do_not_fall_are_found_too():
    """A page whose third place is the one that people look at."""

    def true_chance(rank):
        return np.where(rank == 3, 0.9, 0.45)

    found = estimate_propensity(*log(true_chance, seed=1))
    assert found.chance[2] == pytest.approx(2, rel=0.15)
    np.testing.assert_allclose(found.chance[[1, 3, 4, 5]], 1, atol=0.15)


def test_what_is_missing_spoils_nothing():
    answered, rank, signals = log(lambda rank: 0.9 / rank**0.5, seed=2)
    signals[np.random.default_rng(0).random(signals.shape) < 0.05] = np.nan
    found = estimate_propensity(answered, rank, signals)
    assert np.isfinite(found.chance).all()
    assert found.of(np.array([4]))[0] == pytest.approx(0.5, rel=0.2)


def test_unknown_ranks_are_left_out_and_too_few_answers_tell_nothing():
    answered, rank, signals = log(lambda rank: 0.9 / rank**0.5, lists=2000)
    with_unknown = np.concatenate([rank, np.full(500, -1)])
    more = np.concatenate([answered, np.ones(500, bool)])
    same = estimate_propensity(more, with_unknown, np.concatenate([signals, signals[:500] + 9]))
    np.testing.assert_array_equal(same.chance, estimate_propensity(answered, rank, signals).chance)
    assert estimate_propensity(answered[:400], rank[:400], signals[:400]) is None
    assert estimate_propensity(answered, np.ones_like(rank), signals) is None
    assert estimate_propensity(answered, np.full_like(rank, -1), signals) is None
    nothing = np.empty(0, int)
    assert estimate_propensity(nothing.astype(bool), nothing, np.empty((0, 3), np.float32)) is None


def test_weights_are_inverse_clipped_and_of_mean_one():
    chance = np.ones(len(EDGES))
    chance[1:] = 0.5
    chance[5:] = 0.01
    rank = np.array([1, 2, 200, -1])
    np.testing.assert_allclose(Propensity(chance).of(rank), [1, 0.5, 0.1, np.nan])
    weight = Propensity(chance).weights(rank)
    assert weight.dtype == np.float32
    np.testing.assert_allclose(weight[:3] / weight[0], [1, 2, 10], rtol=1e-6)
    assert weight[:3].mean() == pytest.approx(1)
    assert weight[3] == 1
    np.testing.assert_array_equal(Propensity(chance).weights(np.array([-1, -1])), [1, 1])
