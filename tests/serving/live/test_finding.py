"""Candidates for a posting as they stand now: deleted, changed, arrived and opted out since the bundle was made."""

import tracemalloc

import numpy as np
import pytest
from conftest import CONFIG
from live_log import catch_up, encode_all, follow, new_store

from recsys.documents import candidate_documents, posting_documents
from recsys.errors import RequestError
from serving.live.crowd import crowd
from serving.store import Write
from training.sources import read_tables


@pytest.fixture(scope="module")
def profiles(market):
    tables = read_tables(CONFIG.sources, market.data, market.data.parent / "rejected.parquet")[0]
    return {one["candidate_id"]: dict(one) for one in candidate_documents(tables.candidates, tables.experience)}


@pytest.fixture(scope="module")
def postings(market):
    tables = read_tables(CONFIG.sources, market.data, market.data.parent / "rejected.parquet")[0]
    return {one["posting_id"]: dict(one) for one in posting_documents(tables.postings, tables.locations)}


@pytest.fixture
def store(tmp_path):
    with new_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def asked(market, store):
    """Writes, then asks: the ids listed for a posting."""
    follower = follow(market.bundle, store)

    def ask(posting, *writes, k=10):
        if writes:
            encode_all(store, writes)
            catch_up(follower, store.write(list(writes)).position)
        return [one.candidate_id for one in follower.state.candidates_for(posting, k, market.as_of)]

    ask.follower = follower
    return ask


@pytest.fixture
def posting(scorer):
    rows = np.sort(scorer.engine.catalogue.by_text.rows)
    return str(scorer.engine.catalogue.ids.names(rows[3:4])[0])


def test_an_untouched_log_gives_the_lists_of_the_bundle(asked, scorer, posting, market):
    lines = scorer.candidates_for(posting, 10, market.as_of)
    assert asked.follower.state.candidates_for(posting, 10, market.as_of) == lines
    assert len(lines) == 10


def test_who_is_deleted_is_not_listed(asked, posting, profiles):
    first = asked(posting)
    there = Write("candidate", first[0], profiles[first[0]])  # a store that knows the candidate
    assert asked(posting, there) == first
    left = asked(posting, Write("candidate_gone", first[0]))
    assert left[:-1] == first[1:]
    assert left[-1] not in first


def test_an_opt_out_is_obeyed_before_the_profile_has_vectors(asked, store, posting, profiles):
    first = asked(posting)[0]
    document = profiles[first] | {"findable": False, "text": "words that nobody has encoded yet"}
    asked.follower.obey(store.write([Write("candidate", first, document)]).position)
    assert asked.follower.state.indexed < asked.follower.state.position
    assert first not in asked(posting)


def test_who_arrived_since_is_found_and_beats_no_one_by_it(asked, posting, profiles):
    first = asked(posting)[0]
    twin = profiles[first] | {"candidate_id": "arrived"}
    assert "arrived" in asked(posting, Write("candidate", "arrived", twin), k=50)
    assert "arrived" not in asked(posting, Write("candidate", "arrived", twin | {"findable": False}), k=50)
    assert "arrived" in asked(posting, Write("candidate", "arrived", twin | {"findable": True}), k=50)


def test_who_applied_since_is_not_listed(asked, posting, market):
    first = asked(posting)[0]
    event = {"event_id": "e", "candidate_id": first, "posting_id": posting, "type": "apply", "timestamp": market.as_of}
    assert first not in asked(posting, Write("event", "e", event))


def test_a_posting_that_was_taken_down_or_never_there_is_refused(asked, posting, postings):
    with pytest.raises(RequestError, match="not known"):
        asked("never-there")
    there = Write("posting", posting, postings[posting])
    assert asked(posting, there)
    with pytest.raises(RequestError, match="not known"):
        asked(posting, Write("posting_gone", posting))


def test_a_crowd_is_each_of_its_candidates_alone(asked, posting, scorer, profiles, market):
    ids = scorer.candidates.ids.names(slice(12)).tolist()
    asked(
        posting,
        Write("candidate", ids[3], profiles[ids[0]] | {"candidate_id": ids[3]}),
        Write("candidate_gone", ids[5]),
    )
    state = asked.follower.state
    some = crowd(state.people, ids, state.engine.catalogue)
    assert some.ids.names().tolist() == ids
    together = some.queries(np.arange(len(ids)), market.as_of, state.engine.settings.events)
    for at, one in enumerate(ids):
        alone = state.people.one(one, state.engine.catalogue)
        query = alone.queries(np.zeros(1, np.int64), market.as_of, state.engine.settings.events)
        part = together.part(at, at + 1)
        for name in ("history", "weight", "hidden", "wanted", "past", "whole", "home", "skills", "words", "named"):
            np.testing.assert_array_equal(getattr(part, name), getattr(query, name), err_msg=f"{one} {name}")


def test_who_only_did_something_costs_no_copy_of_the_tables_of_the_bundle(asked, posting, scorer, market):
    ids = scorer.candidates.ids.names(slice(200)).tolist()
    event = {"posting_id": posting, "type": "view", "timestamp": market.as_of}
    asked(posting, *(Write("event", one, event | {"event_id": one, "candidate_id": one}) for one in ids))
    state, profiles = asked.follower.state, scorer.candidates.profiles
    tables = sum(one.nbytes for table in (profiles.vectors, profiles.terms) for one in vars(table).values())
    crowd(state.people, ids[:1], state.engine.catalogue)
    tracemalloc.start()
    try:
        some = crowd(state.people, ids, state.engine.catalogue)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(some.profiles.vectors) <= len(profiles.vectors)
    assert most < len(ids) * tables / 4  # with a copy for each it is more than one table for each
