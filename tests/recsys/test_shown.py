"""What was shown and left unanswered, and what was dismissed, as it stood at the moment of a query."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_at_random import random_requests
from small_catalogue import DAY, NOW, ask, make_catalogue, unit

from recsys.config import EventSettings, RetrieveSettings
from recsys.intake import to_candidates
from recsys.interests import find_interests
from recsys.queries import DISMISSED
from recsys.request import Interaction, Request
from recsys.schema import DISMISS, IMPRESSION
from recsys.signals import COLUMN, compute

CATALOGUE = make_catalogue(unit(np.random.default_rng(0), 40), company=np.arange(40) % 8)
STEADY = EventSettings(half_life_days=None)
HOUR = 3600.0


def queries_of(*histories, config=STEADY, now=NOW):
    """Queries of candidates with these events (posting number, type, hours ago)."""
    requests = [
        Request(str(at), history=[Interaction(f"p{p:04d}", kind, NOW - hours * HOUR) for p, kind, hours in events])
        for at, events in enumerate(histories)
    ]
    return to_candidates(requests, CATALOGUE, {}).queries(np.arange(len(requests)), now, config)


def times_shown(*events, **more):
    queries = queries_of(events, **more)
    return dict(zip(queries.shown.tolist(), queries.shown_times.tolist(), strict=True))


def signal(queries, name):
    everything = np.broadcast_to(np.arange(40, dtype=np.int32), (len(queries), 40))
    found = compute(CATALOGUE, queries, find_interests(CATALOGUE, queries, RetrieveSettings()), everything)
    return found[..., COLUMN[name]]


class TestCount:
    def test_impressions_without_an_answer_are_counted(self):
        assert times_shown((3, "impression", 90), (4, "impression", 60), (3, "impression", 30)) == {3: 2, 4: 1}

    @pytest.mark.parametrize("answer", ["view", "save", "apply", "dismiss", "hire"])
    def test_an_answer_settles_all_impressions_before_it_and_none_after_it(self, answer):
        assert times_shown((3, "impression", 90), (3, "impression", 80), (3, answer, 70)) == {3: 0}
        assert times_shown((3, "impression", 90), (3, answer, 70), (3, "impression", 60)) == {3: 1}
        assert times_shown((3, answer, 90), (3, "impression", 60)) == {3: 1}

    def test_an_answer_to_another_posting_settles_nothing(self):
        assert times_shown((3, "impression", 90), (4, "view", 70)) == {3: 1}

    def test_what_was_shown_just_now_may_still_be_answered(self):
        config = EventSettings(half_life_days=None, answer_hours=5)
        assert times_shown((3, "impression", 4.9), (4, "impression", 5.1), config=config) == {3: 0, 4: 1}

    def test_an_impression_counts_half_after_the_half_life(self):
        config = EventSettings(half_life_days=10)
        found = times_shown((3, "impression", 480), (3, "impression", 240), (3, "impression", 24), config=config)
        assert found == {3: pytest.approx(0.25 + 0.5 + 0.5**0.1, rel=1e-6)}

    def test_one_without_a_time_never_counts(self):
        history = [Interaction("p0003", "impression", None), Interaction("p0004", "view", NOW - DAY)]
        queries = ask(CATALOGUE, [Request(None, history=history)])
        assert queries.shown.tolist() == [3]
        assert queries.shown_times.tolist() == [0]

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10**6))
    def test_it_is_the_definition(self, seed):
        candidates = to_candidates(random_requests(np.random.default_rng(seed), CATALOGUE, 9), CATALOGUE, {})
        config = EventSettings(half_life_days=20)
        found = candidates.queries(np.arange(len(candidates)), NOW, config)
        assert (np.diff(found.shown) > 0).all()
        h, expected = candidates.histories, {}
        for at in range(len(candidates)):
            for event in range(h.start[at], h.start[at + 1]):
                if h.kind[event] != IMPRESSION or h.posting[event] < 0:
                    continue
                later = slice(event + 1, h.start[at + 1])
                answered = ((h.posting[later] == h.posting[event]) & (h.kind[later] != IMPRESSION)).any()
                age = NOW - h.time[event]
                counts = age >= 6 * HOUR and not answered
                key = at << 32 | int(h.posting[event])
                expected[key] = expected.get(key, 0) + (0.5 ** (age / DAY / 20) if counts else 0)
        assert found.shown.tolist() == sorted(expected)
        np.testing.assert_allclose(found.shown_times, [expected[key] for key in sorted(expected)], rtol=1e-5)


class TestDismissed:
    def test_the_latest_come_first_and_no_more_than_fit(self):
        found = queries_of([(number, "dismiss", 90 - number) for number in range(6)], [(7, "view", 3)])
        assert found.dismissed.tolist() == [[5, 4, 3, 2], [-1] * DISMISSED]

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 10**6))
    def test_it_is_the_definition(self, seed):
        candidates = to_candidates(random_requests(np.random.default_rng(seed), CATALOGUE, 9), CATALOGUE, {})
        found = candidates.queries(np.arange(len(candidates)), NOW, STEADY)
        h = candidates.histories
        for at in range(len(candidates)):
            mine = range(h.start[at + 1] - 1, h.start[at] - 1, -1)
            rows = [int(h.posting[event]) for event in mine if h.kind[event] == DISMISS and h.posting[event] >= 0]
            assert found.dismissed[at].tolist() == (rows + [-1] * DISMISSED)[:DISMISSED]


class TestSignals:
    def test_the_more_often_passed_over_the_lower_and_unknown_without_impressions(self):
        shown = [(3, "impression", 90), (3, "impression", 60), (5, "impression", 50), (5, "view", 49)]
        found = signal(queries_of(shown, [(5, "view", 49)]), "shown_unanswered")
        assert found[0, 3] == pytest.approx(-np.log(3))
        assert (np.delete(found[0], 3) == 0).all()
        assert np.isnan(found[1]).all()

    def test_the_employer_and_the_likes_of_what_was_dismissed(self):
        queries = queries_of([(3, "dismiss", 90)], [(3, "view", 90)])
        employer, title = signal(queries, "employer_dismissed"), signal(queries, "title_dismissed")
        assert np.flatnonzero(employer[0] == -1).tolist() == [3, 11, 19, 27, 35]
        assert title[0].argmin() == 3
        assert title[0, 3] == pytest.approx(-1, abs=0.01)
        assert np.isnan(employer[1]).all()
        assert np.isnan(title[1]).all()

    def test_a_batch_equals_single_calls_and_parts_to_the_bit(self):
        requests = random_requests(np.random.default_rng(4), CATALOGUE, 12)
        queries = ask(CATALOGUE, requests)
        some = np.array([1, 4, 5, 11])
        for name in ("shown_unanswered", "employer_dismissed", "title_dismissed"):
            whole = signal(queries, name)
            assert 0 < np.isnan(whole).mean() < 1
            np.testing.assert_array_equal(signal(queries.take(some), name), whole[some])
            for at, request in enumerate(requests):
                np.testing.assert_array_equal(signal(queries.part(at, at + 1), name)[0], whole[at])
                np.testing.assert_array_equal(signal(ask(CATALOGUE, [request]), name)[0], whole[at])


def test_the_latest_application_save_and_view_of_each():
    asked = queries_of(
        [(1, "view", 9), (2, "apply", 8), (3, "hire", 7), (4, "view", 6)],
        [],
        [(5, "save", 3), (6, "save", 2), (99, "view", 1), (7, "impression", 1)],
    )
    assert asked.latest.tolist() == [[3, -1, 4], [-1, -1, -1], [-1, 6, -1]]
    away = queries_of([(2, "view", 9), (1, "view", 8), (1, "dismiss", 5)], [(1, "view", 9)])
    assert away.latest.tolist() == [[-1, -1, 2], [-1, -1, 1]]
    again = queries_of([(2, "view", 9), (1, "dismiss", 8), (1, "view", 5), (1, "impression", 1)])
    assert again.latest.tolist() == [[-1, -1, 1]]
    assert asked.take(np.array([0, 2])).latest.tolist() == [[3, -1, 4], [-1, 6, -1]]
