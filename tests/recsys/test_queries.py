from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_at_random import random_requests
from small_catalogue import ask, make_catalogue, random_board, unit

from recsys.queries import Queries
from recsys.request import Request

CATALOGUE = make_catalogue(unit(np.random.default_rng(0), 40))


def some(seed, count=11):
    return ask(CATALOGUE, random_requests(np.random.default_rng(seed), CATALOGUE, count))


def same(one: Queries, other: Queries):
    for field in fields(Queries):
        np.testing.assert_array_equal(
            getattr(one, field.name), getattr(other, field.name), strict=True, err_msg=field.name
        )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.tuples(st.integers(0, 11), st.integers(0, 11)).map(sorted))
def test_a_part_is_what_taking_its_requests_gives(seed, cut):
    queries = some(seed)
    same(queries.part(*cut), queries.take(np.arange(*cut)))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), chosen=st.sets(st.integers(0, 10)))
def test_taken_requests_are_the_requests_one_by_one(seed, chosen):
    queries = some(seed)
    rows = np.array(sorted(chosen), np.intp)
    taken = queries.take(rows)
    assert len(taken) == len(rows)
    for at, row in enumerate(rows):
        same(taken.part(at, at + 1), queries.part(int(row), int(row) + 1))


def test_hidden_keys_follow_their_requests():
    queries = some(3)
    owners = np.unique(queries.hidden >> 32)
    assert len(owners) >= 3
    for owner in owners:
        mine = queries.hidden[queries.hidden >> 32 == owner] & 0xFFFFFFFF
        part, taken = (
            queries.part(int(owner), len(queries)),
            queries.take(np.array([0, owner]) if owner else owners[:1]),
        )
        np.testing.assert_array_equal(part.hidden[part.hidden >> 32 == 0], mine)
        at = 1 if owner else 0
        np.testing.assert_array_equal(taken.hidden[taken.hidden >> 32 == at] & 0xFFFFFFFF, mine)


def test_parts_of_parts():
    queries = some(4)
    same(queries.part(2, 9).part(3, 5), queries.part(5, 7))


def test_widths_do_not_depend_on_the_number_of_requests():
    for field in fields(Queries):
        if field.name != "hidden":
            assert getattr(some(5, 1), field.name).shape[1:] == getattr(some(6, 9), field.name).shape[1:]


def test_of_nobody_is_what_an_empty_request_brings():
    board = random_board(np.random.default_rng(1))
    asked = ask(board, random_requests(np.random.default_rng(2), board, 6))
    empty = ask(board, [Request(None)] * len(asked))
    nobody = asked.of_nobody()
    assert not nobody.known.any()
    assert asked.known.any()
    for field in fields(nobody):
        mine, wanted = getattr(nobody, field.name), getattr(empty, field.name)
        assert mine.dtype == wanted.dtype
        if mine.shape == wanted.shape:
            np.testing.assert_array_equal(mine, wanted)
        else:  # wide enough for those who bring something
            assert len(mine) == len(wanted)
            np.testing.assert_array_equal(np.unique(mine), np.unique(wanted))
