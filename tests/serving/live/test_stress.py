"""The real service in trouble: what it answers meanwhile, and that it comes back by itself with all it acknowledged."""

import os
import resource
import signal
import time

import httpx
import pytest
from postgres import running_server
from running import Running, home_of, until

from serving.store import migrate


@pytest.fixture(scope="module")
def server():
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """A migrated store: its URL, and what takes it away and brings it back."""
    if request.param == "sqlite":
        away = tmp_path / "away"
        (tmp_path / "store").mkdir()
        away.mkdir()
        url = f"sqlite:///{tmp_path / 'store' / 'store.db'}"

        def move(source, target):
            for file in source.iterdir():
                file.rename(target / file.name)

        take, bring = lambda: move(tmp_path / "store", away), lambda: move(away, tmp_path / "store")
    else:
        server = request.getfixturevalue("server")
        url, take, bring = server.make_schema(), server.stop, server.start
    migrate(url)
    gone = []

    def take_away():
        gone.append(True)
        take()

    def bring_back():
        if gone:
            gone.clear()
            bring()

    yield url, take_away, bring_back
    bring_back()  # others use the same server


@pytest.fixture
def serving(live_market, tmp_path):
    """Starts a service over the market that ends now."""
    made = []

    def start(url, **settings):
        home = home_of(tmp_path / "home", market=live_market.bundle)
        made.append(Running(tmp_path / "running", home, url, **settings))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.__exit__(None)


def refused(answer, name, *words):
    """A problem 503 with Retry-After."""
    assert answer.status_code == 503, answer.text
    problem = answer.json()
    assert problem["type"] == f"urn:jobrec:problem:{name}", problem
    assert int(answer.headers["retry-after"]) >= 1
    for word in words:
        assert word in problem["detail"]


def listed(host, who, k=100):
    answer = host.ask("GET", f"/v1/candidates/{who}/recommendations?k={k}&explain=false")
    assert answer.status_code == 200, answer.text
    return [line["posting_id"] for line in answer.json()["recommendations"]]


def apply(number, who, posting):
    return {
        "event_id": f"e{number}",
        "candidate_id": who,
        "posting_id": posting,
        "type": "apply",
        "timestamp": time.time(),
    }


def apply_to(host, number, who, posting):
    answer = host.ask("POST", "/v1/events", {"events": [apply(number, who, posting)]})
    assert answer.status_code == 200, answer.text
    return answer.json()["position"]


def ready(host):
    return host.ask("GET", "/health/ready").json()


def test_the_store_goes_and_comes_back(place, serving, live_market):
    url, take, bring = place
    host, who = serving(url, workers=1), "c0000003"
    best = listed(host, who)
    apply_to(host, 1, who, best[0])
    assert host.ask("PUT", "/v1/candidates/kept", {"headline": "Nurse"}).status_code == 200
    take()
    until(lambda: any("the store is gone" in one for one in ready(host)["reasons"]), "that readiness tells it", 10)
    for number in range(30):  # from memory, and as it was acknowledged
        left = listed(host, who)
        assert best[0] not in left, number
    for method, path, body in (
        ("POST", "/v1/events", {"events": [apply(2, who, best[1])]}),
        ("PUT", "/v1/postings/half", {"title": "Half done"}),
        ("DELETE", f"/v1/postings/{best[2]}", None),
        ("GET", "/v1/candidates/kept", None),
    ):
        began = time.monotonic()
        refused(host.ask(method, path, body), "store")
        assert time.monotonic() - began < 8
    left = listed(host, who)  # nothing was half done; the order itself moves with the clock
    assert best[0] not in left
    assert {best[1], best[2]} <= set(left)
    bring()
    until(lambda: not ready(host)["reasons"], "that the store is back", 30)
    assert host.ask("GET", "/v1/candidates/kept").json() == {"candidate_id": "kept", "headline": "Nurse"}
    assert host.ask("GET", "/v1/postings/half").status_code == 404
    again = host.ask("POST", "/v1/events", {"events": [apply(2, who, best[1])]}).json()
    assert again["outcomes"] == [{"event_id": "e2", "outcome": "stored"}]
    assert not {best[0], best[1]} & set(listed(host, who))
    assert best[2] in listed(host, who)
    assert host.stop() == 0


def test_a_full_disk(serving, tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(url)
    host, who = serving(url, workers=1), "c0000004"
    best = listed(host, who)
    apply_to(host, 1, who, best[0])
    (worker,) = host.children("worker").values()
    limit = (tmp_path / "store.db-wal").stat().st_size
    before = resource.prlimit(worker, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    large = {"title": "Large", "description": "x" * 90_000}
    for number in range(5):
        refused(host.ask("PUT", f"/v1/postings/large{number}", large), "store", "cannot be used now")
        assert best[0] not in listed(host, who)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, before)
    assert host.ask("PUT", "/v1/postings/large", large).status_code == 200
    for number in range(5):
        assert host.ask("GET", f"/v1/postings/large{number}").status_code == 404
    apply_to(host, 2, who, best[1])
    assert not {best[0], best[1]} & set(listed(host, who))
    assert host.stop() == 0


def test_a_store_that_hangs_holds_up_no_list(server, serving):
    url = server.make_schema()
    migrate(url)
    host, who = serving(url, workers=1), "c0000005"
    best = listed(host, who)
    apply_to(host, 1, who, best[0])
    listed(host, who)
    processes = server.processes()
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        took = []
        for _ in range(20):
            began = time.monotonic()
            assert best[0] not in listed(host, who)
            took.append(time.monotonic() - began)
        assert sorted(took)[-2] < 1, took
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
    apply_to(host, 2, who, best[1])
    until(lambda: best[1] not in listed(host, who), "the event", 10)
    assert host.stop() == 0


def test_sigterm_drains(serving, tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(url)
    host = serving(url, workers=2, notice_seconds=1.0, drain_seconds=5.0)
    acknowledged, statuses, unready, number = [], [], 0, 0
    host.process.terminate()
    began, ended = time.monotonic(), None
    while ended is None:
        number += 1
        try:
            answer = httpx.put(f"{host.url}/v1/candidates/n{number}", json={"headline": "x"}, timeout=5)
            statuses.append(answer.status_code)
            acknowledged += [f"n{number}"] * (answer.status_code == 200)
            unready += httpx.get(f"{host.url}/health/ready", timeout=5).status_code == 503
        except (httpx.ConnectError, httpx.ReadError):  # reset: it still waited to be accepted when the door closed
            ended = time.monotonic() - began
        time.sleep(0.02)
    assert set(statuses) == {200}  # as long as the door is open, whoever comes is served
    assert 0.8 < ended < 10
    assert unready >= 3  # and was told before the door closed
    assert host.process.wait(20) == 0
    assert time.monotonic() - began < 30
    again = Running(tmp_path / "again", host_home(tmp_path), url, workers=1)
    with again:
        again.start()
        for one in acknowledged:
            assert again.ask("GET", f"/v1/candidates/{one}").status_code == 200
        assert again.stop() == 0


def host_home(tmp_path):
    from serving.bundles import Home

    return Home(tmp_path / "home")


@pytest.mark.long
def test_what_dies_or_hangs_comes_back(serving, tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(url)
    host = serving(url, workers=2, hung_seconds=1.0, http={"texts": {"threads": 2, "queue": 16, "seconds": 2}})
    profile = {"candidate": {"text": "Nurse, ten years in a hospital"}, "k": 5}
    until(lambda: host.ask("POST", "/v1/recommendations", profile).status_code == 200, "the encoder")

    first = host.children("worker")
    victim = next(iter(first))
    os.kill(first[victim], signal.SIGKILL)
    served = 0
    until(lambda: host.children("worker")[victim] != first[victim], "another worker")
    for _ in range(20):
        try:
            served += httpx.get(f"{host.url}/v1/candidates/c0000001/recommendations", timeout=5).status_code == 200
        except httpx.HTTPError:  # it was the victim's
            continue
    assert served >= 19

    second = host.children("worker")
    stopped = next(name for name in second if name != victim)
    os.kill(second[stopped], signal.SIGSTOP)
    until(lambda: host.children("worker")[stopped] != second[stopped], "a worker in the place of one that hangs", 15)

    host.wait_ready()
    until(lambda: host.ask("POST", "/v1/recommendations", profile).status_code == 200, "a worker")
    (encoder,) = host.children("encoder").values()
    os.kill(encoder, signal.SIGKILL)
    began = time.monotonic()
    refused(host.ask("POST", "/v1/recommendations", profile), "encoder")
    assert time.monotonic() - began < 3
    position = host.ask("PUT", "/v1/postings/waits", {"title": "Ward nurse for nights"}).json()["position"]
    assert len(listed(host, "c0000001")) > 10
    refused(host.ask("GET", f"/v1/candidates/c0000001/recommendations?min_position={position}"), "behind")
    until(lambda: host.ask("POST", "/v1/recommendations", profile).status_code == 200, "the encoder again", 30)
    until(lambda: ready(host)["indexed"] >= position, "that the newcomer is found", 10)
    assert host.stop() == 0
