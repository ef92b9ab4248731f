"""Who may see what and when, what a request may look like, and why a posting stands where it does."""

import sys
import threading
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from recsys.engine import Engine
from recsys.errors import RequestError
from recsys.rank import single
from recsys.request import Interaction, Profile, Request

DAY = 86_400.0


@pytest.fixture(scope="module", params=["scorer", "searching"])
def serving(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def engine(serving) -> Engine:
    return serving.engine


def all_lists(serving, now: float, k: int = 400):
    """Catalogue rows of everybody's list: int32 (C, k)."""
    return serving.lists(np.arange(len(serving.candidates)), k, now).rows


@pytest.mark.parametrize("days", [-40, -10, -1, 0, 1, 10, 40])
def test_what_is_expired_or_not_yet_posted_is_never_shown(serving, engine, days):
    now = serving.as_of + days * DAY
    rows = all_lists(serving, now)
    shown = np.unique(rows[rows >= 0])
    attributes = engine.catalogue.attributes
    assert (attributes.posted[shown] <= now).all()
    assert (attributes.until[shown] >= now).all()
    could = engine.catalogue.open & (attributes.posted <= now) & (attributes.until >= now)
    vacancies = np.unique(engine.catalogue.copies.group[could])
    assert len(shown) > 0.9 * len(vacancies)


def test_a_posting_is_shown_until_the_moment_it_expires(serving, engine):
    attributes = engine.catalogue.attributes
    shown = all_lists(serving, serving.as_of, 10)
    rows, times = np.unique(shown[shown >= 0], return_counts=True)
    ending = rows[np.argmax(np.where(attributes.until[rows] < serving.as_of + 30 * DAY, times, 0))]
    who = int(np.flatnonzero((shown == ending).any(axis=1))[0])
    candidate = serving.candidates.ids.names()[who]
    until = float(attributes.until[ending])
    name = engine.catalogue.ids.names()[ending]
    at_the_end = [line.posting_id for line in serving.recommend(candidate, 400, until)]
    afterwards = [line.posting_id for line in serving.recommend(candidate, 400, until + 1)]
    assert name in at_the_end
    assert name not in afterwards
    assert "not eligible: expired" in engine.why(Request(now=until + 1), name)


def test_what_a_candidate_answered_is_never_shown_again(serving, market):
    histories = market.prepared.candidates.histories
    hidden = np.isin(histories.kind, [3, 4, 5])  # apply, dismiss, hire
    owner = np.repeat(np.arange(len(histories.lengths)), histories.lengths)
    pairs = set(zip(owner[hidden].tolist(), histories.posting[hidden].tolist(), strict=True))
    open_pairs = [pair for pair in pairs if serving.engine.catalogue.open[pair[1]]]
    assert len(open_pairs) > 10
    rows = all_lists(serving, serving.as_of)
    shown = {(who, posting) for who, one in enumerate(rows.tolist()) for posting in one}
    assert not shown & pairs


def test_an_event_in_a_request_counts_at_once(engine, serving):
    request = Request(profile=Profile(home=(40.7, -74.0)), now=serving.as_of)
    first = engine.recommend([request])[0]
    for kind in ("apply", "dismiss", "hire"):
        done = replace(request, history=[Interaction(first[0].posting_id, kind, serving.as_of - 60)])
        assert first[0].posting_id not in [line.posting_id for line in engine.recommend([done], 400)[0]]
        assert engine.why(done, first[0].posting_id) == "not eligible: already answered"
    viewed = replace(request, history=[Interaction(first[3].posting_id, "view", serving.as_of - 60)])
    assert engine.recommend([viewed])[0] != first
    assert "you looked at" in " ".join(reason for line in engine.recommend([viewed])[0] for reason in line.reasons)


def test_a_posting_that_was_taken_down_is_never_shown(engine, serving):
    first = engine.recommend([Request(now=serving.as_of)])[0]
    rows, group = engine.catalogue.ids.rows([line.posting_id for line in first[:4]]), engine.catalogue.copies.group
    gone = np.flatnonzero(np.isin(group, group[rows]))  # their copies would stand for them
    without = replace(engine, catalogue=engine.catalogue.without(gone))
    rest = without.recommend([Request(now=serving.as_of)], 6)[0]
    assert [line.posting_id for line in rest] == [line.posting_id for line in first[4:]]
    assert without.why(Request(now=serving.as_of), first[0].posting_id) == "not eligible: taken down"
    assert engine.recommend([Request(now=serving.as_of)])[0] == first


def test_somebody_of_whom_nothing_is_known_gets_a_list(engine, serving):
    lines = engine.recommend([Request(now=serving.as_of)])[0]
    assert len(lines) == 10
    popularity = engine.catalogue.behaviour.popularity
    freshness = engine.catalogue.attributes.posted
    rows = engine.catalogue.ids.rows([line.posting_id for line in lines])
    open_ = engine.catalogue.open
    assert popularity[rows].mean() > popularity[open_].mean() or freshness[rows].mean() > freshness[open_].mean()


@pytest.mark.parametrize("known", ["whole", "wanted", "past", "home", "worked", "skills"])
def test_one_thing_known_is_enough_for_a_list(engine, serving, known):
    vector = engine.catalogue.title.vectors(np.array([7]))
    skill = next(iter(engine.skills))
    values = {"whole": vector[0], "home": (34.0, -118.2), "worked": [(34.0, -118.2)], "skills": [skill]}
    profile = Profile(**{known: values.get(known, vector)})
    lines = engine.recommend([Request(profile=profile, now=serving.as_of)])[0]
    assert len(lines) == 10
    assert len({line.posting_id for line in lines}) == 10


def test_lists_are_ordered_distinct_and_sourced(serving):
    lists = serving.recommend_many(serving.candidates.ids.names().tolist(), 20, serving.as_of)
    run = serving.engine.settings.arrange.employer_run
    company = serving.engine.catalogue.attributes.company
    falls = []
    for one in lists:
        assert len({line.posting_id for line in one}) == len(one)
        employers = company[serving.engine.catalogue.ids.rows([line.posting_id for line in one])].tolist()
        runs = [employers[at : at + run + 1] for at in range(len(one) - run)]
        assert not any(len(set(some)) == 1 and some[0] >= 0 for some in runs)
        falls += [a.score >= b.score for a, b in pairwise(one)]
    assert np.mean(falls) > 0.97  # a broken run of one employer moves a few


def test_a_shorter_list_is_the_beginning_of_a_longer_one(engine, requests_of, serving):
    requests = requests_of(serving.as_of)[:60]
    longer = engine.recommend(requests, 12)
    for k in (1, 2, 5, 11):
        assert engine.recommend(requests, k) == [one[:k] for one in longer]


def test_k_may_exceed_the_board_and_must_be_at_least_one(engine, serving):
    lines = engine.recommend([Request(now=serving.as_of)], 100_000)[0]
    assert len(lines) == len(np.unique(engine.catalogue.copies.group[engine.catalogue.open]))
    for k in (0, -3):
        with pytest.raises(RequestError, match=f"k must be at least 1, not {k}"):
            engine.recommend([Request(now=serving.as_of)], k)


def test_no_request_gives_no_list(engine):
    assert engine.recommend([]) == []


@pytest.mark.parametrize("part", ["whole", "wanted", "past"])
def test_a_vector_of_another_dimension_is_refused(engine, part):
    odd = np.ones((1, 17), np.float32)
    with pytest.raises(RequestError, match="17 numbers, the bundle's encoder gives 256"):
        engine.recommend([Request(profile=Profile(**{part: odd[0] if part == "whole" else odd}), now=0.0)])


@pytest.mark.parametrize("kind", ["undo", "click", ""])
def test_an_unknown_type_of_event_is_refused(engine, kind):
    with pytest.raises(RequestError, match=f"event type '{kind}' is unknown; use one of impression, view"):
        engine.recommend([Request(history=[Interaction("p0000001", kind)])])


def test_a_vector_or_a_moment_that_is_no_number_is_refused(engine):
    nan = float("nan")
    with pytest.raises(RequestError, match="vector"):
        engine.recommend([Request(profile=Profile(whole=np.full(256, np.nan, np.float32)), now=0.0)])
    with pytest.raises(RequestError, match="now"):
        engine.recommend([Request(now=nan)])


def test_a_posting_of_the_history_that_is_not_in_the_bundle_is_passed_over(engine, serving):
    request = Request(profile=Profile(home=(40.7, -74.0)), now=serving.as_of)
    strange = replace(request, history=[Interaction("of another board", "apply", serving.as_of)])
    assert engine.recommend([strange]) == engine.recommend([request])


def test_events_in_any_order_and_without_times_oldest_first(engine, serving):
    ids = engine.catalogue.ids.names()[[10, 60, 110, 160, 210]].tolist()
    timed = [Interaction(one, "view", serving.as_of - (5 - at) * DAY) for at, one in enumerate(ids)]
    ordered = engine.recommend([Request(history=timed, now=serving.as_of)])
    assert engine.recommend([Request(history=timed[::-1], now=serving.as_of)]) == ordered
    untimed = engine.queries([Request(history=[Interaction(one) for one in ids], now=serving.as_of)])
    assert engine.catalogue.ids.names()[untimed.history[0, :5]].tolist() == ids[::-1]


def test_scores_of_chosen_postings_are_those_of_the_list(engine, requests_of, serving):
    request = requests_of(serving.as_of)[4]
    lines = engine.recommend([request])[0]
    found = engine.score(request, [line.posting_id for line in lines])
    np.testing.assert_allclose(found, [line.score for line in lines], rtol=0, atol=1e-6)
    assert engine.score(request, []) == []
    with pytest.raises(RequestError, match="2 posting ids are not in this bundle, the first is 'no such'"):
        engine.score(request, ["p0000001", "no such", "nor this"])


def test_why_names_the_rank_and_the_reasons_of_every_line(engine, requests_of, serving):
    for request in requests_of(serving.as_of)[:8]:
        for line in engine.recommend([request], 10)[0]:
            why = engine.why(request, line.posting_id, 10)
            assert why.startswith(f"listed: rank {line.rank} of ")
            assert f"score {line.score:.3f}: " in why
            assert why.endswith("; ".join(line.reasons) or "no signal stands out")


def test_why_says_at_which_stage_a_posting_falls(scorer, searching):
    engine, now = searching.engine, searching.as_of
    popular = engine.catalogue.ids.names(engine.catalogue.shelves.popular_overall[:3]).tolist()
    request = Request(profile=Profile(home=(40.7, -74.0)), history=[Interaction(one) for one in popular], now=now)
    names, attributes = engine.catalogue.ids.names(), engine.catalogue.attributes
    expired = names[np.flatnonzero(attributes.until < now)[0]]
    assert "expired" in engine.why(request, expired)
    reached = {line.posting_id for line in engine.recommend([request], 12)[0]}
    every = [engine.why(request, name, 12) for name in names[np.flatnonzero(engine.catalogue.open)]]
    stages = [line.split(":")[0] for line in every]
    assert stages.count("listed") == len(reached) == 12
    assert set(stages) - {"not listed"} == {"listed", "ordered below the list", "cut", "not retrieved"}
    assert stages.count("listed") + stages.count("ordered below the list") <= 36
    assert stages.count("not retrieved") > 20
    assert any("none of the sources brought it" in line for line in every)
    assert any("by quick signals below the 36 postings of the pool" in line for line in every)
    whole = [
        scorer.engine.why(request, name, 12).split(":")[0] for name in names[np.flatnonzero(engine.catalogue.open)]
    ]
    assert set(whole) == {"listed", "ordered below the list", "not listed"}
    with pytest.raises(RequestError, match="no posting with the id 'no such'"):
        engine.why(request, "no such")


def test_the_order_can_be_exchanged(engine, serving):
    newest = engine.with_ranker(single("freshness")).recommend([Request(now=serving.as_of)], 400)[0]
    rows = engine.catalogue.ids.rows([line.posting_id for line in newest])
    scores = [line.score for line in newest]
    posted = engine.catalogue.attributes.posted[rows]
    assert np.corrcoef(posted, scores)[0, 1] > 0.8
    assert posted[0] == engine.catalogue.attributes.posted[engine.catalogue.open].max()


@pytest.fixture
def eager_threads():
    """Threads take turns a thousand times as often as usual, so that what they share shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_threads_get_the_lists_of_single_calls(engine, requests_of, serving, eager_threads):
    """Requests of different shapes at once: a search must not change what another one is using."""
    requests = requests_of(serving.as_of)[:30]
    expected = [engine.recommend([request])[0] for request in requests]
    wrong: list[object] = []

    def ask(first: int) -> None:
        try:
            for turn in range(len(requests)):
                at = (first * 7 + turn) % len(requests)
                if engine.recommend([requests[at]])[0] != expected[at]:
                    wrong.append(at)
        except Exception as error:  # what a thread raises is lost otherwise
            wrong.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_shares_sum_to_the_score_of_each_posting(serving, engine):
    """In a batch as alone, with and without filters, and of the first fifty only."""
    who = serving.candidates.ids.names()[:20].tolist()
    lists = serving.recommend_many(who, 60, serving.as_of, explain="full")
    lines = [line for lines in lists for line in lines]
    assert all((line.shares is None) == (line.rank > 50) for line in lines)
    given = [line for line in lines if line.shares is not None]
    np.testing.assert_allclose([sum(one.shares.values()) for one in given], [one.score for one in given], rtol=1e-4)
    assert [abs(one) for one in given[0].shares.values()] == sorted(map(abs, given[0].shares.values()), reverse=True)
    assert serving.recommend(who[3], 60, serving.as_of, explain="full") == lists[3]
    assert [replace(line, shares=None) for line in lists[3]] == serving.recommend(who[3], 60, serving.as_of)
