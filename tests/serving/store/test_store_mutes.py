"""What candidates muted, in both databases."""

import pytest
from store_writes import candidate, did

from recsys.errors import DataError
from serving.store import Write
from serving.store.mutes import MuteChange
from serving.store.tables import tables_at


def mute(key="c", way="add", **lists):
    return Write("mutes", key, {"candidate_id": key, way: {f"muted_{name}": some for name, some in lists.items()}})


def one(store, write):
    receipt = store.write([write])
    return receipt.outcomes[0], receipt.position


def test_adding_and_taking_away_are_idempotent(store):
    assert one(store, mute(postings=["p", "q"], employers=["Acme"])) == ("stored", 1)
    assert one(store, mute(postings=["q", "p"], employers=[" ACME"])) == ("unchanged", 1)
    assert one(store, mute(way="take_away", postings=["q", "x"], employers=["acme  "])) == ("stored", 2)
    assert one(store, mute(way="take_away", postings=["q"])) == ("unchanged", 2)
    assert store.mutes("c") == {"muted_postings": ["p"]}
    assert store.mutes("nobody") == {}
    assert store.candidate("c") is None
    assert [change.document for change in store.changes(0, 9)] == [
        {"candidate_id": "c", "muted_postings": ["p", "q"], "muted_employers": ["Acme"]},
        {"candidate_id": "c", "muted_postings": ["p"]},
    ]
    assert [change.kind for change in store.changes_of("c", 0, 2)] == ["mutes", "mutes"]


def test_taking_from_nobody_changes_nothing(store):
    assert one(store, mute(way="take_away", interests=["Cook"])) == ("unchanged", 0)
    assert store.head() == 0


def test_a_profile_that_names_no_mutes_leaves_them(store):
    store.write([mute(postings=["p"], interests=["Truck driver"])])
    assert one(store, candidate("c", text="x")) == ("stored", 2)
    assert store.candidate("c") == {
        "candidate_id": "c",
        "text": "x",
        "muted_postings": ["p"],
        "muted_interests": ["Truck driver"],
    }
    assert one(store, candidate("c", text="x")) == ("unchanged", 2)
    assert one(store, candidate("c", text="x", muted_postings=["q"])) == ("stored", 3)
    assert store.mutes("c") == {"muted_postings": ["q"], "muted_interests": ["Truck driver"]}
    assert one(store, candidate("c", text="y", muted_postings=[], muted_interests=[])) == ("stored", 5)
    assert store.mutes("c") == {}
    assert store.changes(4, 9)[0].document == {"candidate_id": "c"}


def test_writes_of_one_transaction_build_on_one_another(store):
    receipt = store.write([mute(postings=["p"]), mute(postings=["q"]), mute(way="take_away", postings=["p"])])
    assert receipt.outcomes == ("stored",) * 3
    assert store.mutes("c") == {"muted_postings": ["q"]}
    receipt = store.write([Write("candidate_gone", "c"), mute(employers=["Acme"])])
    assert receipt.outcomes == ("stored", "stored")
    assert store.mutes("c") == {"muted_employers": ["Acme"]}


def test_what_is_muted_goes_with_the_candidate(store):
    store.write([mute(postings=["p"])])
    assert one(store, Write("candidate_gone", "c")) == ("stored", 2)
    assert store.mutes("c") == {}
    assert one(store, Write("candidate_gone", "c")) == ("missing", 2)


def test_what_would_be_too_much_is_not_stored_and_stops_nobody_else(store):
    store.write([mute(interests=[f"work {n}" for n in range(49)])])
    receipt = store.write([mute(interests=["a", "b"]), candidate("d"), mute(interests=["a"])])
    assert receipt.outcomes == ("full", "stored", "stored")
    assert len(store.mutes("c")["muted_interests"]) == 50


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"add": {"muted_postings": "p"}}, "must be a list of texts"),
        ({"add": {"muted_postings": ["a\0"]}}, "without NUL"),
        ({"put": {"muted_employers": ["two\nlines"]}}, "line ends"),
        ({"add": {"muted_postings": [""]}}, "1 to 512"),
        ({"add": {"muted_titles": ["x"]}}, "lists named muted_postings"),
        ({"plus": {}}, "'plus' is none of put, add, take_away"),
        ({"add": {"muted_interests": ["x"] * 51}}, "more than 50"),
        ({"add": {"muted_postings": ["\ud800"]}}, "surrogate"),
    ],
)
def test_what_cannot_be_is_one_line(store, document, says):
    with pytest.raises(DataError, match=says) as error:
        store.write([Write("mutes", "c", {"candidate_id": "c"} | document)])
    assert "\n" not in str(error.value)
    assert store.head() == 0


def test_tables_hold_them_now_and_then(store):
    store.write([candidate("b", text="x"), mute("b", postings=["p"]), mute("a", employers=["Acme"]), did("1", "d")])
    then = store.head()
    store.write([mute("b", "take_away", postings=["p"]), Write("candidate_gone", "a"), mute("c", interests=["Cook"])])
    past, now = tables_at(store, then)[0].candidates, tables_at(store)[0].candidates
    assert past["candidate_id"].tolist() == ["b", "a"]
    assert past["muted_postings"].fillna("").tolist() == ["p", ""]
    assert past["muted_employers"].fillna("").tolist() == ["", "Acme"]
    assert now["candidate_id"].tolist() == ["b", "c"]
    assert now["muted_postings"].isna().all()
    assert now["muted_interests"].fillna("").tolist() == ["", "Cook"]


def test_a_change_knows_what_is_the_same():
    change = MuteChange(add={"muted_employers": ("acme", "Blue  Sky", "blue sky"), "muted_postings": ("P",)})
    after = change.applied({"muted_employers": ["ACME"], "muted_postings": ["p"]})
    assert after == {"muted_employers": ("ACME", "Blue  Sky"), "muted_postings": ("p", "P")}
