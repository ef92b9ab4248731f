"""What is learned from choices in their order."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.config import EventSettings
from recsys.next_title import what_is_known
from training.next_choices import next_title_of

EVENTS = EventSettings()


@pytest.fixture(scope="module")
def known(market):
    histories = market.prepared.candidates.histories
    choices = np.asarray(EVENTS.weights.by_kind())[histories.kind] > 0
    return histories.time < np.quantile(histories.time[choices], 0.95)


def test_the_choices_after_the_moment_leave_no_trace(market, known):
    now = float(market.prepared.candidates.histories.time[known].max())
    whole = next_title_of(market.prepared, EVENTS, known, now)
    assert whole.inward.shape[1] > 0
    mixed = np.random.default_rng(0).permutation(len(known))
    histories = market.prepared.candidates.histories
    posting = np.where(known, histories.posting, histories.posting[mixed])
    later = replace(market.prepared.candidates, histories=replace(histories, posting=posting.astype(np.int32)))
    other = next_title_of(replace(market.prepared, candidates=later), EVENTS, known, now)
    np.testing.assert_array_equal(whole.inward, other.inward)
    np.testing.assert_array_equal(whole.outward, other.outward)


def test_what_is_expected_is_nearer_to_later_choices_than_the_history_is(market, known):
    prepared = market.prepared
    histories = prepared.candidates.histories
    learned = next_title_of(prepared, EVENTS, known, float(histories.time[known].max()))
    later = np.flatnonzero(~known & (np.asarray(EVENTS.weights.by_kind())[histories.kind] > 0))
    owner = np.searchsorted(histories.start, later, side="right") - 1
    visible = later - histories.start[owner]
    queries = prepared.candidates.queries(owner, histories.time[later], EVENTS, visible)
    expected = learned.expected(prepared.title, queries)
    told = expected.any(axis=1) & (queries.history[:, 0] >= 0)
    of_history = what_is_known(prepared.title, queries).reshape(len(later), 4, -1)[:, 0]
    chosen, others = histories.posting[later], np.random.default_rng(1).integers(0, len(prepared.ids), len(later))
    ahead = []
    for guess in (expected, of_history):
        scores = [np.einsum("nd,nd->n", guess, prepared.title.vectors(rows))[told] for rows in (chosen, others)]
        ahead.append((scores[0] > scores[1]).mean())
    assert ahead[0] > 0.7
    assert ahead[0] > ahead[1] - 0.05


def test_nothing_is_learned_without_events(market):
    none = np.zeros(len(market.prepared.candidates.histories.posting), bool)
    assert next_title_of(market.prepared, EVENTS, none, 0.0).inward.shape[1] == 0
