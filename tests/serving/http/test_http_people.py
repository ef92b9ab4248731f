"""The route of candidates for a posting."""

import numpy as np
import pytest
from memory_service import bearer


@pytest.fixture
def posting(scorer):
    rows = np.sort(scorer.engine.catalogue.by_text.rows)
    return str(scorer.engine.catalogue.ids.names(rows[:1])[0])


def test_the_route_answers_what_the_engine_does(ask, scorer, posting):
    found = ask("GET", f"/v1/postings/{posting}/candidates?k=4", headers=bearer("p")).json()
    expected = scorer.candidates_for(posting, 4, scorer.as_of)
    assert found["posting_id"] == posting
    assert found["candidates"] == [
        {"candidate_id": one.candidate_id, "rank": one.rank}
        | {name: pytest.approx(getattr(one, name)) for name in ("apply", "brings", "together")}
        for one in expected
    ]
    assert found["bundle"] == "market"


def test_whoever_may_read_postings_may_not_read_people(ask, posting):
    path = f"/v1/postings/{posting}/candidates"
    assert ask("GET", path, headers=bearer("rw")).status_code == 403
    assert ask("GET", f"/v1/candidates/{posting}/recommendations", headers=bearer("p")).status_code == 403


def test_an_unknown_posting_is_not_found(ask):
    answer = ask("GET", "/v1/postings/never-there/candidates", headers=bearer("p"))
    assert answer.status_code == 404


@pytest.mark.parametrize("query", ["k=0", "k=501", "k=x", "q=1"])
def test_what_cannot_be_asked_is_refused(ask, posting, query):
    assert ask("GET", f"/v1/postings/{posting}/candidates?{query}", headers=bearer("p")).status_code == 422
