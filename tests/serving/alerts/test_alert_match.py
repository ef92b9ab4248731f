"""Matching in batches: equal to each alert alone, and to looking at every posting by itself."""

import numpy as np
import pytest
from alert_board import DAY, AlertBoard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_log import ENCODER

from recsys.among import among
from recsys.filters import Filters
from recsys.narrow import conditions
from recsys.terms import asked_words, words_of
from serving.alerts.match import Matcher
from serving.alerts.news import WordIndex
from serving.alerts.people import audience
from serving.store import Store, Write, migrate
from serving.store.alerts import Alert


@pytest.fixture(scope="module")
def board(live_market, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('alerts') / 'store.db'}"
    migrate(url)
    with Store.open(url) as store:
        board = AlertBoard(live_market, store)
        rng = np.random.default_rng(0)
        board.write(*(board.posting(n, like=int(rng.integers(400)), remote=n % 3 == 0) for n in range(60)))
        board.write(*(Write("posting_gone", f"new-{n}") for n in range(0, 60, 11)))
        yield board


@pytest.fixture(scope="module")
def base(board):
    return board.matcher()


def alert(number, position, filters, words):
    document = {"name": f"{number}", "filters": filters, "words": words}
    return Alert(f"a{number}", "c", {k: v for k, v in document.items() if v}, "instant", True, 0, position, 0, 0, 0, "")


WORDS = ["manager", "senior", "the", "nurse", "web developer", "sales of the region", "zymurgy", "c++", "remote", ""]


@pytest.fixture(scope="module")
def places(board):
    state = board.state()
    vectors = state.engine.catalogue.place[:, 0]
    vectors = vectors[~np.isnan(vectors[:, 0])][:20]
    latitude = np.degrees(np.arcsin(vectors[:, 2]))
    longitude = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0]))
    return [(float(one), float(two)) for one, two in zip(latitude, longitude, strict=True)]


@st.composite
def drawn_filters(draw, places):
    asked = {}
    if draw(st.booleans()):
        asked["latitude"], asked["longitude"] = draw(st.sampled_from(places))
        asked["within_km"] = draw(st.sampled_from([0.0, 5.0, 50.0, 500.0]))
        asked["or_remote"] = draw(st.booleans())
    if draw(st.booleans()):
        asked["remote"] = draw(st.booleans())
    if draw(st.booleans()):
        asked["seniority"] = draw(st.lists(st.sampled_from(["junior", "mid", "senior"]), max_size=2))
    if draw(st.booleans()):
        asked["pay_least"] = draw(st.sampled_from([10_000.0, 60_000.0, 120_000.0]))
        asked["pay_known"] = draw(st.booleans())
    if draw(st.booleans()):
        asked["muted_postings"] = [f"new-{n}" for n in draw(st.lists(st.integers(0, 59), max_size=3))] + ["unknown"]
    if draw(st.booleans()):
        asked["muted_employers"] = [f"EMPLOYER  {n}" for n in draw(st.lists(st.integers(0, 59), max_size=3))]
    return asked


def by_hand(matcher, one, encode, alike):
    """One posting at a time, filters over the whole catalogue."""
    state, news = matcher._state, matcher._news
    passed = np.ones(len(state.engine.catalogue), bool)
    for column in conditions(
        state.engine.catalogue, Filters.model_validate(one.document.get("filters") or {})
    ).values():
        passed &= column
    found = []
    for at, row in enumerate(news.rows.tolist()):
        document, words = news.documents[at], one.document.get("words", "")
        text = " ".join(
            [
                document["title"],
                document.get("company", ""),
                document.get("description", ""),
                *document.get("skills", []),
            ]
        )
        there = not words or set(asked_words(words)) <= set(words_of(text))
        if words and encode is not None and not there:
            title = state.engine.catalogue.title.vectors(np.array([row]))[0]
            there = round(float(encode([words])[0] @ title), 4) >= alike
        found.append(bool(passed[row]) and there and news.arrived[at] > one.position)
    return found


@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_batch_is_each_alone_and_by_hand(board, base, places, data):
    count = data.draw(st.integers(1, 6))
    alerts = [
        alert(
            number,
            data.draw(st.integers(0, 70)),
            data.draw(drawn_filters(places)),
            data.draw(st.sampled_from(WORDS)),
        )
        for number in range(count)
    ]
    encode, alike = data.draw(st.sampled_from([(None, None), (ENCODER.encode, 0.5)]))
    matcher = Matcher(base._state, base._news, encode, alike)
    together = matcher.match(alerts)
    assert together.shape == (count, len(matcher._news))
    for at, one in enumerate(alerts):
        np.testing.assert_array_equal(together[at], Matcher(base._state, base._news, encode, alike).match([one])[0])
        np.testing.assert_array_equal(together[at], by_hand(matcher, one, encode, alike))
    np.testing.assert_array_equal(matcher.match(alerts), together)  # filters that are remembered


def test_the_drawn_alerts_match_something(board):
    found = board.matcher().match([alert(0, 0, {"remote": True}, ""), alert(1, 0, {}, "manager"), alert(2, 0, {}, "")])
    count = found.sum(axis=1)
    assert 0 < count[0] < count[2]
    assert 0 < count[1] < count[2] == 54


def test_words_are_all_asked_for_and_empty_ones_only_where_alone():
    index = WordIndex.of(["Senior C++ developer, Oslo", "The senior cook", "", "who is who"])
    asked = ["senior", "SENIOR developer", "the senior", "c", "c++", "oslo cook", "who", "", "?", "unheard of"]
    found = {line: np.flatnonzero(row).tolist() for line, row in zip(asked, index.with_all(asked), strict=True)}
    assert found == {
        "senior": [0, 1], "SENIOR developer": [0], "the senior": [0, 1], "c": [], "c++": [0], "oslo cook": [],
        "who": [3], "": [], "?": [], "unheard of": [],
    }  # fmt: skip


def test_many_people_bring_what_each_alone_does(board):
    people = [one["candidate_id"] for one in board.market.candidates[:6]]
    event = {"event_id": "e1", "candidate_id": people[1], "posting_id": "new-1", "type": "view", "timestamp": board.now}
    board.write(
        Write("event", "e1", event), Write("candidate", people[2], {"candidate_id": people[2], "skills": ["x"]})
    )
    state = board.state()
    asked = [*people, "nobody", people[1], people[0]]  # some have several alerts
    many, week = audience(state, asked), board.now - 7 * DAY
    queries, then = many.queries(board.now), many.before(week).queries(week)
    for at, one in enumerate(asked):
        alone = state.queries(one, now=board.now), state.queries(one, now=week, before=week)
        for whole, own in zip((queries, then), alone, strict=True):
            for name in vars(own):
                np.testing.assert_array_equal(getattr(whole.part(at, at + 1), name), getattr(own, name), name)
    met, row = many.met(), state.engine.catalogue.ids.row("new-1")
    assert (met[(met & 0xFFFFFFFF) == row] >> 32).tolist() == [1, 7]


def test_the_best_among_some_is_what_the_engine_says_of_them(board):
    state = board.state()
    people = [one["candidate_id"] for one in board.market.candidates[:20]]
    queries = audience(state, people).queries(board.now)
    some = np.sort(np.random.default_rng(1).choice(len(state.engine.catalogue), (20, 30)), axis=1).astype(np.int32)
    some = np.unique(some[0])[None].repeat(20, axis=0)
    rows = np.pad(some, ((0, 0), (0, 4)), constant_values=-1)
    lists = among(state.engine, queries, rows, 8, explain=True)
    for at, who in enumerate(people):
        alone = among(state.engine, queries.part(at, at + 1), rows[at : at + 1], 8)
        np.testing.assert_array_equal(lists.rows[at], alone.rows[0])
        np.testing.assert_array_equal(lists.scores[at], alone.scores[0])
        names = state.engine.catalogue.ids.names(lists.rows[at][lists.rows[at] >= 0]).tolist()
        scored = state.score(who, state.engine.catalogue.ids.names(some[at]).tolist(), board.now)
        best = {one.posting_id: one.score for one in scored if one.status == "ok"}
        assert set(names) <= set(best)
        np.testing.assert_allclose([best[one] for one in names], lists.scores[at][: len(names)], rtol=1e-5, atol=1e-6)
        assert names[0] == max(best, key=best.get) or len(set(best.values())) < len(best)
