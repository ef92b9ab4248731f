"""The database goes away, is locked or full, and comes back: nothing half-done, and the next call works."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, event, text
from store_writes import did, posting

from recsys.errors import StoreError, StoreUnavailable
from serving.store import Store, Write, migrate


@pytest.fixture
def in_file(sqlite_url):
    migrate(sqlite_url)
    with Store.open(sqlite_url, wait_seconds=0.3) as store:
        yield store


@pytest.fixture
def on_server(postgresql_url):
    migrate(postgresql_url)
    with Store.open(postgresql_url, wait_seconds=1.0) as store:
        yield store


def test_postgresql_stops_and_starts(server, on_server):
    on_server.write([posting("before")])
    server.stop()
    try:
        for call in (on_server.head, lambda: on_server.write([posting("lost")]), lambda: on_server.posting("before")):
            with pytest.raises(StoreUnavailable):
                call()
    finally:
        server.start()
    assert on_server.head() == 1
    assert on_server.write([posting("after")]).position == 2
    assert on_server.posting("lost") is None


def test_postgresql_stops_between_the_rows_and_the_commit(server, on_server):
    on_server.write([posting("before")])
    stopped = []

    @event.listens_for(on_server.engine, "commit")
    def stop(connection):
        if not stopped:
            server.stop()
            stopped.append(True)

    try:
        with pytest.raises(StoreUnavailable):
            on_server.write([posting(f"half{number}") for number in range(5)])
    finally:
        server.start()
    assert on_server.head() == 1
    assert on_server.posting("half0") is None
    assert on_server.write([posting("half0")]).outcomes == ("stored",)


def test_a_session_that_the_server_ended_is_replaced(server, on_server):
    on_server.write([posting("p")])
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jobrec'")
    assert on_server.head() == 1
    assert on_server.write([posting("q")]).position == 2


def test_postgresql_locked_for_longer_than_we_wait(on_server, postgresql_url):
    engine = create_engine(on_server.engine.url)
    with engine.connect() as connection:
        connection.execute(text("SELECT * FROM head FOR UPDATE"))
        with pytest.raises(StoreUnavailable, match="lock"):
            on_server.write([posting("p")])
        assert on_server.head() == 0
        connection.rollback()
    engine.dispose()
    assert on_server.write([posting("p")]).position == 1


def test_a_writer_that_stands_still_does_not_hold_up_the_others(on_server, postgresql_url):
    reached, go_on = threading.Event(), threading.Event()
    with Store.open(postgresql_url, wait_seconds=0.25) as stopped, ThreadPoolExecutor(1) as threads:

        @event.listens_for(stopped.engine, "commit")
        def stand_still(connection):
            reached.set()
            assert go_on.wait(20)

        lost = threads.submit(stopped.write, [posting("lost")])
        assert reached.wait(10)
        deadline = time.monotonic() + 15
        while True:
            try:
                on_server.write([posting("goes on")])
                break
            except StoreUnavailable:
                assert time.monotonic() < deadline
        go_on.set()
        with pytest.raises(StoreUnavailable):
            lost.result(10)
    assert on_server.head() == 1
    assert on_server.posting("lost") is None


def test_sqlite_locked_for_longer_than_we_wait(in_file):
    other = sqlite3.connect(in_file.engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        in_file.write([posting("p")])
    assert in_file.head() == 0
    other.execute("ROLLBACK")
    other.close()
    assert in_file.write([posting("p")]).position == 1


def test_sqlite_on_a_full_disk(in_file):
    in_file.write([posting("p")])
    limit = {"pages": 60}

    @event.listens_for(in_file.engine, "begin")
    def fill(connection):
        connection.exec_driver_sql(f"PRAGMA max_page_count={limit['pages']}")

    many = [posting(f"q{number}", description="x" * 2000) for number in range(500)]
    with pytest.raises(StoreUnavailable, match="full"):
        in_file.write([Write("posting_gone", "p"), *many])
    assert in_file.head() == 1
    assert in_file.posting("p") is not None
    assert in_file.posting("q0") is None
    limit["pages"] = 1_000_000
    assert in_file.write(many).position == 501


def test_sqlite_that_may_only_be_read(in_file):
    in_file.write([posting("p")])
    back = []

    @event.listens_for(in_file.engine, "checkout")
    def read_only(connection, record, proxy):
        connection.execute(f"PRAGMA query_only={'OFF' if back else 'ON'}")

    with pytest.raises(StoreUnavailable, match="readonly"):
        in_file.write([posting("q")])
    assert in_file.posting("p") is not None
    back.append(True)
    assert in_file.write([posting("q")]).position == 2


def test_sqlite_file_deleted_under_the_store(in_file, sqlite_url, tmp_path):
    in_file.write([posting("p")])
    for file in tmp_path.glob("store.db*"):
        file.rename(tmp_path / f"kept-{file.name}")
    with pytest.raises(StoreUnavailable, match="gone"):
        in_file.write([posting("q")])
    assert not (tmp_path / "store.db").exists()
    for file in tmp_path.glob("kept-*"):
        file.rename(tmp_path / file.name.removeprefix("kept-"))
    assert in_file.write([posting("q")]).position == 2


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "store.db").write_bytes(b"no database at all" * 500)
    with pytest.raises(StoreError, match=r"store\.db"):
        Store.open(f"sqlite:///{tmp_path}/store.db")


def test_a_server_that_is_not_there():
    with pytest.raises(StoreUnavailable) as error:
        Store.open("postgresql://me:secret@127.0.0.1:1/none", wait_seconds=1.0)
    assert "secret" not in str(error.value)


def test_all_that_wait_together_hear_of_it(in_file):
    other = sqlite3.connect(in_file.engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(5) as threads:
        waiting = [threads.submit(in_file.write, [did(f"e{number}")]) for number in range(5)]
        for one in waiting:
            with pytest.raises(StoreUnavailable, match="locked"):
                one.result(10)
    other.execute("ROLLBACK")
    other.close()
    assert in_file.head() == 0
    assert in_file.write([did("e0")]).outcomes == ("stored",)
