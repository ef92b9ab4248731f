"""Summaries of measured values whose answers are known by construction."""

from dataclasses import replace

import numpy as np
import pytest
from small_evaluation import SYSTEMS, measured

from recsys import metrics
from training.losses import STAGES
from training.measured import Measured, Probabilities
from training.summarise import differences, per_query, reliability, summarise, verdict


def slices(summary):
    return {(one.family, one.name): one for one in summary.slices}


@pytest.mark.parametrize("measure", ["hit@10", "hit@50", "ndcg@10", "ndcg@100", "mrr"])
def test_measures_are_those_of_the_lists(measure):
    rng = np.random.default_rng(0)
    rows = np.array([rng.permutation(300)[:100] for _ in range(60)])
    answer = rng.integers(0, 300, 60)
    found = rows == answer[:, None]
    place = np.where(found.any(axis=1), 1 + found.argmax(axis=1), 0)
    hit, one = metrics.hits(rows, np.arange(61), answer), np.ones(60, np.int64)
    name, _, depth = measure.partition("@")
    by_name = {"hit": metrics.hit_at, "ndcg": metrics.ndcg_at}
    expected = by_name[name](hit, one, int(depth)) if depth else metrics.reciprocal_rank(hit, one, 100)
    np.testing.assert_allclose(per_query(place, measure), expected)
    assert 0 < expected.mean() < 1


def test_the_table_holds_means_of_all_systems():
    rows = {row.name: row for row in summarise(measured()).tables["all (240 queries)"]}
    assert set(rows) == set(SYSTEMS.names)
    engine, near = rows["engine"], rows["near"]
    assert engine.figures["hit@10"][0] == pytest.approx(2 / 3)
    assert engine.figures["hit@50"] == pytest.approx((1, 1, 1))
    assert engine.figures["mrr"][0] == pytest.approx(2 / 3 + 1 / 33)
    assert near.figures["ndcg@10"][0] == pytest.approx(1 / 3 / np.log2(3))
    assert engine.figures["hit@10"][1] < 2 / 3 < engine.figures["hit@10"][2]
    assert (engine.coverage, near.coverage) == (10 / 40, 2 / 40)
    assert engine.served == 1


def test_of_undated_boards_seen_and_new_are_told_apart_and_weighed_alike():
    one = measured(dated=False)
    one = replace(one, seen=np.arange(240) < 80)
    tables = summarise(one).tables
    assert list(tables) == [
        "all (240 queries)", "mean of seen and new postings",
        "seen postings (80 queries)", "new postings (160 queries)",
    ]  # fmt: skip
    hits = [rows[0].figures["hit@10"][0] for rows in tables.values()]
    assert hits == pytest.approx([2 / 3, 0.75, 1, 0.5])
    assert "mean of seen and new postings" not in summarise(replace(one, dated=True)).tables


def test_a_system_without_lists_has_no_row():
    one = measured()
    top = one.top.copy()
    top[4] = -1
    assert "alike" not in {row.name for row in summarise(replace(one, top=top)).tables["all (240 queries)"]}


def test_the_engine_is_compared_with_the_best_of_each_kind():
    found = {one.why: one for one in summarise(measured()).comparisons}
    single, baseline = found["best single signal"], found["best baseline"]
    assert baseline.against == "popularity alone"
    assert single.against == "near"  # as good as "alike", and first
    assert single.differences["hit@10"][0] == pytest.approx(1 / 3)
    assert baseline.differences["hit@50"][0] == pytest.approx(3 / 4)
    assert found["order of the whole catalogue"].differences["mrr"][:3] == (0, 0, 0)
    assert found["order of the whole catalogue"].differences["mrr"][3] == 1


def test_differences_are_those_of_the_paired_bootstrap():
    rng = np.random.default_rng(1)
    a, b = rng.random((80, 2)), rng.random((80, 2))
    for at, found in enumerate(differences(a, b, seed=4)):
        assert found == pytest.approx(metrics.paired_bootstrap(a[:, at], b[:, at], seed=4))


def test_slices_say_where_the_engine_is_below_the_best_signal_there():
    found = slices(summarise(measured(360)))
    assert found["history", "0"].verdict == "above"
    assert found["history", "0"].single["hit@10"] == ("near", 1.0)
    assert found["history", "0"].engine["ndcg@10"] == 1
    assert found["history", "2-4"].single == {
        "hit@10": ("alike", 0.5),
        "ndcg@10": ("alike", pytest.approx(0.5 / np.log2(3))),
    }
    assert ("history", "1") not in found
    assert found["history", "2-4"].queries == 240
    assert found["region", "North"].verdict == "above"
    assert found["region", "South"].verdict == "below"
    assert found["region", "South"].differences["hit@10"][:3] == (-1, -1, -1)
    assert found["region", "not known"].queries == 120
    assert found["posting", "seen"].queries == found["posting", "new"].queries == 180
    assert found["posting and history", "seen, without history"].queries == 60
    assert found["posting and history", "seen, without history"].verdict == "too few"


def test_regions_with_few_queries_are_one_slice():
    region = np.where(np.arange(240) < 120, "Large", np.where(np.arange(240) < 180, "Small", "Tiny")).astype(object)
    found = slices(summarise(replace(measured(), region=region)))
    assert found["region", "Large"].queries == found["region", "all others"].queries == 120
    assert {name for family, name in found if family == "region"} == {"Large", "all others"}
    nowhere = slices(summarise(replace(measured(), region=np.full(240, "", object))))
    assert "region" not in {family for family, _ in nowhere}


@pytest.mark.parametrize(
    ("ends", "queries", "said"),
    [
        ([(0.0, 0.2), (0.0, 0.2)], 500, "level"),
        ([(-0.1, 0.2), (0.01, 0.2)], 500, "above"),
        ([(0.1, 0.2), (0.01, 0.2)], 500, "above"),
        ([(0.1, 0.2), (-0.2, -0.01)], 500, "below"),
        ([(-0.1, 0.2), (-0.2, 0.1)], 500, "level"),
        ([(-0.3, -0.2), (-0.2, -0.1)], 99, "too few"),
        ([(-0.3, -0.2), (-0.2, -0.1)], 100, "below"),
    ],
)
def test_a_verdict_needs_queries_and_intervals(ends, queries, said):
    assert verdict([(0.0, low, high, 0.5) for low, high in ends], queries) == said


def test_losses_are_counted_by_stage():
    found = {one.name: one.counts for one in summarise(measured()).losses}
    assert list(found["all"]) == list(STAGES)
    assert found["all"]["listed"] == 159
    assert found["all"]["arrangement: caps"] == 1
    assert found["all"]["order: place 11 to 50"] == found["all"]["pool: not retrieved or cut"] == 40
    assert found["seen postings"]["pool: not retrieved or cut"] == 40
    assert found["new postings"]["pool: not retrieved or cut"] == 0
    missed = {one.name: one.missed for one in summarise(measured()).losses}
    assert missed == {"all": 0, "seen postings": 0, "new postings": 0}  # the order alone has them at place 11 too
    one = measured()
    place = one.place.copy()
    place[1, -4:] = 10, 10, 11, 0  # of which the first and the third were not retrieved
    assert {one.name: one.missed for one in summarise(replace(one, place=place)).losses}["all"] == 1
    assert sum(found["seen postings"].values()) == sum(found["new postings"].values()) == 120


def test_popularity_of_what_is_shown_against_what_is_chosen():
    rows = {one.name: one for one in summarise(measured()).popularity}
    assert list(rows) == ["chosen postings", "engine", "linear", "near", "popularity alone"]
    assert rows["chosen postings"].percentile == pytest.approx((0.6, 0.6, 0.6))
    assert rows["chosen postings"].difference is None
    assert rows["engine"].difference[:3] == pytest.approx((-0.1, -0.1, -0.1))


def test_popularity_of_undated_boards_is_of_seen_answers():
    one = measured(dated=False)
    chosen = np.where(one.seen, 0.9, 0.1).astype(np.float32)
    found = summarise(replace(one, chosen_percentile=chosen)).popularity
    assert found[0].percentile[0] == pytest.approx(0.9)


def test_distances_are_of_candidates_whose_choice_has_one():
    rows = {one.name: one for one in summarise(measured()).distances}
    assert rows["chosen postings"].known == 120
    assert set(rows["chosen postings"].quantiles.values()) == {5.0}
    assert rows["engine"].known == 1200
    assert rows["engine"].quantiles["50"] == pytest.approx(45)
    assert rows["engine"].within == {"10": 0.2, "25": pytest.approx(0.3), "50": 0.6, "100": 1.0}
    assert rows["near"].known == 240  # two postings a list
    assert summarise(replace(measured(), chosen_km=np.full(240, np.nan, np.float32))).distances == ()


def test_an_order_without_queries_says_nothing():
    summary = summarise(measured(0))
    assert summary.queries == 0
    assert summary.tables == {"all (0 queries)": ()}
    assert (summary.comparisons, summary.slices, summary.losses, summary.popularity) == ((), (), (), ())


def test_reliability_of_probabilities_that_are_right_and_wrong():
    rng = np.random.default_rng(0)
    predicted = rng.uniform(0, 0.4, 40_000)
    right = reliability(Probabilities(predicted, rng.random(40_000) < predicted))
    assert len(right.counts) == 10
    assert set(right.counts) == {4000}
    assert right.ece < 0.01
    assert right.brier == pytest.approx((predicted * (1 - predicted)).mean(), abs=0.01)
    inside = [low <= expected <= high for expected, (_, low, high) in zip(right.predicted, right.observed, strict=True)]
    assert sum(inside) >= 7
    half = reliability(Probabilities(predicted, rng.random(40_000) < predicted / 2))
    assert half.ece == pytest.approx(0.1, abs=0.01)  # the mean prediction is 0.2, half of it happens


def test_equal_predictions_are_one_bin():
    found = reliability(Probabilities(np.array([0.25] * 8), np.array([True, True] + [False] * 6)))
    assert (found.counts, found.predicted, found.ece) == ((8,), (0.25,), 0.0)
    assert reliability(Probabilities(np.empty(0), np.empty(0, bool))).counts == ()
    with pytest.raises(ValueError, match="3 probabilities and 2 outcomes"):
        reliability(Probabilities(np.zeros(3), np.zeros(2, bool)))


def test_parts_join_to_the_same_summary():
    whole = measured()
    cut = [
        replace(
            whole,
            **{name: getattr(whole, name)[:, rows] for name in ("place", "top", "percentile", "km")},
            **{
                name: getattr(whole, name)[rows]
                for name in ("chosen_percentile", "chosen_km", "stage", "history", "seen", "region")
            },
        )
        for rows in (slice(0, 100), slice(100, 240))
    ]
    assert [len(one) for one in cut] == [100, 140]
    assert repr(summarise(Measured.join(cut))) == repr(summarise(whole))
    other = replace(cut[1], systems=replace(SYSTEMS, order="blend"))
    with pytest.raises(ValueError, match="different systems"):
        Measured.join([cut[0], other])
