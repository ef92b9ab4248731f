"""Choosing the order."""

import numpy as np
import pytest

from recsys.rank import HAND_SET
from recsys.signals import COLUMN, FAMILIES, NAMES, SIGNALS
from recsys.signals_behaviour import KIN
from recsys.trees import TreeRanker
from training.choose import LEARNED, Choice, choose_ranker, contenders
from training.config import ValidationSettings
from training.learn import Lessons
from training.split import validation_blocks
from training.trial import Trial


def choose(market, engine, **changed) -> Choice:
    settings = ValidationSettings(**changed)
    blocks = validation_blocks(market.prepared, engine.settings.events, settings, market.as_of)
    return choose_ranker(market.prepared, engine.settings, settings, blocks)


def trial(ranks, seen, dated) -> Trial:
    ranks = np.array(ranks)
    return Trial(tuple("abc"[: ranks.shape[1]]), ranks, np.array(seen), np.ones(len(ranks), bool), dated)


def test_below_the_least_number_of_queries_the_hand_set_weights_hold(market, whole_in_memory):
    queries = market.trained.choice.queries
    choice = choose(market, whole_in_memory, least=queries + 1)
    assert choice.ranker is HAND_SET
    assert choice.trial is None
    assert choice.queries == queries
    assert choose_ranker(market.prepared, whole_in_memory.settings, ValidationSettings(), []).ranker is HAND_SET


def test_with_enough_queries_the_best_order_on_other_candidates_is_taken(market):
    choice = market.trained.choice
    assert choice.queries >= 200
    figures = choice.trial.figures(np.ones(len(choice.trial.seen), bool))
    finalists = set(figures) - {"linear", "ensemble", "trees", "blend"}
    assert len(finalists) == 3
    assert finalists < set(NAMES)
    assert choice.ranker.name == choice.trial.best()
    singles = max(figures[name]["ndcg@10"] for name in finalists)
    assert figures[choice.ranker.name]["ndcg@10"] > max(singles, figures["blend"]["ndcg@10"])


def test_the_learned_order_beats_chance_and_every_single_signal_here(market):
    choice = market.trained.choice
    figures = choice.trial.figures(np.ones(len(choice.trial.seen), bool))
    assert choice.ranker.name in LEARNED
    assert figures["linear"]["hit@10"] > 1.2 * max(figures[name]["hit@10"] for name in figures if name in NAMES)
    assert figures["linear"]["hit@10"] > 0.3


def test_what_is_learned_is_not_what_was_set_by_hand(market):
    ranker = market.trained.choice.ranker
    ranker = ranker.linear if isinstance(ranker, TreeRanker) else ranker
    assert np.isfinite(ranker.weights).all()
    assert (ranker.weights != HAND_SET.weights).sum() > len(NAMES) / 2


def test_choosing_twice_gives_the_same_bits(market, whole_in_memory):
    again = choose(market, whole_in_memory)
    assert again.ranker.to_document() == market.trained.choice.ranker.to_document()
    np.testing.assert_array_equal(again.trial.ranks, market.trained.choice.trial.ranks)


def test_fewer_are_ranked_if_so_wanted(market, whole_in_memory):
    choice = choose(market, whole_in_memory, most_ranked=60)
    assert 30 < len(choice.trial.ranks) < 100
    assert choice.queries == market.trained.choice.queries


def test_figures_of_dated_boards_are_plain_means():
    one = trial([[1, 10], [11, 3], [2, 40]], [True, True, False], dated=True)
    figures = one.figures(np.ones(3, bool))
    assert figures["a"] == {"hit@10": 0.6667, "ndcg@10": round((1 + 1 / np.log2(3)) / 3, 4)}
    assert figures["b"] == {"hit@10": 0.6667, "ndcg@10": round((1 / np.log2(11) + 1 / 2) / 3, 4)}
    assert one.figures(np.array([False, True, False]))["a"] == {"hit@10": 0.0, "ndcg@10": 0.0}
    assert one.figures(np.zeros(3, bool)) == {}


def test_figures_of_undated_boards_are_means_of_seen_and_new():
    one = trial([[1], [1], [1], [50]], [True, True, True, False], dated=False)
    assert one.figures(np.ones(4, bool))["a"]["hit@10"] == 0.5
    assert one.figures(np.array([True, True, True, False]))["a"]["hit@10"] == 1.0


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(120, 6, len(NAMES))).astype(np.float32)
    return Lessons(signals, np.zeros((120, 6), bool), rng.integers(0, 2, 120))


def test_each_fold_is_learned_from_the_other(lessons):
    spoilt = lessons.signals.copy()
    spoilt[lessons.fold == 0, 0, COLUMN["title_any"]] += 9
    found = contenders(Lessons(spoilt, lessons.lacking, lessons.fold))["linear"]
    clean = contenders(lessons)["linear"]
    np.testing.assert_array_equal(found[0].weights, clean[0].weights)  # fold 0 is ranked by what fold 1 taught
    assert found[1].weights[COLUMN["title_any"]] > clean[1].weights[COLUMN["title_any"]] + 0.3


def test_trees_alone_may_use_what_a_sum_may_not(lessons):
    taught = lessons.signals.copy()
    taught[:, 0, COLUMN["title_popularity"]] += 9
    found = contenders(Lessons(taught, lessons.lacking, lessons.fold))
    assert all(one.weights[COLUMN["title_popularity"]] == 0 for one in found["linear"])
    for name in ("trees", "ensemble"):
        assert all(max(one.importances, key=one.importances.get) == "title_popularity" for one in found[name])


def test_without_a_family_its_signals_weigh_nothing(lessons):
    found = contenders(lessons, ablate=True)
    for family in FAMILIES:
        (name,) = [name for name in found if name == f"without {family}"]
        for ranker in found[name]:
            for signal in SIGNALS:
                unused = signal.name in KIN or family in signal.family.split()
                assert (ranker.weights[COLUMN[signal.name]] == 0) == unused
    assert "without" not in " ".join(contenders(lessons))
