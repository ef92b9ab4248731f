"""How likely a place of a list is looked at, found from logged lists: position bias.

The position-based model: a posting at place k is answered with probability theta_k * gamma(x), where theta_k is the
chance that the place is looked at and gamma the attraction of a posting with signals x. Both are fitted together by
maximum likelihood, theta_k a free number for each group of places and gamma logistic in the signals: the likelihood
of regression-EM (Wang, Golbandi, Bendersky, Metzler, Najork, "Position bias estimation for unbiased learning to rank
in personal search", WSDM 2018, section 4), here climbed by L-BFGS on its gradient instead of by EM steps. Only the
product is known, so theta is given relative to the first place.

The lists need not have been shuffled, but the same sort of posting must have stood at different places; a board whose
order is a strict function of the signals tells nothing about its places.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Numbers = NDArray[np.float32]

#: First places of the groups that share one chance.
EDGES = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 31, 41, 61, 101])
LEAST = 300  #: answers below which places cannot be told apart
_RIDGE = 1e-4  # on the weights of standardised signals, an answer's share of the likelihood being 1 / N
_FEW = 25  # answers below which a group of places is taken together with the one before it
_FLOOR = 0.1  # a click weighs at most 1 / _FLOOR times the click on the first place


@dataclass(frozen=True)
class Propensity:
    """Chance of being looked at by place, relative to the first place.

    Attributes:
        chance: float64 (G,), of the groups of places that begin at ``EDGES``; 1 for the first.
    """

    chance: NDArray[np.float64]

    def of(self, rank: NDArray[np.integer]) -> NDArray[np.float64]:
        """The chance at each rank (any shape), at least .1; NaN where the rank is not known (below 1)."""
        group = np.searchsorted(EDGES, np.maximum(rank, 1), side="right") - 1
        return np.where(rank >= 1, np.maximum(self.chance[group], _FLOOR), np.nan)

    def weights(self, rank: NDArray[np.integer]) -> Numbers:
        """Weight of an answer by the rank it stood at: float32, mean 1; 1 where the rank is not known.

        Inverse propensity, clipped (Joachims, Swaminathan, Schnabel, "Unbiased learning-to-rank with biased feedback",
        WSDM 2017, equation 6): an answer far down stands for the many that were never looked at.
        """
        weight = 1 / self.of(rank)
        mean = np.nanmean(weight) if np.isfinite(weight).any() else 1.0
        return np.where(np.isnan(weight), 1.0, weight / mean).astype(np.float32)


def estimate_propensity(answered: NDArray[np.bool_], rank: NDArray[np.integer], signals: Numbers) -> Propensity | None:
    """Fit the model to N impressions.

    Args:
        answered: bool (N,), whether anything was done with the posting.
        rank: int (N,), the place it stood at; those below 1 are left out.
        signals: float32 (N, F), what is known of candidate and posting, NaN where nothing is.

    Returns:
        None where fewer than ``LEAST`` answers have a rank or all stood at the same place.
    """
    known = rank >= 1
    answered, rank, signals = answered[known], rank[known], signals[known]
    group = np.searchsorted(EDGES, rank, side="right") - 1
    places = len(EDGES)
    enough = np.bincount(group, answered, places) >= _FEW
    same_as = np.maximum.accumulate(np.where(enough, np.arange(places), 0))
    group = same_as[group]
    if answered.sum() < LEAST or len(np.unique(group)) < 2 or answered.all():
        return None
    features = _features(signals)
    y = answered.astype(np.float64)

    def loss(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta, weights = _sigmoid(x[:places])[group], x[places:]
        gamma = _sigmoid((features @ weights.astype(np.float32)).astype(np.float64))
        q = np.clip(theta * gamma, 1e-9, 1 - 1e-9)
        slope = -(y / q - (1 - y) / (1 - q)) / len(y)
        by_place = np.bincount(group, slope * q * (1 - theta), places)
        by_signal = (slope * q * (1 - gamma)).astype(np.float32) @ features
        ridge = _RIDGE * x
        ridge[places] = 0
        value = -(y * np.log(q) + (1 - y) * np.log1p(-q)).mean() + 0.5 * ridge @ x
        return float(value), np.concatenate([by_place, by_signal]) + ridge

    begin = np.zeros(places + features.shape[1])
    begin[places] = np.log(answered.mean() / (1 - answered.mean()))
    solved = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    theta = _sigmoid(solved[:places])
    return Propensity(theta[same_as] / theta[0])


def _features(signals: Numbers) -> Numbers:
    """A constant, the standardised signals with 0 where missing, and which are missing: float32 (N, 1 + 2 F)."""
    absent = np.isnan(signals)
    count = np.maximum((~absent).sum(axis=0), 1)
    centre = np.where(absent, 0, signals).sum(axis=0, dtype=np.float64) / count
    spread = np.sqrt(np.where(absent, 0, (signals - centre) ** 2).sum(axis=0, dtype=np.float64) / count)
    scaled = np.where(absent, 0, (signals - centre) / np.maximum(spread, 1e-6))
    return np.concatenate([np.ones((len(signals), 1)), scaled, absent], axis=1, dtype=np.float32)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 + 0.5 * np.tanh(x / 2))
