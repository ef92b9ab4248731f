from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_at_random import random_requests
from small_catalogue import DAY, NOW, make_catalogue, unit

from recsys.candidates import event_weights
from recsys.config import EventSettings, EventWeights
from recsys.intake import to_candidates
from recsys.request import Interaction, Request
from recsys.schema import APPLY, DISMISS, EVENT_TYPES, HIRE, IMPRESSION, SAVE, VIEW

CATALOGUE = make_catalogue(unit(np.random.default_rng(0), 40))
STEADY = EventSettings(half_life_days=None)
HISTORY = STEADY.history


def asked(*events, now=NOW, config=STEADY):
    """The query of one candidate with these events (posting number, type, days ago, value)."""
    history = [
        Interaction(f"p{number:04d}", kind, None if days is None else NOW - days * DAY, value)
        for number, kind, days, value in ((*event, None)[:4] for event in events)
    ]
    return to_candidates([Request("c", history=history)], CATALOGUE, {}).queries(np.array([0]), now, config)


def snapshot(seed, count=12):
    rng = np.random.default_rng(seed)
    return to_candidates(random_requests(rng, CATALOGUE, count), CATALOGUE, {})


def same_queries(one, other):
    for name in vars(one):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True, err_msg=name)


class TestHistory:
    def test_latest_first_with_the_weights_of_the_types(self):
        found = asked((3, "view", 5), (4, "save", 3), (5, "apply", 1))
        assert found.history[0, :4].tolist() == [5, 4, 3, -1]
        np.testing.assert_array_equal(found.weight[0, :4], np.float32([8, 3, 1, 0]))
        np.testing.assert_array_equal(found.time[0, :3], NOW - np.array([1, 3, 5]) * DAY)
        assert np.isnan(found.time[0, 3:]).all()
        assert found.history.shape == found.weight.shape == found.time.shape == (1, HISTORY)

    def test_repeats_are_one_entry_at_the_latest_moment_with_the_weights_added(self):
        found = asked((3, "view", 9), (4, "view", 5), (3, "save", 4), (3, "view", 1), (6, "view", 0.5))
        assert found.history[0, :4].tolist() == [6, 3, 4, -1]
        np.testing.assert_array_equal(found.weight[0, :4], np.float32([1, 5, 1, 0]))
        assert found.time[0, 1] == NOW - DAY

    def test_the_most_that_was_done_is_told(self):
        found = asked(
            (3, "apply", 9), (4, "view", 5), (3, "view", 4), (5, "save", 3), (4, "dismiss", 2), (6, "hire", 1)
        )
        assert found.history[0, :5].tolist() == [6, 5, 3, 4, -1]
        assert found.deed[0, :5].tolist() == [HIRE, SAVE, APPLY, DISMISS, 0]

    def test_what_is_looked_at_again_is_dismissed_no_more(self):
        found = asked((3, "apply", 9), (4, "view", 8), (4, "dismiss", 6), (3, "dismiss", 5), (4, "view", 2))
        assert found.history[0, :2].tolist() == [4, 3]
        assert found.deed[0, :2].tolist() == [VIEW, DISMISS]

    def test_an_event_counts_half_after_the_half_life(self):
        found = asked((1, "view", 60), (2, "apply", 30), (3, "view", 0), config=EventSettings(half_life_days=30))
        np.testing.assert_allclose(found.weight[0, :3], [1, 4, 0.25], rtol=1e-6)

    def test_an_event_of_unknown_time_does_not_age_and_one_to_come_is_not_worth_more(self):
        found = asked((1, "view", None), (2, "view", -10), config=EventSettings(half_life_days=30))
        assert found.history[0, :2].tolist() == [2, 1]
        np.testing.assert_array_equal(found.weight[0, :2], np.float32([1, 1]))

    def test_the_customers_own_value_is_a_factor_and_never_negative(self):
        found = asked((1, "view", 3, 2.5), (2, "view", 2, 0.0), (3, "view", 1, -4.0))
        assert found.history[0, :2].tolist() == [1, -1]
        assert found.weight[0, 0] == 2.5

    def test_postings_that_the_catalogue_does_not_hold_and_events_of_no_weight_leave_nothing(self):
        found = asked((1, "view", 4), (99, "apply", 3), (2, "impression", 2), (3, "dismiss", 1))
        assert found.history[0, :2].tolist() == [1, -1]

    def test_only_so_many_of_the_latest_postings_are_kept(self):
        found = asked(*((number, "view", 40 - number) for number in range(40)))
        assert found.history[0].tolist() == list(range(39, 39 - HISTORY, -1))

    @pytest.mark.parametrize("history", [8, 30, 200])
    def test_the_setting_says_how_many(self, history):
        config = EventSettings(half_life_days=None, history=history)
        found = asked(*((number, "view", 40 - number) for number in range(40)), config=config)
        kept = min(history, 40)
        assert found.history.shape == found.weight.shape == found.time.shape == (1, history)
        assert found.history[0].tolist() == list(range(39, 39 - kept, -1)) + [-1] * (history - kept)

    def test_many_impressions_do_not_push_out_what_was_viewed(self):
        found = asked((1, "apply", 50), *((2 + number % 30, "impression", 40 - number / 9) for number in range(200)))
        assert found.history[0, 0] == 1

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10**6))
    def test_it_is_the_definition(self, seed):
        candidates = snapshot(seed)
        config = EventSettings(half_life_days=20)
        found = candidates.queries(np.arange(len(candidates)), NOW, config)
        past = candidates.histories
        for at in range(len(candidates)):
            latest, total = {}, {}
            for event in range(past.start[at + 1] - 1, past.start[at] - 1, -1):
                kind, age, value = EVENT_TYPES[past.kind[event]], NOW - past.time[event], past.value[event]
                weight = getattr(config.weights, kind) * (1 if np.isnan(value) else max(value, 0))
                weight *= 1 if np.isnan(age) else 0.5 ** (max(age, 0) / DAY / 20)
                if past.posting[event] >= 0 and weight > 0:
                    latest.setdefault(int(past.posting[event]), past.time[event])
                    total[int(past.posting[event])] = total.get(int(past.posting[event]), 0) + weight
            rows = list(latest)[:HISTORY]
            assert found.history[at].tolist() == rows + [-1] * (HISTORY - len(rows))
            np.testing.assert_allclose(found.weight[at, : len(rows)], [total[row] for row in rows], rtol=1e-5)
            np.testing.assert_array_equal(found.time[at, : len(rows)], [latest[row] for row in rows])


class TestHidden:
    def keys(self, *events, hide=("apply", "dismiss", "hire")):
        return asked(*events, config=EventSettings(hide=hide)).hidden.tolist()

    def test_what_was_answered_is_hidden_once_however_often(self):
        events = ((5, "apply", 9), (2, "dismiss", 8), (5, "apply", 7), (3, "view", 6), (4, "hire", 5), (99, "apply", 1))
        assert self.keys(*events) == [2, 4, 5]
        assert self.keys(*events, hide=("view",)) == [3]
        assert self.keys(*events, hide=()) == []

    def test_it_is_read_from_the_whole_history_not_from_the_latest_events_only(self):
        assert self.keys((7, "apply", 900), *((1, "view", 100 - number / 9) for number in range(500))) == [7]

    def test_each_request_has_its_own_keys_and_a_repeated_row_has_them_twice(self):
        candidates = snapshot(1, 9)
        rows = np.array([3, 0, 3, 8])
        found = candidates.queries(rows, NOW, EventSettings())
        assert (np.diff(found.hidden) > 0).all()
        for at, row in enumerate(rows):
            single = candidates.queries(rows[at : at + 1], NOW, EventSettings())
            mine = found.hidden[found.hidden >> 32 == at] & 0xFFFFFFFF
            np.testing.assert_array_equal(mine, single.hidden)
            past = slice(candidates.histories.start[row], candidates.histories.start[row + 1])
            answered = np.isin(candidates.histories.kind[past], [3, 4, 5]) & (candidates.histories.posting[past] >= 0)
            assert mine.tolist() == sorted(set(candidates.histories.posting[past][answered].tolist()))


class TestVisible:
    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10**6))
    def test_the_cut_equals_deleting_the_later_events_to_the_bit(self, seed):
        candidates, rng = snapshot(seed), np.random.default_rng(seed)
        lengths = candidates.histories.lengths
        visible = rng.integers(0, lengths + 1)
        rows = rng.permutation(len(candidates))
        h = candidates.histories
        kept = np.arange(len(h.posting)) - np.repeat(h.start[:-1], lengths) < np.repeat(visible, lengths)
        deleted = replace(candidates, histories=h.where(kept))
        moment = NOW - rng.uniform(0, 60, len(rows)) * DAY
        cut = candidates.queries(rows, moment, EventSettings(), visible[rows])
        same_queries(cut, deleted.queries(rows, moment, EventSettings()))

    def test_all_visible_is_the_same_as_not_said(self):
        candidates = snapshot(5)
        rows = np.arange(len(candidates))
        told = candidates.queries(rows, NOW, EventSettings(), candidates.histories.lengths)
        same_queries(told, candidates.queries(rows, NOW, EventSettings()))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_batch_equals_single_calls_to_the_bit(seed):
    candidates = snapshot(seed)
    rows = np.arange(len(candidates))
    batch = candidates.queries(rows, NOW, EventSettings())
    for at in range(len(rows)):
        same_queries(candidates.queries(rows[at : at + 1], NOW, EventSettings()), batch.part(at, at + 1))


def test_nobody_asks_and_nobody_has_done_anything():
    candidates = to_candidates([Request("c"), Request("d")], CATALOGUE, {})
    found = candidates.queries(np.arange(2), NOW, EventSettings())
    assert (found.history == -1).all()
    assert not found.weight.any()
    assert len(found.hidden) == 0
    assert len(candidates.queries(np.arange(0), NOW, EventSettings())) == 0


@pytest.mark.parametrize("value", [np.nan, 0.5])
def test_weights_before_age_counts(value):
    kinds = np.array([IMPRESSION, VIEW, APPLY, DISMISS], np.uint8)
    config = EventSettings(weights=EventWeights(impression=0.1, dismiss=2))
    found = event_weights(kinds, np.full(4, value, np.float32), config)
    np.testing.assert_allclose(found, np.array([0.1, 1, 8, 2]) * (1 if np.isnan(value) else value), rtol=1e-6)
