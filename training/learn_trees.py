"""Learning trees by LightGBM's lambdarank, alone or on what a linear order leaves."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.rank import LinearRanker
from recsys.signals import NAMES
from recsys.trees import TreeRanker, import_lightgbm
from training.learn import Lessons

Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]

_GAPS = 0.05  # share of the signals of a query that are blanked, so that trees learn what to do without each of them
_ASIDE = 5  # one query in so many tells when to stop growing
_PATIENCE = 20  # trees without a better figure on those
_MOST = 300  # trees
_NEGATIVES = 80  # of a query: with more, growing takes the most of a training run
#: Chosen on validation queries of a real board: small trees that are each given little say.
_SETTINGS: dict[str, Any] = {
    "objective": "lambdarank",
    "metric": "ndcg",
    "eval_at": [1000],  # the whole list: a smooth figure, which a few queries cannot sway
    "label_gain": [0, 1],
    "lambdarank_truncation_level": 20,
    "lambdarank_norm": False,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "lambda_l2": 10.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def learn_trees(lessons: Lessons, used: Flags, seed: int, linear: LinearRanker | None = None) -> TreeRanker:
    """Grow trees until queries that were put aside are no longer ordered better, then as many on all queries.

    LambdaMART: Burges, From RankNet to LambdaRank to LambdaMART, Microsoft Research MSR-TR-2010-82 (2010).

    Args:
        lessons: what to learn from.
        used: bool (F,), the signals that may be used.
        seed: of the gaps, of the queries put aside and of LightGBM.
        linear: an order to start from; the trees learn what it leaves. None: they stand alone.
    """
    rng = np.random.default_rng(seed)
    shown = _shown(lessons, used, linear, rng)
    aside = rng.permutation(len(lessons)) % _ASIDE == 0
    number = max(1, _grow(shown, seed, ~aside, aside).best_iteration)
    grown = _grow(shown, seed, np.ones(len(lessons), bool), trees=number)
    return TreeRanker("trees" if linear is None else "ensemble", linear, grown.model_to_string(num_iteration=number))


@dataclass(frozen=True)
class _Shown:
    """What LightGBM sees of Q queries.

    Attributes:
        signals: float32 (Q, 1 + N, F).
        there, answer: bool (Q, 1 + N).
        start: float32 (Q, 1 + N), scores to start from; None: 0.
        weight: float32 (Q,).
    """

    signals: Numbers
    there: Flags
    answer: Flags
    start: Numbers | None
    weight: Numbers


def _shown(lessons: Lessons, used: Flags, linear: LinearRanker | None, rng: np.random.Generator) -> _Shown:
    """Lessons with gaps, shuffled: of equal scores LightGBM takes the first, which must not always be the answer."""
    width = lessons.signals.shape[1]
    order = rng.permuted(np.tile(np.arange(width), (len(lessons), 1)), axis=1)[:, : 1 + _NEGATIVES]
    left_out = np.flatnonzero((order != 0).all(axis=1))
    order[left_out, rng.integers(0, order.shape[1], len(left_out))] = 0
    signals = np.take_along_axis(lessons.signals, order[..., None], 1)
    signals[np.broadcast_to(rng.random((len(lessons), 1, len(used))) < _GAPS, signals.shape)] = np.nan
    signals[..., ~used] = np.nan
    start = None if linear is None else linear.score(signals)
    return _Shown(signals, ~np.take_along_axis(lessons.lacking, order, 1), order == 0, start, lessons.weight)


def _grow(shown: _Shown, seed: int, learned: Flags, aside: Flags | None = None, trees: int = _MOST) -> Any:
    lightgbm = import_lightgbm()
    data = _data(shown, learned)
    stop: dict[str, Any] = {}
    if aside is not None:
        held = _data(shown, aside, data)
        stop = {"valid_sets": [held], "callbacks": [lightgbm.early_stopping(_PATIENCE, verbose=False)]}
    return lightgbm.train(_SETTINGS | {"seed": seed}, data, trees, **stop)


def _data(shown: _Shown, chosen: Flags, like: Any = None) -> Any:
    there = shown.there[chosen]
    group = there.sum(axis=1)
    return import_lightgbm().Dataset(
        shown.signals[chosen][there],
        shown.answer[chosen][there].astype(np.int8),
        group=group,
        weight=np.repeat(shown.weight[chosen], group),
        init_score=None if shown.start is None else shown.start[chosen][there],
        feature_name=list(NAMES),
        reference=like,
        params={"max_bin": _SETTINGS["max_bin"], "verbose": -1},
    )
