"""Any sequence of writes gives what plain dictionaries give, and the log tells the same story."""

import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from serving.store import Store, Write, migrate
from serving.store.tables import tables_at
from serving.store.undo import without_undone

IDS = st.sampled_from(["a", "b", "c", "\u00e9", "x/y"])
KINDS = st.sampled_from(["view", "apply", "impression", "undo"])
POSTINGS = st.builds(
    lambda key, title: Write("posting", key, {"posting_id": key, "title": title}), IDS, st.sampled_from(["1", "2"])
)
CANDIDATES = st.builds(
    lambda key, text: Write("candidate", key, {"candidate_id": key, "text": text}), IDS, st.sampled_from(["1", "2"])
)
GONE = st.builds(Write, st.sampled_from(["posting_gone", "candidate_gone", "key_gone"]), IDS)
EVENTS = st.builds(
    lambda key, who, what, kind, at: Write(
        "event",
        key,
        {"event_id": key, "candidate_id": who, "posting_id": what, "type": kind, "timestamp": at},
    ),
    st.sampled_from("123456789"),
    IDS,
    IDS,
    KINDS,
    st.sampled_from([1.0, 2.0, 3.0]),
)
SOME = st.lists(st.sampled_from(["1", "2", "3"]), max_size=3, unique=True)
MUTES = st.builds(
    lambda key, way, some: Write("mutes", key, {"candidate_id": key, way: {"muted_postings": some}}),
    IDS,
    st.sampled_from(["add", "take_away", "put"]),
    SOME,
)
MUTING = st.builds(lambda key, some: Write("candidate", key, {"candidate_id": key, "muted_postings": some}), IDS, SOME)
WRITES = st.lists(st.one_of(POSTINGS, CANDIDATES, GONE, EVENTS, MUTES, MUTING), max_size=8)


class Model:
    """The store as plain dictionaries."""

    def __init__(self):
        self.log, self.events = [], {}
        self.documents = {"posting": {}, "candidate": {}, "key": {}}
        self.muted = {}

    def mute(self, key, way, some):
        held = self.muted.get(key, [])
        after = {
            "put": some,
            "add": held + [one for one in some if one not in held],
            "take_away": [one for one in held if one not in some],
        }[way]
        if after == held:
            return "unchanged"
        self.muted[key] = after
        lists = {"muted_postings": after} if after else {}
        self.log.append(("mutes", key, {"candidate_id": key} | lists))
        return "stored"

    def take(self, write):
        kind = write.kind.removesuffix("_gone")
        if kind == "mutes":
            (way, lists), *_ = ((way, one) for way, one in write.document.items() if way != "candidate_id")
            return self.mute(write.key, way, lists["muted_postings"])
        if write.kind == "candidate" and "muted_postings" in write.document:
            some = write.document["muted_postings"]
            first = self.take(Write("candidate", write.key, {"candidate_id": write.key}))
            return "stored" if "stored" in (first, self.mute(write.key, "put", some)) else first
        if kind == "event":
            if write.key in self.events:
                return "duplicate" if self.events[write.key] == write.document else "conflict"
            self.events[write.key] = write.document
        elif kind == write.kind:
            if self.documents[kind].get(write.key) == write.document:
                return "unchanged"
            self.documents[kind][write.key] = write.document
        else:
            there = self.documents[kind].pop(write.key, None) is not None
            if kind == "candidate":
                did = [key for key, event in self.events.items() if event["candidate_id"] == write.key]
                there |= bool(did) | (self.muted.pop(write.key, None) is not None)
                for key in did:
                    del self.events[key]
            if not there:
                return "missing"
        self.log.append((write.kind, write.key, write.document))
        return "stored"


class Storing(RuleBasedStateMachine):
    """The store beside the model."""

    url = ""

    @initialize()
    def start(self):
        self.store, self.model, self.earlier = Store.open(self.url), Model(), []

    @rule(writes=WRITES)
    def write(self, writes):
        receipt = self.store.write(writes)
        assert list(receipt.outcomes) == [self.model.take(write) for write in writes]
        assert receipt.position == len(self.model.log) or "stored" not in receipt.outcomes
        self.earlier.append((len(self.model.log), dict(self.model.documents["posting"]), len(self.model.events)))

    @rule()
    def open_again(self):
        self.store.close()
        self.store = Store.open(self.url)

    @invariant()
    def documents_and_events_are_those_of_the_model(self):
        for key in ("a", "b", "c", "\u00e9", "x/y"):
            assert self.store.posting(key) == self.model.documents["posting"].get(key)
            muted = {"muted_postings": some} if (some := self.model.muted.get(key)) else {}
            assert self.store.mutes(key) == muted
            profile = self.model.documents["candidate"].get(key)
            assert self.store.candidate(key) == (profile and profile | muted)
            own = [event for event in self.model.events.values() if event["candidate_id"] == key]
            assert self.store.events_of(key) == without_undone(own)

    @invariant()
    def the_log_is_that_of_the_model(self):
        changes = self.store.changes(0, 10_000)
        assert [(one.kind, one.key, one.document) for one in changes] == self.model.log
        assert [one.position for one in changes] == list(range(1, len(self.model.log) + 1))
        assert self.store.head() == len(self.model.log)

    def teardown(self):
        if not hasattr(self, "store"):
            return
        for position, postings, _ in self.earlier[-3:]:
            tables, at = tables_at(self.store, position)
            assert at == position
            assert tables.postings["posting_id"].tolist() == sorted(postings)
            assert tables.postings["title"].tolist() == [postings[key]["title"] for key in sorted(postings)]
        now, _ = tables_at(self.store)
        self.store.write([Write("key", "last", {"key_id": "last"})])
        past, _ = tables_at(self.store, self.store.head() - 1)
        assert now.candidates.equals(past.candidates)
        for name in ("candidate", "posting", "kind", "time"):
            assert getattr(now.events, name).tolist() == getattr(past.events, name).tolist()
        self.store.close()


@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 25), ("postgresql", 10)])
def test_any_sequence_of_writes(request, kind, examples):
    with tempfile.TemporaryDirectory() as folder:

        class Fresh(Storing):
            @initialize()
            def start(self):
                if kind == "sqlite":
                    file = Path(folder) / "store.db"
                    for old in Path(folder).glob("store.db*"):
                        old.unlink()
                    self.url = f"sqlite:///{file}"
                else:
                    self.url = request.getfixturevalue("server").make_schema()
                migrate(self.url)
                super().start()

        run_state_machine_as_test(
            Fresh,
            settings=settings(
                max_examples=examples,
                stateful_step_count=8,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
