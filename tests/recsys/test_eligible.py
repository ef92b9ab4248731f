import numpy as np
import pytest
from requests_at_random import random_requests
from small_catalogue import DAY, NOW, ask, make_catalogue, random_board, unit

from recsys.eligible import CONDITIONS, eligible, failures
from recsys.request import Interaction, Request

POSTED = NOW + DAY * np.array([np.nan, -5, 5, -5, -5, 0, -5])
UNTIL = NOW + DAY * np.array([np.nan, 5, 9, -1, 5, 0, 5])
CATALOGUE = make_catalogue(unit(np.random.default_rng(0), 7), posted=POSTED, until=UNTIL).without(
    np.array([4], np.int32)
)
WHY = [None, None, "not yet posted", "expired", "taken down", None, "already answered"]


def applied(number):
    return ask(CATALOGUE, [Request(None, history=[Interaction(f"p{number:04d}", "apply", NOW - DAY)])])


@pytest.mark.parametrize("row", range(7))
def test_each_posting_fails_exactly_its_condition(row):
    failed = failures(CATALOGUE, applied(6), np.array([[row]], np.int32))
    assert failed.shape == (len(CONDITIONS), 1, 1)
    assert [name for name, fails in zip(CONDITIONS, failed[:, 0, 0], strict=True) if fails] == (
        [WHY[row]] if WHY[row] else []
    )


def test_a_posting_may_be_shown_if_it_fails_none():
    pool = np.arange(7, dtype=np.int32)[None]
    assert eligible(CATALOGUE, applied(6), pool).tolist() == [[why is None for why in WHY]]


def test_padding_fails_nothing_and_is_never_shown():
    pool = np.array([[0, -1, 6, -1]], np.int32)
    assert eligible(CATALOGUE, applied(6), pool).tolist() == [[True, False, False, False]]
    assert not failures(CATALOGUE, applied(6), pool)[:, :, [1, 3]].any()


def test_the_padding_of_somebody_who_answered_the_first_posting():
    assert eligible(CATALOGUE, applied(0), np.array([[0, -1, 1]], np.int32)).tolist() == [[False, False, True]]


def test_the_moment_of_each_request_counts():
    queries = ask(CATALOGUE, [Request(None)] * 3, now=NOW + DAY * np.array([-6.0, 0.0, 6.0]))
    allowed = eligible(CATALOGUE, queries, np.tile(np.array([1, 2], np.int32), (3, 1)))
    assert allowed.tolist() == [[False, False], [True, False], [False, True]]


def test_what_one_answered_is_hidden_from_that_one_only():
    requests = [Request(None, history=[Interaction("p0001", "dismiss")]), Request(None)]
    pool = np.array([[1, 5], [1, 5]], np.int32)
    assert eligible(CATALOGUE, ask(CATALOGUE, requests), pool).tolist() == [[False, True], [True, True]]


def test_a_batch_equals_single_calls_and_the_definition():
    rng = np.random.default_rng(1)
    board = random_board(rng, 200).without(rng.permutation(200)[:20].astype(np.int32))
    queries = ask(board, random_requests(rng, board, 25))
    pool = rng.integers(-1, 200, (25, 60)).astype(np.int32)
    batch = eligible(board, queries, pool)
    hidden = {(int(key) >> 32, int(key) & 0xFFFFFFFF) for key in queries.hidden}
    for at in range(25):
        np.testing.assert_array_equal(eligible(board, queries.part(at, at + 1), pool[at : at + 1])[0], batch[at])
        for row, shown in zip(pool[at].tolist(), batch[at].tolist(), strict=True):
            a = board.attributes
            barred = row < 0 or board.gone[row] or a.posted[row] > NOW or a.until[row] < NOW or (at, row) in hidden
            assert shown == (not barred)
