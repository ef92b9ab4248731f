"""Which ranker is kept, on ranks whose answer is known."""

import numpy as np
import pytest

from training.trial import Trial


def trial(**ranks) -> Trial:
    table = np.stack([np.asarray(one) for one in ranks.values()], axis=1)
    count = len(table)
    return Trial(tuple(ranks), table, np.ones(count, bool), np.ones(count, bool), dated=True)


def test_a_clearly_better_one_is_kept_however_much_it_knows():
    better, worse = np.full(200, 1), np.full(200, 5)
    assert trial(linear=worse, ensemble=better, blend=worse, title_any=worse).best() == "ensemble"
    assert trial(linear=worse, trees=better, blend=worse, title_any=worse).best() == "trees"
    assert trial(linear=better, trees=worse, blend=worse, title_any=worse).best() == "linear"


@pytest.mark.parametrize("simpler", ["title_any", "blend", "linear"])
def test_of_those_that_cannot_be_told_apart_the_simplest_is_kept(simpler):
    same = np.random.default_rng(0).integers(1, 30, 300)
    barely = np.maximum(same - (np.arange(300) == 7), 1)
    worse = same + 20
    ranks = {"linear": worse, "ensemble": barely, "blend": worse, "title_any": worse} | {simpler: same}
    assert trial(**ranks).best() == simpler


def test_of_single_signals_the_best_is_compared():
    same = np.random.default_rng(1).integers(1, 30, 300)
    assert trial(linear=same, near_any=same + 15, title_any=same).best() == "title_any"


def test_where_postings_carry_no_dates_seen_and_new_count_the_same():
    """Ten seen queries weigh as much as ninety new ones."""
    seen = np.arange(100) < 10
    ranks = np.stack([np.where(seen, 1, 10), np.where(seen, 40, 2)], axis=1)
    assert Trial(("linear", "trees"), ranks, seen, seen, dated=False).best() == "linear"
    assert Trial(("linear", "trees"), ranks, seen, seen, dated=True).best() == "trees"


def test_leaders_are_those_of_the_highest_gain():
    first, second = np.full(50, 1), np.full(50, 3)
    found = trial(near_any=second, title_any=np.full(50, 20), freshness=first).leaders(2)
    assert found == ["freshness", "near_any"]
