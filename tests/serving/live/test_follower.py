"""States are a function of a bundle and two positions of the log, in whatever grain it was read."""

import gc
import weakref

import numpy as np
import pytest
from conftest import CONFIG
from live_log import ENCODER, ROOM, answers, catch_up, encode_all, follow, new_store, random_writes

from recsys import newcomers
from recsys.documents import candidate_documents, posting_documents
from recsys.errors import StoreUnavailable
from recsys.interests import find_interests
from recsys.request import Interaction, Request
from recsys.signals import COLUMN, compute
from serving.encoder.blobs import digest_of, refusal
from serving.live import reading
from serving.live.follower import MANY
from serving.profile import profile_from_texts
from serving.store import Write
from training.sources import read_tables


@pytest.fixture(scope="module")
def tables(market):
    return read_tables(CONFIG.sources, market.data, market.data.parent / "rejected.parquet")[0]


@pytest.fixture(scope="module")
def postings(tables):
    return list(posting_documents(tables.postings, tables.locations))


@pytest.fixture(scope="module")
def people(tables):
    return [one["candidate_id"] for one in candidate_documents(tables.candidates, tables.experience)]


@pytest.fixture
def store(tmp_path):
    with new_store(tmp_path) as opened:
        yield opened


@pytest.fixture(params=["scorer", "searching"])
def bundle(request, market):
    serving = request.getfixturevalue(request.param)
    return market.bundle if request.param == "scorer" else serving.path


def put(store, writes):
    encode_all(store, writes)
    return store.write(writes).position


@pytest.mark.parametrize("seed", range(4))
def test_the_grain_of_reading_leaves_no_trace(bundle, market, store, postings, people, seed):
    rng = np.random.default_rng(seed)
    put(store, random_writes(rng, postings, people, market.as_of, 160))
    head = store.head()
    whole, small = follow(bundle, store), follow(bundle, store)
    catch_up(whole, head)
    position = indexed = 0
    while small.state.position < head or small.state.indexed < head:
        position = min(head, position + int(rng.integers(0, 30)))
        indexed = min(position, indexed + int(rng.integers(0, 30)))
        small.obey(position)
        for _ in range(int(rng.integers(1, 3))):
            small.index_some(indexed)
    who = [*people[:12], "somebody new", "somebody else", "nobody at all"]
    assert answers(small.state, who, market.as_of) == answers(whole.state, who, market.as_of)


@pytest.mark.parametrize("seed", range(3))
def test_between_two_positions_it_is_so_too(bundle, market, store, postings, people, seed):
    rng = np.random.default_rng(100 + seed)
    put(store, random_writes(rng, postings, people, market.as_of, 120))
    position = int(rng.integers(60, store.head()))
    indexed = int(rng.integers(20, position))
    at_once, stepwise = follow(bundle, store), follow(bundle, store)
    catch_up(at_once, indexed, position)
    for step in range(1, position + 1, 7):
        catch_up(stepwise, min(step, indexed), step)
    catch_up(stepwise, indexed, position)
    assert (at_once.state.position, at_once.state.indexed) == (position, indexed)
    for name in ("posted", "until"):  # of rows that a posting had before, too: sources know it by those
        columns = [one.state.engine.catalogue for one in (at_once, stepwise)]
        one, other = (getattr(some.attributes, name)[: len(some)] for some in columns)
        np.testing.assert_array_equal(one, other, name)
    who = [*people[:12], "somebody new"]
    assert answers(stepwise.state, who, market.as_of) == answers(at_once.state, who, market.as_of)


def test_what_came_and_went_leaves_no_trace(bundle, market, store, postings, people):
    new = [
        Write("posting", f"n{n}", dict(one) | {"posting_id": f"n{n}", "valid_through": market.as_of + 86_400})
        for n, one in enumerate(postings[:40])
    ]
    gone = [Write("posting_gone", one.key) for one in new[5:35]]
    whole, small = follow(bundle, store), follow(bundle, store)
    catch_up(small, put(store, new))
    head = put(store, gone)
    catch_up(small, head)
    catch_up(whole, head)
    some = people[:40]
    assert answers(small.state, some, market.as_of, 100) == answers(whole.state, some, market.as_of, 100)


def test_an_untouched_log_gives_the_lists_of_the_bundle(bundle, market, store, scorer, people):
    follower = follow(bundle, store)
    catch_up(follower, 0)
    if bundle != market.bundle:
        return
    for one in people[:10]:
        assert follower.state.recommend(one, 10, market.as_of) == scorer.recommend(one, 10, market.as_of)


def test_what_is_acknowledged_is_obeyed(market, store, postings, people):
    put(store, [Write("posting", one["posting_id"], one) for one in postings])  # what the bundle was trained on
    follower, who, now = follow(market.bundle, store, store.head()), people[3], market.as_of
    first = follower.state.recommend(who, 5, now)
    events = [
        {"event_id": f"e{n}", "candidate_id": who, "posting_id": line.posting_id, "type": type_, "timestamp": now}
        for n, (line, type_) in enumerate(zip(first, ("apply", "dismiss"), strict=False))
    ]
    put(store, [Write("event", one["event_id"], one) for one in events])
    expired = dict(next(one for one in postings if one["posting_id"] == first[2].posting_id)) | {
        "valid_through": now - 1
    }
    put(store, [Write("posting_gone", first[3].posting_id), Write("posting", first[2].posting_id, expired)])
    follower.obey()
    left = {line.posting_id for line in follower.state.recommend(who, 400, now)}
    assert not left & {line.posting_id for line in first[:4]}
    assert first[4].posting_id in left
    status = [one.status for one in follower.state.score(who, [line.posting_id for line in first[:5]], now)]
    assert status == ["already answered", "already answered", "expired", "taken down", "ok"]
    undo = {**events[0], "event_id": "undo", "type": "undo", "timestamp": now + 1}
    put(store, [Write("event", "undo", undo)])
    follower.obey()
    assert first[0].posting_id in {line.posting_id for line in follower.state.recommend(who, 400, now + 1)}


def test_a_posting_is_found_once_it_is_indexed_and_not_before(market, store, postings, people):
    follower, now = follow(market.bundle, store), market.as_of
    best = follower.state.recommend(people[5], 1, now)[0].posting_id
    twin = dict(next(one for one in postings if one["posting_id"] == best))
    twin |= {"posting_id": "twin", "date_posted": now - 1}
    position = put(store, [Write("posting", "twin", twin)])
    event = {"event_id": "e", "candidate_id": people[6], "posting_id": "twin", "type": "apply", "timestamp": now}
    put(store, [Write("event", "e", event)])
    follower.obey()
    assert "twin" not in {line.posting_id for line in follower.state.recommend(people[5], 400, now)}
    assert follower.waiting == 1
    assert follower.index_some(position)
    assert "twin" in {line.posting_id for line in follower.state.recommend(people[5], 20, now)}
    assert "twin" not in {line.posting_id for line in follower.state.recommend(people[6], 400, now)}, "was applied to"


def test_where_vectors_are_missing_it_waits(market, store, postings):
    follower = follow(market.bundle, store)
    writes = [
        Write("posting", f"n{n}", dict(postings[n]) | {"posting_id": f"n{n}", "title": f"Odd {n}"}) for n in range(5)
    ]
    store.write(writes)
    encode_all(store, writes[:3])
    follower.obey()
    while follower.index_some(5):
        pass
    assert follower.state.indexed == 3
    encode_all(store, writes[3:])
    assert follower.index_some(5)
    assert follower.state.indexed == 5


def test_a_newcomer_is_answered_as_one_who_asks_with_the_same(market, store, scorer):
    follower, now = follow(market.bundle, store), market.as_of
    viewed = scorer.engine.catalogue.ids.names()[[3, 40, 90]].tolist()
    document = {
        "candidate_id": "new", "headline": "Nurse", "text": "Ten years in a hospital", "desired_titles": ["Head nurse"],
        "skills": ["triage", "Python"], "latitude": 41.9, "longitude": -87.6, "max_distance_km": 30.0,
        "remote_ok": True,
    }  # fmt: skip
    events = [
        {"event_id": f"e{n}", "candidate_id": "new", "posting_id": one, "type": "view", "timestamp": now - 60 * n}
        for n, one in enumerate(viewed)
    ]
    position = put(store, [Write("candidate", "new", document), *(Write("event", e["event_id"], e) for e in events)])
    catch_up(follower, position)
    whole = "Head nurse. Nurse. triage, Python. Ten years in a hospital"
    profile = profile_from_texts(
        ENCODER, whole, ["Head nurse"], skills=["triage", "Python"], home=(41.9, -87.6), reach_km=30, remote_ok=True
    )
    history = [Interaction(one["posting_id"], "view", one["timestamp"]) for one in events]
    asked = scorer.engine.recommend([Request(profile=profile, history=history, now=now)], 20)[0]
    found = follower.state.recommend("new", 20, now)
    assert [line.posting_id for line in found] == [line.posting_id for line in asked]
    np.testing.assert_allclose([line.score for line in found], [line.score for line in asked], atol=1e-5)


def test_who_is_forgotten_is_nobody(market, store, people):
    follower, now = follow(market.bundle, store), market.as_of
    assert follower.state.knows(people[2])
    put(store, [Write("candidate", people[2], {"candidate_id": people[2]}), Write("candidate_gone", people[2])])
    catch_up(follower, 2)
    assert not follower.state.knows(people[2])
    nobody = follower.state.recommend("never seen", 10, now)
    assert follower.state.recommend(people[2], 10, now) == nobody
    assert follower.state.recommend_profile({}, [], 10, now) == nobody


def copies(postings, count):
    return [Write("posting", f"n{n}", dict(postings[n % 300]) | {"posting_id": f"n{n}"}) for n in range(count)]


def test_without_room_all_the_rest_goes_on(market, store, postings, people, caplog):
    follower, now = follow(market.bundle, store), market.as_of
    by_id = {one["posting_id"]: dict(one) for one in postings}
    known, other = (line.posting_id for line in follower.state.recommend(people[5], 2, now))
    changed = by_id[known] | {"title": "Something else"}
    renewed = by_id[other] | {"valid_through": now + 9e6}
    profile = {"candidate_id": "new", "text": "Ten years in a hospital"}
    writes = [
        *copies(postings, ROOM + 10),
        Write("posting", known, changed),
        Write("posting", other, renewed),
        Write("candidate", "new", profile),
    ]
    position = put(store, writes)
    catch_up(follower, position)
    assert (follower.state.position, follower.state.indexed, follower.waiting) == (position, position, 0)
    assert follower.unplaced == 11
    assert caplog.text.count("room for 0 more postings") == 1
    ids = follower.state.engine.catalogue.ids
    rows = ids.rows(["n0", f"n{ROOM - 1}", f"n{ROOM}", known, other])
    assert (rows >= 0).tolist() == [True, True, False, True, True]
    assert np.isclose(follower.state.engine.catalogue.attributes.until[rows[4]], now + 9e6)
    assert follower.state.score("new", ["n0"], now)[0].score is not None
    put(store, [Write("posting_gone", "n0")])
    follower.obey()
    assert follower.state.score("new", ["n0"], now)[0].status == "taken down"
    stepwise = follow(market.bundle, store)
    for step in range(1, position + 1, 37):
        catch_up(stepwise, step, step)
    catch_up(stepwise, position)
    stepwise.obey()
    assert stepwise.unplaced == 11
    assert answers(stepwise.state, [*people[:5], "new"], now) == answers(follower.state, [*people[:5], "new"], now)


POISON = {
    "no list": ("posting", {"title": "x", "locations": "here"}),
    "no number": ("posting", {"title": "x", "salary_min": "secret"}),
    "no words": ("posting", {"title": "x", "skills": 5}),
    "no date": ("posting", {"title": "x", "date_posted": "soon"}),
    "no experience": ("candidate", {"experience": "secret"}),
    "no place": ("candidate", {"latitude": "secret"}),
}


@pytest.mark.parametrize("name", POISON)
def test_what_cannot_be_read_is_passed_over(market, store, postings, people, caplog, name):
    kind, document = POISON[name]
    follower, now = follow(market.bundle, store), market.as_of
    poison = Write(kind, "bad", document | {f"{kind}_id": "bad"})
    before = copies(postings, 6)
    put(store, before[:3])
    store.write([poison])
    position = put(store, before[3:])
    catch_up(follower, position)
    assert (follower.state.position, follower.state.indexed, follower.waiting) == (position, position, 0)
    assert follower.skipped == 1
    assert "'bad' at position 4 cannot be read" in caplog.text
    assert "secret" not in caplog.text
    assert (follower.state.engine.catalogue.ids.rows([f"n{n}" for n in range(6)]) >= 0).all()
    clean, who = follow(market.bundle, store), [*people[:4], "bad"]
    for step in range(1, position + 1):
        catch_up(clean, step, step)
    assert clean.skipped == 1
    assert answers(clean.state, who, now) == answers(follower.state, who, now)


def test_a_text_that_cannot_be_encoded_is_no_evidence(market, store, postings, people, caplog):
    """The posting is found by its words and place, and what has its vectors is not mixed up with what has none."""
    follower, now = follow(market.bundle, store), market.as_of
    posting = dict(postings[0]) | {"posting_id": "odd", "title": "Secret reading room keeper"}
    posting["valid_through"] = now + 86_400
    person = {"candidate_id": "odd", "desired_titles": ["Secret reading"], "text": "Cook in a school"}
    bare = {"candidate_id": "bare", "text": "Cook in a school"}
    put(store, copies(postings, 3))
    for text in (posting["title"], person["desired_titles"][0]):
        store.put_vectors(ENCODER.name, {digest_of(text): refusal(ENCODER.dimension)})
    writes = [Write("posting", "odd", posting), Write("candidate", "odd", person), Write("candidate", "bare", bare)]
    position = put(store, writes)
    catch_up(follower, position)
    assert follower.skipped == 2
    assert "posting 'odd' at position 4 has a text that cannot be encoded" in caplog.text
    assert "Secret" not in caplog.text
    state = follower.state
    assert state.score("bare", ["odd"], now)[0].status == "ok"
    catalogue = state.engine.catalogue
    rows = catalogue.ids.rows(["odd", "n0"])[None]

    def signals(who):
        queries = state._queries(state.people.one(who, catalogue), now)
        return compute(catalogue, queries, find_interests(catalogue, queries, state.engine.settings.retrieve), rows)

    odd, bare = signals("odd"), signals("bare")
    wanted, whole, words = (COLUMN[name] for name in ("title_wanted", "title_profile", "text_profile"))
    assert np.isnan(odd[0, :, wanted]).all()
    assert np.isnan(odd[0, 0, whole])
    assert np.isfinite(odd[0, 1, whole])
    assert np.isfinite(odd[0, :, words]).all()  # the whole texts have vectors
    assert np.isnan(bare[0, 0, whole])
    small = follow(market.bundle, store)
    for step in range(1, position + 1):
        catch_up(small, step, step)
    assert small.skipped == 2


class Failing:
    """A store that is gone one time in three that it is asked for vectors."""

    def __init__(self, store):
        self.store, self.rng = store, np.random.default_rng(0)

    def changes(self, *given, **named):
        return self.store.changes(*given, **named)

    def vectors(self, *given):
        if self.rng.random() < 1 / 3:
            raise StoreUnavailable("gone")
        return self.store.vectors(*given)


def test_a_store_that_goes_in_the_middle_leaves_no_trace(market, store, postings, people):
    named = [
        Write("candidate", f"c{n}", {"candidate_id": f"c{n}", "text": "Nurse", "city": "Boston", "country": "US"})
        for n in range(6)
    ]
    new = copies(postings, 6)
    position = put(store, [one for pair in zip(new, named, strict=True) for one in pair])
    whole, broken, failing = follow(market.bundle, store), follow(market.bundle, store), Failing(store)
    catch_up(whole, position)
    broken._lookup._store = failing
    gone = 0
    while broken.state.indexed < position:
        try:
            broken.obey()
            broken.index_some(position, 2)
        except StoreUnavailable:
            gone += 1
            found = broken.state.engine.catalogue.fresh.rows
            assert len(found) <= (broken.state.indexed + 1) // 2, "more than it says is searched"
        assert gone < 100
    assert gone >= 3
    who = [*people[:3], *(f"c{n}" for n in range(6))]
    assert answers(broken.state, who, market.as_of) == answers(whole.state, who, market.as_of)


def test_an_undo_finds_what_it_undoes_though_the_posting_got_another_row_between(market, store, postings, people):
    """An event on a posting that was not known yet, one on its first row, one after it changed: an undo of each."""
    follower, who, now = follow(market.bundle, store), people[7], market.as_of
    new = dict(postings[0]) | {"posting_id": "new", "valid_through": now + 86_400}
    number = 0

    def event(type_):
        nonlocal number
        number += 1
        one = {"event_id": f"u{number}", "candidate_id": who, "posting_id": "new", "type": type_, "timestamp": now}
        catch_up(follower, put(store, [Write("event", one["event_id"], one | {"timestamp": now - 100 + number})]))

    def found():
        return follower.state.score(who, ["new"], now)[0].status

    event("apply")
    catch_up(follower, put(store, [Write("posting", "new", new)]))
    assert found() == "already answered"
    event("undo")
    assert found() == "ok"
    event("apply")
    assert found() == "already answered"
    catch_up(follower, put(store, [Write("posting", "new", new | {"title": "Another title altogether"})]))
    assert found() == "already answered"
    event("undo")
    assert found() == "ok"


def test_documents_are_read_together(market, store, postings, people, monkeypatch):
    """What is read one by one costs hundredfold; a log of every kind, in which ids come again and again."""
    head = put(store, random_writes(np.random.default_rng(5), postings, people, market.as_of, 400))
    follower, read = follow(market.bundle, store), []
    for where, name in ((newcomers, "posting_frames"), (reading, "candidate_frames")):
        before = getattr(where, name)
        monkeypatch.setattr(where, name, lambda some, before=before: read.append(len(some)) or before(some))
    follower.obey()
    while follower.index_some(head, MANY):
        pass
    assert follower.state.indexed == head > 300
    assert len(read) == 3  # postings, profiles without and with vectors
    assert sum(read) > 150


def test_one_that_cannot_be_read_is_found_among_many(market, store, postings):
    follower, new = follow(market.bundle, store), copies(postings, 60)
    people = [Write("candidate", f"c{n}", {"candidate_id": f"c{n}", "text": "Nurse"}) for n in range(60)]
    put(store, new[:33] + people[:20])
    bad = [Write("posting", "bad", {"title": "x", "skills": 5}), Write("candidate", "bad", {"latitude": "x"})]
    store.write([Write(one.kind, one.key, one.document | {f"{one.kind}_id": one.key}) for one in bad])
    position = put(store, new[33:] + people[20:])
    catch_up(follower, position)
    assert (follower.skipped, follower.waiting, follower.state.indexed) == (2, 0, position)
    assert (follower.state.engine.catalogue.ids.rows([one.key for one in new]) >= 0).all()
    assert all(follower.state.knows(one.key) for one in people)
    assert not follower.state.knows("bad")


NOT_READ = (("posting", "words"), ("candidate", "place"))


def test_a_follower_that_is_given_up_lets_go_of_its_bundle_at_once(market, store, postings):
    """Without the collector of circles: until that came by, a service would map the old bundle beside the new one."""
    put(store, copies(postings, 5))
    odd = [Write(kind, "odd", POISON[f"no {name}"][1] | {f"{kind}_id": "odd"}) for kind, name in NOT_READ]
    position = store.write(odd).position
    gc.collect()
    gc.disable()
    try:
        follower = follow(market.bundle, store)
        catch_up(follower, position)
        follower.warm_up()
        assert follower.skipped == 2
        left = weakref.ref(follower), weakref.ref(follower.state.engine.catalogue), weakref.ref(follower._reader)
        del follower
        assert [one() for one in left] == [None] * 3
    finally:
        gc.enable()


def test_without_profile_and_history_everybody_is_nobody(market, store, people):
    state = follow(market.bundle, store).state
    found = [state.queries(who, now=market.as_of, personal=False) for who in (people[0], None, {"text": "Welder"})]
    lists = [state.engine.answer(one, 10).rows[0].tolist() for one in found]
    assert lists[0] == lists[1] == lists[2]
    personal = state.engine.recommendations(state.engine.answer(state.queries(people[0], now=market.as_of), 10))[0]
    assert personal == state.recommend(people[0], 10, market.as_of, explain=False)
    assert [one.posting_id for one in personal] != state.engine.catalogue.ids.names(np.array(lists[0])).tolist()
