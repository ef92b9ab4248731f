"""Smoke requests: candidates of every kind, asked again with the same answers, and a difference that is named."""

import copy

import numpy as np
import pytest

from recsys.bundle import open_bundle
from recsys.smoke import REQUESTS, smoke_difference, smoke_document


@pytest.fixture(scope="module")
def opened(market, scorer):
    return scorer.engine, scorer.candidates, market.as_of


def test_training_stores_them_and_the_bundle_answers_them(market, opened):
    engine, candidates, now = opened
    manifest = open_bundle(market.bundle).manifest
    assert manifest["position"] == 0
    assert "smoke.json" in manifest["files"]
    document = smoke_document(engine, candidates, now)
    assert len(document["answers"]) == REQUESTS
    assert all(len(one["postings"]) == len(one["scores"]) == document["k"] for one in document["answers"])
    assert smoke_difference(engine, candidates, document) is None


def test_candidates_of_every_kind_are_asked_for(opened):
    engine, candidates, now = opened
    quiet = np.arange(len(candidates)) >= 5  # all but the first five have done nothing
    events = ~np.repeat(quiet, candidates.histories.lengths)
    some = candidates.only(events)
    rows = [some.ids.row(one["candidate_id"]) for one in smoke_document(engine, some, now)["answers"]]
    with_history = some.histories.lengths[rows] > 0
    assert 1 <= with_history.sum() <= 5
    assert (~with_history).sum() >= 3


def test_a_board_without_candidates_asks_nothing(opened):
    engine, candidates, now = opened
    assert smoke_difference(engine, candidates, {"now": now, "k": 10, "answers": []}) is None


@pytest.mark.parametrize("change", ["swap", "drop", "add", "score"])
def test_a_difference_is_named(opened, change):
    engine, candidates, now = opened
    document = copy.deepcopy(smoke_document(engine, candidates, now))
    one = document["answers"][-1]
    if change == "swap":
        one["postings"][3:5] = one["postings"][4:2:-1]
    elif change == "drop":
        one["postings"].pop()
    elif change == "add":
        one["postings"].append("more")
    else:
        one["scores"][3] += 1e-3
    line = smoke_difference(engine, candidates, document)
    rank = {"swap": "at rank 4", "drop": "at rank 10", "add": "at rank 11", "score": "at rank 4"}[change]
    assert line.startswith(f"candidate {one['candidate_id']!r}")
    assert rank in line


def test_the_last_bits_of_a_score_do_not_count(opened):
    engine, candidates, now = opened
    document = copy.deepcopy(smoke_document(engine, candidates, now))
    document["answers"][0]["scores"] = [score * (1 + 1e-6) for score in document["answers"][0]["scores"]]
    assert smoke_difference(engine, candidates, document) is None
