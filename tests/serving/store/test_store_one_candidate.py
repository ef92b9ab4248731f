"""The log of one candidate is what the whole log holds of that candidate, in a store of any age."""

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from recsys.errors import StoreError, StoreUnavailable
from serving.store import Store, Write, migrate
from serving.store.connect import make_engine, reading, writing


def event(key, who, **more):
    return Write(
        "event",
        key,
        {"event_id": key, "candidate_id": who, "posting_id": "p", "type": "view", "timestamp": 1.0} | more,
    )


def write_all(store):
    """Profiles, events, deletions, and others' between; the second candidate's events are in the log alone."""
    writes = [
        Write("posting", "a", {"posting_id": "a", "title": "named as the candidate"}),
        Write("candidate", "a", {"candidate_id": "a"}),
        event("1", "a"),
        event("a", "b", surface='\u0000"\U0001f600'),
        Write("candidate", "b", {"candidate_id": "b", "text": "x"}),
        event("2", "a"),
        Write("candidate_gone", "b"),
        Write("key", "a", {"key_id": "a"}),
        event("3", "b"),
        Write("candidate", "a", {"candidate_id": "a", "text": "y"}),
        Write("posting_gone", "a"),
    ]
    for one in writes:
        store.write([one])
    return len(writes)


def whose(change):
    if change.kind == "event":
        return change.document["candidate_id"]
    return change.key if change.kind.startswith("candidate") else None


def check(store, head):
    log = store.changes(0, 100)
    assert [len([one for one in log if whose(one) == who]) for who in "ab"] == [4, 4]
    for who in ("a", "b", "nobody"):
        for after in range(head):
            for upto in range(head + 1):
                expected = [one for one in log if whose(one) == who and after < one.position <= upto]
                assert store.changes_of(who, after, upto) == expected


def test_it_is_what_the_whole_log_holds(store):
    check(store, write_all(store))


def test_a_log_that_does_not_reach_so_far(store):
    head = write_all(store)
    with pytest.raises(StoreError, match="ends at"):
        store.changes_of("a", 0, head + 1)
    store.prune(4)
    with pytest.raises(StoreError, match="pruned"):
        store.changes_of("a", 2, head)
    assert [one.position for one in store.changes_of("a", 3, head)] == [6, 10]


def test_a_file_that_is_gone(sqlite_url, tmp_path):
    migrate(sqlite_url)
    with Store.open(sqlite_url) as store:
        head = write_all(store)
        (tmp_path / "store.db").rename(tmp_path / "aside")
        with pytest.raises(StoreUnavailable):
            store.changes_of("a", 0, head)
        (tmp_path / "aside").rename(tmp_path / "store.db")
        check(store, head)


def test_an_older_store_is_brought_up_to_date(url):
    """Down to the form without the column, as an older version wrote it, and up again."""
    migrate(url)
    with Store.open(url) as store:
        head = write_all(store)
    engine = make_engine(url, 5.0)
    with writing(engine) as connection:
        config = Config()
        config.set_main_option("script_location", "serving.store:migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    with reading(engine) as connection:
        assert "candidate" not in {one["name"] for one in inspect(connection).get_columns("changes")}
    engine.dispose()
    with pytest.raises(StoreError, match="jobrec store migrate"):
        Store.open(url)
    assert migrate(url) == ["0002", "0003", "0004", "0005", "0006"]
    with Store.open(url) as store:
        check(store, head)


def test_the_index_is_used(sqlite_url):
    migrate(sqlite_url)
    with Store.open(sqlite_url) as store, reading(store.engine) as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {store._changes_of._text}", ("a", 0, 9)).all()
    assert "changes_candidate" in str(plan)
