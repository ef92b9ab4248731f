"""The cut: the best of a union by quick signals, whatever the batch; seen and new postings by their share."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_at_random import random_requests
from small_catalogue import NARROW, ask, random_board, random_linear

from recsys.cut import QUICK, QUICK_ROOMS, cut, quick_mask, quick_part, signals_of
from recsys.eligible import eligible
from recsys.fill import places
from recsys.interests import find_interests
from recsys.pool import Pool, everything
from recsys.rank import HAND_SET, LinearRanker, single
from recsys.retrieve import retrieve
from recsys.signals import COLUMN, NAMES, compute
from recsys.trees import TreeRanker


@pytest.fixture(scope="module", params=["dated", "undated"])
def asked(request):
    """A board, requests, their interests and what the sources bring."""
    rng = np.random.default_rng(0)
    board = random_board(rng, dated=request.param == "dated")
    queries = ask(board, random_requests(rng, board, 40))
    interests = find_interests(board, queries, NARROW.retrieve)
    union = retrieve(board, queries, interests, NARROW.retrieve, 10)
    return board, queries, interests, union


def order_of(seed=0):
    return quick_part(random_linear(np.random.default_rng(seed)))


def test_the_quick_rooms_compute_the_quick_signals_and_no_others(asked):
    board, queries, interests, union = asked
    found = set().union(*(room(board, queries, interests, np.maximum(union.rows, 0)) for room in QUICK_ROOMS))
    assert found | {"title_near"} == {NAMES[at] for at in np.flatnonzero(quick_mask())}


def test_quick_signals_are_those_of_the_whole_matrix(asked):
    board, queries, interests, union = asked
    quick = quick_mask()
    some = compute(board, queries, interests, union.rows, QUICK_ROOMS, QUICK)
    whole = compute(board, queries, interests, union.rows)
    np.testing.assert_array_equal(some, whole[..., quick])


@pytest.mark.parametrize("width", [10, 25, 59])
def test_a_pool_is_part_of_its_union_ascending_and_as_wide_as_asked(asked, width):
    board, queries, interests, union = asked
    pool = cut(board, queries, interests, union, order_of(), 0.5, width)
    assert pool.rows.shape == pool.sources.shape == (len(queries), width)
    assert (pool.rows.dtype, pool.sources.dtype) == (np.int32, np.uint8)
    assert (eligible(board, queries, pool.rows) == (pool.rows >= 0)).all()
    for rows, bits, brought, by in zip(pool.rows, pool.sources, union.rows, union.sources, strict=True):
        there = rows[rows >= 0]
        assert (np.diff(there) > 0).all()  # ascending, none twice
        assert (rows[len(there) :] == -1).all()
        source = dict(zip(brought.tolist(), by.tolist(), strict=True))
        assert [source[row] for row in there.tolist()] == bits[: len(there)].tolist()
        assert not bits[len(there) :].any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 59), new_share=st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_a_pool_holds_the_best_by_the_order_over_quick_signals(asked, seed, width, new_share):
    board, queries, interests, union = asked
    order = order_of(seed)
    pool = cut(board, queries, interests, union, order, new_share, width)
    of_quick = LinearRanker("cut", *(part[quick_mask()] for part in (order.weights, order.centre, order.missing)))
    scores = of_quick.score(compute(board, queries, interests, union.rows, QUICK_ROOMS, QUICK))
    allowed = eligible(board, queries, union.rows)
    for at in range(len(queries)):
        ranked = sorted(np.flatnonzero(allowed[at]).tolist(), key=lambda i, at=at: (-scores[at, i], i))
        expected = {int(union.rows[at, i]) for i in ranked[:width]}
        held = set(pool.rows[at][pool.rows[at] >= 0].tolist())
        if board.dated:
            assert held == expected
            continue
        seen = board.behaviour.seen[union.rows[at]]
        lines = [[i for i in ranked if seen[i] == stratum] for stratum in (False, True)]
        held_of = [[i for i in line if int(union.rows[at, i]) in held] for line in lines]
        assert len(held) == min(width, len(ranked))
        for line, mine in zip(lines, held_of, strict=True):
            assert mine == line[: len(mine)]  # the best of each stratum
        wanted = width * new_share
        if min(len(lines[0]) - wanted, len(lines[1]) - (width - wanted)) >= 1:  # enough of both
            assert abs(len(held_of[0]) - wanted) <= 1


def test_the_signals_of_a_pool_are_those_computed_anew(asked):
    board, queries, interests, union = asked
    pool = cut(board, queries, interests, union, order_of(), 0.5, 20)
    anew = compute(board, queries, interests, pool.rows)
    there = pool.rows >= 0
    taken = signals_of(board, queries, interests, pool)
    np.testing.assert_allclose(taken[there], anew[there], rtol=1e-5, atol=1e-6)
    part = signals_of(board, queries.part(3, 5), interests.part(3, 5), pool.part(3, 5))
    np.testing.assert_array_equal(part, taken[3:5])


def test_a_batch_equals_single_calls(asked):
    board, queries, interests, union = asked
    batch = cut(board, queries, interests, union, order_of(), 0.5, 20)
    for at in range(len(queries)):
        one = (queries.part(at, at + 1), interests.part(at, at + 1), union.part(at, at + 1))
        single_call = cut(board, *one, order_of(), 0.5, 20)
        np.testing.assert_array_equal(single_call.rows[0], batch.rows[at], err_msg=f"request {at}")
        np.testing.assert_array_equal(single_call.sources[0], batch.sources[at], err_msg=f"request {at}")
        np.testing.assert_array_equal(single_call.quick[0], batch.quick[at], err_msg=f"request {at}")


def test_a_union_no_wider_than_the_pool_is_kept_whole(asked):
    board, queries, interests, union = asked
    assert cut(board, queries, interests, union, order_of(), 0.5, union.rows.shape[1]) is union
    whole = everything(np.flatnonzero(board.open).astype(np.int32)[:30], len(queries))
    assert cut(board, queries, interests, whole, order_of(), 0.5, 30) is whole


def test_no_requests_give_an_empty_pool(asked):
    board, queries, interests, union = asked
    none = cut(board, queries.part(0, 0), interests.part(0, 0), union.part(0, 0), order_of(), 0.5, 20)
    assert none.rows.shape == (0, 20)


def test_a_request_without_candidates_gets_an_empty_pool(asked):
    board, queries, interests, union = asked
    nothing = Pool(np.full_like(union.rows, -1), np.zeros_like(union.sources))
    pool = cut(board, queries, interests, nothing, order_of(), 0.5, 20)
    assert (pool.rows == -1).all()
    assert not pool.sources.any()


def test_the_quick_part_of_a_ranker_scores_as_the_ranker_does_where_the_rest_is_at_its_mean():
    ranker, quick = random_linear(np.random.default_rng(3)), quick_mask()
    rng = np.random.default_rng(4)
    signals = rng.normal(size=(3, 8, len(NAMES))).astype(np.float32)
    signals[rng.random(signals.shape) < 0.3] = np.nan
    signals[..., ~quick] = ranker.centre[~quick]
    np.testing.assert_allclose(quick_part(ranker).score(signals), ranker.score(signals), rtol=1e-5)


@pytest.mark.parametrize("signal", ["text_profile", "near_any"])
def test_the_quick_part_of_a_single_signal_is_that_signal_or_the_hand_set_order(signal):
    weights = quick_part(single(signal)).weights
    expected = single(signal) if quick_mask()[COLUMN[signal]] else quick_part(HAND_SET)
    np.testing.assert_array_equal(weights, expected.weights)


def test_the_quick_part_of_trees_is_that_of_the_linear_order_below_them_or_the_hand_set_order():
    below = random_linear(np.random.default_rng(5))
    for linear, expected in ((below, below), (None, HAND_SET)):
        weights = quick_part(TreeRanker("ensemble", linear, "")).weights
        np.testing.assert_array_equal(weights, quick_part(expected).weights)


def test_padding_is_never_kept_however_well_it_scores(asked):
    """Padding reads row 0 of the catalogue; it must lose against the worst posting."""
    board, queries, interests, union = asked
    rows = union.rows.copy()
    rows[:, 5:] = -1
    order = LinearRanker("cut", *(np.zeros(len(NAMES), np.float32) for _ in range(3)))
    pool = cut(board, queries, interests, Pool(rows, union.sources), order, 0.5, 20)
    allowed = eligible(board, queries, rows)
    np.testing.assert_array_equal((pool.rows >= 0).sum(axis=1), allowed.sum(axis=1))


@pytest.mark.parametrize(("most", "k"), [(1, 8), (2, 10), (2, 20)])
def test_where_employers_are_capped_the_pool_holds_the_list_of_its_own_order(asked, most, k):
    board, queries, interests, union = asked
    company = np.where(np.arange(len(board)) % 10 == 0, board.attributes.company, 0).astype(np.int32)
    crowded = replace(board, attributes=replace(board.attributes, company=company))
    pool = cut(crowded, queries, interests, union, order_of(), 0.5, 20, most, k)
    plain = cut(crowded, queries, interests, union, order_of(), 0.5, 20)
    assert pool.rows.shape == plain.rows.shape
    could = places(crowded, union.rows, eligible(crowded, queries, union.rows), most)
    there = places(crowded, pool.rows, eligible(crowded, queries, pool.rows), most)
    assert (there >= np.minimum(k, could)).all()
    assert (places(crowded, plain.rows, plain.rows >= 0, most) < there).any()
    assert ((pool.rows >= 0).sum(axis=1) == (plain.rows >= 0).sum(axis=1)).all()
