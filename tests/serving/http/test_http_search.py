"""Search over HTTP, on the small market."""

import pytest
from asked import refused

from recsys.errors import EncoderError


def found(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_words_a_slip_and_facets(ask, scorer):
    answer = found(ask("GET", "/v1/search?q=warehose&k=5&candidate=c0000001"))
    assert answer["corrected"] == {"warehose": "warehouse"}
    assert (answer["searched_for"], answer["known"], answer["by_meaning"]) == ("warehouse", True, True)
    assert len(answer["results"]) == 5
    assert set(answer["facets"]) == {"region", "employment", "seniority", "employer", "pay"}
    companies = set(scorer.engine.explainer.companies.take(range(len(scorer.engine.catalogue))))
    assert {one["value"] for one in answer["facets"]["employer"]} <= companies


def test_a_query_and_a_body_say_the_same(ask, scorer):
    query = found(ask("GET", "/v1/search?q=nurse&remote=false&employment=FULL_TIME&k=8"))
    body = {"q": "nurse", "filters": {"remote": False, "employment": ["FULL_TIME"]}, "k": 8}
    same = found(ask("POST", "/v1/search", json=body))
    assert query["results"] == same["results"]
    assert query["facets"] == same["facets"]
    rows = scorer.engine.catalogue.ids.rows([one["posting_id"] for one in query["results"]])
    assert len(rows)
    assert (scorer.engine.catalogue.attributes.employment[rows] & 1 == 1).all()


def test_what_filters_leave_short_is_told(ask, scorer):
    few = "/v1/search?q=nurse&k=50&latitude=40.7&longitude=-74&within_km=30&remote=false&seniority=executive"
    answer = found(ask("GET", few))
    assert len(answer["results"]) < 50
    listed = found(ask("GET", few.replace("search?q=nurse&", "candidates/nobody/recommendations?")))
    assert answer["filter_costs"] == listed["filter_costs"]
    assert {"left", "place", "remote", "seniority"} == set(answer["filter_costs"])
    assert found(ask("GET", "/v1/search?q=nurse&k=5&remote=false"))["filter_costs"] is None


def test_nobody_and_somebody_not_personal_get_the_same(ask):
    nobody = found(ask("GET", "/v1/search?q=manager"))
    asked = found(ask("GET", "/v1/search?q=manager&candidate=c0000001&personal=false"))
    assert nobody["results"] == asked["results"]
    assert (nobody["known"], asked["known"]) == (False, True)


def test_without_an_encoder_words_decide_and_the_answer_says_so(ask, monkeypatch):
    from memory_service import MemoryState

    def away(self, document, events):
        raise EncoderError("the encoder is away")

    monkeypatch.setattr(MemoryState, "_request", away)
    answer = found(ask("GET", "/v1/search?q=nurse&candidate=c0000001"))
    assert answer["by_meaning"] is False
    assert answer["results"]
    assert all(one["words"] for one in answer["results"])


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("k=3", "q"),
        ("q=", "q"),
        ("q=the", "no word"),
        ("q=nurse&k=0", "k"),
        ("q=nurse&wage=3", "wage"),
        ("q=nurse&latitude=3", "place needs"),
        (f"q={'x' * 501}", "q"),
    ],
)
def test_a_wrong_search_is_a_problem(ask, query, where):
    refused(ask("GET", f"/v1/search?{query}"), 422, where)


def test_a_wrong_body_is_a_problem(ask):
    refused(ask("POST", "/v1/search", json={"q": "nurse", "filters": {"remote": "yes"}}), 422, "filters.remote")
    refused(ask("POST", "/v1/search", json={"words": "nurse"}), 422, "q")
