"""What both databases must do alike."""

import pytest
from store_writes import candidate, did, posting

from recsys.errors import DataError, StoreError
from serving.store import Store, Write, migrate
from serving.store.keys import make_key, verify


def test_a_document_is_stored_and_read(store):
    receipt = store.write([posting("p", skills=["a"], salary_min=1.5), candidate("c")])
    assert receipt.outcomes == ("stored", "stored")
    assert receipt.position == store.head() == 2
    assert store.posting("p") == {"posting_id": "p", "title": "Cook", "skills": ["a"], "salary_min": 1.5}
    assert store.candidate("c") == {"candidate_id": "c"}
    assert store.posting("c") is None


def test_the_same_document_again_changes_nothing(store):
    first = store.write([posting("p", company="A")])
    store.write([candidate("c")])
    again = store.write([Write("posting", "p", {"company": "A", "title": "Cook", "posting_id": "p"})])
    assert again.outcomes == ("unchanged",)
    assert again.position == first.position
    assert store.head() == 2
    assert store.write([posting("p", company="B")]).outcomes == ("stored",)
    assert store.posting("p")["company"] == "B"


def test_deletion(store):
    store.write([posting("p"), candidate("c")])
    receipt = store.write([Write("posting_gone", "p"), Write("posting_gone", "p"), Write("candidate_gone", "x")])
    assert receipt.outcomes == ("stored", "missing", "missing")
    assert receipt.position == 3
    assert store.posting("p") is None
    assert store.write([Write("posting_gone", "p")]).position == 3
    assert store.write([posting("p")]).outcomes == ("stored",)
    assert store.posting("p") is not None


def gone(key, shown_at, kind="posting"):
    return Write(f"{kind}_gone", key, shown_at=shown_at)


def test_what_was_shown_goes_though_it_was_never_stored(store):
    store.write([posting("other"), posting("other", title="Baker")])
    receipt = store.write([gone("p", 2), gone("p", 2), gone("c", 1, "candidate"), gone("q", 2)])
    assert receipt.outcomes == ("stored", "missing", "stored", "stored")
    assert receipt.position == store.head() == 5
    assert [(one.kind, one.key) for one in store.changes(2, 9)] == [
        ("posting_gone", "p"),
        ("candidate_gone", "c"),
        ("posting_gone", "q"),
    ]
    assert store.write([gone("p", 2)]).outcomes == ("missing",)  # seen before it went
    assert store.write([gone("p", None), gone("c", 0, "candidate")]).outcomes == ("missing", "missing")
    assert store.write([gone("p", 5)]).outcomes == ("stored",)  # another bundle brought it back since
    store.write([posting("p")])
    assert store.write([gone("p", 2), gone("p", 2)]).outcomes == ("stored", "missing")
    assert store.posting("p") is None


def test_an_event_is_stored_once(store):
    receipt = store.write([did("e1"), did("e1"), did("e1", at=2.0), did("e2")])
    assert receipt.outcomes == ("stored", "duplicate", "conflict", "stored")
    again = store.write([did("e1"), did("e1", what="q"), did("e3")])
    assert again.outcomes == ("duplicate", "conflict", "stored")
    assert [one["event_id"] for one in store.events_of("c")] == ["e1", "e2", "e3"]
    assert store.events_of("c")[0]["posting_id"] == "p"
    assert store.events_of("nobody") == []


def test_events_come_by_time_without_what_was_undone(store):
    store.write([did("late", at=9.0, kind="apply"), did("early", at=1.0), did("shown", at=8.0, kind="impression")])
    store.write([did("other", what="q", at=2.0), did("undo", at=8.5, kind="undo"), did("nothing", kind="undo", at=0.0)])
    assert [one["event_id"] for one in store.events_of("c")] == ["other", "shown", "late"]


def test_a_deleted_candidate_takes_the_events_along(store):
    store.write([candidate("c"), did("e1"), did("e2", who="d")])
    receipt = store.write([did("e3"), Write("candidate_gone", "c"), did("e4"), did("e1", at=5.0)])
    assert receipt.outcomes == ("stored",) * 4
    assert [one["event_id"] for one in store.events_of("c")] == ["e4", "e1"]
    assert [one["event_id"] for one in store.events_of("d")] == ["e2"]
    assert store.write([Write("candidate_gone", "d")]).outcomes == ("stored",)
    assert store.write([Write("candidate_gone", "d")]).outcomes == ("missing",)


def test_the_log_tells_everything_in_order(store):
    store.write([posting("p"), did("e"), posting("p")])
    store.write([Write("posting_gone", "p")])
    log = store.changes(0, 10)
    assert [(one.position, one.kind, one.key) for one in log] == [
        (1, "posting", "p"),
        (2, "event", "e"),
        (3, "posting_gone", "p"),
    ]
    assert log[0].document == {"posting_id": "p", "title": "Cook"}
    assert log[2].document is None
    assert log[0].at <= log[2].at
    assert [one.position for one in store.changes(1, 1)] == [2]
    assert [one.position for one in store.changes(0, 10, upto=2)] == [1, 2]
    assert store.changes(3, 10) == []


def test_nothing_wanted_is_nothing_done(store):
    store.write([posting("p")])
    receipt = store.write([])
    assert (receipt.position, receipt.outcomes) == (1, ())


def test_a_large_batch_is_one_transaction(store):
    writes = [posting(f"p{number}") for number in range(2500)] + [did(f"e{number}") for number in range(2500)]
    assert set(store.write(writes).outcomes) == {"stored"}
    assert store.head() == 5000
    assert [one.position for one in store.changes(0, 9999)] == list(range(1, 5001))
    assert set(store.write(writes).outcomes) == {"unchanged", "duplicate"}
    gone = store.write([Write("posting_gone", f"p{number}") for number in range(2500)])
    assert set(gone.outcomes) == {"stored"}
    assert store.posting("p7") is None


ODD = [
    "a/b",
    "%2F",
    " ",
    "'; DROP TABLE postings;--",
    "日本",
    "\u00e9",
    "e\u0301",
    "\U0001f600",
    "\x01\n",
    "P",
    "p",
    "%s",
    ":x",
    "?",
]


def test_ids_are_any_text_and_are_told_apart(store):
    assert set(store.write([posting(key, title=key) for key in ODD]).outcomes) == {"stored"}
    for key in ODD:
        assert store.posting(key)["title"] == key
    store.write([did(key, who=key) for key in ODD])
    for key in ODD:
        assert [one["event_id"] for one in store.events_of(key)] == [key]


@pytest.mark.parametrize("key", ["", "a\0b", "\ud800", "x" * 1025, "é" * 513, 7, None])
def test_what_is_no_id_is_refused_with_all_of_its_batch(store, key):
    with pytest.raises(DataError):
        store.write([posting("good"), posting(key)])
    with pytest.raises(DataError):
        store.write([did("e", who=key)])
    assert store.head() == 0
    assert store.posting("good") is None


@pytest.mark.parametrize(
    "document",
    [
        None,
        {"title": "x"},
        {"posting_id": "other"},
        {"posting_id": "p", "salary_min": float("nan")},
        {"posting_id": "p", "salary_min": float("inf")},
        {"posting_id": "p", "title": "\udfff"},
        {"posting_id": "p", "title": b"bytes"},
    ],
)
def test_what_is_no_document_is_refused(store, document):
    with pytest.raises(DataError):
        store.write([Write("posting", "p", document)])
    assert store.head() == 0


def test_texts_may_hold_nul_and_numbers_stay_what_they_are(store):
    odd = {"a": "\0", "b": 2**80, "c": 0.1, "d": -0.0, "e": [None, True, {"ü": 1}], "f": 1e300}
    store.write([posting("p", extra=odd)])
    assert store.posting("p")["extra"] == odd
    assert store.changes(0, 1)[0].document["extra"] == odd


@pytest.mark.parametrize(
    "wrong",
    [{"type": "like"}, {"timestamp": None}, {"timestamp": True}, {"posting_id": ""}, {"timestamp": float("nan")}],
)
def test_an_event_that_cannot_be_read_back_is_refused(store, wrong):
    with pytest.raises(DataError):
        store.write([Write("event", "e", did("e").document | wrong)])


def test_vectors(store):
    store.put_vectors("mini", {b"1": b"one", b"2": b"two"})
    store.put_vectors("mini", {b"2": b"other", b"3": b"three"})
    store.put_vectors("hash", {b"1": b"mine"})
    assert store.vectors("mini", [b"1", b"2", b"3", b"4"]) == {b"1": b"one", b"2": b"two", b"3": b"three"}
    many = {number.to_bytes(4): b"x" * 1536 for number in range(2100)}
    store.put_vectors("many", many)
    assert store.vectors("many", list(many)) == many


def test_indexed_never_moves_back(store):
    assert store.indexed("mini") == 0
    for position in (5, 3, 5, 7):
        store.set_indexed("mini", position)
    assert store.indexed("mini") == 7
    assert store.indexed("hash") == 0


def test_keys_change_through_the_log(store):
    token, key = make_key(["write", "read"], "the site")
    store.write([Write("key", key.key_id, key.document())])
    assert store.keys() == [key]
    kept = store.keys()
    assert verify(token, {one.key_id: one for one in kept}) == key
    store.write([Write("key_gone", key.key_id)])
    assert store.keys() == []
    assert [one.kind for one in store.changes(0, 9)] == ["key", "key_gone"]


def test_a_pruned_log_says_so(store):
    store.write([posting(f"p{number}") for number in range(10)])
    assert store.prune(before=1) == 0
    assert store.prune(before=6) == 5
    assert [one.position for one in store.changes(5, 99)] == [6, 7, 8, 9, 10]
    for after in (0, 4):
        with pytest.raises(StoreError, match="pruned"):
            store.changes(after, 99)
    with pytest.raises(StoreError, match="pruned"):
        store.changes(0, 99, upto=3)
    assert store.posting("p0") is not None
    assert store.prune(before=11) == 5
    assert store.changes(10, 9) == []
    with pytest.raises(StoreError, match="ends at 10"):
        store.prune(before=12)
    assert store.write([posting("p0"), posting("new")]).outcomes == ("unchanged", "stored")


def test_another_process_sees_it_at_once(store, url):
    with Store.open(url) as other:
        assert store.identity() == other.identity()
        store.write([posting("p")])
        assert other.head() == 1
        other.write([posting("p", title="Baker")])
        assert store.posting("p")["title"] == "Baker"


def test_migrating_again_changes_nothing(store, url):
    store.write([posting("p")])
    assert migrate(url) == []
    assert store.posting("p") is not None
