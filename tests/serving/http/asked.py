"""Ways to ask the app: in this process, and over a socket."""

import asyncio
import threading
import time
from contextlib import contextmanager

import httpx
import uvicorn

from serving.http.app import create_app
from serving.http.settings import HttpSettings

BASE = "http://127.0.0.1"


def quoted(text):
    """Every byte in percent-encoding, so that no client tidies it up."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


class Asking:
    """An app and an event loop in which it answers; every answer is checked for what each must have."""

    def __init__(self, service, settings=None, decisions=None, key="rw"):
        self.service = service
        self.app = create_app(service, settings or HttpSettings(), decisions)
        self.runner = asyncio.Runner()
        headers = {"Authorization": f"Bearer jr_{key}_secret"} if key else {}
        transport = httpx.ASGITransport(self.app)
        self.client = httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)

    def __call__(self, method, url, **given):
        return self.together((method, url, given))[0]

    def together(self, *requests):
        async def ask():
            asked = (self.client.request(method, url, **given) for method, url, given in requests)
            return await asyncio.gather(*asked)

        answers = self.runner.run(ask())
        for one in answers:
            check(one)
        return answers

    def close(self):
        self.runner.run(self.client.aclose())
        self.app.state.desk.lanes.close()
        self.runner.close()


def check(answer):
    """What every answer must have."""
    assert answer.headers["x-request-id"]
    assert answer.headers["cache-control"] in ("no-store", "private")
    if answer.status_code >= 400 and "ready" not in answer.text:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert problem["type"].startswith("urn:jobrec:problem:")
        assert problem["title"]
        assert problem["detail"]
        assert "\n" not in problem["detail"]
        assert "Traceback" not in answer.text


def refused(answer, status, *words):
    """The answer is this problem, and its line says these words."""
    assert answer.status_code == status, answer.text
    for word in words:
        assert word in answer.json()["detail"]


@contextmanager
def served(app, **options):
    """The app behind a real server on a free port of loopback; gives the port."""
    config = uvicorn.Config(
        app, **{"access_log": False} | options | {"host": "127.0.0.1", "port": 0, "log_config": None}
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def event(number, kind="view", **changed):
    """An event as a customer sends it."""
    made = {"event_id": f"e{number}", "candidate_id": "new", "posting_id": f"p{number:07d}", "type": kind}
    return made | {"timestamp": 1_750_000_000.0} | changed
