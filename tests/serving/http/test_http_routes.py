"""What the routes answer over a real engine."""

import json
import logging
import time

import pytest
from asked import Asking, event, quoted, refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_service import MemoryService

from serving.http.app import stop_asking

LIST = "/v1/candidates/c0000001/recommendations"
VERSIONS = ("request_id", "bundle", "position", "indexed", "at", "ranker", "policy")
STRANGER = {"desired_titles": ["Registered nurse"], "skills": ["care"]}


class Written:
    """Keeps what is written to it."""

    def __init__(self):
        self.decisions = []

    def write(self, decision):
        self.decisions.append(decision)


def ids_of(answer):
    assert answer.status_code == 200, answer.text
    return [line["posting_id"] for line in answer.json()["recommendations"]]


def test_a_list_is_the_engine_s_and_names_its_versions(ask, scorer):
    answer = ask("GET", LIST + "?k=7")
    found = answer.json()
    assert [found[name] for name in VERSIONS[1:] if name != "at"] == ["market", 0, 0, "linear", "best"]
    assert abs(found["at"] - time.time()) < 60
    assert found["request_id"] == answer.headers["x-request-id"]
    assert found["known"] is True
    lines = scorer.recommend("c0000001", 7, scorer.as_of)
    assert len(lines) == 7
    for line, expected in zip(found["recommendations"], lines, strict=True):
        assert line["posting_id"] == expected.posting_id
        assert line["score"] == pytest.approx(expected.score, abs=1e-6)
        assert line["reasons"] == list(expected.reasons)
        assert line["rank"] == expected.rank


def test_a_stranger_is_no_error(ask):
    nobody = ask("GET", "/v1/candidates/nobody/recommendations?k=5")
    assert nobody.json()["known"] is False
    nothing = ask("POST", "/v1/recommendations", json={"k": 5})
    assert nothing.json()["known"] is False
    assert ids_of(nobody) == ids_of(nothing) != []


def test_a_profile_in_the_body_is_answered_and_not_stored(ask):
    answer = ask("POST", "/v1/recommendations", json={"candidate": STRANGER | {"candidate_id": "x"}, "k": 5})
    assert answer.json()["known"] is True
    assert ids_of(answer) != ids_of(ask("POST", "/v1/recommendations", json={"k": 5}))
    events = [{key: value for key, value in event(9).items() if key not in ("event_id", "candidate_id")}]
    with_history = ask("POST", "/v1/recommendations", json={"candidate": STRANGER, "events": events, "k": 5})
    scores = [line["score"] for one in (answer, with_history) for line in one.json()["recommendations"]]
    assert scores[:5] != scores[5:]
    assert ask.service.store.held == {}
    assert ask("GET", "/v1/candidates/x").status_code == 404


def test_what_was_stored_counts_from_its_position_on(ask):
    before = ids_of(ask("GET", "/v1/candidates/new/recommendations?k=5"))
    position = ask("PUT", "/v1/candidates/new", json=STRANGER).json()["position"]
    answer = ask("GET", f"/v1/candidates/new/recommendations?k=5&min_position={position}")
    assert answer.json()["position"] >= position
    assert answer.json()["known"] is True
    assert ids_of(answer) != before
    refused(ask("GET", f"/v1/candidates/new/recommendations?min_position={position + 1}"), 503, "not reached")
    behind = ask("POST", "/v1/recommendations", json={"min_position": position + 1})
    refused(behind, 503, "not reached")
    assert behind.headers["retry-after"] == "1"
    assert behind.json()["type"] == "urn:jobrec:problem:behind"


def test_scores_of_named_postings(ask):
    first, second = ids_of(ask("GET", LIST))[:2]
    for who in ({"candidate_id": "c0000001"}, {"profile": STRANGER}, {"candidate_id": "nobody"}, {"profile": {}}):
        found = ask("POST", "/v1/score", json=who | {"posting_ids": [second, "no such", first]}).json()
        assert [line["posting_id"] for line in found["scores"]] == [second, "no such", first]
        assert found["scores"][1] == {"posting_id": "no such", "score": None, "reasons": [], "status": "unknown"}
        assert set(VERSIONS) < set(found)
    both = {"candidate_id": "c", "profile": {}, "posting_ids": ["p"]}
    refused(ask("POST", "/v1/score", json=both), 422, "either candidate_id or profile")
    refused(ask("POST", "/v1/score", json={"posting_ids": ["p"]}), 422, "either candidate_id or profile")
    refused(ask("POST", "/v1/score", json={"candidate_id": "c", "posting_ids": []}), 422, "posting_ids: List")


def test_why(ask):
    first = ids_of(ask("GET", LIST))[0]
    found = ask("GET", "/v1/why", params={"candidate": "c0000001", "posting": first})
    assert found.status_code == 200
    assert len(found.json()["why"]) > 20
    refused(ask("GET", "/v1/why", params={"candidate": "nobody", "posting": first}), 404, "this candidate")
    refused(ask("GET", "/v1/why", params={"candidate": "c0000001", "posting": "none"}), 404, "none")
    refused(ask("GET", "/v1/why?candidate=c"), 422, "posting: Field required")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("k=0", "k: Input should be greater"),
        ("k=501", "k: Input should be less"),
        ("k=ten", "k: Input should be a valid integer"),
        ("k=", "k: Input should be a valid integer"),
        ("k=NaN", "k: Input should be a valid integer"),
        ("k=1&k=2", "given twice"),
        ("kk=1", "kk: no such name; did you mean k?"),
        ("remot=true", "remot: no such name; did you mean remote?"),
        ("wage=3", "wage: no such name; known are latitude, "),
        ("seniority=boss", "seniority: allowed are intern, junior, mid, senior, lead, executive; several"),
        ("employment=FULL", "employment: allowed are FULL_TIME, PART_TIME, "),
        ("language=e", "language: allowed are codes like en or en-US"),
        ("explain=perhaps", "explain.bool: Input should be a valid boolean"),
        ("min_position=-1", "min_position: Input should be greater"),
        ("min_position=99999999999999999999999", "min_position: Input should be less"),
        ("surface=%FF", "not UTF-8"),
        ("surface=%00", "surface: String should match"),
        ("&".join(f"a{n}=1" for n in range(40)), "more than 32"),
    ],
)
def test_a_query_is_checked(ask, query, says):
    refused(ask("GET", f"{LIST}?{query}"), 422, says)


def test_a_route_without_parameters_takes_none(ask):
    refused(ask("GET", "/v1/postings/x?a=1"), 422, "takes no parameters")


@pytest.mark.parametrize("kind", ["posting", "candidate"])
def test_documents_come_and_go(ask, kind):
    path, body = f"/v1/{kind}s/x", {"title": "Nurse"} if kind == "posting" else {"headline": "Nurse"}
    refused(ask("GET", path), 404, f"no {kind}")
    refused(ask("DELETE", path), 404, f"no {kind}")
    found = ask("PUT", path, json=body).json()
    assert (found["id"], found["outcome"], found["position"]) == ("x", "stored", 1)
    assert ask("PUT", path, json=body | {f"{kind}_id": "x"}).json()["outcome"] == "unchanged"
    stored = ask("GET", path).json()
    assert stored == body | {f"{kind}_id": "x"}
    assert ask("PUT", path, json=stored).json()["outcome"] == "unchanged"
    assert ask("DELETE", path).json()["position"] == 2
    refused(ask("GET", path), 404)


@pytest.fixture(scope="module")
def asking(scorer):
    asking = Asking(MemoryService(scorer))
    yield asking
    asking.close()


IDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=512)
AWKWARD = [
    "a/b",
    "/",
    "//",
    ".",
    "..",
    "../..",
    "%2F",
    "%",
    "a b",
    " ",
    "+",
    "?",
    "#",
    "é",
    "日本",
    "\U0001f600",
    "bulk",
]
AWKWARD += ["x/recommendations", "\n", "\r\n", "\x7f", '"', "\\", ";", "&a=b", "\ufeff", "é" * 512, "\U0001f600" * 512]


def round_trip(asking, key):
    for kind, body in (("posting", {"title": "x"}), ("candidate", {"headline": "x"})):
        path = f"/v1/{kind}s/{quoted(key)}"
        answer = asking("PUT", path, json=body | {f"{kind}_id": key})
        assert answer.status_code == 200, answer.text
        assert answer.json()["id"] == key
        assert asking("GET", path).json() == body | {f"{kind}_id": key}
    assert asking("GET", f"/v1/candidates/{quoted(key)}/recommendations?k=1").json()["candidate_id"] == key
    assert asking("DELETE", f"/v1/postings/{quoted(key)}").status_code == 200
    asking("DELETE", f"/v1/candidates/{quoted(key)}")


@pytest.mark.parametrize("key", AWKWARD)
def test_an_awkward_id_gives_itself_back(asking, key):
    round_trip(asking, key)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(IDS)
def test_any_id_gives_itself_back(asking, key):
    round_trip(asking, key)


@pytest.mark.parametrize("segment", ["%FF", "%C3", "%00", "a%00b", "%ED%A0%80", quoted("x" * 513)])
def test_what_is_no_id_is_refused(asking, segment):
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {"title": "x"})):
        refused(asking(method, f"/v1/postings/{segment}", json=body), 422, "path.id")
    refused(asking("GET", f"/v1/candidates/{segment}/recommendations"), 422, "path.id")


def test_reads_go_on_while_the_store_is_gone(ask):
    ask.service.broken = True
    for method, path, body in (
        ("PUT", "/v1/postings/x", {"title": "x"}),
        ("GET", "/v1/postings/x", None),
        ("DELETE", "/v1/candidates/x", None),
        ("POST", "/v1/events", {"events": [event(1)]}),
    ):
        answer = ask(method, path, json=body)
        refused(answer, 503, "the store does not answer")
        assert answer.headers["retry-after"] == "1"
    assert ids_of(ask("GET", LIST))


def test_health(ask):
    assert ask("GET", "/health/live").json() == {"live": True}
    found = ask("GET", "/health/ready")
    assert found.status_code == 200
    assert found.json()["ready"] is True
    ask.service.not_ready = ("the bundle is being read",)
    found = ask("GET", "/health/ready")
    assert found.status_code == 503
    assert found.json()["reasons"] == ["the bundle is being read"]


def test_not_ready_while_stopping(ask):
    stop_asking(ask.app)
    found = ask("GET", "/health/ready")
    assert found.status_code == 503
    assert found.json()["reasons"] == ["the service is stopping"]


def test_paths_and_methods_that_are_not_there(ask):
    for path in ("/", "/v1", "/v1/postings/", "/v1/postings", "/v1/postings/a/b", "/v1/why/", "/%2F", "/v1/candidates"):
        refused(ask("GET", path), 404, "no such path")
    answer = ask("POST", "/v1/postings/x")
    refused(answer, 405, "other methods")
    assert answer.headers["allow"] == "DELETE, GET, PUT"
    assert ask("PATCH", "/v1/postings/bulk").headers["allow"] == "DELETE, GET, POST, PUT"


def test_request_ids(ask):
    for sent, kept in (("abc-1.2:3_x", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("", False)):
        answer = ask("GET", LIST, headers={"X-Request-Id": sent})
        assert (answer.headers["x-request-id"] == sent) is kept
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    ids = {ask("GET", "/nowhere").headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_lists_are_written_down(ask_with, service):
    written = Written()
    ask = ask_with(service=service, decisions=written)
    answer = ask("GET", LIST + "?k=3&surface=home").json()
    ask("GET", "/v1/candidates/nobody/recommendations?k=2")
    ask("POST", "/v1/recommendations", json={"candidate": STRANGER, "k": 2, "surface": "mail"})
    ask("POST", "/v1/score", json={"candidate_id": "c0000001", "posting_ids": ["p0000001"]})
    assert [(one.candidate_id, one.surface) for one in written.decisions] == [
        ("c0000001", "home"),
        ("nobody", ""),
        (None, "mail"),
    ]
    first = written.decisions[0]
    assert all(getattr(first, name) == answer[name] for name in VERSIONS)
    lines = answer["recommendations"]
    assert [*first.postings] == [line["posting_id"] for line in lines]
    assert [*first.scores] == [line["score"] for line in lines]
    assert first.propensities == (1.0,) * 3
    assert [one.k for one in written.decisions] == [3, 2, 2]


def test_a_defect_tells_nothing_but_its_request(ask, caplog):
    def broken(*_):
        raise ZeroDivisionError("the profile says: my illness")

    ask.service.state = broken
    with caplog.at_level(logging.INFO, "jobrec"):
        answer = ask("GET", LIST)
    refused(answer, 500, answer.headers["x-request-id"])
    assert "illness" not in answer.text + caplog.text
    line = json.loads(next(one.getMessage() for one in caplog.records if one.name == "jobrec.http"))
    assert line["error"] == "ZeroDivisionError"
    assert any("test_http_routes.py" in place for place in line["at"])


def test_a_line_a_request_without_who_or_what(ask, caplog):
    with caplog.at_level(logging.INFO, "jobrec.access"):
        ask("PUT", "/v1/candidates/my-name", json={"headline": "my illness"}, headers={"X-Request-Id": "r1"})
        ask("GET", "/v1/candidates/my-name/recommendations?surface=s")
        ask("POST", "/v1/recommendations", json={"candidate": {"text": "my illness"}})
        ask("GET", "/my-name")
    lines = [json.loads(one.getMessage()) for one in caplog.records if one.name == "jobrec.access"]
    assert [(one["method"], one["route"], one["status"], one["key"]) for one in lines] == [
        ("PUT", "/v1/candidates/{id}", 200, "rw"),
        ("GET", "/v1/candidates/{id}/recommendations", 200, "rw"),
        ("POST", "/v1/recommendations", 200, "rw"),
        ("GET", "none", 404, None),
    ]
    assert lines[0]["request_id"] == "r1"
    assert all(one["ms"] > 0 and one["time"] > 1e9 for one in lines)
    assert "my-name" not in caplog.text
    assert "illness" not in caplog.text
