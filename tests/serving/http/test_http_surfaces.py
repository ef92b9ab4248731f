"""Home, browse and related over HTTP, on the small market."""

import numpy as np
import pytest

from recsys.discover import week_began
from recsys.home import home, pages
from recsys.related import related

HOME = "/v1/candidates/c0000001/home"


def body(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids_of(answer):
    return [line["posting_id"] for line in body(answer)["recommendations"]]


def test_a_home_page_is_what_the_function_gives(ask, scorer):
    found = body(ask("GET", HOME))
    queries = scorer.queries(["c0000001"], scorer.as_of)
    week = scorer.queries(["c0000001"], float(week_began(queries.now)[0]), cut=True)
    wanted = pages(scorer.engine, home(scorer.engine, queries, week, ["c0000001"], explain=True), 1)[0]
    assert [(one["kind"], one["name"]) for one in found["shelves"]] == [(one.kind, one.name) for one in wanted]
    listed = [[line["posting_id"] for line in one["recommendations"]] for one in found["shelves"]]
    assert listed == [[line.posting_id for line in one.recommendations] for one in wanted]
    assert found["known"] is True
    assert len(listed) >= 3
    assert all(listed)
    assert found["shelves"][0]["recommendations"][0]["reasons"]


def test_a_stranger_and_somebody_who_is_not_read_get_the_same_page(ask):
    stranger, unread = body(ask("GET", "/v1/candidates/nobody/home")), body(ask("GET", f"{HOME}?personal=false"))
    assert stranger["known"] is False
    assert unread["shelves"] == stranger["shelves"]
    assert {one["kind"] for one in stranger["shelves"]} == {"popular", "new"}


def test_related_postings_of_one_that_is_there_and_one_that_is_gone(ask, scorer):
    first = ids_of(ask("GET", "/v1/candidates/c0000001/recommendations?k=1"))[0]
    engine = scorer.engine
    row = np.array([engine.catalogue.ids.row(first)], np.int32)
    queries = scorer.queries(["c0000001"], scorer.as_of)
    wanted = engine.catalogue.ids.names(related(engine, queries, row, 5).rows[0]).tolist()
    found = ask("GET", f"/v1/postings/{first}/related?candidate=c0000001&k=5")
    assert ids_of(found) == wanted
    assert body(found)["posting_id"] == first
    nobody = ids_of(ask("GET", f"/v1/postings/{first}/related?k=5"))
    assert nobody != wanted
    unread = ids_of(ask("GET", f"/v1/postings/{first}/related?k=5&candidate=c0000001&personal=false"))
    expected = related(engine, queries.impersonal(), row, 5).rows[0]
    assert unread == engine.catalogue.ids.names(expected).tolist()
    until = engine.catalogue.attributes.until
    expired = engine.catalogue.ids.names(np.flatnonzero(until < scorer.as_of)[:1])[0]
    assert len(ids_of(ask("GET", f"/v1/postings/{expired}/related?k=5"))) == 5


def test_browsing_keeps_to_the_category_and_to_filters(ask, scorer):
    a, ids = scorer.engine.catalogue.attributes, scorer.engine.catalogue.ids
    there = np.flatnonzero(
        (a.company >= 0) & (a.remote == 1) & (a.until >= scorer.as_of) & scorer.engine.catalogue.open
    )
    employer = scorer.engine.explainer.companies.take(there[:1].tolist())[0]
    code = scorer.engine.catalogue.numbering.find("company", [employer])[0]
    found = ask("GET", "/v1/browse", params={"employer": employer.upper(), "candidate": "c0000001", "k": 50})
    assert (a.company[ids.rows(ids_of(found))] == code).all()
    assert ids_of(found)
    remote = ids_of(ask("GET", "/v1/browse", params={"employer": employer, "remote": "true", "k": 50}))
    assert remote
    assert (a.remote[ids.rows(remote)] == 1).all()
    near = ids_of(ask("GET", "/v1/browse?latitude=40.7&longitude=-74&within_km=3000&k=7"))
    assert len(near) == 7


@pytest.mark.parametrize(
    ("url", "status", "words"),
    [
        ("/v1/browse?industry=no-such", 404, "no posting of this board has the industry 'no-such'"),
        ("/v1/browse", 422, "nothing to browse"),
        ("/v1/browse?industri=x", 422, "industri"),
        ("/v1/browse?latitude=4", 422, "a place needs latitude, longitude and within_km"),
        ("/v1/postings/no-such/related", 404, "no posting 'no-such' is known"),
        (f"{HOME}?k=3", 422, "k"),
    ],
)
def test_what_cannot_be_answered_is_one_clear_line(ask, url, status, words):
    answer = ask("GET", url)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_what_was_shown_is_written_down(ask_with, service):
    class Written(list):
        write = list.append

    written = Written()
    ask = ask_with(service=service, decisions=written)
    shelves = body(ask("GET", HOME))["shelves"]
    ids_of(ask("GET", "/v1/browse?latitude=40.7&longitude=-74&within_km=3000&k=7&candidate=c0000001"))
    surfaces = [one.surface for one in written]
    homes = [f"jobrec:home/{number}/{one['kind']}" for number, one in enumerate(shelves, 1)]
    assert surfaces == [*homes, "jobrec:browse"]
    assert [list(one.postings) for one in written[:-1]] == [
        [line["posting_id"] for line in one["recommendations"]] for one in shelves
    ]
    assert written[-1].filters == {"latitude": 40.7, "longitude": -74.0, "within_km": 3000.0}
    assert all(one.personal for one in written)
    written.clear()
    for url in (HOME, "/v1/browse?latitude=40.7&longitude=-74&within_km=3000", "/v1/postings/p0000001/related"):
        ask("GET", f"{url}{'&' if '?' in url else '?'}personal=false")
    assert {one.surface.partition("/")[0] for one in written} == {"jobrec:home", "jobrec:browse", "jobrec:related"}
    assert not any(one.personal for one in written)
