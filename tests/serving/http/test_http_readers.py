"""Clients that connect without end, or do not read what they asked for."""

import json
import socket
import time
from contextlib import ExitStack

import pytest
from asked import served
from memory_service import MemoryService
from test_http_server import head, read_answer, talk

from serving.http.app import create_app
from serving.http.settings import HttpSettings
from serving.http.wire import server_options


@pytest.fixture
def port(scorer):
    settings = HttpSettings(connections=5, read_seconds=1, keep_alive_seconds=30, retry_seconds=7)
    with served(create_app(MemoryService(scorer), settings), **server_options(settings)) as port:
        yield port


def test_connections_on_top_get_a_problem_and_go(port):
    with ExitStack() as lines:
        held = [lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(5)]
        on_top = lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        on_top.sendall(head("GET", "/health/live"))
        status, headers, body = read_answer(on_top)
        assert status == 503
        assert headers["content-type"] == "application/problem+json"
        assert headers["retry-after"] == "7"
        assert json.loads(body)["type"] == "urn:jobrec:problem:busy"
        for one in held:  # who was there before is served, whether or not the one on top is gone yet
            one.sendall(head("GET", "/health/live"))
            assert read_answer(one)[0] == 200
    until = time.monotonic() + 10
    while talk(port, head("GET", "/health/live"))[0] != 200:  # room again, as soon as the server saw them go
        assert time.monotonic() < until
        time.sleep(0.02)


def test_who_does_not_read_is_hung_up_on(port):
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", port))
        line.settimeout(0.2)
        asked = head("GET", "/openapi.json") * 20
        began, gone = time.monotonic(), False
        while not gone and time.monotonic() - began < 15:
            try:
                line.sendall(asked)
            except TimeoutError:
                assert talk(port, head("GET", "/health/live"))[0] == 200
            except OSError:
                gone = True
        assert gone
