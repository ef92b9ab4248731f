"""Writers and readers at the same time: threads, processes, and transactions that are forced to overlap."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event
from store_writes import candidate, did, posting

from serving.store import Store, Write

ROOT = Path(__file__).parents[3]


class Follower:
    """Reads the log as a worker does: what it has seen it never asks for again."""

    def __init__(self, url):
        self._store = Store.open(url)
        self.seen = []

    def poll(self):
        while changes := self._store.changes(self.seen[-1].position if self.seen else 0, 3):
            self.seen += changes
        return [change.key for change in self.seen]

    def close(self):
        self._store.close()


@pytest.fixture
def follower(store, url):
    follower = Follower(url)
    yield follower
    follower.close()


@pytest.fixture
def paused(store, url):
    """A second store whose next commit waits: everything is written and nothing committed when ``reached`` is set."""
    reached, go_on = threading.Event(), threading.Event()
    with Store.open(url) as slow:

        @event.listens_for(slow.engine, "commit")
        def wait(connection):
            reached.set()
            assert go_on.wait(10)

        yield slow, reached, go_on
        go_on.set()


def test_a_writer_that_began_first_and_commits_last_is_not_missed(store, follower, paused):
    slow, reached, go_on = paused
    store.write([posting("before")])
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(slow.write, [posting("first")])
        assert reached.wait(10)
        second = threads.submit(store.write, [posting("second"), posting("third")])
        time.sleep(0.2)  # the second has begun as well, and may not pass the first
        assert follower.poll() == ["before"]
        assert not second.done()
        go_on.set()
        assert first.result(10).position == 2
        assert second.result(10).position == 4
    assert follower.poll() == ["before", "first", "second", "third"]
    assert [change.position for change in follower.seen] == [1, 2, 3, 4]


def test_readers_are_not_held_up_by_a_writer(store, paused):
    slow, reached, go_on = paused
    store.write([posting("p", title="old"), did("e")])
    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(slow.write, [posting("p", title="new")])
        assert reached.wait(10)
        assert store.posting("p")["title"] == "old"
        assert store.head() == 2
        assert len(store.events_of("c")) == 1
        go_on.set()
        writing.result(10)
    assert store.posting("p")["title"] == "new"


def test_the_same_event_from_two_sides_is_stored_once(store, paused):
    slow, reached, go_on = paused
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(slow.write, [did("e")])
        assert reached.wait(10)
        second = threads.submit(store.write, [did("e"), did("f")])
        time.sleep(0.1)
        go_on.set()
        assert first.result(10).outcomes == ("stored",)
        assert second.result(10).outcomes == ("duplicate", "stored")
    assert store.head() == 2


def test_threads_that_write_at_once_lose_nothing(store, follower):
    done = threading.Event()

    def follow():
        while not done.is_set():
            follower.poll()

    def write(number):
        for turn in range(10):
            key = f"{number}-{turn}"
            receipt = store.write([did(key, who=str(number)), candidate("shared", text=key)])
            assert receipt.outcomes == ("stored", "stored")
            assert receipt.position <= store.head()
            assert key in {one["event_id"] for one in store.events_of(str(number))}

    with ThreadPoolExecutor(9) as threads:
        following = threads.submit(follow)
        for one in [threads.submit(write, number) for number in range(8)]:
            one.result(60)
        done.set()
        following.result(10)
    follower.poll()
    assert [change.position for change in follower.seen] == list(range(1, 161))
    assert len({change.key for change in follower.seen if change.kind == "event"}) == 80
    last = [change for change in follower.seen if change.kind == "candidate"][-1]
    assert store.candidate("shared") == last.document


def test_one_bad_write_does_not_spoil_those_it_waits_with(store, paused):
    slow, reached, go_on = paused
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(slow.write, [posting("first")])
        assert reached.wait(10)
        group = [threads.submit(slow.write, [did(f"e{number}", at=float(number))]) for number in range(6)]
        again = threads.submit(slow.write, [posting("first"), Write("posting_gone", "nothing")])
        time.sleep(0.2)
        go_on.set()
        assert first.result(10).outcomes == ("stored",)
        assert {one.result(10).outcomes for one in group} == {("stored",)}
        assert sorted(one.result(10).position for one in group) == [2, 3, 4, 5, 6, 7]
        assert again.result(10).outcomes == ("unchanged", "missing")


WRITER = """
import sys
from serving.store import Store, Write
url, name = sys.argv[1:]
with Store.open(url, wait_seconds=30.0) as store:
    for turn in range(25):
        key = f"{name}-{turn}"
        who = f"c{turn % 5}"
        document = {"event_id": key, "candidate_id": who, "posting_id": "p", "type": "view", "timestamp": 1.0}
        shared = {"posting_id": "shared", "title": key}
        receipt = store.write([Write("posting", "shared", shared), Write("event", key, document)])
        assert receipt.outcomes == ("stored", "stored")
        print(receipt.position, key)
"""


def test_processes_that_write_at_once_lose_nothing(store, url, follower):
    command = [sys.executable, "-c", WRITER, url]
    writers = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True, cwd=ROOT) for name in ("one", "two")
    ]
    while any(writer.poll() is None for writer in writers):
        follower.poll()
        time.sleep(0.01)
    acknowledged = {}
    for writer in writers:
        for line in writer.communicate()[0].splitlines():
            position, key = line.split()
            acknowledged[key] = int(position)
        assert writer.returncode == 0
    follower.poll()
    assert [change.position for change in follower.seen] == list(range(1, 101))
    assert {change.key: change.position for change in follower.seen if change.kind == "event"} == acknowledged
    last = [change for change in follower.seen if change.kind == "posting"][-1]
    assert store.posting("shared") == last.document
