"""The catalogue as it stood at a moment."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.config import EventSettings
from training.snapshot import catalogue_at, event_candidates, kin_popularity

DAY = 86_400.0


@pytest.fixture(scope="module")
def settings(market, whole_in_memory):
    return whole_in_memory.settings


@pytest.fixture(scope="module")
def middle(market) -> float:
    return float(np.median(market.prepared.candidates.histories.time))


def test_each_event_has_its_candidate(market):
    histories = market.prepared.candidates.histories
    owner = event_candidates(market.prepared)
    assert len(owner) == len(histories.posting)
    for candidate in (0, 7, len(histories.lengths) - 1):
        np.testing.assert_array_equal(
            np.flatnonzero(owner == candidate), np.arange(histories.start[candidate], histories.start[candidate + 1])
        )


def test_popularity_is_the_summed_and_decayed_weight(market, settings, middle):
    histories = market.prepared.candidates.histories
    known = histories.time < middle
    catalogue = catalogue_at(market.prepared, settings, known, middle, middle)
    weights, expected = settings.events.weights.by_kind(), np.zeros(len(catalogue))
    for posting, kind, time in zip(histories.posting[known], histories.kind[known], histories.time[known], strict=True):
        expected[posting] += weights[kind] * 0.5 ** ((middle - time) / DAY / settings.events.half_life_days)
    np.testing.assert_allclose(catalogue.behaviour.popularity, np.log1p(expected), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(catalogue.behaviour.seen, expected > 0)


def test_kin_popularity_is_that_of_the_others_of_its_kind():
    popularity, kind = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([7, -1, 7, 3, 7])
    found = kin_popularity(popularity, [kind, np.arange(5)])
    np.testing.assert_allclose(found[:, 0], [np.log1p(20), np.nan, np.log1p(17), 0, np.log1p(5)], rtol=1e-6)
    assert not found[:, 1].any()


def test_kin_are_postings_of_equal_title_employer_and_place(market, settings, middle):
    known = market.prepared.candidates.histories.time < middle
    catalogue = catalogue_at(market.prepared, settings, known, middle, middle)
    postings, places = market.prepared.postings, market.prepared.latlon[:, 0]
    chosen = np.expm1(catalogue.behaviour.popularity.astype(np.float64))
    titles, company = postings["title"].to_numpy(object), market.prepared.attributes.company
    for row in range(0, len(catalogue), 37):
        others = np.arange(len(catalogue)) != row
        same_place = (np.abs(places - places[row]) < 5e-4).all(axis=1)
        for at, same in enumerate((titles == titles[row], company == company[row], same_place)):
            if np.isnan(catalogue.behaviour.kin[row, at]):
                assert at > 0
                assert company[row] < 0 or np.isnan(places[row]).any()
            else:
                expected = np.log1p(chosen[same & others].sum())
                np.testing.assert_allclose(catalogue.behaviour.kin[row, at], expected, rtol=1e-3, atol=1e-4)
    assert (catalogue.behaviour.kin > 0).any(axis=0).all()


def test_without_a_half_life_age_does_not_matter(market, settings, middle):
    histories = market.prepared.candidates.histories
    ageless = settings.model_copy(update={"events": EventSettings(half_life_days=None)})
    catalogue = catalogue_at(market.prepared, ageless, np.ones(len(histories.posting), bool), middle, middle)
    weights = np.asarray(settings.events.weights.by_kind())[histories.kind]
    expected = np.bincount(histories.posting, weights, len(catalogue))
    np.testing.assert_allclose(catalogue.behaviour.popularity, np.log1p(expected), rtol=1e-5)


def test_what_was_open_at_some_moment_between_is_indexed(market, settings, middle):
    posted, until = market.prepared.attributes.posted, market.prepared.attributes.until
    known = np.ones(len(market.prepared.candidates.histories.posting), bool)
    opened, closed = middle, middle + 5 * DAY
    catalogue = catalogue_at(market.prepared, settings, known, opened, closed)
    np.testing.assert_array_equal(catalogue.open, (posted <= closed) & (until >= opened))
    assert 0 < catalogue.open.sum() < len(catalogue)
    assert set(catalogue.by_text.rows.tolist()) == set(np.flatnonzero(catalogue.open).tolist())
    assert set(catalogue.by_cell.rows.tolist()) <= set(np.flatnonzero(catalogue.open).tolist())


def test_unknown_dates_count_as_open(market, settings, middle):
    attributes = market.prepared.attributes
    nothing = np.full_like(attributes.posted, np.nan)
    undated = replace(market.prepared, attributes=replace(attributes, posted=nothing, until=nothing))
    known = np.ones(len(market.prepared.candidates.histories.posting), bool)
    catalogue = catalogue_at(undated, settings, known, middle, middle)
    assert catalogue.open.all()
    assert not catalogue.dated
    assert catalogue_at(market.prepared, settings, known, middle, middle).dated


def test_a_board_without_events_has_seen_nothing(market, settings, middle):
    none = np.zeros(len(market.prepared.candidates.histories.posting), bool)
    behaviour = catalogue_at(market.prepared, settings, none, middle, middle).behaviour
    assert not behaviour.seen.any()
    assert not behaviour.popularity.any()
    assert not behaviour.factors.postings.any()
    assert len(behaviour.neighbours.rows) == 0


def test_events_of_no_weight_teach_nothing(market, settings, middle):
    """Impressions and dismissals of weight 0 leave every behavioural array as it was."""
    histories = market.prepared.candidates.histories
    useful = np.asarray(settings.events.weights.by_kind())[histories.kind] > 0
    assert 0 < useful.sum() < len(useful)
    whole = catalogue_at(market.prepared, settings, np.ones(len(useful), bool), middle, middle).behaviour
    part = catalogue_at(market.prepared, settings, useful, middle, middle).behaviour
    np.testing.assert_array_equal(whole.popularity, part.popularity)
    np.testing.assert_array_equal(whole.factors.postings, part.factors.postings)
    np.testing.assert_array_equal(whole.neighbours.weights, part.neighbours.weights)
