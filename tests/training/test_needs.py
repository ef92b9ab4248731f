"""The employers' side of the simulated market, pair by pair against the formula."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from training.market.needs import Means, Needs, true_chance
from training.market.preferences import TASTES, Offers, Wants

TRANSITION = np.array([[1, 0.4], [0.1, 1]], np.float32)
HERE, THERE = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]


@pytest.fixture
def pair():
    """A person and a posting of one trade, level and place; of four skills that are asked for two are held."""
    one, spot, taste = np.ones(1, np.float32), np.array([HERE], np.float32), np.zeros((1, TASTES), np.float32)
    zero, level, some = np.zeros(1, np.int16), np.ones(1, np.int8), np.zeros((1, 4), np.float32)
    wants = Wants(zero, level, zero, spot, *[one] * 6, np.array([[0b0011]], np.uint64), taste)
    offers = Offers(zero, level, zero, spot, spot, np.zeros(1, bool), one, np.array([[0b1111]], np.uint64), taste)
    needs = Needs(4 * one, one, one, np.zeros(1, bool), some, np.array([[0b0001]], np.uint64))
    return wants, Means(zero, np.zeros(1, np.float32), some), offers, needs


def chance(wants, means, offers, needs):
    at = np.zeros(1, np.int64)
    return float(true_chance(wants, means, offers, needs, at, at, TRANSITION)[0])


def test_the_formula_by_hand(pair):
    assert chance(*pair) == pytest.approx(expit((3 * 0.5 + 2.5 - 4) / 0.7))


def test_a_missing_must_leaves_little(pair):
    wants, means, offers, needs = pair
    lacking = replace(needs, musts=np.array([[0b1100]], np.uint64))
    assert chance(wants, means, offers, lacking) == pytest.approx(chance(*pair) * 0.15**2)


def test_a_level_short_costs_what_the_employer_says(pair):
    wants, means, offers, needs = pair
    above = replace(offers, level=np.full(1, 2, np.int8))
    assert chance(wants, means, above, needs) == pytest.approx(expit((3 * 0.5 + 2.5 - 1 - 4) / 0.7))


def test_far_away_costs_but_not_for_remote_work(pair):
    wants, means, offers, needs = pair
    far = replace(offers, place=np.array([THERE], np.float32), second=np.array([THERE], np.float32))
    assert chance(wants, means, far, needs) == pytest.approx(expit((3 * 0.5 + 2.5 - 1.5 - 4) / 0.7))
    assert chance(wants, means, replace(far, remote=np.ones(1, bool)), needs) == pytest.approx(chance(*pair))


def test_without_a_permit_where_one_is_needed_nobody_is_invited(pair):
    wants, means, offers, needs = pair
    guarded, abroad = replace(needs, permit=np.ones(1, bool)), replace(offers, country=np.ones(1, np.int16))
    assert chance(wants, means, offers, guarded) == chance(*pair)
    assert chance(wants, means, abroad, guarded) == 0


def test_a_former_trade_counts_four_fifths(pair):
    wants, means, offers, needs = pair
    other = replace(wants, occupation=np.ones(1, np.int16))
    assert chance(other, means, offers, needs) == pytest.approx(expit((3 * 0.5 + 2.5 * 0.8 - 4) / 0.7))
