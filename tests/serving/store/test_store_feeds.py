"""A feed that is imported again and again."""

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from store_writes import did, posting

import jobrec
from recsys.errors import DataError
from serving.store import Store, Write, migrate
from serving.store import feeds as feeds_module
from serving.store.commands import store_feed, store_status
from serving.store.connect import writing
from serving.store.feeds import expire, feeds, remember, vanished


def bring(store, feed, titles, most=1.0):
    """Imports a feed that holds these titles by id."""
    writes = [posting(key, title) for key, title in titles.items()]
    return store_feed(store, iter(writes), set(titles), feed, most)


def until(store, key):
    return store.posting(key).get("valid_through")


def test_unchanged_postings_leave_no_trace(store):
    assert bring(store, "f", {"a": "Cook", "b": "Welder"})["stored"] == 2
    store.put_vectors("e", {b"1" * 16: b"v"})
    head = store.head()
    again = bring(store, "f", {"a": "Cook", "b": "Welder"})
    assert again == {"position": head, "unchanged": 2, "vanished": 0, "expired": 0}
    assert store.head() == head
    changed = bring(store, "f", {"a": "Cook", "b": "Senior welder"})
    assert (changed["stored"], changed["unchanged"]) == (1, 1)
    (entry,) = store.changes(head, 10)
    assert (entry.kind, entry.key) == ("posting", "b")


def test_vanished_postings_end_and_are_kept(store):
    bring(store, "f", {"a": "Cook", "b": "Welder", "c": "Nurse"})
    store.write([did("e1", what="b")])
    counts = bring(store, "f", {"a": "Cook"})
    assert (counts["vanished"], counts["expired"], counts["unchanged"]) == (2, 2, 1)
    assert until(store, "a") is None
    ended = until(store, "b")
    assert store.posting("b") == {"posting_id": "b", "title": "Welder", "valid_through": ended}
    assert len(store.events_of("c")) == 1
    assert feeds(store) == {"f": 1}
    head = store.head()
    assert bring(store, "f", {"a": "Cook"}) == {"position": head, "unchanged": 1, "vanished": 0, "expired": 0}


def test_a_posting_that_comes_back_is_open_again(store):
    bring(store, "f", {"a": "Cook", "b": "Welder"})
    bring(store, "f", {"a": "Cook"})
    assert until(store, "b") is not None
    assert bring(store, "f", {"a": "Cook", "b": "Welder"})["stored"] == 1
    assert until(store, "b") is None
    assert feeds(store) == {"f": 2}


def test_feeds_do_not_end_each_others_postings(store):
    store.write([posting("own")])
    bring(store, "f", {"a": "Cook", "both": "Driver"})
    bring(store, "g", {"b": "Nurse", "both": "Driver"})
    bring(store, "f", {"a": "Cook"})
    assert [until(store, key) for key in ("own", "a", "b", "both")] == [None] * 4
    assert feeds(store) == {"f": 1, "g": 2}
    bring(store, "g", {"b": "Nurse"})
    assert until(store, "both") is not None
    assert until(store, "own") is None


def test_an_earlier_end_and_a_deletion_stay(store):
    feeding = {"a": "Cook", "b": "Welder", "c": "Nurse"}
    bring(store, "f", feeding)
    store.write([posting("a", valid_through=5.0), Write("posting_gone", "b"), posting("c", valid_through=9e12)])
    head = store.head()
    gone = vanished(store, "f", {"other"}, 1.0)
    assert expire(store, gone, now=1000.0) == 1
    assert until(store, "a") == 5.0
    assert store.posting("b") is None
    assert until(store, "c") == 1000.0
    assert store.head() == head + 1


@pytest.mark.parametrize("left", [{}, {"p0": "Cook"}])
def test_an_empty_or_broken_feed_ends_nothing(store, left):
    bring(store, "f", {f"p{at}": "Cook" for at in range(10)})
    head = store.head()
    with pytest.raises(DataError, match=r"'f'.*nothing was written.*--most-vanished 1") as caught:
        bring(store, "f", left | ({"new": "Boss"} if left else {}), most=0.5)
    assert "\n" not in str(caught.value)
    assert store.head() == head
    assert feeds(store) == {"f": 10}
    counts = bring(store, "f", left, most=1.0)
    assert counts["expired"] == 10 - len(left)


def test_the_share_is_of_what_the_feed_brought_before(store):
    bring(store, "f", {f"p{at}": "Cook" for at in range(10)})
    half = {f"p{at}": "Cook" for at in range(5)}
    with pytest.raises(DataError, match=r"5 of the 10 .*50\.0%.*0\.49"):
        vanished(store, "f", set(half), 0.49)
    assert len(vanished(store, "f", set(half) | {"new"}, 0.5).ids) == 5
    with pytest.raises(DataError, match="brings no posting"):
        vanished(store, "never seen", set(), 0.5)
    assert vanished(store, "never seen", {"x"}, 0.0).ids == ()


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 2000])
def test_names_of_feeds_are_ids(store, name):
    with pytest.raises(DataError, match="name of a feed"):
        bring(store, name, {"a": "Cook"})


@pytest.mark.parametrize("step", ["remember", "store_import", "expire"])
def test_an_import_that_dies_is_made_good_by_the_next(store, monkeypatch, step):
    """Whatever was done before the death: the next import ends all that neither brought."""
    bring(store, "f", {"a": "Cook", "b": "Welder"})

    class Died(Exception):
        pass

    def die(*given):
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(f"serving.store.commands.{step}", die)
        with pytest.raises(Died):
            bring(store, "f", {"a": "Cook", "c": "Nurse"})
    bring(store, "f", {"a": "Cook", "d": "Driver"})
    ended = {key for key in "abcd" if store.posting(key) and until(store, key) is not None}
    there = {key for key in "abcd" if store.posting(key)}
    assert ended == there - {"a", "d"}
    assert feeds(store) == {"f": 2}


def test_a_death_between_two_thousands_forgets_nothing(store, monkeypatch):
    remember(store, "f", {f"{at:04}" for at in range(2500)})
    store.write([posting(f"{at:04}") for at in range(2500)])
    done = []
    real = feeds_module.apply

    def dies_the_second_time(*given):
        if done:
            raise RuntimeError("died")
        done.append(1)
        return real(*given)

    monkeypatch.setattr(feeds_module, "apply", dies_the_second_time)
    with pytest.raises(RuntimeError, match="died"):
        expire(store, vanished(store, "f", {"x"}, 1.0))
    assert feeds(store) == {"f": 1500}
    monkeypatch.undo()
    assert expire(store, vanished(store, "f", {"x"}, 1.0)) == 1500
    assert feeds(store) == {}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from("fg"), st.dictionaries(st.sampled_from("abcde"), st.sampled_from(["x", "y"]), min_size=1)
        ),
        max_size=8,
    )
)
def test_open_is_what_some_feed_brought_last(store, imports):
    with writing(store.engine) as connection:  # one store for all examples
        for table in ("postings", "feed_postings"):
            connection.execute(text(f"DELETE FROM {table}"))
    latest, titles = {}, {}
    for feed, brought in imports:
        bring(store, feed, brought)
        latest[feed] = brought
        titles |= brought
    for key in titles:
        assert (until(store, key) is None) == any(key in brought for brought in latest.values())
        assert store.posting(key)["title"] == titles[key]
    assert feeds(store) == {feed: len(brought) for feed, brought in sorted(latest.items())}


def test_a_store_from_before_feeds_is_brought_up_to_date(url, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("serving.store.migration.REVISIONS", ("0001", "0002"))
        assert migrate(url) == ["0001", "0002"]
        with Store.open(url) as store:
            store.write([posting("a")])
    assert migrate(url) == ["0003", "0004", "0005", "0006"]
    with Store.open(url) as store:
        assert store.posting("a") is not None
        assert bring(store, "f", {"a": "Cook"})["unchanged"] == 1
    assert store_status(url)["feeds"] == {"f": 1}


def xml(*ids):
    jobs = "".join(f"<job><referencenumber>{one}</referencenumber><title>Cook {one}</title></job>" for one in ids)
    return f"<source><publisher>P</publisher>{jobs}</source>"


def test_the_command(tmp_path, url, capsys):
    migrate(url)
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"sources": {"tables": {"postings": {"path": "jobs.xml"}}}}))

    def run(text, *more):
        (tmp_path / "jobs.xml").write_text(text)
        command = [
            "import",
            "--config",
            tmp_path / "c.yaml",
            "--data",
            tmp_path,
            "--store",
            url,
            "--feed",
            "partner",
            *more,
        ]
        status = jobrec.main([str(one) for one in [*command, "--rejected", tmp_path / "r.parquet"]])
        return status, capsys.readouterr()

    assert run(xml(1, 2, 3))[0] == 0
    status, said = run(xml(1, 2))
    assert (status, said.out) == (0, "position 4, unchanged 2, vanished 1, expired 1\n")
    for bad in (xml(), xml(1, 2)[:-9], "", "<!DOCTYPE a>" + xml(1, 2), xml(7)):
        status, said = run(bad)
        assert status == 2
        errors = [line for line in said.err.splitlines() if line.startswith("jobrec import: ")]
        assert len(errors) == 1
        assert said.err.count("Traceback") == 0
    with Store.open(url) as store:
        assert [until(store, key) for key in "12"] == [None, None]
        assert until(store, "3") is not None
    status, said = run(xml(), "--most-vanished", "1")
    assert (status, said.out) == (0, "position 6, vanished 2, expired 2\n")


def test_the_share_on_the_command_line_is_one(capsys):
    for share in ("-1", "1.5", "nan", "some"):
        with pytest.raises(SystemExit):
            jobrec.main(["import", "--data", ".", "--store", "sqlite:///x", "--feed", "f", "--most-vanished", share])
        assert "invalid" in capsys.readouterr().err
