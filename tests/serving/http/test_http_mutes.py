"""Mutes over HTTP, on the small market."""

import pytest
from asked import refused

CANDIDATE = "/v1/candidates/new"
MUTES = f"{CANDIDATE}/mutes"
LIST = f"{CANDIDATE}/recommendations"


def ids_of(answer):
    assert answer.status_code == 200, answer.text
    return [line["posting_id"] for line in answer.json()["recommendations"]]


def outcome(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["outcome"]


def test_muting_and_taking_it_back(ask):
    first = ids_of(ask("GET", LIST))
    body = {"postings": first[:2], "employers": ["Nobody Ltd"]}
    assert outcome(ask("POST", MUTES, json=body)) == "stored"
    assert outcome(ask("POST", MUTES, json=body)) == "unchanged"
    assert not set(first[:2]) & set(ids_of(ask("GET", LIST)))
    assert not set(first[:2]) & set(ids_of(ask("GET", f"{LIST}?personal=false")))
    held = ask("GET", MUTES).json()
    assert {name: held[name] for name in ("postings", "employers", "interests")} == body | {"interests": []}
    assert outcome(ask("DELETE", MUTES, json={"postings": first[:2]})) == "stored"
    assert outcome(ask("DELETE", MUTES, json={"postings": first[:2]})) == "unchanged"
    assert ids_of(ask("GET", LIST)) == first


def test_a_document_that_does_not_name_mutes_keeps_them(ask):
    ask("PUT", CANDIDATE, json={"text": "welder", "muted_postings": ["a"], "muted_interests": ["Cook"]})
    ask("PUT", CANDIDATE, json={"text": "cook", "muted_interests": []})
    held = ask("GET", MUTES).json()
    assert (held["postings"], held["interests"]) == (["a"], [])
    ask("PUT", CANDIDATE, json={"text": "cook", "muted_postings": None})
    assert ask("GET", MUTES).json()["postings"] == ["a"]


def test_a_stranger_mutes_in_the_body(ask):
    body = {"candidate": {"text": "welder"}, "k": 5}
    first = ids_of(ask("POST", "/v1/recommendations", json=body))
    body["candidate"]["muted_postings"] = first[:1]
    for personal in (True, False):
        assert first[0] not in ids_of(ask("POST", "/v1/recommendations", json=body | {"personal": personal}))
    empty = ask("POST", "/v1/recommendations", json={"candidate": {"muted_postings": []}})
    assert empty.json()["known"] is False


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"postings": "p"}, "postings: Input should be a valid list"),
        ({"postings": [""]}, "postings.0: String should have at least 1"),
        ({"employers": ["a\x00"]}, "employers.0: String should match"),
        ({"employers": ["a\nb"]}, "employers.0: String should match"),
        ({"interests": ["x"] * 51}, "interests: List should have at most 50"),
        ({"titles": []}, "titles: no such name; known are postings, employers, interests"),
        ([], "Input should be a valid dictionary"),
    ],
)
def test_a_wrong_body_is_a_problem(ask, body, where):
    for method in ("POST", "DELETE"):
        refused(ask(method, MUTES, json=body), 422, where)
    assert ask.service.store.held == {}


def test_more_than_may_be_is_a_problem(ask):
    assert outcome(ask("POST", MUTES, json={"interests": [f"work {n}" for n in range(50)]})) == "stored"
    refused(ask("POST", MUTES, json={"interests": ["another"]}), 422, "more would be muted than 1,000 postings")


def test_writing_needs_the_scope_and_reading_too(ask_with, service):
    reader, writer = ask_with(service=service, key="r"), ask_with(service=service, key="w")
    refused(reader("POST", MUTES, json={}), 403)
    refused(writer("GET", MUTES), 403)


def test_why_takes_filters(ask):
    known = "/v1/candidates/c0000001/recommendations"
    first = ids_of(ask("GET", known))[0]
    why = f"/v1/why?candidate=c0000001&posting={first}"
    assert ask("GET", f"{why}&pay_least=0").json()["why"].startswith("listed: rank 1")
    assert ask("GET", f"{why}&muted_postings=x,{first}").json()["why"] == (
        "not eligible: it does not pass the filter muted_postings"
    )
    assert "rank" in ask("GET", f"{why}&personal=false&k=500").json()["why"]
    refused(ask("GET", f"{why}&pay_least=5&pay_currency=XXX"), 422, "no rate is known for XXX")
    refused(ask("GET", f"{why}&latitude=3"), 422, "place needs")
    assert first not in ids_of(ask("GET", f"{known}?muted_postings={first}"))


def test_not_interested_is_one_event_and_an_undo_brings_it_back(ask):
    first = ids_of(ask("GET", LIST))
    event = {"candidate_id": "new", "posting_id": first[0], "timestamp": 1.0}
    ask("POST", "/v1/events", json={"events": [event | {"event_id": "1", "type": "dismiss"}]})
    assert first[0] not in ids_of(ask("GET", LIST))
    assert first[0] not in ids_of(ask("GET", f"{LIST}?personal=false"))
