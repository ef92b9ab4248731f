"""Where events have no time, a random share of them is hidden and asked for."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.candidates import event_weights
from recsys.config import EngineSettings, EventSettings, FactorSettings
from training.config import ValidationSettings
from training.snapshot import event_candidates
from training.split import validation_blocks
from training.validate import ask, lessons_of

EVENTS = EventSettings()
ENGINE = EngineSettings(factors=FactorSettings(dimensions=8, iterations=3))
SETTINGS = ValidationSettings(most=800)


def without_times(market, dated):
    histories, attributes = market.prepared.candidates.histories, market.prepared.attributes
    untimed = replace(histories, time=np.full_like(histories.time, np.nan))
    posted = np.full_like(attributes.posted, market.as_of - 1e6 if dated else np.nan)
    return replace(
        market.prepared,
        candidates=replace(market.prepared.candidates, histories=untimed),
        attributes=replace(attributes, posted=posted, until=np.full_like(posted, np.nan)),
    )


@pytest.fixture(scope="module", params=[True, False], ids=["dated", "undated"])
def prepared(market, request):
    return without_times(market, request.param)


@pytest.fixture(scope="module")
def blocks(prepared, market):
    return validation_blocks(prepared, EVENTS, SETTINGS, market.as_of)


def pairs(prepared):
    return event_candidates(prepared).astype(np.int64) << 32 | prepared.candidates.histories.posting


def test_every_block_hides_another_share_of_whole_pairs(prepared, blocks):
    pair = pairs(prepared)
    assert len(blocks) == SETTINGS.blocks
    hidden = [np.unique(pair[~block.known]) for block in blocks]
    for block, own in zip(blocks, hidden, strict=True):
        assert not np.isin(pair[block.known], own).any()
        assert 0.1 < len(own) / len(np.unique(pair)) < 0.3
    if np.isfinite(prepared.attributes.posted).all():
        assert len(np.unique(np.concatenate(hidden))) == sum(map(len, hidden))


def test_what_asks_is_hidden_and_the_candidate_keeps_something(prepared, blocks):
    pair, candidate = pairs(prepared), event_candidates(prepared)
    weight = event_weights(prepared.candidates.histories.kind, prepared.candidates.histories.value, EVENTS)
    whole = prepared.candidates.profiles.whole
    for block in blocks:
        assert block.around
        assert 40 < len(block) <= SETTINGS.most // SETTINGS.blocks
        asked = block.candidate.astype(np.int64) << 32 | block.answer
        assert np.isin(asked, pair[~block.known]).all()
        assert not np.isin(asked, pair[block.known]).any()
        kept = np.bincount(candidate[block.known & (weight > 0)], minlength=len(prepared.candidates)) > 0
        assert (kept | (whole >= 0))[block.candidate].all()


def test_without_dates_some_answers_have_no_events_left(prepared, blocks):
    seen = [np.isin(block.answer, prepared.candidates.histories.posting[block.known]) for block in blocks]
    new = 1 - np.concatenate(seen).mean()
    if np.isfinite(prepared.attributes.posted).all():
        assert new < 0.2
    else:
        assert 0.2 < new < 0.9


def test_a_query_reads_all_that_is_known_of_its_candidate_and_nothing_hidden(prepared, blocks):
    histories = prepared.candidates.histories
    weight = event_weights(histories.kind, histories.value, EVENTS)
    asked = ask(prepared, ENGINE, blocks[0])
    for at, candidate in enumerate(blocks[0].candidate[:100]):
        own = slice(histories.start[candidate], histories.start[candidate + 1])
        known = blocks[0].known[own] & (weight[own] > 0)
        expected = list(dict.fromkeys(histories.posting[own][known][-2 * EVENTS.history :][::-1].tolist()))
        assert [row for row in asked.queries.history[at].tolist() if row >= 0] == expected[: EVENTS.history]


def test_what_else_was_hidden_of_the_candidate_is_no_wrong_answer(prepared, blocks):
    asked = ask(prepared, ENGINE, blocks[0])
    histories = prepared.candidates.histories
    weight = event_weights(histories.kind, histories.value, EVENTS)
    chosen = set(pairs(prepared)[~blocks[0].known & (weight > 0)].tolist())
    hidden = set(asked.queries.hidden.tolist())
    met = 0
    for at, (candidate, answer) in enumerate(zip(blocks[0].candidate, blocks[0].answer, strict=True)):
        assert at << 32 | int(answer) not in hidden
        own = histories.posting[histories.start[candidate] : histories.start[candidate + 1]]
        for row in set(own.tolist()) - {int(answer)}:
            if int(candidate) << 32 | row in chosen:
                assert at << 32 | row in hidden
                met += 1
    assert met > 20
    lessons = lessons_of(asked, SETTINGS)
    assert lessons.lacking[:, 1:].mean() > 0
    assert not lessons.lacking[:, 0].any()
