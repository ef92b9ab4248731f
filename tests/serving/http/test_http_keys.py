"""Every route of the app, with no key, a wrong one, one that may not, and one that may."""

import pytest
from asked import Asking, refused
from fastapi.routing import APIRoute
from in_process import InProcess
from memory_service import MemoryService
from pydantic import ValidationError

from serving.http.app import create_app
from serving.http.auth import admit, digest
from serving.http.problem import Problem
from serving.http.settings import HttpSettings, is_loopback

#: Everything that may be asked without a key; whoever adds a route here must mean it.
HEALTH = {("GET", "/health/live"), ("GET", "/health/ready")}
#: Asked with the token of a mail, which stands for the key.
BY_TOKEN = {
    ("GET", "/v1/alerts/{id}/unsubscribe"),
    ("POST", "/v1/alerts/{id}/unsubscribe"),
    ("GET", "/v1/alerts/{id}/feed.atom"),
}
NEED_NO_KEY = HEALTH | BY_TOKEN
#: Made by FastAPI: the description of the API.
PAPER = {"/docs", "/openapi.json", "/docs/oauth2-redirect"}

APP = create_app(MemoryService(None), HttpSettings())
ROUTES = [
    (method, route.path) for route in APP.routes if isinstance(route, APIRoute) for method in sorted(route.methods)
]
GUARDED = [one for one in ROUTES if one not in NEED_NO_KEY]
ALERT = {
    "candidate_id": "c0000001",
    "name": "Nurses",
    "address": "me@people.example",
    "cadence": "daily",
    "words": "nurse",
}
BODIES = {
    "/v1/postings/{id}": {"json": {"title": "Nurse"}},
    "/v1/candidates/{id}": {"json": {"headline": "Nurse"}},
    "/v1/recommendations": {"json": {}},
    "/v1/candidates/{id}/recommendations": {"json": {}},
    "/v1/candidates/{id}/mutes": {"json": {"postings": ["p0000001"]}},
    "/v1/alerts/{id}": {"json": ALERT},
    "/v1/search": {"json": {"q": "nurse"}},
    "/v1/score": {"json": {"candidate_id": "c0000001", "posting_ids": ["p0000001"]}},
    "/v1/events": {
        "json": {"events": [{"event_id": "e", "candidate_id": "c", "posting_id": "p", "type": "view", "timestamp": 1}]}
    },
    "/v1/postings/bulk": {"content": b'{"posting_id": "1", "title": "x"}'},
    "/v1/candidates/bulk": {"content": b'{"candidate_id": "1"}'},
}
QUERIES = {
    "/v1/why": "?candidate=c0000001&posting=p0000001",
    "/v1/search": "?q=nurse",
    "/v1/browse": "?latitude=40&longitude=-74&within_km=9",
}


def scope_of(method, path):
    """What the published document says that a route needs."""
    text = APP.openapi()["paths"][path][method.lower()]["description"]
    return text.removeprefix("Needs a key with the scope ").partition(".")[0]


def request(method, path, key):
    has_body = method in ("PUT", "POST") or (method == "DELETE" and path.endswith("/mutes"))
    given = dict(BODIES.get(path, {})) if has_body else {}
    headers = {} if key is None else {"Authorization": key}
    asked = QUERIES.get(path, "") if method == "GET" else ""
    if "content" in given:
        headers["Content-Type"] = "application/x-ndjson"
    return method, path.replace("{id}", "c0000001") + asked, given | {"headers": headers}


def ask(asking, method, path, key):
    return asking.together(request(method, path, key))[0]


@pytest.fixture(scope="module")
def whole(market, tmp_path_factory):
    """The real service."""
    whole = InProcess(tmp_path_factory.mktemp("whole"), market.bundle)
    yield whole.service
    whole.close()


@pytest.fixture
def asking(whole):
    asking = Asking(whole, key=None)
    asking("PUT", "/v1/postings/c0000001", json={"title": "x"}, headers={"Authorization": "Bearer jr_w_secret"})
    asking("PUT", "/v1/candidates/c0000001", json={}, headers={"Authorization": "Bearer jr_w_secret"})
    asking("PUT", "/v1/alerts/c0000001", json=ALERT, headers={"Authorization": "Bearer jr_w_secret"})
    yield asking
    asking.close()


def test_every_other_route_is_the_api_s_description():
    assert {route.path for route in APP.routes} - {path for _, path in ROUTES} == PAPER
    assert len(GUARDED) >= 14


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_guarded_route_wants_the_right_key(asking, method, path):
    wanted = scope_of(method, path)
    assert wanted in ("read", "write", "admin", "people")
    before = asking.service.readiness().head
    answer = ask(asking, method, path, None)
    refused(answer, 401, "no API key")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    for wrong in (
        "Bearer jr_rw_guess",
        "Bearer jr_nobody_secret",
        "Bearer",
        "Basic jr_rw_secret",
        "Bearer xx_rw_secret",
    ):
        answer = ask(asking, method, path, wrong)
        refused(answer, 401, "not valid")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for key, scope in (("r", "read"), ("w", "write"), ("a", "admin"), ("p", "people")):
        if scope != wanted:
            refused(ask(asking, method, path, f"Bearer jr_{key}_secret"), 403, f"lacks the scope {wanted}")
    assert asking.service.readiness().head == before
    answer = ask(asking, method, path, f"Bearer jr_{wanted[0]}_secret")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("method", "path"), sorted(HEALTH))
def test_health_needs_no_key(asking, method, path):
    assert ask(asking, method, path, None).status_code == 200


@pytest.mark.parametrize(("method", "path"), sorted(BY_TOKEN))
@pytest.mark.parametrize("token", ["", "?token=x", "?token=" + "0" * 64])
def test_without_its_token_an_alert_tells_nothing(asking, method, path, token):
    assert asking(method, path.replace("{id}", "c0000001") + token).status_code in (404, 422)


def test_the_key_is_looked_at_before_the_body(asking):
    answer = asking("PUT", "/v1/postings/x", content=b"\xff{" * 10)
    refused(answer, 401)


def test_an_unknown_id_is_no_way_in():
    scope = {"headers": [(b"authorization", b"Bearer jr_nobody_x")]}
    with pytest.raises(Problem) as caught:
        admit(MemoryService(None), HttpSettings(), scope, "read")
    assert caught.value.status == 401


def test_a_secret_may_hold_what_separates_keys():
    service = MemoryService(None)
    service._keys["k"] = (digest("a_b_ü"), ("read",))
    scope = {"headers": [(b"authorization", "Bearer jr_k_a_b_ü".encode())]}
    with pytest.raises(Problem):
        admit(service, HttpSettings(), scope, "write")
    service._keys["k"] = (digest("a_b"), ("read",))
    assert admit(service, HttpSettings(), {"headers": [(b"authorization", b"bearer  jr_k_a_b")]}, "read") == "k"


def test_open_is_for_loopback_only(ask_with):
    with pytest.raises(ValidationError, match=r"loopback only, not on 0\.0\.0\.0"):
        HttpSettings(open=True, host="0.0.0.0")
    asking = ask_with(HttpSettings(open=True), key=None)
    assert asking("GET", "/v1/candidates/c0000001/recommendations").status_code == 200
    refused(asking("GET", "http://10.1.2.3/v1/candidates/c0000001/recommendations"), 401)
    refused(asking("GET", "/v1/why?candidate=c&posting=p", headers={"Authorization": "Bearer jr_r_guess"}), 401)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example", ""])
def test_what_others_reach_is_no_loopback(host):
    assert not is_loopback(host)


def test_metrics_may_be_open(ask_with):
    assert ask_with(HttpSettings(open_metrics=True), key=None)("GET", "/metrics").status_code == 200
