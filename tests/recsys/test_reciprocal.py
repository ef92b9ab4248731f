"""Both sides against numbers worked out by hand, and as properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.config import ReciprocalSettings
from recsys.reciprocal import MIDDLING, PARTS, Measure, apply, brings, fitness, together, yardstick
from recsys.signals import COLUMN, NAMES

SHARES = st.floats(0.001, 1)


def signals(**values):
    out = np.full((1, 1, len(NAMES)), np.nan, np.float32)
    for name, value in values.items():
        out[..., COLUMN[name]] = value
    return out


def usual(score=0.0, alike=(0.2, 0.2, 0.2)):
    return Measure(np.array([score], np.float32), np.array([alike], np.float32))


def would(score, level, usual_level, own, odds=1000.0):
    return apply(np.float32([[score]]), usual(level), usual_level, ReciprocalSettings(own=own, odds=odds))[0, 0]


def test_who_scores_the_posting_so_many_times_the_mean_is_as_likely_as_not():
    np.testing.assert_allclose(would(1 + np.log(10), 1.0, 9.0, own=1, odds=10), 0.5, atol=1e-6)
    np.testing.assert_allclose(would(1 + np.log(10), 9.0, 1.0, own=0, odds=10), 0.5, atol=1e-6)
    np.testing.assert_allclose(would(2.0, 1.0, 3.0, own=0.5, odds=10), 1 / 11, atol=1e-6)


def test_own_is_how_much_of_a_general_liking_is_taken_out():
    np.testing.assert_allclose(would(8.0, 8.0, 0.0, own=1), would(1.0, 1.0, 0.0, own=1), atol=1e-6)
    assert would(8.0, 8.0, 0.0, own=0.25) > would(1.0, 1.0, 0.0, own=0.25)
    assert would(4.0, np.nan, 2.0, own=1) == would(4.0, 2.0, 2.0, own=1)


def test_what_is_brought_is_the_weighted_mean_of_what_is_known():
    told = signals(skills_met=0.5, words_skills=0.75, title_past=0.6, seniority_gap=-1.0)
    parts = fitness(told, usual())
    assert {name: round(float(part[0, 0]), 5) for name, part in parts.items() if not np.isnan(part[0, 0])} == {
        "skills": 0.75,
        "trade": 0.5,
        "level": 0.5,
    }
    expected = (0.75 * PARTS["skills"] + 0.5 * PARTS["trade"] + 0.5 * PARTS["level"] + 2 * MIDDLING) / (
        PARTS["skills"] + PARTS["trade"] + PARTS["level"] + 2
    )
    np.testing.assert_allclose(brings(told, usual(), 2.0), expected, rtol=1e-6)


def test_level_and_way_alone_say_nothing_of_fitness():
    assert np.isnan(brings(signals(seniority_gap=0.0, near_home_80=1.0), usual(), 1.0)).all()


def test_whoever_says_little_does_not_overtake_by_silence():
    little = brings(signals(words_skills=1.0), usual(), 1.0)
    much = brings(signals(words_skills=1.0, title_past=1.0, text_profile=1.0, seniority_gap=0.0), usual(), 1.0)
    assert little < much


@given(SHARES, SHARES, st.floats(0.05, 0.95))
def test_the_mean_lies_between_both_sides_and_rises_with_each(a, b, weight):
    both = float(together(np.float32(a), np.float32(b), weight))
    assert min(a, b) - 1e-6 <= both <= max(a, b) + 1e-6
    assert float(together(np.float32(min(1, a * 1.5)), np.float32(b), weight)) >= both - 1e-6


def test_nothing_on_one_side_is_nothing_and_not_known_stays_so():
    would, fit = np.array([0.0, 1.0, np.nan], np.float32), np.array([1.0, np.nan, 0.5], np.float32)
    np.testing.assert_array_equal(together(would, fit, 0.5), np.float32([0, np.nan, np.nan]))


def test_the_yardstick_is_the_same_whenever_it_is_drawn(scorer):
    catalogue = scorer.engine.catalogue
    rows = yardstick(catalogue, 16)
    np.testing.assert_array_equal(rows, yardstick(catalogue, 16))
    assert len(rows) == 16
    assert np.isin(rows, catalogue.by_text.rows).all()
    assert len(yardstick(catalogue, 10**6)) == len(catalogue.by_text.rows)


@pytest.mark.parametrize("name", ["skills_met", "words_skills", "title_past", "text_profile"])
def test_more_of_any_part_is_never_worse(name):
    low, high = (brings(signals(**{name: value}), usual(), 1.0) for value in (0.3, 0.8))
    assert high > low
