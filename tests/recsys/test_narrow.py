from dataclasses import replace

import numpy as np
import pytest
from filter_board import COMPANIES, LANGUAGES, RULES, SHIFTS, filter_board
from pydantic import ValidationError
from small_catalogue import DAY, NOW

from recsys.attributes import EMPLOYMENT, LEVELS
from recsys.config import FilterSettings
from recsys.errors import RequestError
from recsys.filters import Filters
from recsys.geo import distance_km, unit_vectors
from recsys.narrow import conditions, filtered, narrowed, open_postings

BOARD = filter_board()
A = BOARD.attributes
HERE = unit_vectors([42.0, 0.0])


def near(row, km):
    return any(distance_km(place, HERE) <= km for place in BOARD.place[row] if not np.isnan(place[0]))


def kinds(row):
    return {name for bit, name in enumerate(EMPLOYMENT) if A.employment[row] >> bit & 1}


def word(words, code):
    return None if code < 0 else words[code]


PLACE = {"latitude": 42.0, "longitude": 0.0, "within_km": 80.0}
#: What is asked, and for which rows it holds, said once more in plain Python.
CASES = {
    "place": (PLACE, lambda row: near(row, 80.0)),
    "place or remote": (PLACE | {"or_remote": True}, lambda row: near(row, 80.0) or A.remote[row] == 1),
    "remote": ({"remote": True}, lambda row: A.remote[row] == 1),
    "not remote": ({"remote": False}, lambda row: A.remote[row] != 1),
    "employment": ({"employment": ("INTERN", "TEMPORARY")}, lambda row: kinds(row) & {"INTERN", "TEMPORARY"}),
    "seniority": (
        {"seniority": ("mid", "lead")},
        lambda row: np.isnan(A.seniority[row]) or A.seniority[row] in (LEVELS["mid"], LEVELS["lead"]),
    ),
    "seniority, known": (
        {"seniority": ("mid", "lead"), "seniority_known": True},
        lambda row: A.seniority[row] in (LEVELS["mid"], LEVELS["lead"]),
    ),
    "any known seniority": ({"seniority_known": True}, lambda row: not np.isnan(A.seniority[row])),
    "pay a year": ({"pay_least": 5e4}, lambda row: not A.worth_high[row] < 5e4),
    "pay an hour": ({"pay_least": 25, "pay_period": "HOUR"}, lambda row: not A.worth_high[row] < 52_000),
    "pay a month in euros": (
        {"pay_least": 2000, "pay_period": "MONTH", "pay_currency": "EUR", "pay_known": True},
        lambda row: A.worth_high[row] >= 48_000,
    ),
    "pay known": ({"pay_known": True}, lambda row: not np.isnan(A.worth_high[row])),
    "language": ({"language": ("DE-at", "fr")}, lambda row: word(LANGUAGES, A.language[row]) in (None, "de", "fr")),
    "posted after": ({"posted_after": NOW - 20 * DAY}, lambda row: A.posted[row] >= NOW - 20 * DAY),
    "no permit": ({"no_permit": True}, lambda row: A.permit[row] != 1),
    "muted postings": ({"muted_postings": ("p0003", "p0005", "gone")}, lambda row: row not in (3, 5)),
    "muted employers": (
        {"muted_employers": ("  ACME ", "blue  sky", "unheard of")},
        lambda row: word(COMPANIES, A.company[row]) not in ("Acme", "Blue Sky"),
    ),
    "own words": (
        {"extra": {"shift": ("Night",)}},
        lambda row: "shift=night" in [word(SHIFTS, code) for code in A.extra_words[row, 0]],
    ),
    "own number, least": ({"extra_least": {"grade": 4}}, lambda row: A.extra_numbers[row, 0] >= 4),
    "own number, most": ({"extra_most": {"grade": 4}}, lambda row: A.extra_numbers[row, 0] <= 4),
}


@pytest.mark.parametrize("case", CASES)
def test_a_condition_is_what_it_says(case):
    asked, passes = CASES[case]
    found = conditions(BOARD, Filters(**asked))
    rows = np.flatnonzero(open_postings(BOARD))
    expected = [bool(passes(row)) for row in rows.tolist()]
    assert len(found) == 1
    assert next(iter(found.values()))[rows].tolist() == expected
    assert 0 < sum(expected) < len(rows)


def test_nothing_asked_is_no_condition():
    assert conditions(BOARD, Filters()) == {}


def test_muted_words_of_no_number_do_not_meet_postings_that_say_nothing():
    passed = conditions(BOARD, Filters(muted_employers=("unheard of",)))["muted_employers"]
    assert passed.all()
    assert not conditions(BOARD, Filters(language=("xx",)))["language"][A.language >= 0].any()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"pay_least": 1, "pay_currency": "CHF"}, "no rate is known for CHF; known are EUR, USD"),
        ({"extra": {"grade": ("4",)}}, "cannot be filtered by extra.grade as words: known are shift"),
        ({"extra_least": {"height": 4}}, "extra.height as number: known are grade"),
    ],
)
def test_what_the_board_does_not_know_is_one_clear_error(asked, message):
    with pytest.raises(RequestError, match=message):
        conditions(BOARD, Filters(**asked))


@pytest.mark.parametrize(
    "wrong",
    [
        {"latitude": 1.0},
        {"latitude": None},
        {"latitude": 1.0, "longitude": None, "within_km": None},
        {"latitude": 91.0, "longitude": 0.0, "within_km": 1.0},
        {"employment": ("FULL",)},
        {"seniority": ("boss",)},
        {"pay_least": "5"},
        {"pay_currency": "usd"},
        {"wage": 1},
        {"extra": {"a b": ("c",)}},
    ],
)
def test_filters_are_checked(wrong):
    with pytest.raises(ValidationError):
        Filters(**wrong)


def test_filters_of_equal_content_have_one_key():
    assert Filters(remote=True).key == Filters(remote=True, employment=()).key != Filters(remote=False).key


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_a_narrowed_catalogue_holds_what_is_allowed_and_nothing_else(share):
    allowed = np.random.default_rng(1).random(len(BOARD)) < share
    small = narrowed(BOARD, allowed)
    left = np.flatnonzero(allowed & open_postings(BOARD))
    assert small.within.rows.tolist() == left.tolist()
    assert np.flatnonzero(~small.gone).tolist() == left.tolist()
    assert not BOARD.gone.any()
    if len(left) > RULES.listed:
        entries = BOARD.by_cell.rows[: len(BOARD.grid.cell_of)]
        expected = np.bincount(BOARD.grid.cell_of[np.isin(entries, left)], minlength=len(BOARD.grid.counts))
        assert small.within.counts.tolist() == expected.tolist()
        assert small.within.by_text.count == len(left)


def test_what_is_narrowed_twice_is_as_if_it_were_once():
    first, then = (np.random.default_rng(seed).random(len(BOARD)) < 0.6 for seed in (1, 2))
    twice, once = narrowed(narrowed(BOARD, first), then).within, narrowed(BOARD, first & then).within
    assert twice.share == pytest.approx(once.share)
    assert once.share < 0.45
    for name in ("rows", "named", "counts"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(once, name))


def test_settings_refuse_a_currency_that_is_none():
    with pytest.raises(ValidationError):
        FilterSettings(rates={"euro": 1.1})


def test_equal_filters_are_remembered_and_no_other_state_is_served():
    board = replace(BOARD)
    first = filtered(board, Filters(remote=True))
    assert filtered(board, Filters(remote=True, employment=())) is first
    assert filtered(board, Filters(remote=False)) is not first
    taken = board.without(first.within.rows[:1])
    assert filtered(taken, Filters(remote=True)).within.rows.tolist() == first.within.rows[1:].tolist()
    assert filtered(board, Filters(remote=True)) is first
    assert filtered(board, Filters()) is board


@pytest.mark.parametrize(
    "asked", [{"remote": True}, {"employment": ("INTERN",), "seniority": ("lead",), "remote": True}]
)
def test_what_is_remembered_is_counted_whole(asked):
    board = replace(BOARD)
    one = filtered(board, Filters(**asked))
    own = [one.gone, one.within.rows, one.within.named, one.within.counts]
    own += [one.within.by_text.bits, one.within.by_cell.bits, one.within.by_factor.bits]
    own += [] if np.shares_memory(one.open, board.open) else [one.open]
    assert board.narrowings.bytes == sum(array.nbytes for array in own) + len(Filters(**asked).key)


def test_nothing_is_remembered_where_nothing_may_be():
    board = replace(BOARD, rules=RULES.model_copy(update={"remembered_mb": 0}))
    assert filtered(board, Filters(remote=True)) is not filtered(board, Filters(remote=True))
    assert len(board.narrowings) == 0
