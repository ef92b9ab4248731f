"""Validation queries: who asks when for what, and what was known then."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.config import EventSettings
from training.config import ValidationSettings
from training.snapshot import event_candidates
from training.split import folds, latest_moment, validation_blocks

EVENTS, SETTINGS = EventSettings(), ValidationSettings()


@pytest.fixture(scope="module")
def blocks(market):
    return validation_blocks(market.prepared, EVENTS, SETTINGS, market.as_of)


def test_blocks_follow_one_another(blocks):
    assert len(blocks) == SETTINGS.blocks
    for block in blocks:
        assert (block.opened <= block.now).all()
        assert block.closed == block.now.max()
    assert all(a.closed < b.opened for a, b in pairwise(blocks))
    assert sum(map(len, blocks)) >= SETTINGS.least


def test_a_catalogue_knows_what_came_before_its_block(blocks, market):
    time = market.prepared.candidates.histories.time
    for block in blocks:
        np.testing.assert_array_equal(block.known, time < block.opened)


def test_a_query_sees_what_its_candidate_did_before(blocks, market):
    histories = market.prepared.candidates.histories
    weights = np.asarray(EVENTS.weights.by_kind())
    for block in blocks:
        asking = histories.start[block.candidate] + block.visible
        np.testing.assert_array_equal(histories.posting[asking], block.answer)
        np.testing.assert_array_equal(histories.time[asking], block.now)
        np.testing.assert_array_equal(event_candidates(market.prepared)[asking], block.candidate)
        assert (weights[histories.kind[asking]] > 0).all()
        for candidate, visible, answer in zip(block.candidate, block.visible, block.answer, strict=True):
            first = histories.start[candidate]
            before = slice(first, first + visible)
            liked = histories.posting[before][weights[histories.kind[before]] > 0]
            assert answer not in liked  # the first time that it is chosen


def test_a_candidate_of_whom_nothing_is_known_does_not_ask(blocks, market):
    histories, profiles = market.prepared.candidates.histories, market.prepared.candidates.profiles
    weights = np.asarray(EVENTS.weights.by_kind())
    known = (profiles.whole >= 0) | (profiles.wanted[:, 0] >= 0) | (profiles.past[:, 0] >= 0)
    for block in blocks:
        for candidate, visible in zip(block.candidate, block.visible, strict=True):
            first = histories.start[candidate]
            assert known[candidate] or (weights[histories.kind[first : first + visible]] > 0).any()


def test_the_same_settings_give_the_same_queries(blocks, market):
    again = validation_blocks(market.prepared, EVENTS, SETTINGS, market.as_of)
    for one, other in zip(blocks, again, strict=True):
        for name in ("candidate", "visible", "answer", "now", "known"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_no_more_ask_than_the_settings_allow(market):
    few = validation_blocks(market.prepared, EVENTS, ValidationSettings(most=100), market.as_of)
    assert sum(map(len, few)) == 100


def test_no_events_no_queries(market):
    histories = market.prepared.candidates.histories
    none = histories.where(np.zeros(len(histories.posting), bool))
    prepared = replace(market.prepared, candidates=replace(market.prepared.candidates, histories=none))
    assert validation_blocks(prepared, EVENTS, SETTINGS, market.as_of) == []


def test_the_data_end_with_the_latest_event_or_posting(market):
    histories, posted = market.prepared.candidates.histories, market.prepared.attributes.posted
    assert latest_moment(market.prepared, 9e12) == max(np.nanmax(histories.time), np.nanmax(posted))
    assert latest_moment(market.prepared, 1e9) == 1e9  # never later than the clock
    untimed = replace(
        market.prepared,
        attributes=replace(market.prepared.attributes, posted=np.full_like(posted, np.nan)),
        candidates=replace(
            market.prepared.candidates, histories=replace(histories, time=np.full_like(histories.time, np.nan))
        ),
    )
    assert latest_moment(untimed, 5.0) == 5.0


@given(
    st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=200), st.integers(1, 5), st.integers(0, 1000), st.randoms()
)
def test_a_candidate_is_in_one_fold_whoever_else_asks(candidates, count, seed, random):
    rows = np.array(candidates, np.int32)
    found = dict(zip(candidates, folds(rows, count, seed).tolist(), strict=True))
    assert set(found.values()) <= set(range(count))
    shuffled = candidates * 2
    random.shuffle(shuffled)
    for candidate, fold in zip(shuffled, folds(np.array(shuffled, np.int32), count, seed).tolist(), strict=True):
        assert found[candidate] == fold


def test_folds_are_of_about_the_same_size():
    for count in (2, 5):
        sizes = np.bincount(folds(np.arange(10_000, dtype=np.int32), count, 0), minlength=count)
        assert sizes.min() > 0.9 * 10_000 / count
