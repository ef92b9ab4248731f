"""Learning trees by LightGBM's lambdarank, alone or on what a linear order leaves."""

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
    signals = np.where(rng.random((len(lessons), 1, len(used))) < _GAPS, np.float32(np.nan), lessons.signals)
    signals[..., ~used] = np.nan
    start = None if linear is None else linear.score(signals)
    aside = rng.permutation(len(lessons)) % _ASIDE == 0
    number = max(1, _grow(lessons, signals, start, seed, ~aside, aside).best_iteration)
    grown = _grow(lessons, signals, start, seed, np.ones(len(lessons), bool), trees=number)
    return TreeRanker("trees" if linear is None else "ensemble", linear, grown.model_to_string(num_iteration=number))


def _grow(
    lessons: Lessons,
    signals: Numbers,
    start: Numbers | None,
    seed: int,
    learned: Flags,
    aside: Flags | None = None,
    trees: int = _MOST,
) -> Any:
    lightgbm = import_lightgbm()
    data = _data(lessons, signals, start, learned)
    stop: dict[str, Any] = {}
    if aside is not None:
        held = _data(lessons, signals, start, aside, data)
        stop = {"valid_sets": [held], "callbacks": [lightgbm.early_stopping(_PATIENCE, verbose=False)]}
    return lightgbm.train(_SETTINGS | {"seed": seed}, data, trees, **stop)


def _data(lessons: Lessons, signals: Numbers, start: Numbers | None, chosen: Flags, like: Any = None) -> Any:
    there = ~lessons.lacking[chosen]
    answer = np.zeros(there.shape, np.int8)
    answer[:, 0] = 1
    group = there.sum(axis=1)
    return import_lightgbm().Dataset(
        signals[chosen][there],
        answer[there],
        group=group,
        weight=np.repeat(lessons.weight[chosen], group),
        init_score=None if start is None else start[chosen][there],
        feature_name=list(NAMES),
        reference=like,
        params={"max_bin": _SETTINGS["max_bin"], "verbose": -1},
    )
