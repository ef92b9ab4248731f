"""Measuring a whole board: what is said agrees with what the engine serves."""

import numpy as np
import pandas as pd
import pytest
from conftest import CONFIG

from recsys.engine import Engine
from recsys.rank import HAND_SET
from recsys.signals import NAMES
from training.choose import LEARNED, cuts_of
from training.config import ValidationSettings
from training.evaluate import ask_board, evaluate, measure, rankers_of
from training.learned import learned_of, spreads
from training.losses import LISTED, MIX
from training.measured import DEPTH
from training.teach import teach
from training.validate import FOLDS, ranks


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def asked(market):
    return ask_board(CONFIG, market.data, market.cache, quiet)


@pytest.fixture(scope="module")
def taught(asked):
    blocks, prepared = asked
    return teach(prepared, CONFIG.engine, CONFIG.validation, blocks)


@pytest.fixture(scope="module")
def lessons(taught):
    return taught.lessons


@pytest.fixture(scope="module")
def rankers(taught):
    return rankers_of(taught.lessons, CONFIG.validation, rivals=taught.rivals)


@pytest.fixture(scope="module")
def measured(asked, rankers, lessons):
    blocks, prepared = asked
    return measure(blocks, rankers, lessons, CONFIG, prepared.postings["region"].to_numpy(object))


def test_the_engine_is_followed_by_rankers_signals_and_baselines(measured, rankers):
    systems = measured.systems
    assert systems.names[0] == "engine"
    assert len(systems.names) == 1 + len(rankers) + len(NAMES)
    assert {"implicit ALS alone", "popularity alone"} == {systems.names[at] for at in systems.of_kind("baseline")}
    assert "without place" in {systems.names[at] for at in systems.of_kind("ablation")}
    assert systems.order in (*LEARNED, "blend", *NAMES)


def test_places_are_the_ranks_among_the_whole_board(measured, asked, rankers):
    blocks, _ = asked
    expected = np.concatenate([ranks(one, list(rankers.values()), (), CONFIG.validation.seed) for one in blocks])
    found = measured.place[1 : 1 + len(rankers)].T
    group = np.concatenate([one.catalogue.copies.group[one.block.answer] for one in blocks])
    every = blocks[0].catalogue.copies.group
    alone = np.bincount(every, minlength=len(every))[group] == 1
    assert alone.mean() > 0.5
    np.testing.assert_array_equal(found[alone], np.where(expected <= DEPTH, expected, 0)[alone])
    assert (np.where(found > 0, found, DEPTH + 1) <= np.minimum(expected, DEPTH + 1)).all()  # a copy stands for it


def test_the_first_ten_are_what_the_engine_serves(measured, asked, rankers, lessons):
    seed, start = CONFIG.validation.seed, 0
    order = measured.systems.order
    cuts = cuts_of(order, rankers[order], lessons)
    for one in asked[0]:
        fold = one.fold(seed)
        for at in range(FOLDS):
            part = one.sample(fold == at)
            engine = Engine(part.catalogue, rankers[order][at], CONFIG.engine, {}, cut=cuts[at])
            served = engine.answer(part.queries, 10).rows
            inside = start + np.flatnonzero(fold == at)
            np.testing.assert_array_equal(measured.top[0, inside], served)
            hit = part.catalogue.copies.same(served, part.block.answer[:, None]).any(axis=1)
            np.testing.assert_array_equal((measured.place[0, inside] > 0) & (measured.place[0, inside] <= 10), hit)
            np.testing.assert_array_equal(measured.stage[inside] == LISTED, hit)
        start += len(one.block)
    assert start == len(measured)


def test_the_market_is_dated_so_nothing_is_lost_to_the_mix(measured):
    assert measured.dated
    assert not (measured.stage == MIX).any()
    assert measured.seen.any()


def test_regions_are_those_of_the_tables(measured, asked, market):
    blocks, prepared = asked
    tables = pd.read_parquet(market.data / "postings.parquet") if (market.data / "postings.parquet").exists() else None
    answers = np.concatenate([one.block.answer for one in blocks])
    assert measured.region.tolist() == prepared.postings["region"].iloc[answers].tolist()
    assert len(set(measured.region)) > 3
    if tables is not None and "region" in tables:
        by_id = tables.set_index("posting_id")["region"].fillna("")
        assert prepared.postings["region"].tolist() == by_id[prepared.postings["posting_id"]].tolist()


def test_below_the_least_number_of_queries_the_hand_set_order_is_measured(asked, lessons):
    blocks, prepared = asked
    few = CONFIG.model_copy(update={"validation": ValidationSettings(least=10**6)})
    rankers = rankers_of(lessons, few.validation)
    assert rankers == {"blend": [HAND_SET] * FOLDS}
    one = measure(blocks[:1], rankers, lessons, few, prepared.postings["region"].to_numpy(object))
    assert one.systems.order == "blend"
    assert one.systems.of_kind("ranker") == [1]


def test_weights_are_told_on_one_scale(rankers, lessons):
    found = {one.ranker: one for one in learned_of(rankers, lessons)}
    assert {name: one.kind for name, one in found.items() if one.kind == "weight"} == {"linear": "weight"}
    spread = spreads(lessons)
    known = lessons.signals[..., 3][~lessons.lacking]
    assert spread[3] == pytest.approx(np.nanstd(known), rel=1e-4)
    for at, name in enumerate(NAMES):
        expected = [ranker.weights[at] * spread[at] for ranker in rankers["linear"]]
        assert found["linear"].values[name] == pytest.approx(expected, rel=1e-5)


def test_importances_are_told_as_shares(lessons):
    class Trees:
        name = "trees"

        def __init__(self, **gains):
            self.importances = gains

    found = learned_of({"trees": [Trees(title_any=3.0, near_any=1.0), Trees(near_any=2.0)]}, lessons)
    assert [(one.ranker, one.kind) for one in found] == [("trees", "gain")]
    assert found[0].values["title_any"] == (0.75, 0.0)
    assert found[0].values["near_any"] == (0.25, 1.0)
    assert found[0].values["popularity"] == (0.0, 0.0)


def test_the_whole_evaluation_says_what_was_measured(market, measured):
    said: list[str] = []
    report = evaluate(CONFIG, market.data, market.cache, said.append)
    summary = report.summary
    assert summary.queries == len(measured)
    assert summary.order == measured.systems.order
    assert any(line.startswith(f"order: {summary.order}") for line in said)
    engine = next(iter(summary.tables.values()))[0]
    assert engine.figures["hit@10"][0] == pytest.approx(((measured.place[0] > 0) & (measured.place[0] <= 10)).mean())
    assert summary.losses[0].counts["listed"] == int((measured.stage == LISTED).sum())
    assert summary.impressions
    assert summary.reliability is not None
    assert sum(summary.reliability.counts) > 1000
    assert summary.reliability.ece < 0.05
