from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from requests_at_random import random_requests
from small_catalogue import DAY, NARROW, NOW, make_catalogue, random_board, random_linear, unit

from recsys.calibrate import Calibration
from recsys.config import EngineSettings, HomeSettings
from recsys.copies import freshest_of
from recsys.discover import alike, week_began
from recsys.eligible import eligible
from recsys.engine import Engine
from recsys.explain import Explainer
from recsys.home import NAMES, home, pages
from recsys.intake import to_candidates
from recsys.rank import single
from recsys.request import Interaction, Profile, Request

RULES = NARROW.model_copy(update={"home": HomeSettings(length=4, unlike=0.5, near_km=150)})
BOARD = random_board(np.random.default_rng(3), settings=RULES)
UNDATED = random_board(np.random.default_rng(6), settings=RULES, dated=False)
RANKER = random_linear(np.random.default_rng(5))
BEGAN = float(week_began(np.array([NOW]))[0])


class Titles:
    def take(self, rows):
        return [f"title {row}" for row in rows]


def engine(board=BOARD, rules=RULES):
    return Engine(board, RANKER, rules, {}, explainer=Explainer(Titles(), Titles()))


def asked(board, requests, now=NOW, rules=RULES):
    """What they bring now, and what they brought when the week began."""
    people = to_candidates(requests, board, {})
    began = float(week_began(np.array([now]))[0])
    rows, before = np.arange(len(requests)), people.only(~(people.histories.time >= began))
    return people.queries(rows, now, rules.events), before.queries(rows, began, rules.events)


def page(board, requests, now=NOW, rules=RULES):
    queries, week = asked(board, requests, now, rules)
    return home(engine(board, rules), queries, week, [one.candidate_id or "" for one in requests])


def found(shelves, kind, at=0):
    rows = [one.lists.rows[at] for one in shelves if one.kind == kind]
    return [row for line in rows for row in line.tolist() if row >= 0]


def history(*events):
    return [Interaction(f"p{row:04d}", kind, NOW - days * DAY) for row, kind, days in events]


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), dated=st.booleans())
def test_no_posting_or_copy_stands_twice_all_may_be_shown_and_a_batch_is_its_single_requests(seed, dated):
    board = BOARD if dated else UNDATED
    rng = np.random.default_rng(seed)
    own = np.arange(len(board), dtype=np.int32)
    group = np.where(rng.random(len(board)) < 0.4, own // 5 * 5, own)
    freshest = freshest_of(group, board.open, board.attributes.posted)
    board = replace(board, copies=replace(board.copies, group=group, freshest=freshest))
    requests = random_requests(rng, board, 6)
    shelves = page(board, requests)
    queries, _ = asked(board, requests)
    for at, request in enumerate(requests):
        shown = [row for one in shelves for row in one.lists.rows[at].tolist() if row >= 0]
        assert len(set(board.copies.group[shown].tolist())) == len(shown)
        assert eligible(board, queries.part(at, at + 1), np.array([shown], np.int32)).all()
        assert board.open[shown].all()
        alone = page(board, [request])
        for kind in RULES.home.shelves:
            assert found(alone, kind) == found(shelves, kind, at)


def test_shelves_stand_in_the_order_of_the_settings_and_others_are_left_out():
    rules = RULES.model_copy(update={"home": HomeSettings(length=3, shelves=("new", "for_you"), new_days=60)})
    shelves = page(BOARD, [Request("c", history=history((1, "view", 2)))], rules=rules)
    assert [one.kind for one in shelves] == ["new", "for_you"]
    assert all(one.lists.rows.shape == (1, 3) for one in shelves)


def test_for_you_is_the_list_of_recommendations():
    rules = RULES.model_copy(update={"home": HomeSettings(length=4, shelves=("for_you",))})
    requests = random_requests(np.random.default_rng(8), BOARD, 4)[:3]
    queries, _ = asked(BOARD, requests)
    wanted = engine().answer(queries, 4).rows
    np.testing.assert_array_equal(
        page(BOARD, requests, rules=rules)[0].lists.rows, np.where(queries.known[:, None], wanted, -1)
    )


def test_because_names_the_strongest_last_event():
    events = [(1, "view", 1), (2, "save", 5), (3, "apply", 9), (4, "apply", 8), (5, "view", 0.5)]
    said = []
    for some in (events, [one for one in events if one[1] != "apply"], [events[0], events[4]]):
        queries, week = asked(BOARD, [Request("c", history=history(*some))])
        shelves = pages(engine(), home(engine(), queries, week, ["c"]), 1)[0]
        said.append(next(one.name for one in shelves if one.kind == "because"))
    assert said == [
        "Because you applied to “title 4”",
        "Because you saved “title 2”",
        "Because you viewed “title 5”",
    ]


def test_new_is_what_was_posted_lately_and_near():
    shelves = page(BOARD, [Request("c", Profile(home=(42.0, 0.0)))])
    new = found(shelves, "new")
    assert new
    assert (BOARD.attributes.posted[new] >= NOW - 8 * DAY).all()
    names = next(one.name for one in shelves if one.kind == "new")
    assert NAMES[names[0]] == "New near you"


def test_new_is_what_nobody_chose_where_nothing_is_dated():
    new = found(page(UNDATED, [Request("c", Profile(home=(42.0, 0.0)))]), "new")
    assert new
    assert not UNDATED.behaviour.seen[new].any()


def test_a_stranger_gets_what_is_popular_and_new_alone():
    shelves = page(BOARD, [Request(None), Request("c", history=history((1, "view", 2)))])
    kinds = [{one.kind for one in shelves if (one.lists.rows[at] >= 0).any()} for at in range(2)]
    assert kinds[0] == {"popular", "new"}
    assert "popular" not in kinds[1]
    assert {"for_you", "because"} <= kinds[1]
    popular = BOARD.behaviour.popularity[found(shelves, "popular")]
    assert (np.diff(popular) <= 0).all()


def test_each_of_two_interests_has_a_mix_of_its_own_named_by_its_commonest_title():
    rng = np.random.default_rng(2)
    middles = np.linalg.qr(rng.normal(size=(16, 16)))[0][:2].astype(np.float32)
    titles = np.repeat(middles, 40, axis=0) + 0.3 * unit(rng, 80)
    titles[3] = titles[4]  # of one title
    titles /= np.linalg.norm(titles, axis=1, keepdims=True)
    board = make_catalogue(titles, posted=np.full(80, NOW - 30 * DAY))
    rules = EngineSettings(home=HomeSettings(length=5, unlike=0.5))
    events = history((3, "view", 4), (50, "view", 3), (4, "view", 5), (9, "view", 2))
    shelves = page(board, [Request("c", history=events), Request("d", history=events[:1])], rules=rules)
    mixes = [one for one in shelves if one.kind == "mixes"]
    assert [one.about[0] for one in mixes] == [3, 50]
    of = [one.lists.rows[0][one.lists.rows[0] >= 0] // 40 for one in mixes]
    assert [set(one.tolist()) for one in of] == [{0}, {1}]
    assert all((one.lists.rows[1] == -1).all() for one in mixes)  # of one interest For you is the list


def discovered(board, request, now=NOW, rules=RULES):
    return found(page(board, [request], now, rules), "discover")


def test_discover_is_unlike_and_stays_all_week_whatever_the_candidate_does():
    events = history((1, "view", 9), (7, "view", 8), (20, "save", 10))
    first = discovered(BOARD, Request("c", history=events), BEGAN + 60)
    assert len(first) >= 3
    queries, _ = asked(BOARD, [Request("c", history=events)])
    assert (alike(BOARD, queries, np.array([first], np.int32)) < 0.5).all()
    since = [*events, Interaction("p0100", "view", BEGAN + 100.0), Interaction("p0101", "apply", BEGAN + 200.0)]
    assert 101 not in first
    later = discovered(BOARD, Request("c", history=since), NOW)
    gone = {row for row in first if not BOARD.attributes.until[row] >= NOW and BOARD.attributes.until[row] < NOW}
    assert [row for row in later if row in first] == [row for row in first if row not in gone]


def test_what_must_not_be_shown_any_more_leaves_discover_and_moves_no_other():
    events = history((1, "view", 9), (7, "view", 8), (20, "save", 10))
    first = discovered(BOARD, Request("c", history=events))
    applied = [*events, Interaction(f"p{first[1]:04d}", "apply", BEGAN + 50.0)]
    for shown in (
        discovered(BOARD, Request("c", history=applied)),
        discovered(BOARD.without(np.array([first[1]])), Request("c", history=events)),
    ):
        assert first[1] not in shown
        assert [row for row in shown if row in first] == [row for row in first if row != first[1]]


def test_discover_differs_by_week_and_by_candidate():
    events = history((1, "view", 9), (7, "view", 8), (20, "save", 10))
    weeks = [set(discovered(BOARD, Request("c", history=events), BEGAN + number * 7 * DAY)) for number in range(4)]
    assert len(set.union(*weeks)) > 1.5 * max(map(len, weeks))
    people = [tuple(discovered(BOARD, Request(who, history=events))) for who in "cdef"]
    assert len(set(people)) > 2


def test_weeks_begin_on_monday():
    assert week_began(np.array([BEGAN, BEGAN + 7 * DAY - 1, BEGAN - 1])).tolist() == [BEGAN, BEGAN, BEGAN - 7 * DAY]
    assert BEGAN == 1_699_833_600  # Monday, 13 November 2023


def test_settings_are_checked():
    with pytest.raises(ValidationError, match="named twice"):
        HomeSettings(shelves=("new", "new"))
    with pytest.raises(ValidationError):
        HomeSettings(shelf=3)
    with pytest.raises(ValidationError):
        HomeSettings(shelves=("for_them",))


def test_only_shelves_of_the_order_that_was_calibrated_tell_probabilities():
    told = Calibration("apply", 24.0, True, np.float32([-9, 9]), np.float32([0, 1]))
    calibrated = replace(engine(), calibration=told, related=single("title_last"))
    requests = [Request("a", history=history((3, "apply", 9), (70, "view", 8)), now=NOW), Request(None, now=NOW)]
    queries, week = asked(BOARD, requests)
    page = [one for some in pages(calibrated, home(calibrated, queries, week, ["a", ""]), 2) for one in some]
    given_ = {shelf.kind: {line.probability is not None for line in shelf.recommendations} for shelf in page}
    assert given_["for_you"] == given_["new"] == {True}
    assert given_["because"] == given_["popular"] == {False}


def named(board, request, now=NOW):
    """The names of shelves and all reasons of a page that goes by likeness, in words."""
    queries, week = asked(board, [request], now)
    by_likeness = replace(engine(board), ranker=single("title_viewed"))
    page = pages(by_likeness, home(by_likeness, queries, week, ["c"], explain=True), 1)[0]
    return [shelf.name for shelf in page], {
        reason for shelf in page for line in shelf.recommendations for reason in line.reasons
    }


def test_what_was_dismissed_or_muted_is_named_nowhere_on_the_page():
    events = history((1, "view", 9), (7, "view", 8))
    names, reasons = named(BOARD, Request("c", history=events, now=NOW))
    assert {"Because you viewed “title 7”", "title 7"} <= set(names)
    assert any("“title 7”" in reason for reason in reasons)
    dismissed = [*events, Interaction("p0007", "dismiss", NOW - 60)]
    for request in (
        Request("c", history=dismissed, now=NOW),
        Request("c", Profile(muted_postings=["p0007"]), events, now=NOW),
        Request("c", Profile(muted_interests=BOARD.title.vectors(np.array([7]))), events, now=NOW),
    ):
        names, reasons = named(BOARD, request)
        assert not any(one == "title 7" or "“title 7”" in one for one in [*names, *reasons])


def test_discover_says_how_old_a_posting_is_now():
    events = history((1, "view", 9), (7, "view", 8), (20, "save", 10))
    fresh = Engine(BOARD, single("freshness"), RULES, {}, explainer=Explainer(Titles(), Titles()))
    now = BEGAN + 6.5 * DAY
    queries, week = asked(BOARD, [Request("c", history=events)], now)
    page = pages(fresh, home(fresh, queries, week, ["c"], explain=True), 1)[0]
    lines = [line for shelf in page if shelf.kind == "discover" for line in shelf.recommendations]
    told = [(line.posting_id, reason) for line in lines for reason in line.reasons if reason.startswith("posted")]
    assert told
    for posting, reason in told:
        age = (now - BOARD.attributes.posted[BOARD.ids.row(posting)]) / DAY
        assert reason == f"posted {age:.0f} days ago"
