"""Behind a real server: bytes on the wire that no well-meaning client sends."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from asked import quoted, served
from memory_service import MemoryService

from serving.http.app import create_app
from serving.http.settings import HttpSettings, LaneSettings
from serving.http.wire import server_options


@pytest.fixture(scope="module")
def port(scorer):
    store = LaneSettings(threads=2, queue=100, seconds=10)
    settings = HttpSettings(body_seconds=1, head_seconds=1, keep_alive_seconds=2, store=store)
    with served(create_app(MemoryService(scorer), settings), **server_options(settings)) as port:
        yield port


def talk(port, *pieces, wait=0.0, timeout=20.0):
    """Send bytes as they are; gives status, headers and body of the first answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as line:
        for piece in pieces:
            try:
                line.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):  # refused before everything was sent
                break
            time.sleep(wait)
        return read_answer(line)


def read_answer(line):
    got = b""
    while b"\r\n\r\n" not in got:
        piece = line.recv(65536)
        assert piece, "the server hung up without an answer"
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += line.recv(65536)
    return int(first.split()[1]), headers, body


def head(method, path, *lines):
    lines = (f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Authorization: Bearer jr_rw_secret", *lines, "", "")
    return "\r\n".join(lines).encode("latin-1")


def put(path, body):
    length = f"Content-Length: {len(body)}"
    return head("PUT", path, "Content-Type: application/json", length) + body


@pytest.mark.parametrize("key", ["a/b", "..", ".", "a b", "+", "日本", "?#%", "\x01\x7f", "bulk", "é" * 512])
def test_ids_survive_the_server(port, key):
    path = f"/v1/postings/{quoted(key)}"
    status, _, body = talk(port, put(path, b'{"title": "x"}'))
    assert status == 200, body
    status, _, body = talk(port, head("GET", path))
    assert status == 200, body
    assert json.loads(body) == {"posting_id": key, "title": "x"}


def test_fifty_megabytes_are_refused_by_their_word(port):
    began = time.monotonic()
    declared = head("PUT", "/v1/postings/x", "Content-Type: application/json", "Content-Length: 50000000")
    status, headers, body = talk(port, declared)
    assert status == 413
    assert headers["connection"] == "close"
    assert b"limit of 1000000 bytes" in body
    bulk = head("POST", "/v1/postings/bulk", "Content-Type: application/x-ndjson", "Content-Length: 50000000")
    assert talk(port, bulk)[0] == 413
    assert time.monotonic() - began < 3


def test_fifty_megabytes_in_chunks_are_refused_while_they_come(port):
    chunk = b"%x\r\n" % 100_000 + b"[" * 100_000 + b"\r\n"
    line = head("POST", "/v1/events", "Content-Type: application/json", "Transfer-Encoding: chunked")
    sent = 0

    def pieces():
        nonlocal sent
        yield line
        for _ in range(500):
            sent += 1
            yield chunk

    status, headers, body = talk(port, *pieces())
    assert status == 413
    assert b"limit of 4000000 bytes" in body


@pytest.mark.parametrize("length", ["-1", "abc", "1, 2", "9" * 30])
def test_a_length_that_is_none(port, length):
    status, _, _ = talk(
        port, head("PUT", "/v1/postings/x", "Content-Type: application/json", f"Content-Length: {length}")
    )
    assert 400 <= status < 500


def test_a_body_that_never_ends_is_not_waited_for(port):
    began = time.monotonic()
    stalled = head("PUT", "/v1/postings/x", "Content-Type: application/json", "Content-Length: 100") + b'{"title"'
    status, headers, body = talk(port, stalled)
    assert status == 408
    assert headers["content-type"] == "application/problem+json"
    assert 0.8 < time.monotonic() - began < 5


@pytest.mark.parametrize(
    "begun", [b"", b"GET /health/live HT", b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-A:", b"\r\n"]
)
def test_a_head_that_never_ends_is_not_waited_for(port, begun):
    began = time.monotonic()
    status, headers, body = talk(port, begun)
    assert status == 408
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["type"] == "urn:jobrec:problem:head-too-slow"
    assert 0.8 < time.monotonic() - began < 5


def test_a_head_without_end_is_cut_off(port):
    line = b"X-Long: " + b"a" * 8000 + b"\r\n"
    status, _, body = talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n", *[line] * 5000)
    assert status == 431
    assert json.loads(body)["type"] == "urn:jobrec:problem:headers-too-long"


@pytest.mark.parametrize("then", [b"", b"\r\n", b"GET /hea"])
def test_an_idle_connection_is_closed_in_the_end(port, then):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(head("GET", "/health/live"))
        assert read_answer(line)[0] == 200
        line.sendall(head("GET", "/health/live"))  # the connection is kept, and no timer of the first head is left
        assert read_answer(line)[0] == 200
        began = time.monotonic()
        line.sendall(then)
        while line.recv(65536):
            pass
        assert 0.8 < time.monotonic() - began < 5


def test_a_client_that_hangs_up_hurts_nobody(port):
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(head("PUT", "/v1/postings/x", "Content-Type: application/json", "Content-Length: 9") + b"{")
    assert talk(port, head("GET", "/health/live"))[0] == 200


@pytest.mark.parametrize(
    "line",
    [
        b"GET /v1/postings/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET http://other/v1/why HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_heads_that_are_none(port, line):
    status, headers, body = talk(port, line)
    assert 400 <= status < 500
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["status"] == status
    assert talk(port, head("GET", "/health/live"))[0] == 200


def test_a_bulk_in_small_pieces(port):
    lines = b"".join(b'{"posting_id": "s%d", "title": "x"}\n' % n for n in range(1200))
    chunks = [lines[at : at + 997] for at in range(0, len(lines), 997)]
    pieces = [b"%x\r\n%b\r\n" % (len(one), one) for one in chunks]
    begin = head("POST", "/v1/postings/bulk", "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked")
    status, _, body = talk(port, begin, *pieces, b"0\r\n\r\n")
    assert status == 200
    found = json.loads(body)
    assert (found["accepted"], found["refused"], len(found["lines"])) == (1200, 0, 1200)
    assert [one["line"] for one in found["lines"]] == list(range(1, 1201))


def test_many_at_once_and_a_stop_that_drains(scorer):
    service = MemoryService(scorer)
    asked, read, slow = threading.Event(), service.state, 0.5

    def state(min_position=None):
        asked.set()
        time.sleep(slow)
        return read(min_position)

    service.state = state
    app = create_app(service, HttpSettings(engine=LaneSettings(threads=4, queue=10, seconds=10)))
    with ThreadPoolExecutor(4) as clients:
        with served(app) as port:
            request = head("GET", "/v1/candidates/c0000001/recommendations?k=3")
            answers = [clients.submit(talk, port, request) for _ in range(4)]
            assert asked.wait(10)
            time.sleep(0.1)
        assert app.state.desk.stopping
        for one in answers:
            status, _, body = one.result()
            assert status == 200
            assert len(json.loads(body)["recommendations"]) == 3
