import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys import metrics

CATALOGUE = 60


def random_lists(seed, n_queries=200, width=20, nothing_relevant=True):
    """Ranked lists with -1 tails (some empty) and several relevant items each, as rows, start, items."""
    rng = np.random.default_rng(seed)
    rows = np.argsort(rng.random((n_queries, CATALOGUE)), axis=1)[:, :width]
    lengths = np.where(rng.random(n_queries) < 0.1, 0, rng.integers(1, width + 1, n_queries))
    rows = np.where(np.arange(width) < lengths[:, None], rows, -1)
    counts = rng.integers(0 if nothing_relevant else 1, 9, n_queries)
    items = np.concatenate([rng.permutation(CATALOGUE)[:count] for count in counts])
    return rows, np.concatenate([[0], np.cumsum(counts)]), items


def measured(rows, start, items, k):
    hit, counts = metrics.hits(rows, start, items), metrics.relevant_counts(start)
    return {
        "recall": metrics.recall_at(hit, counts, k),
        "hit_rate": metrics.hit_at(hit, counts, k),
        "ndcg": metrics.ndcg_at(hit, counts, k),
        "mrr": metrics.reciprocal_rank(hit, counts, k),
    }


def test_hits_are_those_of_sets():
    rows, start, items = random_lists(1)
    expected = [[item in set(items[start[q] : start[q + 1]]) for item in row] for q, row in enumerate(rows)]
    assert metrics.hits(rows, start, items).tolist() == expected


def test_padding_is_no_hit_and_a_repeated_item_counts_once():
    rows = np.array([[3, 3, -1], [-1, -1, -1]])
    hit = metrics.hits(rows, np.array([0, 2, 3]), np.array([3, 1, 0]))
    assert hit.tolist() == [[True, False, False], [False, False, False]]


def test_no_queries_and_no_places():
    assert metrics.hits(np.empty((0, 5), int), np.array([0]), np.empty(0, int)).shape == (0, 5)
    hit = metrics.hits(np.empty((1, 0), int), np.array([0, 1]), np.array([4]))
    assert metrics.reciprocal_rank(hit, np.array([1])).tolist() == [0.0]
    assert metrics.ndcg_at(hit, np.array([1]), 10).tolist() == [0.0]


CUTS = (1, 5, 10, 20)
#: In a process of its own, without numba's compiler (which takes most of a minute) and with ranx's warnings kept there.
INDEPENDENT = """
import json, sys
from ranx import Qrels, Run, evaluate
for cut, (relevant, lists) in json.load(sys.stdin).items():
    names = [f"{name}@{cut}" for name in ("recall", "hit_rate", "ndcg", "mrr")]
    qrels = Qrels(relevant)
    values = evaluate(qrels, Run(lists), names, return_mean=False)
    print(json.dumps([list(qrels.keys()), {name: list(map(float, values[name])) for name in names}]))
"""


@pytest.fixture(scope="module")
def independent():
    """For each cut: lists, relevant items, and ranx's values of each query."""
    lists = {cut: random_lists(cut, nothing_relevant=False) for cut in CUTS}
    asked = {}
    for cut, (rows, start, items) in lists.items():
        relevant = {str(q): {f"d{i}": 1 for i in items[start[q] : start[q + 1]]} for q in range(len(rows))}
        ranked = {str(q): {f"d{i}": 1 - at / 99 for at, i in enumerate(row) if i >= 0} for q, row in enumerate(rows)}
        assert sum(not of_query for of_query in ranked.values()) > 5  # empty lists are among them
        # ranx takes no empty list: one of an item that nobody asked for is worth the same.
        asked[cut] = relevant, {query: of_query or {"none": 0.0} for query, of_query in ranked.items()}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", INDEPENDENT],
        input=json.dumps(asked), env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {cut: (lists[cut], *answer) for cut, answer in zip(CUTS, answers, strict=True)}


@pytest.mark.parametrize("k", CUTS)
def test_values_of_an_independent_library(k, independent):
    (rows, start, items), queries, theirs = independent[k]
    order = [int(query) for query in queries]
    for name, ours in measured(rows, start, items, k).items():
        np.testing.assert_allclose(ours[order], theirs[f"{name}@{k}"], atol=1e-9, err_msg=name)


def test_nothing_relevant_is_unknown_not_zero():
    rows, start, items = random_lists(3)
    nothing = metrics.relevant_counts(start) == 0
    assert nothing.any()
    for values in measured(rows, start, items, 10).values():
        assert (np.isnan(values) == nothing).all()


@given(seed=st.integers(0, 10_000), k=st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_bounds_growth_and_order_of_queries(seed, k):
    rows, start, items = random_lists(seed, n_queries=30)
    now, later = measured(rows, start, items, k), measured(rows, start, items, k + 1)
    order = np.random.default_rng(seed).permutation(len(rows))
    counts = metrics.relevant_counts(start)
    mixed_items = np.concatenate([items[start[q] : start[q + 1]] for q in order])
    mixed = measured(rows[order], np.concatenate([[0], np.cumsum(counts[order])]), mixed_items, k)
    for name, values in now.items():
        known = values[~np.isnan(values)]
        assert ((known >= 0) & (known <= 1 + 1e-12)).all()
        np.testing.assert_allclose(mixed[name], values[order], rtol=1e-12)
        if name != "ndcg":  # its ideal grows with k, so it need not rise
            assert (later[name] >= values)[~np.isnan(values)].all()


def test_perfect_lists():
    rows = np.arange(10)[None, :]
    for values in measured(rows, np.array([0, 3]), np.array([0, 1, 2]), 3).values():
        np.testing.assert_allclose(values, 1.0)


def direct_gini(counts):
    return np.abs(counts[:, None] - counts[None, :]).sum() / (2 * len(counts) ** 2 * counts.mean())


@pytest.mark.parametrize("seed", range(5))
def test_gini_and_coverage_directly(seed):
    rows, _, _ = random_lists(seed, n_queries=25)
    counts = np.array([(rows[:, :7] == item).sum() for item in range(CATALOGUE + 11)], float)
    np.testing.assert_allclose(metrics.gini(rows, CATALOGUE + 11, 7), direct_gini(counts))
    assert metrics.coverage(rows, CATALOGUE + 11, 7) == (counts > 0).mean()


def test_gini_at_its_ends():
    assert metrics.gini(np.arange(6).reshape(2, 3), 6, 3) == pytest.approx(0)
    assert metrics.gini(np.zeros((4, 1), int), 100, 1) == pytest.approx(0.99)
    assert np.isnan(metrics.gini(np.full((4, 1), -1), 100, 1))


def test_served_share():
    assert metrics.served_share(np.array([[1, -1], [-1, -1], [0, 2], [-1, -1]])) == 0.5
    assert np.isnan(metrics.served_share(np.empty((0, 3), int)))


def test_interval_of_a_known_distribution():
    values = np.random.default_rng(5).normal(2.0, 1.0, 4000)
    mean, low, high = metrics.bootstrap_interval(values, repeats=2000, seed=1)
    standard_error = values.std() / np.sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    assert low == pytest.approx(mean - 1.96 * standard_error, abs=0.15 * standard_error)
    assert high == pytest.approx(mean + 1.96 * standard_error, abs=0.15 * standard_error)


def test_interval_is_repeatable_whatever_the_block_and_leaves_nan_out(monkeypatch):
    values = np.random.default_rng(6).random(300)
    whole = metrics.bootstrap_interval(values, seed=3)
    monkeypatch.setattr(metrics, "_BLOCK", 1000)
    assert metrics.bootstrap_interval(np.append(values, np.nan), seed=3) == pytest.approx(whole, abs=1e-12)
    assert metrics.bootstrap_interval(values, seed=4) != whole
    assert np.isnan(metrics.bootstrap_interval(np.array([np.nan]))).all()


def test_paired_bootstrap_tells_a_difference_from_none():
    rng = np.random.default_rng(7)
    base, noise = rng.random(500), rng.normal(0, 0.1, 500)
    difference, low, high, p = metrics.paired_bootstrap(base + 0.05 + noise, base)
    assert low < 0.05 < high
    assert low > 0
    assert p < 0.01
    assert difference == pytest.approx(0.05 + noise.mean())
    assert metrics.paired_bootstrap(base, base) == (0.0, 0.0, 0.0, 1.0)
    _, low, high, p = metrics.paired_bootstrap(base + noise - noise.mean(), base)
    assert low < 0 < high
    assert p > 0.9


def test_p_values_are_uniform_where_nothing_differs():
    rng = np.random.default_rng(8)
    p = [metrics.paired_bootstrap(rng.random(80), rng.random(80), repeats=400, seed=s)[3] for s in range(200)]
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.11
    assert np.mean(p) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.hits(np.zeros((2, 3), int), np.array([0, 1]), np.array([1])),
        lambda: metrics.hits(np.zeros((1, 3), int), np.array([0, 2]), np.array([1])),
        lambda: metrics.recall_at(np.zeros((1, 3), bool), np.array([1]), 0),
        lambda: metrics.gini(np.array([[7]]), 7, 1),
        lambda: metrics.coverage(np.array([[7]]), 0, 1),
        lambda: metrics.bootstrap_interval(np.ones(3), repeats=0),
        lambda: metrics.paired_bootstrap(np.ones(3), np.ones(2)),
    ],
)
def test_wrong_arguments_are_refused(call):
    with pytest.raises(ValueError, match=r"\d"):
        call()


class TestCalibrationError:
    def test_it_is_the_gap_in_bins_of_equal_count(self):
        predicted = np.repeat([0.1, 0.4, 0.8], 10)
        observed = np.concatenate([np.arange(10) < 2, np.arange(10) < 4, np.arange(10) < 5]).astype(float)
        error, low, high = metrics.calibration_error(predicted, observed, bins=3)
        assert error == pytest.approx((0.1 + 0 + 0.3) / 3)
        assert 0 < low <= high
        weighted = metrics.calibration_error(predicted, observed, np.repeat([2.0, 1.0, 1.0], 10), bins=3)[0]
        assert weighted == pytest.approx((2 * 0.1 + 0.3) / 4)

    def test_true_probabilities_have_hardly_any_and_wrong_ones_their_distance(self):
        rng = np.random.default_rng(0)
        true = rng.uniform(0, 0.5, 50_000)
        observed = (rng.random(50_000) < true).astype(float)
        assert metrics.calibration_error(true, observed)[0] < 0.006
        error, low, high = metrics.calibration_error(true + 0.1, observed)
        assert low < 0.1 < high
        assert error == pytest.approx(0.1, abs=0.005)

    def test_lists_drawn_as_a_whole_widen_the_interval(self):
        rng = np.random.default_rng(0)
        lists = np.repeat(np.arange(200), 20)
        observed = np.repeat((rng.random(200) < 0.3).astype(float), 20)
        told = np.full(4000, 0.2)
        apart = metrics.calibration_error(told, observed)
        together = metrics.calibration_error(told, observed, group=lists)
        assert together[0] == pytest.approx(apart[0])
        assert together[2] - together[1] > 2 * (apart[2] - apart[1])

    def test_nothing_and_wrong_arguments(self):
        assert np.isnan(metrics.calibration_error(np.empty(0), np.empty(0))).all()
        with pytest.raises(ValueError, match="2 predictions, 1 outcomes"):
            metrics.calibration_error(np.zeros(2), np.zeros(1))
