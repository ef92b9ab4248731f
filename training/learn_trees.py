"""Learning trees by LightGBM's lambdarank, alone or beside a linear order.

Beside a linear order they are grown for themselves, and the scores are added: two learners of different kinds, taught
by different negatives, err differently.
"""

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
_TREES = 150  # twice as many at half the rate order as well, on validation queries of a real board, and cost twice
_NEGATIVES = 100  # of a query: with more, growing takes the most of a training run
#: Chosen on validation queries of a real board: small trees.
_SETTINGS: dict[str, Any] = {
    "objective": "lambdarank",
    "label_gain": [0, 1],
    "lambdarank_truncation_level": 20,
    "learning_rate": 0.06,
    "num_leaves": 7,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def learn_trees(lessons: Lessons, used: Flags, seed: int, linear: LinearRanker | None = None) -> TreeRanker:
    """Grow trees, and add them to a linear order where one is given.

    LambdaMART: Burges, From RankNet to LambdaRank to LambdaMART, Microsoft Research MSR-TR-2010-82 (2010).

    Args:
        lessons: what to learn from.
        used: bool (F,), the signals that may be used.
        seed: of the gaps and of LightGBM.
        linear: an order whose scores the trees' are added to. None: they stand alone.
    """
    shown = _shown(lessons, used, np.random.default_rng(seed))
    grown = import_lightgbm().train(_SETTINGS | {"seed": seed}, _data(shown), _TREES)
    return TreeRanker("trees" if linear is None else "ensemble", linear, grown.model_to_string())


@dataclass(frozen=True)
class _Shown:
    """What LightGBM sees of Q queries.

    Attributes:
        signals: float32 (Q, 1 + N, F).
        there, answer: bool (Q, 1 + N).
        weight: float32 (Q,).
    """

    signals: Numbers
    there: Flags
    answer: Flags
    weight: Numbers


def _shown(lessons: Lessons, used: Flags, rng: np.random.Generator) -> _Shown:
    """Lessons with gaps, shuffled: of equal scores LightGBM takes the first, which must not always be the answer."""
    width = lessons.signals.shape[1]
    order = rng.permuted(np.tile(np.arange(width), (len(lessons), 1)), axis=1)[:, : 1 + _NEGATIVES]
    left_out = np.flatnonzero((order != 0).all(axis=1))
    order[left_out, rng.integers(0, order.shape[1], len(left_out))] = 0
    signals = np.take_along_axis(lessons.signals, order[..., None], 1)
    signals[np.broadcast_to(rng.random((len(lessons), 1, len(used))) < _GAPS, signals.shape)] = np.nan
    signals[..., ~used] = np.nan
    return _Shown(signals, ~np.take_along_axis(lessons.lacking, order, 1), order == 0, lessons.weight)


def _data(shown: _Shown) -> Any:
    group = shown.there.sum(axis=1)
    return import_lightgbm().Dataset(
        shown.signals[shown.there],
        shown.answer[shown.there].astype(np.int8),
        group=group,
        weight=np.repeat(shown.weight, group),
        feature_name=list(NAMES),
        params={"max_bin": _SETTINGS["max_bin"], "verbose": -1},
    )
