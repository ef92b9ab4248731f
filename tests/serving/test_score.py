"""The online function."""

import time

import numpy as np
import pytest

from recsys.errors import BundleError, RequestError
from recsys.request import Interaction, Request
from serving.score import Scorer


def test_one_line_has_an_id_a_rank_a_score_and_reasons(scorer):
    lines = scorer.recommend(scorer.candidates.ids.names()[0], 7, scorer.as_of)
    assert [line.rank for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert all(np.isfinite(line.score) for line in lines)
    assert all(len(line.reasons) <= 3 and all(line.reasons) for line in lines)
    assert any(line.reasons for line in lines)
    assert set(scorer.engine.catalogue.ids.rows([line.posting_id for line in lines]) >= 0) == {True}


def test_without_a_moment_the_clock_counts(scorer):
    """The market is long over: nothing that ever expires may be shown any more."""
    lines = scorer.recommend(scorer.candidates.ids.names()[0], 400)
    rows = scorer.engine.catalogue.ids.rows([line.posting_id for line in lines])
    until = scorer.engine.catalogue.attributes.until
    assert not (until[rows] < time.time()).any()
    assert (until[scorer.engine.catalogue.open] < time.time()).mean() > 0.9
    assert len(lines) < scorer.engine.catalogue.open.sum() / 2


def test_an_unknown_candidate_is_named(scorer):
    with pytest.raises(RequestError, match="no candidate with the id 'nobody'"):
        scorer.recommend("nobody")
    with pytest.raises(RequestError, match="no candidate with the id 'nobody'"):
        scorer.recommend_many([scorer.candidates.ids.names()[0], "nobody"])


def test_k_must_be_at_least_one(scorer):
    with pytest.raises(RequestError, match="k must be at least 1, not 0"):
        scorer.recommend(scorer.candidates.ids.names()[0], 0)


def test_nobody_asked_for_gives_no_list(scorer):
    assert scorer.recommend_many([]) == []


def test_a_stranger_who_views_gets_a_list_like_what_was_viewed(scorer):
    catalogue = scorer.engine.catalogue
    viewed = int(np.flatnonzero(catalogue.open)[5])
    request = Request(history=[Interaction(catalogue.ids.names()[viewed], "view", scorer.as_of)], now=scorer.as_of)
    lines = scorer.recommend_request(request, 10)
    rows = catalogue.ids.rows([line.posting_id for line in lines])
    vector = catalogue.title.vectors(np.array([viewed]))[0]
    alike = catalogue.title.vectors(rows) @ vector
    board = catalogue.title.vectors(np.flatnonzero(catalogue.open)) @ vector
    assert alike.mean() > board.mean() + 2 * board.std() / np.sqrt(len(alike))


def test_it_can_be_opened_unverified(market, scorer):
    fast = Scorer(str(market.bundle), verify=False)
    one = scorer.candidates.ids.names()[3]
    assert fast.recommend(one, 5, fast.as_of) == scorer.recommend(one, 5, scorer.as_of)


def test_what_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError, match="is not a bundle"):
        Scorer(tmp_path)
