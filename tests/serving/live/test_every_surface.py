"""What must not be shown is shown on no surface of a state: muted, answered, expired, filtered, vetoed, or a copy."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import CONFIG
from live_log import catch_up, encode_all, follow, new_store

from recsys.among import among
from recsys.browse import Category, browse
from recsys.discover import week_began
from recsys.documents import posting_documents
from recsys.filters import Filters
from recsys.home import home, pages
from recsys.related import related
from recsys.search import search, wording
from serving.store import Write
from training.sources import read_tables

WHO = "c0000001"


@pytest.fixture(scope="module")
def postings(market):
    tables = read_tables(CONFIG.sources, market.data, market.data.parent / "rejected.parquet")[0]
    return {one["posting_id"]: dict(one) for one in posting_documents(tables.postings, tables.locations)}


@pytest.fixture
def board(market, tmp_path):
    """A follower, and what writes to its store and brings it in."""
    with new_store(tmp_path) as store:
        follower = follow(market.bundle, store)

        def write(*writes):
            encode_all(store, writes)
            catch_up(follower, store.write(list(writes)).position)
            return follower.state

        write.state = follower.state
        yield write


def shown(state, document, now, personal=True, who=WHO):
    """For every surface the ids that it shows; all of them could show the posting of ``document``."""
    engine, catalogue = state.engine, state.engine.catalogue
    queries = state.queries(who, now=now, personal=personal)
    began = float(week_began(queries.now)[0])
    week = state.queries(who, now=began, personal=personal, before=began)
    page = pages(engine, home(engine, queries, week, [who]), 1)[0]
    words = wording(catalogue, document["title"])
    everything = np.arange(len(catalogue), dtype=np.int32)[None]
    other = np.array([catalogue.by_text.rows[0]], np.int32)

    def ids(rows):
        return catalogue.ids.names(rows[0][rows[0] >= 0]).tolist()

    found = {
        "list": [line.posting_id for line in state.recommend(who, 400, now, False, personal=personal)],
        "filtered": [
            line.posting_id
            for line in state.recommend(who, 400, now, False, Filters(muted_postings=["x"]), personal=personal)
        ],
        "home": [line.posting_id for shelf in page for line in shelf.recommendations],
        "browse": ids(browse(engine, queries, Category(employer=document["company"]), 400).rows),
        "search": [hit.posting_id for hit in search(engine, queries, [words], None, 400, None, personal)[0].hits],
        "alike": [
            hit.posting_id
            for hit in search(
                engine, queries, [words], catalogue.title.vectors(catalogue.ids.rows([document["posting_id"]])), 400
            )[0].hits
        ],
        "related": ids(related(engine, queries, other, 400).rows),
        "alerts": ids(among(engine, queries, everything, 400).rows),
    }
    for name, some in found.items():
        groups = catalogue.copies.group[catalogue.ids.rows(some)]
        assert len(set(groups.tolist())) == len(groups), name
    return found


SEEN_BY_ALL = ("list", "filtered", "browse", "search", "alike", "related", "alerts")


def target(state, postings, now):
    """A posting of the candidate's list with an employer and a text."""
    return next(
        postings[line.posting_id]
        for line in state.recommend(WHO, 50, now, False)
        if postings[line.posting_id].get("company") and postings[line.posting_id].get("description")
    )


def repost(document, now, **more):
    return document | {"posting_id": "again", "date_posted": now - 60.0, "valid_through": now + 9e6} | more


def put(document):
    return Write("posting", document["posting_id"], document)


@pytest.mark.parametrize("personal", [True, False])
def test_of_a_vacancy_put_up_again_the_later_one_is_shown_and_muting_it_hides_both(market, postings, board, personal):
    now = market.as_of
    one = target(board.state, postings, now)
    state = board(put(repost(one, now)))
    for name, some in shown(state, one, now, personal).items():
        assert one["posting_id"] not in some, name
        assert "again" in some or name not in SEEN_BY_ALL, name
    state = board(Write("mutes", WHO, {"candidate_id": WHO, "add": {"muted_postings": ["again"]}}))
    for name, some in shown(state, one, now, personal).items():
        assert not {one["posting_id"], "again"} & set(some), name


@pytest.mark.parametrize("kind", ["dismiss", "apply"])
def test_what_was_answered_stays_hidden_when_it_changes_and_its_words_and_place_do(market, postings, board, kind):
    now = market.as_of
    one = target(board.state, postings, now)
    event = {"event_id": "1", "candidate_id": WHO, "posting_id": one["posting_id"], "type": kind, "timestamp": now - 9}
    state = board(Write("event", "1", event), put(one | {"title": "Welder", "description": "Welding of steel plates."}))
    assert "not eligible" in state.why(WHO, one["posting_id"], now=now)
    for name, some in shown(state, one, now).items():
        assert one["posting_id"] not in some, name
    assert WHO not in {match.candidate_id for match in state.candidates_for(one["posting_id"], 400, now)}


def test_expired_taken_down_and_muted_postings_that_arrived_since(market, postings, board):
    now = market.as_of
    one = target(board.state, postings, now)
    fresh = repost(one, now, title=one["title"] + " second shift")
    assert all("again" in some for name, some in shown(board(put(fresh)), one, now).items() if name in SEEN_BY_ALL)
    for write in (
        put(fresh | {"valid_through": now - 1.0}),
        put(fresh | {"date_posted": now + 60.0}),
        Write("posting_gone", "again"),
    ):
        for name, some in shown(board(write), one, now).items():
            assert "again" not in some, name
    mute = {"candidate_id": WHO, "add": {"muted_employers": [one["company"].upper()]}}
    state = board(put(fresh), Write("mutes", WHO, mute))
    for personal in (True, False):
        for name, some in shown(state, one, now, personal).items():
            assert not {one["posting_id"], "again"} & set(some), name
    assert WHO not in {match.candidate_id for match in state.candidates_for("again", 400, now)}


def test_what_filters_left_is_not_remembered_beyond_a_change(market, postings, board):
    now = market.as_of
    one = target(board.state, postings, now) | {"remote": False, "salary_min": None, "salary_max": None}
    asked = Filters(remote=True, pay_least=1e6, pay_known=True)

    def found(state):
        lines = state.recommend(WHO, 400, now, False, asked)
        costs = state.filter_costs(WHO, [], asked, now)
        assert costs["left"] == len(lines)
        return [line.posting_id for line in lines]

    pay = {"remote": True, "salary_min": 2e6, "salary_max": 2e6, "salary_currency": "USD", "salary_period": "YEAR"}
    for document, there in ((one, False), (one | pay, True), (one | pay | {"remote": False}, False), (one | pay, True)):
        state = board(put(document))
        for _ in range(2):
            assert (one["posting_id"] in found(state)) == there


def test_vetoes_of_the_board_hold_everywhere(market, postings, board):
    now, state = market.as_of, board.state
    one = target(state, postings, now)
    rules = state.engine.settings.filters.model_copy(update={"vetoes": {"old": "posting.age_days > 1"}})
    catalogue = replace(state.engine.catalogue, rules=rules)
    strict = replace(state, engine=replace(state.engine, catalogue=catalogue))
    posted = catalogue.attributes.posted
    for personal in (True, False):
        for name, some in shown(strict, one, now, personal).items():
            rows = catalogue.ids.rows(some)
            assert not (posted[rows] < now - 86_400.0).any(), name
