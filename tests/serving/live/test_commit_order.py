"""Transactions that overlap, and a service that polls between their commits: it misses none and sees none early."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from live_log import ENCODER, OneBundle, encode_all, follow
from postgres import running_server
from running import until
from sqlalchemy import event

from serving.board import Board
from serving.live.service import Service
from serving.live.settings import LiveSettings
from serving.store import Store, Write, migrate

POLL = 0.01


@pytest.fixture(scope="module")
def server():
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    made = f"sqlite:///{tmp_path / 'store.db'}"
    if request.param == "postgresql":
        made = request.getfixturevalue("server").make_schema()
    migrate(made)
    return made


class CountedStore(Store):
    """Counts how often the log was asked for."""

    polls = 0

    def head(self):
        self.polls += 1
        return super().head()


@pytest.fixture
def service(market, url, tmp_path):
    """A worker's service on a host of its own: what others write it learns of by polling alone."""
    with CountedStore.open(url) as store:
        board = Board(tmp_path / "board", store.identity())
        service = Service(
            store,
            board,
            OneBundle(lambda: follow(market.bundle, store)),
            LiveSettings(poll_seconds=POLL, wait_seconds=10, room=100),
        )
        service.polls = lambda: store.polls
        yield service
        service.close()
        board.close()


@pytest.fixture
def paused(url):
    """A store of another host whose commits wait: all is written, nothing committed, when ``reached`` is set."""
    reached, go_on = threading.Event(), threading.Event()
    with Store.open(url) as slow:

        @event.listens_for(slow.engine, "commit")
        def wait(connection):
            reached.set()
            assert go_on.wait(20)

        yield slow, reached, go_on
        go_on.set()


def polled(service, times=5):
    """Until the service has looked at the store so many times more."""
    before = service.polls()
    until(lambda: service.polls() >= before + times, "looks at the store")


def test_a_poll_between_two_commits_misses_nothing(service, paused, url, market):
    slow, reached, go_on = paused
    now = market.as_of
    best = [line.posting_id for line in service.state().recommend("c0000003", 4, now)]
    applied = {"event_id": "e", "candidate_id": "c0000003", "posting_id": best[0], "type": "apply", "timestamp": now}
    twin = {"posting_id": "twin", "title": "Night nurse", "date_posted": now - 60, "valid_through": now + 86_400}
    with Store.open(url) as fast, ThreadPoolExecutor(2) as threads:
        encode_all(fast, [Write("posting", "twin", twin)])
        first = threads.submit(slow.write, [Write("event", "e", applied)])
        assert reached.wait(20)
        second = threads.submit(fast.write, [Write("posting", "twin", twin), Write("posting_gone", "twin")])
        third = threads.submit(service.write, [Write("event", "f", applied | {"event_id": "f", "posting_id": best[1]})])
        polled(service)
        assert service.state().position == 0, "nothing is committed, nothing is seen"
        assert best[0] in {line.posting_id for line in service.state().recommend("c0000003", 400, now)}
        assert not second.done()
        assert not third.done(), "who began later waits for who began first"
        go_on.set()
        assert first.result(20).position == 1
        last = max(second.result(20).position, third.result(20).position)
    assert last == 4
    mine = service.state()
    assert mine.position >= third.result().position, "what was acknowledged here is obeyed in the next answer"
    fast_indexes(url, last)
    state = service.state(min_position=last)
    listed = {line.posting_id for line in state.recommend("c0000003", 400, now)}
    assert not listed & {best[0], best[1], "twin"}
    assert best[2] in listed
    assert [one.position for one in slow.changes(0, 10)] == [1, 2, 3, 4]


def fast_indexes(url, position):
    with Store.open(url) as store:
        store.set_indexed(ENCODER.name, position)


def test_many_writers_of_many_hosts_and_polls_all_the_time(service, url, market):
    now, seen, done = market.as_of, [], threading.Event()

    def watch():
        while not done.is_set():
            state = service.state()
            if not seen or state is not seen[-1][0]:
                seen.append((state, len(state.people.one("watched", state.engine.catalogue).histories.posting)))

    def write(number):
        with Store.open(url, wait_seconds=30) as store:
            for turn in range(10):
                document = {"candidate_id": "watched", "posting_id": f"p000{number:02d}{turn:02d}", "type": "view"}
                document |= {"event_id": f"{number}-{turn}", "timestamp": now}
                store.write([Write("event", document["event_id"], document)])

    with ThreadPoolExecutor(5) as threads:
        watching = threads.submit(watch)
        for one in [threads.submit(write, number) for number in range(4)]:
            one.result(60)
        fast_indexes(url, 40)
        service.state(min_position=40)
        until(lambda: seen[-1][0].position == 40, "the last state")
        done.set()
        watching.result(20)
    positions = [state.position for state, _ in seen]
    assert positions == sorted(positions)
    assert all(count == state.position for state, count in seen), "each position has all events up to it, and no other"
