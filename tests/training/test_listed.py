"""The lists that were shown: what belongs together, what was answered, and what was passed over."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.candidates import Histories
from recsys.config import EventSettings
from recsys.schema import EVENT_TYPES
from recsys.signals import COLUMN
from training.config import ValidationSettings
from training.listed import ask_lists
from training.shown import ANSWERS, find_shown, passed_over
from training.split import validation_blocks
from training.validate import ask, lessons_of

HOUR = 3600.0
SETTINGS = ValidationSettings(negatives=40, passed_over=6)


def histories_of(*candidates) -> Histories:
    """Events (posting, type, hours, page, rank) of each candidate, oldest first."""
    flat = [event for events in candidates for event in events]
    column = [list(values) for values in zip(*flat, strict=True)] if flat else [[]] * 5
    return Histories(
        start=np.cumsum([0, *map(len, candidates)]).astype(np.int64),
        posting=np.array(column[0], np.int32),
        kind=np.array([EVENT_TYPES.index(kind) for kind in column[1]], np.uint8),
        time=np.array(column[2], np.float64) * HOUR,
        value=np.full(len(flat), np.nan, np.float32),
        rank=np.array(column[4], np.int16),
        page=np.array(column[3], np.int32),
    )


FIRST = [
    (1, "impression", 0, 7, 1), (2, "impression", 0, 7, 2), (3, "impression", 0, 7, 3), (2, "view", 0.1, -1, -1),
    (2, "apply", 0.2, -1, -1), (1, "impression", 30, 8, 2), (4, "impression", 30, 8, 1), (4, "view", 40, -1, -1),
    (3, "view", 90, -1, -1),
]  # fmt: skip
SECOND = [(1, "impression", 0, 7, 1), (5, "impression", 0, 7, 2), (5, "save", 1, -1, -1)]


@pytest.fixture(scope="module")
def small():
    histories = histories_of(FIRST, [], SECOND)
    return histories, find_shown(histories, EventSettings(answer_hours=6))


def test_a_list_is_what_one_candidate_saw_on_one_page(small):
    _, shown = small
    assert shown.candidate.tolist() == [0, 0, 2]
    assert [shown.event[a:b].tolist() for a, b in zip(shown.start, shown.start[1:], strict=False)] == [
        [0, 1, 2], [5, 6], [9, 10]
    ]  # fmt: skip


def test_an_answer_belongs_to_the_latest_impression_if_it_comes_in_time(small):
    histories, shown = small
    assert [ANSWERS[one] for one in shown.answer] == ["none", "apply", "none", "none", "none", "none", "save"]
    assert shown.answers.tolist() == [-1, -1, -1, 1, 1, -1, -1, -1, -1, -1, -1, 6]
    assert shown.rank_of_answered(histories, np.array([3, 4, 7, 11])).tolist() == [2, 2, -1, 2]


def test_what_was_passed_over_stood_in_the_same_list_and_was_never_chosen(small):
    histories, shown = small
    found = passed_over(shown, histories, np.array([4, 7, 11]), 3, 0)
    assert np.sort(found[0]).tolist() == [-1, -1, 1]  # 3 was viewed days later
    assert found[1].tolist() == [-1, -1, -1]  # the answer came too late to belong to a list
    assert found[2].tolist() == [1, -1, -1]
    assert passed_over(shown, histories, np.array([4]), 0, 0).shape == (1, 0)


def test_no_lists_no_events():
    for candidates in ([[]], [[(1, "view", 0, -1, -1)]]):
        histories = histories_of(*candidates)
        shown = find_shown(histories, EventSettings())
        assert len(shown.event) == len(shown.candidate) == 0
        asking = np.arange(len(histories.posting))
        assert (passed_over(shown, histories, asking, 4, 0) == -1).all()
        assert (shown.rank_of_answered(histories, asking) == -1).all()


@pytest.fixture(scope="module")
def asked(market, whole_in_memory):
    events = whole_in_memory.settings.events
    blocks = validation_blocks(market.prepared, events, SETTINGS, market.as_of)
    return [ask(market.prepared, whole_in_memory.settings, block) for block in blocks]


def test_lessons_hold_what_was_passed_over_behind_what_was_drawn(asked):
    one = asked[-1]
    lessons = lessons_of(one, SETTINGS)
    assert lessons.signals.shape[1] == 1 + 40 + 6
    assert (one.block.passed >= 0).any(axis=1).mean() > 0.6  # mails are not logged
    assert lessons.lacking[:, 41:][one.block.passed < 0].all()
    assert not lessons.lacking[:, 41:][one.block.passed >= 0].all()
    without = lessons_of(replace(one, block=replace(one.block, passed=one.block.passed[:, :0])), SETTINGS)
    np.testing.assert_allclose(without.signals, lessons.signals[:, :41], atol=1e-5)


def test_having_been_shown_tells_only_what_was_shown_together_apart(asked):
    column = COLUMN["shown_unanswered"]
    lessons = lessons_of(asked[-1], SETTINGS)
    drawn = lessons.signals[:, :41, column]
    np.testing.assert_array_equal(drawn, np.broadcast_to(drawn[:, :1], drawn.shape))
    together = lessons.signals[:, 41:, column]
    assert (together != drawn[:, :1])[~lessons.lacking[:, 41:] & ~np.isnan(together)].any()


def test_lists_are_asked_as_they_stood(market, whole_in_memory, asked):
    """No signal of an impression knows the list itself or anything after it."""
    prepared, settings = market.prepared, whole_in_memory.settings
    histories = prepared.candidates.histories
    shown = find_shown(histories, settings.events)
    listed = ask_lists(prepared, settings, shown, asked, 60, 0)
    assert 200 < len(listed) < 3000
    assert (histories.rank[listed.event] == listed.rank).all()
    chosen = np.unique(listed.page)[:3]
    for page in chosen:
        kept = np.ones(len(histories.posting), bool)
        first, last = shown.event[shown.start[page]], shown.event[shown.start[page + 1] - 1]
        kept[last + 1 : histories.start[shown.candidate[page] + 1]] = False
        cut = replace(prepared, candidates=replace(prepared.candidates, histories=histories.where(kept)))
        alone = find_shown(cut.candidates.histories, settings.events)
        blocks = [
            replace(one, block=replace(one.block, opened=histories.time[first], closed=histories.time[first]))
            for one in asked
            if one.block.opened <= histories.time[first] <= one.block.closed
        ]
        again = ask_lists(cut, settings, alone, blocks, 10**9, 0)
        mine = np.isin(again.event, np.arange(first, last + 1))
        np.testing.assert_array_equal(again.signals[mine], listed.signals[listed.page == page])


def test_a_bundle_of_a_board_with_lists_gives_probabilities(market, scorer):
    calibration = scorer.engine.calibration
    assert calibration is not None
    lines = scorer.recommend(str(scorer.candidates.ids.names()[0]), 10, scorer.as_of)
    np.testing.assert_allclose(
        [line.probability for line in lines], calibration.of(np.float32([line.score for line in lines])), rtol=1e-6
    )
    assert market.trained.manifest["validation"]["calibration"]["answer"] == calibration.answer
    assert any("ECE" in line for line in market.said)
    other = scorer.engine.with_ranker(scorer.engine.ranker)
    queries = scorer.candidates.queries(np.arange(3), scorer.as_of, other.settings.events)
    assert np.isnan(other.answer(queries, 5).probabilities).all()
    assert other.recommendations(other.answer(queries, 5))[0][0].probability is None
