"""Asking the validation queries: nothing from the future, and the ranks that a slow count gives."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.interests import find_interests
from recsys.rank import HAND_SET, single
from recsys.schema import APPLY, DISMISS, HIRE
from recsys.signals import COLUMN, NAMES, SIGNALS, compute
from training.config import ValidationSettings
from training.prepare import Prepared
from training.split import Block, validation_blocks
from training.validate import FOLDS, Asked, ask, lessons_of, ranks

SETTINGS = ValidationSettings(negatives=60, passed_over=0)  # those have tests of their own
DRAWN = [at for at, signal in enumerate(SIGNALS) if signal.family != "shown"]  # the others are levelled in a lesson


@pytest.fixture(scope="module")
def blocks(market, whole_in_memory) -> list[Block]:
    return validation_blocks(market.prepared, whole_in_memory.settings.events, SETTINGS, market.as_of)


@pytest.fixture(scope="module")
def asked(market, whole_in_memory, blocks) -> list[Asked]:
    return [ask(market.prepared, whole_in_memory.settings, block) for block in blocks]


def signals_of(one: Asked, at: int) -> np.ndarray:
    """Signals of every posting for query ``at``."""
    everything = np.arange(len(one.catalogue), dtype=np.int32)[None]
    queries, interests = one.queries.part(at, at + 1), one.interests.part(at, at + 1)
    return compute(one.catalogue, queries, interests, everything)[0]


def are_among(some: np.ndarray, known: np.ndarray) -> bool:
    """Whether every row stands among ``known``, but for the last bits: pools of another width add otherwise."""
    known = known[:, DRAWN]
    return all(np.isclose(row, known, atol=1e-4, equal_nan=True).all(axis=1).any() for row in some[:, DRAWN])


def without_later_events(prepared: Prepared, block: Block, at: int) -> tuple[Prepared, Block]:
    """What could be known when query ``at`` was asked, and that query alone."""
    histories = prepared.candidates.histories
    first = histories.start[block.candidate[at]]
    kept = histories.time < block.now[at]
    kept[first : first + block.visible[at]] = True  # of the same second, and before it in the file
    kept[first + block.visible[at] : histories.start[block.candidate[at] + 1]] = False
    reduced = replace(prepared, candidates=replace(prepared.candidates, histories=histories.where(kept)))
    return reduced, replace(block.take(np.array([at])), known=block.known[kept])


@pytest.mark.parametrize("number", range(4))
def test_signals_are_equal_to_the_bit_when_later_events_are_deleted(market, whole_in_memory, blocks, asked, number):
    one, block = asked[number], blocks[number]
    total = len(market.prepared.candidates.histories.posting)
    for at in np.linspace(0, len(block) - 1, 4).astype(int):
        reduced, alone = without_later_events(market.prepared, block, at)
        assert len(reduced.candidates.histories.posting) < total
        again = ask(reduced, whole_in_memory.settings, alone)
        found, expected = signals_of(again, 0), signals_of(one, at)
        for name in NAMES:
            np.testing.assert_array_equal(found[:, COLUMN[name]], expected[:, COLUMN[name]], err_msg=name)
        np.testing.assert_array_equal(again.catalogue.open, one.catalogue.open)


def test_the_test_above_would_notice_the_future(market, whole_in_memory, blocks, asked):
    """With all events known the signals are others."""
    block = blocks[1]
    all_known = ask(market.prepared, whole_in_memory.settings, replace(block, known=np.ones_like(block.known)))
    whole, honest = signals_of(all_known, 3), signals_of(asked[1], 3)
    changed = [name for name in NAMES if not np.array_equal(whole[:, COLUMN[name]], honest[:, COLUMN[name]], True)]
    assert {"popularity", "factors"} <= set(changed)


def test_a_lesson_is_the_answer_and_others_that_it_could_have_been(asked):
    for one in asked:
        lessons = lessons_of(one, SETTINGS)
        assert lessons.signals.shape == (len(one.block), 61, len(NAMES))
        assert not lessons.lacking[:, 0].any()
        assert lessons.lacking.mean() < 0.5
        for at in (0, len(one.block) - 1):
            every = signals_of(one, at)
            np.testing.assert_allclose(lessons.signals[at, 0], every[one.block.answer[at]], atol=1e-4)
            assert are_among(lessons.signals[at][~lessons.lacking[at]][1:], every[one.catalogue.open])
        np.testing.assert_array_equal(lessons.fold, one.fold(SETTINGS.seed))


def test_what_was_answered_already_is_no_negative(market, asked):
    histories = market.prepared.candidates.histories
    for one in asked:
        posted, until = one.catalogue.attributes.posted, one.catalogue.attributes.until
        lessons = lessons_of(one, SETTINGS)
        for at in range(0, len(one.block), 9):
            first = histories.start[one.block.candidate[at]]
            before = slice(first, first + one.block.visible[at])
            hidden = histories.posting[before][np.isin(histories.kind[before], [APPLY, DISMISS, HIRE])]
            now = one.block.now[at]
            out = np.union1d(hidden, np.flatnonzero((posted > now) | (until < now)))
            fine = np.setdiff1d(np.arange(len(one.catalogue)), out)
            assert are_among(lessons.signals[at][~lessons.lacking[at]][1:], signals_of(one, at)[fine])


def test_ranks_are_those_of_a_slow_count(market, asked):
    newest = single("freshness")
    one = asked[2]
    found = ranks(one, [[HAND_SET] * FOLDS, [newest] * FOLDS], singles=range(len(NAMES)), seed=0)
    assert found.shape == (len(one.block), 2 + len(NAMES))
    assert found.min() >= 1
    catalogue, histories = one.catalogue, market.prepared.candidates.histories
    for at in range(0, len(one.block), 7):
        now, answer = one.block.now[at], int(one.block.answer[at])
        first = histories.start[one.block.candidate[at]]
        before = slice(first, first + one.block.visible[at])
        hidden = set(histories.posting[before][np.isin(histories.kind[before], [APPLY, DISMISS, HIRE])].tolist())
        every = signals_of(one, at)
        for column, ranker in enumerate((HAND_SET, newest)):
            scores = ranker.score(every[None])[0]
            ahead = [
                row
                for row in np.flatnonzero(catalogue.open).tolist()
                if catalogue.copies.group[row] != catalogue.copies.group[answer]
                and row not in hidden
                and catalogue.attributes.posted[row] <= now <= catalogue.attributes.until[row]
                and (-scores[row], row) < (-scores[answer], answer)
            ]
            assert found[at, column] == 1 + len(ahead)
        assert found[at, 2 + COLUMN["freshness"]] == found[at, 1]


def test_a_fold_is_ranked_by_the_ranker_of_that_fold(asked):
    one = asked[0]
    mixed = ranks(one, [[HAND_SET, single("popularity")]], singles=(), seed=0)[:, 0]
    plain = ranks(one, [[HAND_SET] * 2, [single("popularity")] * 2], singles=(), seed=0)
    fold = one.fold(0)
    assert set(fold.tolist()) == {0, 1}
    np.testing.assert_array_equal(mixed, plain[np.arange(len(fold)), fold])


def test_without_dates_seen_answers_meet_seen_postings(market, whole_in_memory):
    attributes = market.prepared.attributes
    nothing = np.full_like(attributes.posted, np.nan)
    undated = replace(market.prepared, attributes=replace(attributes, posted=nothing, until=nothing))
    blocks = validation_blocks(undated, whole_in_memory.settings.events, SETTINGS, market.as_of)
    one = ask(undated, whole_in_memory.settings, blocks[-1])
    assert one.seen.any()
    lessons = lessons_of(one, SETTINGS)
    known = ~np.isnan(lessons.signals[..., COLUMN["popularity"]]) | lessons.lacking
    np.testing.assert_array_equal(
        known[:, 1:], np.broadcast_to(one.seen[:, None], known[:, 1:].shape) | lessons.lacking[:, 1:]
    )
    most = ranks(one, [[HAND_SET] * FOLDS], singles=(), seed=0)[:, 0]
    assert (most[one.seen] <= one.catalogue.behaviour.seen.sum()).all()
    assert (most[~one.seen] <= (~one.catalogue.behaviour.seen).sum()).all()


def test_a_sample_asks_the_same(asked, whole_in_memory):
    one = asked[1]
    chosen = np.arange(len(one.block)) % 3 == 0
    part = one.sample(chosen)
    whole = ranks(one, [[HAND_SET] * FOLDS], singles=(), seed=0)
    np.testing.assert_array_equal(ranks(part, [[HAND_SET] * FOLDS], singles=(), seed=0), whole[chosen])
    again = find_interests(part.catalogue, part.queries, whole_in_memory.settings.retrieve)
    np.testing.assert_array_equal(again.vectors, part.interests.vectors)
