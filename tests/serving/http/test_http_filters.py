"""Filters over HTTP, on the small market."""

import pytest
from asked import refused

LIST = "/v1/candidates/c0000001/recommendations"


def ids_of(answer):
    assert answer.status_code == 200, answer.text
    return [line["posting_id"] for line in answer.json()["recommendations"]]


def test_a_query_filters_and_a_body_says_the_same(ask, scorer):
    found = ids_of(ask("GET", f"{LIST}?k=20&remote=true&employment=FULL_TIME,PART_TIME"))
    body = {"filters": {"remote": True, "employment": ["FULL_TIME", "PART_TIME"]}, "k": 20}
    assert found == ids_of(ask("POST", LIST, json=body))
    a, rows = scorer.engine.catalogue.attributes, scorer.engine.catalogue.ids.rows(found)
    assert found
    assert (a.remote[rows] == 1).all()
    assert found != ids_of(ask("GET", f"{LIST}?k=20"))


def test_what_is_muted_is_gone_for_a_stored_candidate_and_for_a_stranger(ask):
    for path, more in ((LIST, {}), ("/v1/recommendations", {"candidate": {"text": "welder"}})):
        first = ids_of(ask("POST", path, json={**more, "k": 5}))
        left = ids_of(ask("POST", path, json={**more, "k": 5, "filters": {"muted_postings": first[:2]}}))
        assert len(left) == 5
        assert not set(first[:2]) & set(left)


def test_a_short_list_says_what_each_filter_costs(ask):
    answer = ask("GET", f"{LIST}?k=10&remote=true&pay_least=100000000&pay_known=true")
    found = answer.json()
    assert found["recommendations"] == []
    costs = found["filter_costs"]
    assert set(costs) == {"left", "remote", "pay"}
    assert costs["left"] == 0
    assert costs["pay"] > 0
    assert ask("GET", f"{LIST}?k=3").json()["filter_costs"] is None


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("latitude=3", "place needs"),
        ("employment=FULL", "employment"),
        ("wage=3", "wage"),
        ("pay_least=-1", "pay_least"),
    ],
)
def test_a_wrong_filter_is_a_problem(ask, query, where):
    refused(ask("GET", f"{LIST}?{query}"), 422, where)


@pytest.mark.parametrize(
    ("filters", "where"),
    [
        ({"remote": "yes"}, "filters.remote"),
        ({"extra": {"shift": ["night"]}}, "extra.shift"),
        ({"pay_least": 5, "pay_currency": "XXX"}, "no rate is known for XXX"),
        ({"muted_postings": ["x"] * 1001}, "filters.muted_postings"),
    ],
)
def test_a_wrong_filter_in_a_body_is_a_problem(ask, filters, where):
    refused(ask("POST", LIST, json={"filters": filters}), 422, where)
    refused(ask("POST", "/v1/recommendations", json={"filters": filters}), 422, where)
