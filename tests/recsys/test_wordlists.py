import numpy as np
import pytest
from small_catalogue import random_board

from recsys import wordlists
from recsys.geo import Grid
from recsys.wordlists import IMPACT, blocks_of


def grid_of(rng, places):
    return Grid.build(np.column_stack([rng.uniform(40, 44, places), rng.uniform(-3, 3, places)]))


@pytest.mark.parametrize("most", [1, 7, 50, 10_000])
def test_blocks_are_cells_that_hold_no_more_than_asked_or_one_cell_alone(most):
    grid = grid_of(np.random.default_rng(0), 600)
    block = blocks_of(grid, most)
    assert len(block) == len(grid.counts) + 1
    np.testing.assert_array_equal(np.unique(block), np.arange(block[-1] + 1))
    assert (block[:-1] < block[-1]).all()
    held = np.bincount(block[:-1], grid.counts)
    cells = np.bincount(block[:-1])
    assert ((held <= most) | (cells == 1)).all()


def test_a_board_without_places_is_one_block():
    np.testing.assert_array_equal(blocks_of(Grid.build(np.full((3, 2), np.nan)), 10), [0])


def entries_of(lists, block, word):
    """(posting row, impact) of a word (code) in a block, in their order."""
    at = block * lists.words + word - 1
    part = slice(lists.start[at], lists.start[at + 1])
    return list(
        zip(lists.rows[lists.first[block] + lists.place[part]].tolist(), lists.impact[part].tolist(), strict=True)
    )


@pytest.mark.parametrize(("with_text", "depth"), [(True, 10_000), (False, 10_000), (True, 3)])
def test_a_list_holds_who_uses_the_word_in_the_block_the_heaviest_first(monkeypatch, with_text, depth):
    monkeypatch.setattr(wordlists, "_BLOCK", 60)
    monkeypatch.setattr(wordlists, "_DEPTH", depth)
    board = random_board(np.random.default_rng(1), with_text=with_text)
    lists = board.words
    assert len(lists.first) > 5
    assert lists.words == len(board.lexicon.vocabulary)
    terms = board.lexicon.text if with_text else board.lexicon.title
    some = 0
    for block in range(len(lists.first) - 1):
        rows = lists.rows[lists.first[block] : lists.first[block + 1]]
        codes, weights = terms.at(rows)
        for word in range(1, lists.words + 1):
            impact = np.rint(np.where(codes == word, weights, 0).sum(axis=1) * IMPACT).astype(int)
            using = sorted((-impact[at], at) for at in np.flatnonzero(impact))[:depth]
            assert entries_of(lists, block, word) == [(int(rows[at]), -less) for less, at in using]
            some += len(using)
    assert some == len(lists.place) > 500


def test_every_place_of_an_open_posting_stands_in_its_cell_and_what_is_remote_stands_anywhere_too():
    board = random_board(np.random.default_rng(2))
    lists, anywhere = board.words, len(board.grid.counts)
    assert board.open[lists.rows].all()
    np.testing.assert_array_equal(np.bincount(lists.cell, minlength=anywhere + 1)[:-1], board.grid.counts)
    placed = ~np.isnan(board.place[..., 0]).all(axis=1)
    expected = np.flatnonzero(board.open & ((board.attributes.remote == 1) | ~placed))
    np.testing.assert_array_equal(lists.rows[lists.cell == anywhere], expected)
    np.testing.assert_array_equal(
        lists.block[lists.cell], np.repeat(np.arange(len(lists.first) - 1), np.diff(lists.first))
    )
