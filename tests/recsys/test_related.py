from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_at_random import random_requests
from small_catalogue import DAY, NARROW, NOW, ask, clustered, make_catalogue, random_board, random_linear

from recsys.calibrate import Calibration
from recsys.engine import Engine
from recsys.errors import UnknownError
from recsys.filters import Filters
from recsys.rank import single
from recsys.related import looking_at, of_related, related, row_of
from recsys.request import Interaction, Request

BOARD = random_board(np.random.default_rng(3), settings=NARROW)
ENGINE = Engine(BOARD, random_linear(np.random.default_rng(5)), NARROW, {}, related=single("title_last"))


def queries(count=9, seed=0):
    return ask(BOARD, random_requests(np.random.default_rng(seed), BOARD, count), settings=NARROW)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 20))
def test_a_batch_is_its_single_requests_and_never_the_posting_itself(seed, k):
    asked = queries(seed=seed)
    rows = np.random.default_rng(seed).integers(0, len(BOARD), len(asked)).astype(np.int32)
    lists = related(ENGINE, asked, rows, k)
    assert not (lists.rows == rows[:, None]).any()
    for at in range(len(asked)):
        alone = related(ENGINE, asked.part(at, at + 1), rows[at : at + 1], k)
        np.testing.assert_array_equal(alone.rows[0], lists.rows[at])
        np.testing.assert_array_equal(alone.scores[0], lists.scores[at])


def test_nobody_gets_the_postings_whose_titles_are_most_alike():
    titles = clustered(np.random.default_rng(0), 60, 6)
    board = make_catalogue(titles, posted=np.full(60, NOW - DAY))
    nobody = ask(board, [Request(None)])
    found = related(Engine(board, single("popularity"), NARROW, {}, related=single("title_last")), nobody, _row(7), 5)
    vectors = board.title.vectors(np.arange(60))
    best = np.argsort(-(vectors @ vectors[7]), kind="stable")
    assert found.rows[0].tolist() == [row for row in best.tolist() if row != 7][:5]


def test_copies_of_the_posting_and_of_one_another_are_left_out():
    titles = np.repeat(clustered(np.random.default_rng(1), 20, 4), 2, axis=0)  # p0000 and p0001 are one vacancy, ...
    board = make_catalogue(titles, group=np.arange(40) // 2 * 2, posted=NOW - np.arange(40) * DAY)
    engine = Engine(board, single("title_last"), NARROW, {})
    found = related(engine, ask(board, [Request(None)]), _row(5), 40).rows[0]
    groups = (found[found >= 0] // 2).tolist()
    assert len(groups) == len(set(groups)) == 19
    assert 2 not in groups
    kept = NARROW.model_copy(update={"events": NARROW.events.model_copy(update={"hide_copies": False})})
    shown = related(engine, ask(board, [Request(None)], settings=kept), _row(5), 40).rows[0]
    assert 4 not in shown


def test_a_posting_that_is_expired_or_gone_still_has_related_ones():
    titles = clustered(np.random.default_rng(2), 50, 5)
    until = np.full(50, np.nan)
    until[7] = NOW - DAY
    there = make_catalogue(titles, posted=np.full(50, NOW - 9 * DAY))
    asked = ask(there, [Request(None)])
    wanted = related(Engine(there, single("title_last"), NARROW, {}), asked, _row(7), 8).rows
    expired = make_catalogue(titles, posted=np.full(50, NOW - 9 * DAY), until=until, open_=np.arange(50) != 7)
    for board in (expired, there.without(np.array([7]))):
        found = related(Engine(board, single("title_last"), NARROW, {}), asked, _row(7), 8).rows
        np.testing.assert_array_equal(found, wanted)


def test_the_candidate_counts_unless_it_is_said_that_nothing_does():
    asked = queries(12)
    rows = np.full(12, 11, np.int32)
    by_all = Engine(BOARD, random_linear(np.random.default_rng(5)), NARROW, {})
    nobody = related(by_all, asked.impersonal(), rows, 10).rows
    assert (nobody == nobody[0]).all()
    personal = related(by_all, asked, rows, 10).rows
    assert sum((one != nobody[0]).any() for one in personal) >= 8


def test_filters_hold():
    found = related(ENGINE, queries(4), np.array([0, 1, 2, 3], np.int32), 10, filters=Filters(remote=True)).rows
    assert (BOARD.attributes.remote[found[found >= 0]] == 1).all()
    assert (found >= 0).all()


def test_what_is_looked_at_stands_first_in_the_history_once():
    history = [Interaction("p0003", "view", NOW - 2 * DAY), Interaction("p0009", "apply", NOW - DAY)]
    asked = looking_at(ask(BOARD, [Request(None, history=history)]), _row(3))
    assert asked.history[0, :3].tolist() == [3, 9, -1]
    assert asked.time[0, 0] == NOW
    assert asked.weight[0, 0] == 1
    assert (asked.weight[0, 2:] == 0).all()
    assert 3 in asked.hidden
    assert len(asked.history[0]) == len(ask(BOARD, [Request(None)]).history[0])


def test_without_an_order_of_its_own_that_of_lists_counts():
    plain = replace(ENGINE, related=None)
    assert of_related(plain) is plain
    assert of_related(ENGINE).ranker.name == "title_last"


def test_a_posting_that_never_was_is_named():
    assert row_of(BOARD, "p0004") == 4
    with pytest.raises(UnknownError, match="no posting 'x1' is known"):
        row_of(BOARD, "x1")


def test_scores_of_another_order_have_no_probabilities():
    told = Calibration("apply", 24.0, True, np.float32([-9, 9]), np.float32([0, 1]))
    plain, own = replace(ENGINE, calibration=told, related=None), replace(ENGINE, calibration=told)
    for engine, given_ in ((plain, True), (own, False)):
        lines = engine.recommendations(related(engine, queries(2), np.array([3, 4], np.int32), 5))
        assert all((line.probability is not None) == given_ for one in lines for line in one)
        assert all(len(one) == 5 for one in lines)


def _row(row):
    return np.array([row], np.int32)
