"""Bodies that are no documents, and lines out of pieces."""

import asyncio
import json
import time

import pytest
from asked import refused
from hypothesis import assume, given
from hypothesis import strategies as st

from serving.http.bodies import _depth, lines_of, parse
from serving.http.documents import EventBatch, Posting, canonical
from serving.http.problem import Problem
from serving.http.settings import HttpSettings

DEEP = HttpSettings().json_depth

HOSTILE = {
    "nothing": (b"", "not JSON"),
    "blank": (b"  ", "not JSON"),
    "cut": (b'{"title": "x"', "not JSON"),
    "bad utf-8": (b'{"title": "\xff"}', "byte 11 is not UTF-8"),
    "utf-16": ('{"title": "x"}'.encode("utf-16"), "not UTF-8"),
    "bom": (b'\xef\xbb\xbf{"title": "x"}', "BOM"),
    "nan": (b'{"title": "x", "salary_min": NaN}', "NaN is no JSON number"),
    "infinity": (b'{"title": "x", "salary_min": -Infinity}', "-Infinity is no JSON number"),
    "overflow": (b'{"title": "x", "salary_min": 1e999}', "salary_min: Input should be"),
    "nan in extra": (b'{"title": "x", "extra": {"a": 1e999}}', "extra.a.float: Input should be a finite number"),
    "twice": (b'{"title": "x", "title": "y"}', 'the key "title" stands twice'),
    "deep": (b'{"title": "x", "extra": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}", f"more than {DEEP} brackets"),
    "deep, never closed": (b"[" * 200_000, f"more than {DEEP} brackets"),
    "list": (b"[1]", "valid dictionary"),
    "text": (b'"x"', "valid dictionary"),
    "number": (b"1", "valid dictionary"),
    "null": (b"null", "valid dictionary"),
    "no title": (b"{}", "title: Field required"),
    "blank title": (b'{"title": " "}', "title: String should match"),
    "nul": (b'{"title": "a\\u0000"}', "title: String should match"),
    "half a pair": (b'{"title": "\\ud800"}', "title"),
    "half a pair in extra": (b'{"title": "x", "extra": {"a": "\\ud800"}}', "extra"),
    "half a pair as a key": (b'{"title": "x", "\\ud800": 1}', "unable to parse"),
    "nul in extra": (b'{"title": "x", "extra": {"a": ["\\u0000"]}}', "extra: a text holds the character NUL"),
    "unknown key": (b'{"title": "x", "tittle": 1}', "tittle: no such name; did you mean title?"),
    "unknown key inside": (
        b'{"title": "x", "locations": [{"town": "y"}]}',
        "locations.0.town: no such name; known are city, region, country",
    ),
    "number in quotes": (b'{"title": "x", "salary_min": "1"}', "salary_min: Input should be a valid number"),
    "yes": (b'{"title": "x", "remote": 1}', "remote: Input should be a valid boolean"),
    "true is no number": (b'{"title": "x", "salary_min": true}', "salary_min: Input should be a valid number"),
    "true is no time": (b'{"title": "x", "date_posted": true}', "date_posted: Input should be a valid number"),
    "digits": (b'{"title": "x", "salary_min": ' + b"9" * 5000 + b"}", "more than 20 digits"),
    "inexact": (b'{"title": "x", "extra": {"a": 9007199254740993}}', "beyond 2^53"),
    "far": (b'{"title": "x", "locations": [{"latitude": 91}]}', "locations.0.latitude: Input should be less"),
    "milliseconds": (b'{"title": "x", "date_posted": 1700000000000}', "date_posted: Input should be less"),
    "no time": (b'{"title": "x", "date_posted": "yesterday"}', "neither a number of seconds since 1970 nor"),
    "two lines": (b'{"title": "x", "skills": ["a\\nb"]}', "skills.0: String should match"),
    "another id": (b'{"title": "x", "posting_id": "y"}', "posting_id: not the id in the path"),
    "long": (json.dumps({"title": "x" * 501}).encode(), "title: String should have at most 500"),
    "many": (json.dumps({"title": "x", "skills": ["a"] * 201}).encode(), "skills: List should have at most 200"),
    "extra": (json.dumps({"title": "x", "extra": {"a": [0] * 1001}}).encode(), "extra: holds more than 1000"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_posting_is_refused_in_one_line(ask, name):
    raw, says = HOSTILE[name]
    answer = ask("PUT", "/v1/postings/p", content=raw, headers={"Content-Type": "application/json"})
    refused(answer, 422, says)
    assert ask.service.store.held == {}


@pytest.mark.parametrize("name", ["deep, never closed", "nan", "bad utf-8", "twice", "list"])
@pytest.mark.parametrize("path", ["/v1/recommendations", "/v1/score", "/v1/events"])
def test_every_route_with_a_body_refuses_it(ask, name, path):
    answer = ask("POST", path, content=HOSTILE[name][0], headers={"Content-Type": "application/json"})
    refused(answer, 422)


def test_what_was_sent_is_not_repeated(ask):
    secret = "my illness"
    body = {"headline": 1, "summary": [secret], "seniority": {"a": secret}, "skills": [secret * 50]}
    answer = ask("PUT", "/v1/candidates/c", json=body)
    refused(answer, 422, "headline: Input should be a valid string (and 3 more)")
    assert len(answer.json()["errors"]) == 4
    assert secret not in answer.text


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "a" * 5000]
)
def test_a_body_says_what_it_is(ask, kind):
    headers = {"Content-Type": kind}
    refused(ask("PUT", "/v1/postings/p", content=b'{"title": "x"}', headers=headers), 415, "application/json")
    refused(ask("POST", "/v1/postings/bulk", content=b"{}", headers=headers), 415, "application/x-ndjson")


def test_a_charset_may_be_named(ask):
    headers = {"Content-Type": 'application/JSON; charset="UTF-8"'}
    assert ask("PUT", "/v1/postings/p", content=b'{"title": "x"}', headers=headers).status_code == 200


def test_a_compressed_body_is_refused(ask):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    refused(ask("PUT", "/v1/postings/p", content=b"x", headers=headers), 415, "compressed")


def test_a_long_body_is_refused_by_its_own_word_and_while_it_is_read(ask_with):
    ask = ask_with(HttpSettings(document_bytes=1000, request_bytes=2000))
    headers = {"Content-Type": "application/json"}
    read = []

    async def endless():
        for _ in range(100_000):
            read.append(500)
            yield b"x" * 500

    for method, path, limit in (("PUT", "/v1/postings/p", 1000), ("POST", "/v1/events", 2000)):
        answer = ask(method, path, content=b"x" * (limit + 1), headers=headers)
        refused(answer, 413, f"limit of {limit} bytes")
        assert answer.headers["connection"] == "close"
        read.clear()
        refused(ask(method, path, content=endless(), headers=headers), 413, f"limit of {limit} bytes")
        assert sum(read) <= limit + 1000
        refused(ask(method, path, content=b"x" * limit, headers=headers), 422, "not JSON")


def test_a_slow_body_is_not_waited_for(ask_with):
    async def stalling():
        yield b'{"title":'
        await asyncio.sleep(5)
        yield b'"x"}'

    ask = ask_with(HttpSettings(body_seconds=0.2))
    began = time.monotonic()
    answer = ask("PUT", "/v1/postings/p", content=stalling(), headers={"Content-Type": "application/json"})
    refused(answer, 408, "in time")
    assert time.monotonic() - began < 2


JSONS = st.recursive(
    st.none() | st.booleans() | st.text(alphabet='[]{}"\\a,é', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[]{}"\\b', max_size=4), inner, max_size=3)
    ),
    max_leaves=20,
)


def nesting(value):
    if isinstance(value, dict):
        return 1 + max(map(nesting, value.values()), default=0)
    return 1 + max(map(nesting, value), default=0) if isinstance(value, list) else 0


@given(JSONS, st.booleans())
def test_depth_counts_brackets_outside_texts(value, ascii):
    assert _depth(json.dumps(value, ensure_ascii=ascii).encode()) == nesting(value)


@pytest.mark.parametrize("raw", [b'"' * 300_000, b'\\"' * 300_000, b'"\\' * 300_000, b'[{"' * 300_000])
def test_depth_takes_linear_time(raw):
    began = time.monotonic()
    with pytest.raises(Problem):
        parse(raw, Posting, 16)
    assert time.monotonic() - began < 3


@given(st.lists(st.binary(max_size=12)), st.integers(1, 6))
def test_lines_do_not_depend_on_how_they_are_cut(chunks, longest):
    async def collect():
        async def stream():
            for chunk in chunks:
                yield chunk

        return [one async for one in lines_of(stream(), longest)]

    whole = b"".join(chunks).split(b"\n")
    if not whole[-1]:
        whole.pop()
    expected = [(number, line if len(line) <= longest else None) for number, line in enumerate(whole, 1)]
    expected = [(number, line) for number, line in expected if line is None or line.strip()]
    assert asyncio.run(collect()) == expected


def test_the_canonical_form():
    raw = json.dumps(
        {"title": "x", "description": None, "company": "", "skills": [], "remote": False, "salary_min": 0}
        | {"locations": [{}, {"city": "A", "region": ""}], "date_posted": "2026-05-31T10:00:00+02:00"}
        | {"valid_through": "2026-06-01", "extra": {"a": None, "b": [], "c": ""}}
    ).encode()
    assert canonical(parse(raw, Posting, 16)) == {
        "title": "x",
        "remote": False,
        "salary_min": 0.0,
        "locations": [{"city": "A"}],
        "date_posted": 1780214400.0,
        "valid_through": 1780272000.0,
        "extra": {"a": None, "b": [], "c": ""},
    }


MOMENTS = st.datetimes(timezones=st.timezones() | st.none())


@given(MOMENTS)
def test_a_moment_is_the_same_in_both_forms(moment):
    written = moment.isoformat()
    event = {"event_id": "e", "candidate_id": "c", "posting_id": "p", "type": "view"}
    try:
        parsed = parse(json.dumps({"events": [event | {"timestamp": written}]}).encode(), EventBatch, 16)
    except Problem:
        assume(moment.year not in (1, 9999))  # a zone may carry the first and the last day beyond these years
        raise
    seconds = parsed.events[0].timestamp
    again = parse(json.dumps({"events": [event | {"timestamp": seconds}]}).encode(), EventBatch, 16)
    assert again.events[0].timestamp == seconds
    if moment.tzinfo is not None:
        assert seconds == moment.timestamp()
