"""Copies that arrive, one by one or together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_copies import ALIKE, SEEDS, drawn, lowest

from recsys.arrivals import Arrivals
from recsys.config import CopySettings
from recsys.copies import Copies, freshest_of, groups
from recsys.sketch import BINS, Sketches

KNOWN, ROOM = 30, 40


def take(sketches, rows):
    return Sketches(sketches.keys[rows], sketches.texts[rows])


class Board:
    """Copies with room, dates, and what is gone; the first ``KNOWN`` postings are trained on."""

    def __init__(self, sketches, posted, copies=ALIKE):
        self.sketches, self.posted = sketches, posted
        first = take(sketches, slice(0, KNOWN))
        base = Copies.of(first, groups(first, copies), np.ones(KNOWN, bool), posted[:KNOWN])
        self.copies = Copies(
            *(np.concatenate([a, np.zeros(ROOM, a.dtype)]) for a in (base.group, base.freshest, base.keys)),
            np.concatenate([base.texts, np.zeros((ROOM, BINS), np.uint8)]),
            base.order,
        )
        self.open, self.gone = np.arange(KNOWN + ROOM) < KNOWN, np.zeros(KNOWN + ROOM, bool)
        self.count = KNOWN
        self.arrivals = Arrivals(copies)

    def freshen(self, rows):
        posted = np.resize(self.posted, KNOWN + ROOM)
        changed = self.arrivals.freshened(self.copies, rows, posted, self.open, self.gone)
        self.copies.freshest[list(changed)] = list(changed.values())

    def add(self, many):
        rows = np.arange(self.count, self.count + many, dtype=np.int32)
        self.open[rows] = True
        self.count += many
        self.freshen(self.arrivals.join(self.copies, take(self.sketches, rows), rows))

    def remove(self, row):
        self.gone[row] = True
        self.freshen([row])


def some(seed, changed=12):
    sketches, vacancy = drawn(seed, vacancies=26, changed=changed)
    count = min(KNOWN + ROOM, len(vacancy))
    posted = np.random.default_rng(seed).choice([np.nan, 1.0, 2.0, 3.0], count)
    return take(sketches, slice(0, count)), vacancy[:count], posted


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, grain=st.integers(1, 9))
def test_who_arrives_together_makes_no_difference(seed, grain):
    sketches, _, posted = some(seed, changed=40)  # so many that some copies are just not alike enough
    together, apart = Board(sketches, posted), Board(sketches, posted)
    together.add(len(posted) - KNOWN)
    while apart.count < len(posted):
        apart.add(min(grain, len(posted) - apart.count))
    np.testing.assert_array_equal(together.copies.group, apart.copies.group)
    names = np.unique(together.copies.group[: together.count])
    np.testing.assert_array_equal(together.copies.freshest[names], apart.copies.freshest[names])


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_on_arrival_the_groups_are_those_of_training(seed):
    sketches, vacancy, posted = some(seed)
    board = Board(sketches, posted)
    board.add(len(posted) - KNOWN)
    np.testing.assert_array_equal(board.copies.group[: board.count], lowest(vacancy))
    np.testing.assert_array_equal(board.copies.group[: board.count], groups(sketches, ALIKE))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, gone=st.lists(st.integers(0, KNOWN + 10), max_size=30))
def test_the_freshest_stays_right_whatever_goes(seed, gone):
    sketches, _, posted = some(seed)
    board = Board(sketches, posted)
    for at, row in enumerate(gone):
        if at % 3 == 0 and board.count < len(posted):
            board.add(1)
        if row < board.count:
            board.remove(row)
    count, group = board.count, board.copies.group[: board.count]
    expected = freshest_of(group, board.open[:count] & ~board.gone[:count], board.posted[:count])
    names = np.unique(group)
    np.testing.assert_array_equal(board.copies.freshest[names], expected[names])


@pytest.mark.parametrize("found", [True, False])
def test_where_copies_are_not_looked_for_nobody_joins(found):
    same = Sketches(np.ones(KNOWN + 2, np.uint64), np.full((KNOWN + 2, BINS), 9, np.uint8))
    board = Board(same, np.arange(KNOWN + 2.0), CopySettings(found=found))
    board.add(2)
    assert board.copies.group[KNOWN : KNOWN + 2].tolist() == ([0, 0] if found else [KNOWN, KNOWN + 1])


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_all_members_of_a_group_are_found_whenever_they_came(seed):
    sketches, vacancy, posted = some(seed)
    sketches.keys[vacancy == 3] = 0  # of these too little is said
    board = Board(sketches, posted)
    board.add(len(posted) - KNOWN)
    group = board.copies.group[: board.count]
    names = np.unique(group)[::2]
    at, rows = board.copies.members(names)
    for place, name in enumerate(names.tolist()):
        expected = np.flatnonzero(group == name).tolist() if sketches.keys[name] else []
        assert sorted(rows[at == place].tolist()) == expected
    assert (np.diff(at) >= 0).all()
