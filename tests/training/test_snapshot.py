"""The catalogue as it stood at a moment."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.config import EventSettings
from training.snapshot import catalogue_at, event_candidates

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
