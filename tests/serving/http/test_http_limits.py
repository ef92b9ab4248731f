"""Floods: lanes with an end, deadlines, rates, heads that are too long."""

import threading
import time
from contextlib import suppress

import pytest
from asked import refused
from memory_service import MemoryService, bearer

from serving.http.limits import Buckets
from serving.http.problem import Problem
from serving.http.settings import HttpSettings, LaneSettings

LIST = "/v1/candidates/c0000001/recommendations"
WHY = "/v1/why?candidate=c0000001&posting=p0000001"


class Blocking(MemoryService):
    """Does nothing until it is let go."""

    def __init__(self, scorer):
        super().__init__(scorer)
        self.go, self.lock, self.calls, self.most, self.now = threading.Event(), threading.Lock(), 0, 0, 0

    def _block(self):
        with self.lock:
            self.calls += 1
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.go.wait(20)
        with self.lock:
            self.now -= 1

    def state(self, min_position=None):
        self._block()
        return super().state(min_position)

    def write(self, writes):
        self._block()
        return super().write(writes)


@pytest.fixture
def blocking(scorer):
    service = Blocking(scorer)
    yield service
    service.go.set()


def lane(threads=2, queue=3, seconds=10.0):
    return LaneSettings(threads=threads, queue=queue, seconds=seconds)


def test_beyond_the_queue_is_answered_at_once(ask_with, blocking):
    ask = ask_with(HttpSettings(engine=lane(), retry_seconds=7), blocking)
    timer = threading.Timer(1.0, blocking.go.set)
    timer.start()
    began, refusals = time.monotonic(), []

    async def note(answer):
        if answer.status_code == 503:
            refusals.append(time.monotonic() - began)

    ask.client.event_hooks["response"].append(note)
    answers = ask.together(*[("GET", LIST, {})] * 20)
    timer.join()
    served = [one for one in answers if one.status_code == 200]
    assert len(served) == 5
    assert blocking.most == 2
    assert len(refusals) == 15
    assert max(refusals) < 0.9
    for one in answers:
        if one.status_code != 200:
            refused(one, 503, "too many requests")
            assert one.headers["retry-after"] == "7"
    assert ask("GET", LIST).status_code == 200
    page = ask("GET", "/metrics").text
    assert 'jobrec_rejected_total{reason="busy_engine"} 15.0' in page
    assert 'jobrec_queue_length{lane="engine"} 0.0' in page


def test_whoever_waits_too_long_is_answered_and_not_worked_for(ask_with, blocking):
    ask = ask_with(HttpSettings(engine=lane(threads=1, queue=5, seconds=0.3)), blocking)
    began = time.monotonic()
    answers = ask.together(*[("GET", LIST, {})] * 4)
    assert time.monotonic() - began < 2
    for one in answers:
        refused(one, 503, "no answer within 0.3 s")
        assert one.headers["retry-after"] == "1"
    assert 'jobrec_lane_requests{lane="engine"} 1.0' in ask("GET", "/metrics").text
    blocking.go.set()
    until = time.monotonic() + 5
    while ask.app.state.desk.lanes.engine.inside:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert blocking.calls == 1
    assert ask("GET", LIST).status_code == 200


def test_one_kind_of_work_does_not_wait_for_another(ask_with, blocking):
    ask = ask_with(HttpSettings(store=lane(threads=1, queue=0, seconds=0.5)), blocking)
    blocking.state = MemoryService(blocking.scorer).state
    write = ("PUT", "/v1/postings/x", {"json": {"title": "x"}})
    first, second, read, health = ask.together(write, write, ("GET", LIST, {}), ("GET", "/health/live", {}))
    assert sorted((first.json()["type"], second.json()["type"])) == [
        "urn:jobrec:problem:busy",
        "urn:jobrec:problem:late",
    ]
    assert read.status_code == health.status_code == 200


def test_waiting_for_a_position_keeps_nobody_from_the_engine(ask_with, blocking):
    ask = ask_with(HttpSettings(engine=lane(1, 0), waits=lane(2, 0, 0.5)), blocking)
    plain = MemoryService(blocking.scorer).state
    blocking.state = lambda position=None: plain() if position is None else Blocking.state(blocking, position)
    answers = ask.together(*[("GET", f"{LIST}?min_position=1", {})] * 3, ("GET", LIST, {}))
    assert [one.status_code for one in answers] == [503, 503, 503, 200]


def test_a_key_has_a_rate(ask_with):
    ask = ask_with(HttpSettings(rate_per_second=0.5, rate_burst=3))
    answers = [ask("GET", WHY) for _ in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert [one.headers["ratelimit"].split(";")[:2] for one in answers] == [
        ['"key"', f"r={left}"] for left in (2, 1, 0, 0, 0)
    ]
    assert answers[0].headers["ratelimit-policy"] == '"key";q=3;w=6'
    refused(answers[-1], 429, "slow down")
    assert answers[-1].headers["retry-after"] in ("1", "2")
    assert ask("GET", WHY, headers=bearer("r")).status_code == 200
    assert ask("GET", "/health/live").status_code == 200


def test_a_bucket_fills_with_time():
    now = [0.0]
    buckets = Buckets(HttpSettings(rate_per_second=2, rate_burst=4), lambda: now[0])
    taken = 0
    for _ in range(1000):
        now[0] += 0.1
        with suppress(Problem):
            buckets.take("a")
            taken += 1
    assert taken == pytest.approx(2 * 100 + 4, abs=2)
    now[0] += 1000
    assert buckets.take("a")["RateLimit"] == '"key";r=3;t=1'
    assert buckets.take("b")["RateLimit"] == '"key";r=3;t=1'
    assert buckets.rejected == 1000 - taken


def test_a_long_head_is_refused(ask):
    refused(ask("GET", "/v1/why?candidate=" + "x" * 17_000), 414, "16384 bytes")
    refused(ask("GET", "/" + "x" * 17_000), 414, "16384 bytes")
    refused(ask("GET", WHY, headers={"X-Long": "x" * 17_000}), 431, "16384 bytes")
    refused(ask("GET", WHY, headers=[(f"X-{n}", "x") for n in range(3000)]), 431, "16384 bytes")
