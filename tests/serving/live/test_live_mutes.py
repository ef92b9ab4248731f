"""What is muted is obeyed by every later state, whoever is held, and by a bundle that is made from the store."""

from dataclasses import fields, replace

import numpy as np
import pytest
from conftest import CONFIG
from live_log import ENCODER, ROOM, catch_up, encode_all, follow, new_store

from recsys.bundle import open_bundle
from recsys.documents import posting_documents
from recsys.filters import Filters
from recsys.queries import Queries
from recsys.vectors import VectorCache
from serving.live.follower import Follower
from serving.live.lookup import Lookup
from serving.live.replay import state_at
from serving.store import Write
from serving.store.tables import tables_at
from training.prepare import prepare
from training.sources import read_tables


@pytest.fixture(scope="module")
def postings(market):
    tables = read_tables(CONFIG.sources, market.data, market.data.parent / "rejected.parquet")[0]
    return list(posting_documents(tables.postings, tables.locations))


@pytest.fixture
def store(tmp_path):
    with new_store(tmp_path) as opened:
        yield opened


def put(store, *writes):
    encode_all(store, writes)
    return store.write(writes).position


def mute(key, way="add", **lists):
    return Write("mutes", key, {"candidate_id": key, way: {f"muted_{name}": some for name, some in lists.items()}})


def listed(state, who, now, k=10, **more):
    return [line.posting_id for line in state.recommend(who, k, now, False, **more)]


def company_of(postings, key):
    return next(one["company"] for one in postings if one["posting_id"] == key)


def title_of(postings, key):
    return next(one["title"] for one in postings if one["posting_id"] == key)


WHO = ["c0000001", "somebody new"]


@pytest.mark.parametrize("who", WHO)
def test_postings_and_employers_are_gone_at_once(market, store, postings, who):
    now, one = market.as_of, follow(market.bundle, store)
    first = listed(one.state, who, now)
    employer = company_of(postings, first[1])
    one.obey(put(store, mute(who, postings=first[:1], employers=[employer.upper()])))
    after = listed(one.state, who, now)
    assert len(after) == 10
    assert first[0] not in after
    assert employer not in {company_of(postings, key) for key in after}
    assert one.state.knows(who)
    scored = one.state.score(who, first[:2], now)
    assert [line.status for line in scored] == ["muted", "its employer is muted"]
    assert one.state.why(who, first[0], 10, now) == "not eligible: muted"
    impersonal = listed(one.state, who, now, 400, personal=False)
    assert first[0] not in impersonal
    assert employer not in {company_of(postings, key) for key in impersonal}
    one.obey(put(store, mute(who, "take_away", postings=first[:1], employers=[employer])))
    assert listed(one.state, who, now) == first


def test_an_interest_is_gone_once_its_title_is_encoded(market, store, postings):
    who, now, one = "c0000001", market.as_of, follow(market.bundle, store)
    first = listed(one.state, who, now)
    title = title_of(postings, first[0])
    head = put(store, mute(who, interests=[title]))
    one.obey(head)
    assert listed(one.state, who, now) == first
    catch_up(one, head)
    assert first[0] not in listed(one.state, who, now, 400)
    assert len(listed(one.state, who, now)) == 10
    assert one.state.score(who, first[:1], now)[0].status == "its kind of work is muted"
    head = put(store, mute(who, "take_away", interests=[f" {title.upper()} "]))
    catch_up(one, head)
    assert listed(one.state, who, now) == first


def test_a_profile_that_is_put_again_brings_nothing_back_and_a_deletion_forgets(market, store):
    who, now, one = "c0000001", market.as_of, follow(market.bundle, store)
    key = listed(one.state, who, now)[0]
    put(store, mute(who, postings=[key]))
    head = put(store, Write("candidate", who, {"candidate_id": who, "desired_titles": ["Nurse"]}))
    catch_up(one, head)
    assert one.state.score(who, [key], now)[0].status == "muted"
    catch_up(one, put(store, Write("candidate_gone", who)))
    assert one.state.score(who, [key], now)[0].status == "ok"


def test_a_posting_stays_muted_when_it_comes_back(market, store, postings):
    """And so does one that was muted before anybody knew it."""
    who, now, one = "somebody new", market.as_of, follow(market.bundle, store)
    open_ = {"date_posted": now - 86_400, "valid_through": now + 86_400}
    document = dict(postings[3]) | open_
    steps = [
        mute(who, postings=[document["posting_id"], "later"]),
        Write("posting_gone", document["posting_id"]),
        Write("posting", document["posting_id"], document),
        Write("posting", "later", dict(postings[4]) | open_ | {"posting_id": "later", "title": "Another title"}),
    ]
    for step in steps:
        catch_up(one, put(store, step))
    names = [document["posting_id"], "later"]
    assert [line.status for line in one.state.score(who, names, now)] == ["muted", "muted"]
    assert not set(names) & set(listed(one.state, who, now, 400))


def test_a_replay_and_a_look_up_give_the_same_list(market, store, postings):
    who, now, one = "c0000002", market.as_of, follow(market.bundle, store)
    lookup = Lookup(store, ENCODER.name, ENCODER.dimension)
    few = Follower(open_bundle(market.bundle, verify=False), 0, store, lookup, ROOM, lambda document: None, 1, 20.0)
    first = listed(one.state, who, now)
    put(store, mute(who, postings=first[:2], interests=[title_of(postings, first[3])]))
    head = put(store, mute("somebody else", postings=["x"]))
    catch_up(one, head)
    catch_up(few, head)
    answered = listed(one.state, who, now)
    assert answered != first
    assert who not in few.state.people.changed
    assert listed(few.state, who, now) == answered
    put(store, mute(who, "take_away", postings=first))
    assert listed(state_at(open_bundle(market.bundle), store, head, head), who, now) == answered


def random_writes(rng, postings, count):
    """What candidates write, over a few of them so that it meets; the board stays as it is."""
    for number in range(count):
        who = str(rng.choice([*WHO, "c0000002", "c0000003"]))
        posting = postings[int(rng.integers(40))]
        kind = rng.choice(["mutes", "mutes", "mutes", "candidate", "gone", "event"], p=[0.3, 0.2, 0.2, 0.12, 0.08, 0.1])
        if kind == "mutes":
            way = str(rng.choice(["add", "add", "put", "take_away"]))
            some = {
                "postings": [posting["posting_id"]],
                "employers": [posting["company"]],
                "interests": [str(rng.choice(["Nurse", posting["title"]]))],
            }
            yield mute(who, way, **{name: some[name] for name in rng.permutation(list(some))[: rng.integers(1, 4)]})
        elif kind == "candidate":
            more = {} if rng.random() < 0.7 else {"muted_interests": [posting["title"]]}
            yield Write("candidate", who, {"candidate_id": who, "desired_titles": ["Cook"]} | more)
        elif kind == "gone":
            yield Write("candidate_gone", who)
        else:
            event = {
                "candidate_id": who,
                "posting_id": posting["posting_id"],
                "type": "view",
                "timestamp": number + 1.0,
            }
            yield Write("event", f"e{number}", event | {"event_id": f"e{number}"})


@pytest.mark.parametrize("seed", range(4))
def test_neither_the_grain_of_reading_nor_who_is_held_leaves_a_trace(market, store, postings, seed):
    rng, now = np.random.default_rng(seed), market.as_of
    head = put(store, *random_writes(rng, postings, 70))
    lookup = Lookup(store, ENCODER.name, ENCODER.dimension)
    few = Follower(open_bundle(market.bundle, verify=False), 0, store, lookup, ROOM, lambda document: None, 1, 20.0)
    position = indexed = 0
    while indexed < head:
        position = min(head, position + int(rng.integers(5, 40)))
        indexed = min(position, indexed + int(rng.integers(5, 40)))
        catch_up(few, indexed, position)
        if few.state.indexed == indexed and rng.random() < 0.5:
            at_once = follow(market.bundle, store)
            catch_up(at_once, indexed, position)
            for who in [*WHO, "c0000002", "c0000003"]:
                one, other = (state.queries(who, now=now) for state in (few.state, at_once.state))
                for field in fields(Queries):
                    np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), field.name)
                assert few.state.knows(who) == at_once.state.knows(who)
    assert few.skipped == 0


def test_tables_made_of_the_store_mute_the_same(market, store, postings, tmp_path):
    """What a bundle of the store would hold, without the training."""
    head = put(
        store,
        *(Write("posting", one["posting_id"], one) for one in postings[:60]),
        Write("candidate", "a", {"candidate_id": "a", "text": "Nurse"}),
        mute("a", postings=[postings[7]["posting_id"], "gone"], employers=[postings[8]["company"]]),
        mute("b", interests=["Web developer", postings[0]["title"]]),
    )
    prepared = prepare(tables_at(store)[0], ENCODER, VectorCache(tmp_path, ENCODER.name, ENCODER.dimension))
    one = follow(market.bundle, store)
    catch_up(one, head)
    catalogue, events = one.state.engine.catalogue, one.state.engine.settings.events
    for who in ("a", "b"):
        mine = prepared.candidates.queries(np.array([prepared.candidates.ids.row(who)]), market.as_of, events)
        live = one.state.people.one(who, catalogue).queries(np.zeros(1, np.int64), market.as_of, events)
        names = prepared.ids.names(mine.muted & 0xFFFFFFFF).tolist()
        assert names == catalogue.ids.names(live.muted & 0xFFFFFFFF).tolist()
        assert (len(names), len(mine.muted_employers)) == ((1, 1) if who == "a" else (0, 0))
        assert len(live.muted_employers) == len(mine.muted_employers)
        np.testing.assert_array_equal(mine.unwanted, live.unwanted)
        np.testing.assert_array_equal(mine.unwanted_titles, live.unwanted_titles)


def test_what_the_bundle_brought_holds_until_the_store_says_otherwise(market, store, postings):
    now, one = market.as_of, follow(market.bundle, store)
    key = listed(one.state, "c0000003", now)[0]
    base = one.state.people.base
    muting = replace(base.mutes, said=_muting(base, "c0000003", key))
    people = replace(one.state.people, base=replace(base, mutes=muting))
    assert one.state.score("c0000003", [key], now)[0].status == "ok"
    assert replace(one.state, people=people).score("c0000003", [key], now)[0].status == "muted"
    one.obey(put(store, mute("c0000003", employers=["Nobody"])))
    people = replace(people, changed=one.state.people.changed)
    assert replace(one.state, people=people).score("c0000003", [key], now)[0].status == "ok"


def _muting(base, who, key):
    from recsys.mutes import Mutes

    said = [[key] if row == base.ids.row(who) else [] for row in range(len(base))]
    nobody = [()] * len(base)
    return Mutes.of(said, nobody, nobody, base.mutes.said.titles)


def test_not_personal_is_what_a_stranger_gets(market, store):
    one = follow(market.bundle, store)
    stranger = one.state.queries(None, now=market.as_of)
    impersonal = one.state.queries("c0000001", now=market.as_of, personal=False)
    for field in fields(Queries):
        if field.name not in ("hidden", "answered"):
            np.testing.assert_array_equal(getattr(impersonal, field.name), getattr(stranger, field.name), field.name)


def test_why_names_the_filter(market, store, postings):
    who, now, one = "c0000001", market.as_of, follow(market.bundle, store)
    key = listed(one.state, who, now)[0]
    filters = Filters(muted_employers=(company_of(postings, key),), posted_after=0.0)
    assert one.state.why(who, key, 10, now, filters) == "not eligible: it does not pass the filter muted_employers"
    assert one.state.why(who, key, 10, now, Filters(posted_after=0.0)).startswith("listed: rank 1")
