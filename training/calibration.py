"""Fitting the probability of an answer to scores, from logged lists, the effect of the place taken out.

An impression at a place that is looked at with chance theta (relative to the first place) and scored s is answered
with probability theta * f(s), f being rising. Over scores that share one value of f its maximum likelihood, counts
taken as Poisson, is answers / sum(theta); with f made to rise that is isotonic regression of answer / theta with
weights theta, since pooling adjacent violators takes weighted means (Robertson, Wright, Dykstra, "Order restricted
statistical inference", 1988, section 1.5). No impression is weighted up, so rare answers far down a list do no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from recsys import metrics
from recsys.calibrate import Calibration
from recsys.rank import Ranker
from training.listed import Listed
from training.propensity import Propensity
from training.shown import ANSWERS
from training.validate import FOLDS

Numbers = NDArray[np.float32]
Floats = NDArray[np.float64]

LEAST = 200  #: answers of a kind below which no probability is given
_BINS = 40  # groups of scores that are fitted; each holds as many impressions
BINS = 15  #: groups of predictions over which the error of calibration is taken


@dataclass(frozen=True)
class Calibrated:
    """A calibration and how good it is.

    Attributes:
        calibration: fitted to all impressions with scores out of fold.
        figures: of curves fitted on the other folds: "ece" (value, low and high end of its 95 % interval),
            "impressions", "answers", "mean_predicted", "mean_observed".
        told: float64 (N,), out of fold, of an answer at the place where each impression stood.
        answered: bool (N,), whether it was.
    """

    calibration: Calibration
    figures: dict[str, Any]
    told: Floats
    answered: NDArray[np.bool_]


def calibrate(
    listed: Listed, propensity: Propensity | None, by_fold: Sequence[Ranker], final: Ranker, hours: float, seed: int
) -> Calibrated | None:
    """Fit the strongest kind of answer that was given often enough.

    Args:
        listed: impressions.
        propensity: of their places; None: the place is left in.
        by_fold: a ranker for each fold, which learned on the other folds.
        final: the ranker whose scores are to get probabilities.
        hours: how long an answer was waited for.
        seed: of the interval.

    Returns:
        None where no kind of answer was given ``LEAST`` times: no probability is better than an invented one.
    """
    chance = np.ones(len(listed)) if propensity is None else propensity.of(listed.rank)
    kept = np.flatnonzero(~np.isnan(chance))
    strong = [name for name in ("apply", "save", "view") if (listed.answer[kept] >= ANSWERS.index(name)).sum() >= LEAST]
    if not strong:
        return None
    scores, chance = listed.scores_out_of_fold(by_fold)[kept], chance[kept]
    answered = listed.answer[kept] >= ANSWERS.index(strong[0])
    fold, page = listed.fold[kept], listed.page[kept]
    told = np.empty(len(kept))
    for one in range(FOLDS):
        others = fold != one
        told[~others] = np.interp(scores[~others], *fit_curve(scores[others], answered[others], chance[others]))
    knots, probability = fit_curve(scores, answered, chance)
    of_final = listed.scores(final)
    knots = of_final.mean() + knots * max(float(of_final.std()), 1e-9)
    calibration = Calibration(strong[0], hours, propensity is not None, knots, probability)
    ece = metrics.calibration_error(told, answered / chance, chance, page, BINS, seed=seed)
    figures = {
        "answer": strong[0],
        "ece": [round(one, 5) for one in ece],
        "impressions": len(kept),
        "answers": int(answered.sum()),
        "mean_predicted": round(float(told @ chance / chance.sum()), 5),
        "mean_observed": round(float(answered.sum() / chance.sum()), 5),
    }
    return Calibrated(calibration, figures, told * chance, answered)


def probability_line(calibrated: Calibrated | None) -> str:
    """What is to be said of the probabilities, in one line."""
    if calibrated is None:
        return f"no probabilities: they need a log of shown lists with at least {LEAST} answers of one kind"
    figures, calibration = calibrated.figures, calibrated.calibration
    error, low, high = figures["ece"]
    where = "shown first in a list" if calibration.first_place else "shown where the board puts it"
    return (
        f"probability of an answer ({calibration.answer} or stronger, within {calibration.hours:g} hours, {where}):"
        f" ECE {error:.4f} [{low:.4f}, {high:.4f}] over {BINS} bins of {figures['impressions']} impressions with"
        f" {figures['answers']} answers; mean told {figures['mean_predicted']:.4f}, seen {figures['mean_observed']:.4f}"
    )


def fit_curve(scores: Numbers, answered: NDArray[np.bool_], chance: Floats) -> tuple[Numbers, Numbers]:
    """Knots of a rising curve from scores to probabilities: score (M,) and probability (M,), float32.

    Args:
        scores: float32 (N,).
        answered: bool (N,).
        chance: float64 (N,), of being looked at relative to the first place.
    """
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, _BINS + 1)[1:-1]))
    group = np.searchsorted(edges, scores, side="right")
    count = np.bincount(group)
    there = count > 0
    middle = np.bincount(group, scores)[there] / count[there]
    looked, answers = np.bincount(group, chance)[there], np.bincount(group, answered)[there]
    # One impression's worth of the mean keeps a group without an answer from being called impossible.
    mean = answers.sum() / looked.sum()
    rising = np.asarray(isotonic_regression((answers + mean) / (looked + 1), weights=looked + 1).x)
    knots, first = np.unique(middle.astype(np.float32), return_index=True)
    return knots, np.clip(rising[first], 0, 1).astype(np.float32)
