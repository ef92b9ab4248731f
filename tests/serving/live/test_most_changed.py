"""Who is held in memory and who is looked up in the store makes no difference to any answer."""

import threading
import time

import numpy as np
import pytest
from conftest import CONFIG
from in_process import InProcess
from live_log import ENCODER, ROOM, answers, catch_up, encode_all, follow, new_store, random_writes

from recsys.bundle import open_bundle
from recsys.documents import candidate_documents, posting_documents
from recsys.errors import StoreError, StoreUnavailable
from serving.live.follower import Follower
from serving.live.held import Away, Held
from serving.live.lookup import Lookup
from serving.live.people import Person
from serving.live.settings import LiveSettings
from serving.store import Write
from training.sources import read_tables

MOST = 3
PATIENCE = 20.0  # seconds; none of these tests waits for so long, however slow the machine


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


def put(store, writes):
    encode_all(store, writes)
    return store.write(writes).position


def bounded(bundle, store, most=MOST, patience=PATIENCE):
    lookup = Lookup(store, ENCODER.name, ENCODER.dimension)
    return Follower(open_bundle(bundle, verify=False), 0, store, lookup, ROOM, lambda document: None, most, patience)


def event(number, who, posting, now, type_="apply"):
    document = {
        "event_id": f"x{number}",
        "candidate_id": who,
        "posting_id": posting,
        "type": type_,
        "timestamp": now - 1000.0 + number,
    }
    return Write("event", document["event_id"], document)


def everything(state, who, some, now):
    """Lists, scores, whether somebody is known, and where each posting falls: all that can be asked of a state."""
    asked = {}
    for one in who:
        scored = [(line.posting_id, line.score, line.reasons, line.status) for line in state.score(one, some, now)]
        asked[one] = (state.knows(one), scored, state.why(one, some[0], 10, now))
    return answers(state, who, now), asked


@pytest.mark.parametrize("seed", range(3))
def test_answers_do_not_depend_on_who_is_held(market, store, postings, people, seed):
    """At positions in between, too, and of states that are older than who went, and than who was deleted."""
    rng = np.random.default_rng(300 + seed)
    head = put(store, random_writes(rng, postings, people, market.as_of, 200))
    free, few = follow(market.bundle, store), bounded(market.bundle, store)
    who = [*people[:10], "somebody new", "somebody else", "nobody at all"]
    some = [postings[0]["posting_id"], "new-3", postings[5]["posting_id"], "never seen"]
    kept, position, indexed, away = [], 0, 0, 0
    while position < head:
        position = min(head, position + int(rng.integers(30, 90)))
        indexed = min(position, max(indexed, position - int(rng.integers(0, 60))))
        catch_up(few, indexed, position)
        catch_up(free, few.state.indexed, position)
        assert (
            (free.state.position, free.state.indexed) == (few.state.position, few.state.indexed) == (position, indexed)
        )
        assert len(few.state.people.changed) <= MOST
        away = max(away, sum(one in few.state.people.away for one in who))
        found = everything(few.state, who, some, market.as_of)
        assert found == everything(free.state, who, some, market.as_of)
        kept.append((few.state, found))
    assert away > MOST
    assert few.skipped == free.skipped
    for state, found in kept:  # once all of the log is there
        assert everything(state, who, some, market.as_of) == found


def test_what_cannot_be_read_is_passed_over_in_a_look_up_too(market, store, people):
    who, now = people[0], market.as_of
    bad = event(2, who, "p", now)
    bad.document["value"] = "much"
    writes = [
        Write("candidate", who, {"candidate_id": who, "text": "Nurse", "skills": ["triage"]}),
        Write("candidate", who, {"candidate_id": who, "latitude": "here"}),
        event(1, who, "p0000003", now),
        bad,
        *(event(10 + n, one, "p0000004", now) for n, one in enumerate(people[1:5])),
    ]
    encode_all(store, [one for one in writes if (one.document or {}).get("latitude") != "here"])
    head = store.write(writes).position
    free, few = follow(market.bundle, store), bounded(market.bundle, store)
    for one in (free, few):
        catch_up(one, head)
        assert (one.skipped, one.state.indexed) == (2, head)
    assert who not in few.state.people.changed
    assert answers(few.state, [who], now) == answers(free.state, [who], now)


def test_an_undo_of_what_nobody_knew_yet(market, store, postings, people):
    """Its event came before the posting, which came before it changed; then it is undone; and done again."""
    who, now = people[7], market.as_of
    new = dict(postings[0]) | {"posting_id": "new", "valid_through": now + 86_400}
    free, few = follow(market.bundle, store), bounded(market.bundle, store, 1)
    steps = [
        event(1, who, "new", now),
        Write("posting", "new", new),
        event(2, who, "new", now, "undo"),
        Write("posting", "new", new | {"title": "Another title altogether"}),
        event(3, who, "new", now),
    ]
    seen = []
    for number, step in enumerate(steps):
        head = put(store, [step, event(100 + number, people[8], "new", now, "view")])
        for one in (free, few):
            catch_up(one, head)
        assert who not in few.state.people.changed
        answered = [one.state.score(who, ["new"], now) for one in (free, few)]
        assert answered[0] == answered[1]
        seen.append(answered[0][0].status)
    assert seen == ["unknown", "already answered", "ok", "ok", "already answered"]


def test_the_log_that_was_pruned_is_no_wrong_answer(market, store, people):
    now = market.as_of
    head = put(store, [event(n, people[n], "p0000003", now, "view") for n in range(6)])
    few = bounded(market.bundle, store)
    catch_up(few, head)
    store.prune(3)
    with pytest.raises(StoreError, match="pruned"):
        few.state.recommend(people[0], 5, now)
    few.state.recommend(people[5], 5, now)  # held
    few.state.recommend(people[20], 5, now)  # unchanged


class Silent:
    """A log that gives no answer on one candidate until it is told to."""

    def __init__(self, store):
        self.store, self.goes_on, self.asked = store, threading.Event(), 0

    def changes(self, *given, **named):
        return self.store.changes(*given, **named)

    def vectors(self, *given):
        return self.store.vectors(*given)

    def changes_of(self, *given):
        self.asked += 1
        assert self.goes_on.wait(60)
        return self.store.changes_of(*given)


def test_a_silent_store_holds_up_the_first_who_asks_and_no_other(market, store, people):
    now, silent = market.as_of, Silent(store)
    head = put(store, [event(n, people[n], "p0000003", now) for n in range(6)])
    free, few = follow(market.bundle, store), bounded(market.bundle, silent, MOST, 0.2)
    for one in (free, few):
        catch_up(one, head)
    for _ in range(20):
        with pytest.raises(StoreUnavailable, match="no answer"):
            few.state.recommend(people[0], 5, now)
    assert silent.asked == 1
    held = [people[5], people[20], "nobody"]
    assert answers(few.state, held, now) == answers(free.state, held, now)
    silent.goes_on.set()
    until, found = time.monotonic() + 60, None
    while found is None and time.monotonic() < until:
        try:
            found = answers(few.state, [people[0]], now)
        except StoreUnavailable:
            time.sleep(0.01)
    assert found == answers(free.state, [people[0]], now)


def test_over_a_service(market, tmp_path, people):
    """Writes in bulk, answers by a service; then its file is gone, and comes back."""
    settings, now = LiveSettings(wait_seconds=30, most_changed=MOST, patience_seconds=PATIENCE), market.as_of
    live = InProcess(tmp_path, market.bundle, settings)
    try:
        document = {
            "text": "Ten years in a hospital",
            "desired_titles": ["Nurse"],
            "latitude": 41.9,
            "longitude": -87.6,
        }
        writes = [Write("candidate", one, document | {"candidate_id": one}) for one in people[:30]]
        writes += [event(n, people[n % 30], f"p{n:07}", now, "save") for n in range(90)]
        position = live.service.write(writes).position
        state = live.service.state(min_position=position)
        assert len(state.people.changed) == MOST
        free = live.free()
        catch_up(free, state.indexed, state.position)
        who, some = [*people[:6], *people[26:32], "nobody"], ["p0000003", "p0000033", "p0000200"]
        asked = everything(state, who, some, now)
        assert asked == everything(free.state, who, some, now)
        assert len(state.people.changed) == MOST
        file, aside = tmp_path / "store.db", tmp_path / "aside"
        file.rename(aside)
        with pytest.raises(StoreUnavailable):
            state.recommend(people[0], 5, now)
        held = [people[29], people[31], "nobody"]
        assert answers(state, held, now) == {one: asked[0][one] for one in held}
        aside.rename(file)
        assert answers(state, people[:2], now) == {one: asked[0][one] for one in people[:2]}
    finally:
        live.close()


def test_held_are_those_whose_last_change_is_latest():
    held = Held(10)
    for number in range(1, 30):
        held.put(f"c{number}", Person(names=(f"{number}",)))
        held.put("c0", Person(names=(f"{number} too",)))
        assert len(held.persons) == min(10, number + 1)
    assert held.persons["c0"].names == ("29 too",)
    assert set(held.persons) == {"c0", *(f"c{number}" for number in range(21, 30))}
    assert all(f"c{number}" in held.away for number in range(1, 21))
    held.put("c1", Person(names=("back",)))
    assert "c1" not in held.persons
    assert held.get("c1") == Person()


def test_one_who_is_held_stays_so_though_the_filter_is_full():
    held = Held(2)
    for number in range(5000):
        held.put(f"c{number}", Person())
    (one, *_), size = held.persons, len(held.persons)
    assert one in held.away, "by now everybody seems to be"
    held.put(one, Person(names=("later",)))
    assert held.persons[one].names == ("later",)
    assert len(held.persons) == size == 2


def test_the_filter_forgets_none_and_names_few_others():
    away = Away(1000)
    assert "c1" not in away
    for number in range(2000):
        away.add(f"c{number}")
    assert all(f"c{number}" in away for number in range(2000))
    assert sum(f"d{number}" in away for number in range(2000)) < 120  # 2.4 % are expected
