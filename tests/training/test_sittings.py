"""The order of what goes with a posting, from what is looked at next in a sitting."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import CONFIG

from recsys.bundle import RELATED, open_bundle, write_bundle
from recsys.engine import Engine
from recsys.rank import HAND_SET
from recsys.related import related
from training.evaluate import ask_board
from training.sittings import SITTING, both_ways, in_sitting, learn_related

FEW = CONFIG.validation.model_copy(update={"least": 40})


@pytest.fixture(scope="module")
def asked(market):
    return ask_board(CONFIG, market.data, market.cache, lambda line: None)[0]


def test_pairs_are_of_one_sitting_and_their_catalogue_does_not_know_them(asked):
    found = 0
    for one in asked:
        pairs = one.sample(in_sitting(one.queries))
        found += len(pairs.block)
        assert (pairs.queries.now - pairs.queries.time[:, 0] < SITTING).all()
        assert (pairs.block.now >= one.block.opened).all()  # the catalogue knows what came before the block alone
        assert (pairs.queries.history[:, 0] != pairs.block.answer).all()
    assert found >= FEW.least


def test_each_pair_is_asked_by_nobody_and_by_the_candidate(asked):
    pairs = asked[-1].sample(in_sitting(asked[-1].queries))
    nobody, personal = both_ways(pairs, CONFIG.engine)
    last = pairs.queries.history[:, 0]
    for one in (nobody, personal):
        assert (one.queries.history[:, 0] == last).all()
        assert one.block is pairs.block
    assert (nobody.queries.history[:, 1:] == -1).all()
    assert not nobody.queries.wanted_known.any()
    assert (personal.queries.history[:, 1] >= 0).any()


def test_it_is_learned_and_written_into_the_bundle(asked, market, scorer, tmp_path):
    learned = learn_related(asked, CONFIG.engine, FEW)
    assert learned.name in ("related", HAND_SET.name)
    assert open_bundle(market.bundle).related is None  # of a board with as few sittings as this one
    write_bundle(
        tmp_path / "bundle",
        scorer.engine.catalogue,
        HAND_SET,
        CONFIG.engine,
        {},
        market.prepared.postings[["posting_id", "title", "company", "url"]],
        market.trained.manifest,
        market.prepared.books,
        documents={RELATED: learned.to_document()},
    )
    engine = Engine.load(tmp_path / "bundle")
    np.testing.assert_array_equal(engine.related.weights, learned.weights)
    rows = np.array([5], np.int32)
    queries = scorer.queries(["c0000001"], scorer.as_of)
    wanted = related(replace(scorer.engine, related=learned), queries, rows, 10)
    np.testing.assert_array_equal(related(engine, queries, rows, 10).rows, wanted.rows)


def test_too_few_pairs_teach_nothing(asked):
    few = [one.sample(np.arange(len(one.block)) < 5) for one in asked]
    assert learn_related(few, CONFIG.engine, FEW) is None
