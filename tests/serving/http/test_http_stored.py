"""Events, and documents as JSON lines."""

import json

import pytest
from asked import event, refused

from serving.http.settings import HttpSettings

LINES = {"Content-Type": "application/x-ndjson"}


def test_events(ask):
    batch = [event(1), event(2, "apply", value=0.5, request_id="r", rank=3, surface="home")]
    answer = ask("POST", "/v1/events", json={"events": batch}).json()
    assert answer["outcomes"] == [{"event_id": "e1", "outcome": "stored"}, {"event_id": "e2", "outcome": "stored"}]
    assert ask.service.store.held["event", "e2"][0] == batch[1]
    again = ask("POST", "/v1/events", json={"events": [event(1), event(2), event(3, "undo", posting_id="p0000002")]})
    assert [one["outcome"] for one in again.json()["outcomes"]] == ["duplicate", "conflict", "stored"]
    assert again.json()["position"] == answer["position"] + 1
    assert ask("GET", "/v1/candidates/new/recommendations").json()["known"] is True


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"type": "like"}, "events.1.type: Input should be 'impression', 'view'"),
        ({"timestamp": None}, "events.1.timestamp: Input should be a valid number"),
        ({"event_id": ""}, "events.1.event_id: String should have at least 1"),
        ({"event_id": "a\x00"}, "events.1.event_id: String should match"),
        ({"rank": 0}, "events.1.rank: Input should be greater"),
        ({"rank": 1.5}, "events.1.rank: Input should be a valid integer"),
        ({"value": -1}, "events.1.value: Input should be greater"),
        ({"page": 1}, "events.1.page: no such name; known are posting_id, type, "),
    ],
)
def test_a_bad_event_stops_its_batch(ask, changed, says):
    refused(ask("POST", "/v1/events", json={"events": [event(1), event(2, **changed)]}), 422, says)
    assert ask.service.store.held == {}


def test_a_batch_has_an_end(ask):
    refused(ask("POST", "/v1/events", json={"events": [event(n) for n in range(1001)]}), 422, "at most 1000")
    refused(ask("POST", "/v1/events", json={"events": []}), 422, "at least 1")


def test_a_bulk_answers_line_by_line(ask):
    lines = [
        b'{"posting_id": "a", "title": "x"}',
        b"",
        b'{"posting_id": "b"}',
        b"{",
        b'{"title": "x"}',
        b'{"posting_id": "\xff", "title": "x"}',
        b'{"posting_id": "a", "title": "x"}\r',
        b'{"posting_id": "c", "title": "y"}',
    ]
    answer = ask("POST", "/v1/postings/bulk", content=b"\n".join(lines), headers=LINES).json()
    assert (answer["accepted"], answer["refused"]) == (3, 4)
    found = {one["line"]: one.get("outcome") or one["problem"] for one in answer["lines"]}
    assert found.pop(4).startswith("the line is not JSON")
    assert found == {
        1: "stored",
        3: "title: Field required",
        5: "posting_id: Field required",
        6: "the line is not JSON: byte 16 is not UTF-8",
        7: "unchanged",
        8: "stored",
    }
    assert [one["id"] for one in answer["lines"]] == ["a", None, None, None, None, "a", "c"]
    assert {key for _, key in ask.service.store.held} == {"a", "c"}
    assert answer["position"] == ask.service.store.head


def test_a_bulk_is_stored_in_batches(ask_with):
    ask = ask_with(HttpSettings(bulk_batch=10, document_bytes=1000, bulk_bytes=50_000, bulk_lines=300))
    sizes, write = [], ask.service.write
    ask.service.write = lambda writes: sizes.append(len(writes)) or write(writes)
    lines = [json.dumps({"candidate_id": f"c{n}", "headline": "é" * (n % 7)}).encode() for n in range(45)]
    lines[7] = b'{"candidate_id": "' + b"x" * 2000 + b'"}'
    answer = ask("POST", "/v1/candidates/bulk", content=b"\n".join(lines) + b"\n", headers=LINES).json()
    assert sizes == [9, 10, 10, 10, 5]
    assert (answer["accepted"], answer["refused"]) == (44, 1)
    assert answer["lines"][7] == {"line": 8, "id": None, "problem": "the line is longer than the limit of 1000 bytes"}
    refused(ask("POST", "/v1/candidates/bulk", content=b"{}\n" * 301, headers=LINES), 413, "more than 300 lines")
    refused(ask("POST", "/v1/candidates/bulk", content=b"x" * 50_001, headers=LINES), 413, "50000 bytes", "0 lines")


def test_a_bulk_cut_short_says_what_was_stored(ask_with):
    ask = ask_with(HttpSettings(bulk_batch=10))
    write = ask.service.write

    def fail_later(writes):
        ask.service.broken = ask.service.store.head >= 20
        return write(writes)

    ask.service.write = fail_later
    lines = b"\n".join(json.dumps({"posting_id": f"p{n}", "title": "x"}).encode() for n in range(50))
    answer = ask("POST", "/v1/postings/bulk", content=lines, headers=LINES)
    refused(answer, 503, "does not answer", "20 lines were read, 20 of them stored")
    assert answer.headers["retry-after"] == "1"
    assert len(ask.service.store.held) == 20


def test_long_bodies_are_read_apart(ask):
    events = [event(number, surface="x" * 300) for number in range(500)]
    answer = ask("POST", "/v1/events", json={"events": events})
    assert [one["outcome"] for one in answer.json()["outcomes"]] == ["stored"] * 500
    document = {"title": "x", "description": "é" * 100_000}
    assert ask("PUT", "/v1/postings/long", json=document).status_code == 200
    assert ask("GET", "/v1/postings/long").json()["description"] == document["description"]
    refused(ask("PUT", "/v1/postings/long", json=document | {"skills": [1]}), 422, "skills.0: Input should be")
    profile = {"candidate": {"text": "nurse " * 10_000}, "k": 3}
    assert len(ask("POST", "/v1/recommendations", json=profile).json()["recommendations"]) == 3
