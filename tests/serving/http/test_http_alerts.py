"""Alerts over HTTP: stored and read, refused where they are wrong, ended by one click, read as a feed."""

import threading
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from asked import quoted, refused

from serving.alerts.render import Renderer
from serving.alerts.settings import AlertSettings
from serving.alerts.token import link, token
from serving.http.settings import HttpSettings, LaneSettings
from serving.store import Store, Write, migrate
from serving.store.alerts import AlertBook
from serving.store.ledger import Ledger
from serving.store.mails import Mail, Step
from serving.store.turn import Turn

ATOM = "{http://www.w3.org/2005/Atom}"
BODY = {
    "candidate_id": "c0000001",
    "name": "Cooks in town",
    "address": "me@people.example",
    "filters": {"remote": True},
    "words": "line cook",
    "cadence": "instant",
}


@pytest.fixture
def store(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(url)
    with Store.open(url) as store:
        yield store


@pytest.fixture
def ask(ask_with, service, store):
    service.alerts = AlertBook(store)
    return ask_with(service=service)


def put(ask, alert_id="a", **changed):
    return ask("PUT", f"/v1/alerts/{quoted(alert_id)}", json=BODY | changed)


def page_of(ask, store, alert_id, purpose):
    alert = AlertBook(store).get(alert_id)
    parts = urlsplit(link("http://x", AlertBook(store).secret, purpose, alert_id, alert.created))
    return f"{parts.path}?{parts.query}"


def test_an_alert_is_stored_read_changed_and_taken_away(ask, store):
    put_first = put(ask, "a/b")
    assert put_first.json() | {"request_id": ""} == {"request_id": "", "id": "a/b", "outcome": "stored"}
    assert put(ask, "a/b").json()["outcome"] == "unchanged"
    found = ask("GET", f"/v1/alerts/{quoted('a/b')}").json()
    assert {name: found[name] for name in BODY} == BODY
    assert (found["kind"], found["active"], found["why"], found["served"]) == ("matches", True, "", None)
    assert put(ask, "a/b", words=None).json()["outcome"] == "stored"
    assert ask("GET", f"/v1/alerts/{quoted('a/b')}").json()["words"] is None
    put(ask, "c", name="Another")
    put(ask, "d", candidate_id="somebody else")
    listed = ask("GET", "/v1/candidates/c0000001/alerts").json()
    assert [one["alert_id"] for one in listed["alerts"]] == ["a/b", "c"]
    assert ask("DELETE", "/v1/alerts/c").status_code == 200
    refused(ask("DELETE", "/v1/alerts/c"), 404)
    refused(ask("GET", "/v1/alerts/c"), 404)
    store.write([Write("candidate_gone", "c0000001")])
    assert ask("GET", "/v1/candidates/c0000001/alerts").json()["alerts"] == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"address": "me@people.example\r\nBcc: all@people.example"}, "address"),
        ({"address": "me@people.example\n"}, "address"),
        ({"address": "Me <me@people.example>"}, "address"),
        ({"address": "a@b.example,c@d.example"}, "address"),
        ({"address": f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}"}, "address"),
        ({"name": "two\nlines"}, "name"),
        ({"name": ""}, "name"),
        ({"cadence": "hourly"}, "cadence"),
        ({"kind": "discover"}, "weekly"),
        ({"filters": {"latitude": 3.0}}, "place"),
        ({"filters": {"pay_least": 3.0, "pay_currency": "XYZ"}}, "XYZ"),
        ({"filters": {"extra": {"colour": ["red"]}}}, "colour"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_one_clear_line(ask, changed, said):
    refused(put(ask, **changed), 422, said)
    refused(ask("GET", "/v1/alerts/a"), 404)


def test_an_id_fits_the_link_of_a_header(ask, store):
    refused(put(ask, "é" * 101), 422, "path.id")
    for longest in ("é" * 100, "a" * 512):
        assert put(ask, longest).status_code == 200
        created, base_url = AlertBook(store).get(longest).created, f"https://{'b' * 200}.example"
        lines = [{"posting_id": "p", "title": "Cook", "company": "", "place": "", "url": None, "reasons": ["new"]}]
        content = {"to": "a@b", "name": "n", "kind": "matches", "created": created, "lines": lines}
        renderer = Renderer(AlertSettings(base_url=base_url), AlertBook(store).secret)
        raw = renderer.mail(Mail("m@x", longest, content, 0, 0.0)).as_bytes()
        address = link(base_url, AlertBook(store).secret, "unsubscribe", longest, created)
        assert f"\r\nList-Unsubscribe: <{address}>\r\n".encode() in raw


def test_an_alert_keeps_its_owner_and_needs_keys(ask, ask_with, service):
    put(ask)
    refused(put(ask, candidate_id="c0000002"), 422, "another candidate")
    for method, url in (("GET", "/v1/alerts/a"), ("DELETE", "/v1/alerts/a"), ("GET", "/v1/candidates/c/alerts")):
        refused(ask_with(service=service, key=None)(method, url), 401)
    refused(ask_with(service=service, key="r")("DELETE", "/v1/alerts/a"), 403)


def test_one_click_ends_an_alert_and_looking_does_not(ask, ask_with, service, store):
    put(ask)
    stranger, page = ask_with(service=service, key=None), page_of(ask, store, "a", "unsubscribe")
    shown = stranger("GET", page)
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert "Cooks in town" in shown.text
    assert "<form" in shown.text
    assert AlertBook(store).get("a").active
    refused(stranger("POST", page), 422, "One-Click")
    refused(stranger("POST", page, data={"List-Unsubscribe": "No"}), 422)
    assert AlertBook(store).get("a").active
    done = stranger("POST", page, data={"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert (AlertBook(store).get("a").active, AlertBook(store).get("a").why) == (False, "unsubscribed")
    assert stranger("POST", page, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert "<form" not in stranger("GET", page).text
    assert put(ask).json()["outcome"] == "unchanged"  # a board that stores all again wakes nobody
    put(ask, words="cook")
    assert not AlertBook(store).get("a").active
    put(ask, active=True)
    assert AlertBook(store).get("a").active


def test_one_click_as_multipart(ask, store):
    put(ask)
    page = page_of(ask, store, "a", "unsubscribe")
    assert ask("POST", page, files={"List-Unsubscribe": (None, "One-Click")}).status_code == 200
    assert not AlertBook(store).get("a").active


def test_tokens_are_good_for_one_alert_and_one_purpose(ask, store):
    for one in ("a", "b"):
        put(ask, one)
    book = AlertBook(store)
    other = token(book.secret, "unsubscribe", "b", book.get("b").created)
    feed = token(book.secret, "feed", "a", book.get("a").created)
    for wrong in (other, feed, "x"):
        refused(ask("POST", f"/v1/alerts/a/unsubscribe?token={wrong}"), 404)
    refused(ask("GET", f"/v1/alerts/a/feed.atom?token={other}"), 404)
    refused(ask("GET", "/v1/alerts/none/unsubscribe?token=x"), 404)
    refused(ask("GET", "/v1/alerts/a/unsubscribe"), 422, "token")
    page = page_of(ask, store, "a", "unsubscribe")
    ask("DELETE", "/v1/alerts/a")
    put(ask, "a")
    refused(ask("POST", page, data={"List-Unsubscribe": "One-Click"}), 404)


def test_names_cannot_become_markup(ask, store):
    put(ask, name="<script>alert(1)</script>")
    shown = ask("GET", page_of(ask, store, "a", "unsubscribe")).text
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown


def test_the_feed_is_atom(ask, store, scorer):
    put(ask, name="Cooks & <chefs>\u0007")
    page = page_of(ask, store, "a", "feed")
    empty = ElementTree.fromstring(ask("GET", page).content)
    assert empty.findall(f"{ATOM}entry") == []
    there = scorer.engine.catalogue.ids.names(slice(2)).tolist()
    lines = [
        {
            "posting_id": one,
            "title": "Chef & <b>co</b>",
            "company": "A",
            "place": "Oslo",
            "url": url,
            "reasons": ["new"],
        }
        for one, url in (*zip(there, ("https://board.example/1?a&b", None), strict=True), ("gone", None))
    ]
    turn = Turn(store.engine, 60)
    turn.take()
    ledger = Ledger(store, turn, 3)
    created = AlertBook(store).get("a").created
    content = {"to": BODY["address"], "name": "n", "kind": "matches", "created": created, "lines": lines}
    mail = Mail("m@x", "a", content, 0, 1_750_000_000.0)
    ledger.plan([mail], [], 0, mail.at)
    assert ElementTree.fromstring(ask("GET", page).content).findall(f"{ATOM}entry") == []
    ledger.take(Step("begin", mail))
    ledger.take(Step("sent", mail))
    answered = ask("GET", page)
    assert answered.headers["content-type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(answered.content)
    assert feed.tag == f"{ATOM}feed"
    assert feed.findtext(f"{ATOM}title") == "Cooks & <chefs>"
    assert feed.findtext(f"{ATOM}updated") == "2025-06-15T15:06:40Z"
    entries = feed.findall(f"{ATOM}entry")
    assert [one.findtext(f"{ATOM}title") for one in entries] == ["Chef & <b>co</b>"] * 2
    assert [one.find(f"{ATOM}link") is not None for one in entries] == [True, False]
    assert entries[0].find(f"{ATOM}link").get("href") == "https://board.example/1?a&b"
    ids = [feed.findtext(f"{ATOM}id"), *(one.findtext(f"{ATOM}id") for one in entries)]
    assert len(set(ids)) == 3
    assert all(one.startswith("urn:uuid:") for one in ids)
    assert ids == [one.text for one in ElementTree.fromstring(ask("GET", page).content).iter(f"{ATOM}id")]
    for one in (feed, *entries):  # what RFC 4287 asks of each
        assert one.findtext(f"{ATOM}updated").endswith("Z")
        assert one.findtext(f"{ATOM}title")
    assert feed.find(f"{ATOM}author/{ATOM}name").text
    assert all(one.findtext(f"{ATOM}content") for one in entries)


def test_a_flood_of_links_keeps_nobody_from_the_store(ask_with, service, store):
    """Links need no key, so whoever follows many of them, true or not, stands before other such links alone."""
    go = threading.Event()

    class Slow(AlertBook):
        def get(self, alert_id):
            assert go.wait(20)
            return super().get(alert_id)

    service.alerts = Slow(store)
    lane = LaneSettings(threads=1, queue=1, seconds=0.5)
    ask = ask_with(HttpSettings(public=lane, store=lane.model_copy(update={"queue": 0})), service=service)
    follow = ("GET", "/v1/alerts/a/feed.atom?token=x", {})
    *links, stored = ask.together(follow, follow, follow, follow, ("PUT", "/v1/alerts/a", {"json": BODY}))
    go.set()
    said = sorted(one.json()["type"].rpartition(":")[2] for one in links)
    assert said == ["busy", "busy", "late", "late"]
    assert stored.status_code == 200
