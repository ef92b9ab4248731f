"""Trees learn what a sum of signals cannot say, and only that."""

import json

import numpy as np
import pytest

from recsys.rank import family_mask
from recsys.signals import COLUMN, NAMES
from recsys.trees import TreeRanker, ranker_from_document
from training.learn import Lessons, learn_linear
from training.learn_trees import learn_trees

QUERIES, NEGATIVES = 600, 30
FIRST, SECOND, THIRD = (COLUMN[name] for name in ("title_any", "near_any", "popularity"))


def lessons(seed, worth) -> Lessons:
    """Queries whose answer is the posting of the highest ``worth`` (Q, 1 + N) of its signals, some noise added."""
    rng = np.random.default_rng(seed)
    signals = np.full((QUERIES, 1 + NEGATIVES, len(NAMES)), np.nan, np.float32)
    signals[..., [FIRST, SECOND, THIRD]] = rng.uniform(-1, 1, (QUERIES, 1 + NEGATIVES, 3))
    value = worth(signals) + rng.gumbel(0, 0.05, (QUERIES, 1 + NEGATIVES))
    best = value.argmax(axis=1)
    order = np.argsort(np.arange(1 + NEGATIVES) != best[:, None], axis=1, kind="stable")
    signals = np.take_along_axis(signals, order[..., None], 1)
    return Lessons(signals, np.zeros((QUERIES, 1 + NEGATIVES), bool), rng.integers(0, 2, QUERIES))


def both(signals):
    """Alike and near, or neither: no weighted sum has it."""
    return signals[..., FIRST] * signals[..., SECOND] + 0.3 * signals[..., THIRD]


def first_share(ranker, asked) -> float:
    """Share of the queries whose answer is ordered first; equals count against it."""
    scores = ranker.score(asked.signals)
    return float((scores[:, :1] > scores[:, 1:]).all(axis=1).mean())


@pytest.fixture(scope="module")
def crossed():
    taught, asked = lessons(0, both), lessons(1, both)
    linear = learn_linear(taught, family_mask())
    return taught, asked, linear


@pytest.mark.parametrize("alone", [True, False])
def test_trees_learn_what_two_signals_mean_together(crossed, alone):
    taught, asked, linear = crossed
    ranker = learn_trees(taught, family_mask(), 0, None if alone else linear)
    assert ranker.name == ("trees" if alone else "ensemble")
    assert first_share(ranker, asked) > first_share(linear, asked) + 0.2


def test_where_a_sum_says_it_all_trees_stay_small():
    def plain(signals):
        return signals[..., FIRST] + signals[..., SECOND]

    taught, asked = lessons(2, plain), lessons(3, plain)
    linear = learn_linear(taught, family_mask())
    ensemble = learn_trees(taught, family_mask(), 0, linear)
    assert first_share(ensemble, asked) > first_share(linear, asked) - 0.03


def test_nothing_is_learned_from_where_the_answer_stands():
    """Signals that say nothing: an order by place in the lessons would find every answer."""
    taught = lessons(4, lambda signals: np.zeros(signals.shape[:2]))
    asked = lessons(5, lambda signals: np.zeros(signals.shape[:2]))
    assert first_share(learn_trees(taught, family_mask(), 0), asked) < 4 / (1 + NEGATIVES)


def test_the_same_lessons_give_the_same_trees(crossed):
    taught, _, linear = crossed
    first, second = (learn_trees(taught, family_mask(), 7, linear) for _ in range(2))
    assert first.model == second.model


def test_signals_that_may_not_be_used_are_not(crossed):
    taught, _, _ = crossed
    mask = family_mask()
    mask[SECOND] = False
    ranker = learn_trees(taught, mask, 0)
    assert ranker.importances["near_any"] == 0
    assert ranker.importances["popularity"] > 0


def test_a_query_of_no_weight_teaches_nothing(crossed):
    taught, asked, _ = crossed
    wrong = taught.signals[:, ::-1].copy()  # another posting is called the answer
    doubled = Lessons(
        np.concatenate([taught.signals, wrong]),
        np.concatenate([taught.lacking, taught.lacking]),
        np.concatenate([taught.fold, taught.fold]),
        np.repeat(np.array([1, 1e-6], np.float32), QUERIES),
    )
    assert first_share(learn_trees(doubled, family_mask(), 0), asked) > 0.5


def test_trees_beside_a_sum_are_grown_for_themselves(crossed):
    """What is added to a linear order does not depend on that order."""
    taught, _, linear = crossed
    assert learn_trees(taught, family_mask(), 7, linear).model == learn_trees(taught, family_mask(), 7).model


def test_a_document_gives_them_back(crossed):
    taught, asked, linear = crossed
    ranker = learn_trees(taught, family_mask(), 0, linear)
    again = ranker_from_document(json.loads(json.dumps(ranker.to_document())))
    assert isinstance(again, TreeRanker)
    np.testing.assert_array_equal(again.score(asked.signals[:20]), ranker.score(asked.signals[:20]))
