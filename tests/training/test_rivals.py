"""Rivals are what the engine would list in the answer's place."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.arrange import one_of_copies
from recsys.config import EngineSettings, RetrieveSettings
from recsys.eligible import eligible
from recsys.rank import single
from recsys.signals import COLUMN, compute
from training.config import ValidationSettings
from training.rivals import rivals_of
from training.split import validation_blocks
from training.validate import FOLDS, ask

SETTINGS = ValidationSettings(most=300, rivals=20)
NARROW = EngineSettings(retrieve=RetrieveSettings(pool=40, union=10_000))  # the whole board, cut to 40
NEAREST = [single("near_any")] * FOLDS


@pytest.fixture(scope="module")
def asked(market):
    blocks = validation_blocks(market.prepared, NARROW.events, SETTINGS, market.as_of)
    return [ask(market.prepared, NARROW, block) for block in blocks]


def test_rivals_are_the_best_of_the_cut(asked):
    """Cut by nearness alone, no rival is farther than all but the nearest few postings that may be shown."""
    one = asked[0]
    lessons = rivals_of(one, NARROW, SETTINGS, NEAREST)
    assert lessons.signals.shape[:2] == (len(one.block), 21 + one.block.passed.shape[1])
    rows = np.broadcast_to(np.arange(len(one.catalogue), dtype=np.int32), (len(one.block), len(one.catalogue)))
    near = lessons.signals[:, :21, COLUMN["near_any"]]
    every = compute(one.catalogue, one.queries, one.interests, rows)[..., COLUMN["near_any"]]
    allowed = eligible(one.catalogue, one.queries, rows) & one.catalogue.open
    copies, posted = one.catalogue.copies, one.catalogue.attributes.posted
    allowed = one_of_copies(copies.group, posted, np.nan_to_num(every), allowed, rows)
    for at in np.flatnonzero(~np.isnan(near).any(axis=1))[::5]:
        best = np.sort(every[at][allowed[at] & ~np.isnan(every[at])])[::-1]
        rivals = near[at, 1:][~lessons.lacking[at, 1:21]]
        assert len(rivals) == 20
        assert (rivals >= best[40] - 1e-6).all()


def test_the_answer_stands_first_and_is_no_rival(asked):
    for one in asked:
        lessons = rivals_of(one, NARROW, SETTINGS, NEAREST)
        assert not lessons.lacking[:, 0].any()
        assert not lessons.lacking[:, 1:21].all(axis=1).any()
        np.testing.assert_array_equal(lessons.fold, one.fold(SETTINGS.seed))


def test_each_fold_has_the_cut_of_that_fold(asked):
    one = asked[1]
    other = [single("near_any"), single("popularity")]
    plain, mixed = (rivals_of(one, NARROW, SETTINGS, cuts).signals for cuts in (NEAREST, other))
    first = one.fold(SETTINGS.seed) == 0
    np.testing.assert_array_equal(plain[first], mixed[first])
    assert not np.array_equal(plain[~first], mixed[~first], equal_nan=True)


def test_without_dates_a_seen_answer_has_seen_rivals(market):
    undated = replace(market.prepared.attributes, posted=np.full(len(market.prepared.ids), np.nan))
    prepared = replace(market.prepared, attributes=undated)
    block = validation_blocks(prepared, NARROW.events, SETTINGS, market.as_of)[0]
    one = ask(prepared, NARROW, block)
    assert not one.catalogue.dated
    lessons = rivals_of(one, NARROW, SETTINGS, [single("title_any")] * FOLDS)
    popularity, there = lessons.signals[..., COLUMN["popularity"]], ~lessons.lacking
    known = ~np.isnan(popularity)
    assert (known == one.seen[:, None])[there & (np.arange(known.shape[1]) < 21)].all()
