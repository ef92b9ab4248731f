"""A trial of rankers on the same validation queries, and which of them to keep."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.metrics import paired_bootstrap

#: How much there is to a ranker; a single signal has least. One that knows more must be clearly better to be kept.
_STEPS = {"blend": 1, "linear": 2, "ensemble": 3, "trees": 4}


@dataclass(frozen=True)
class Trial:
    """Ranks of the answers of Q validation queries under each ranker.

    Attributes:
        names: of the R rankers: the learned ones, "blend", then the single signals.
        ranks: int64 (Q, R).
        seen: bool (Q,), the answer had events.
        with_history: bool (Q,), the candidate had.
        dated: postings carry dates, so the strata need not be told apart.
    """

    names: tuple[str, ...]
    ranks: NDArray[np.int64]
    seen: NDArray[np.bool_]
    with_history: NDArray[np.bool_]
    dated: bool

    def figures(self, rows: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
        """hit@10 and nDCG@10 of each ranker over the queries ``rows``; where undated, the mean of seen and new."""
        strata = self._strata(rows)
        if not strata:
            return {}
        hits = np.mean([(self.ranks[stratum] <= 10).mean(axis=0) for stratum in strata], axis=0)
        gains = np.mean([self._gain[stratum].mean(axis=0) for stratum in strata], axis=0)
        rounded = zip(self.names, hits, gains, strict=True)
        return {name: {"hit@10": round(float(h), 4), "ndcg@10": round(float(g), 4)} for name, h, g in rounded}

    def leaders(self, count: int) -> list[str]:
        """The ``count`` rankers with the highest nDCG@10 over all queries."""
        mean = self._weighted(self._gain).mean(axis=0)
        return [self.names[at] for at in np.argsort(-mean, kind="stable")[:count]]

    def best(self, seed: int = 0) -> str:
        """The simplest ranker that is not clearly worse than the one with the highest nDCG@10 over all queries.

        Clearly worse: the 95 % interval of the paired bootstrap of the difference lies below 0, in nDCG@10 or in
        hit@50: where few answers stand in the first ten, nDCG@10 alone cannot tell orders apart that are not alike.
        """
        gain, found = self._weighted(self._gain), self._weighted(self.ranks <= 50)
        mean = dict(zip(self.names, gain.mean(axis=0).tolist(), strict=True))
        top = max(self.names, key=lambda name: mean[name])
        for step in range(_STEPS.get(top, 0)):
            simpler = [name for name in self.names if _STEPS.get(name, 0) == step]
            if simpler:
                name = max(simpler, key=lambda one: mean[one])
                first, second = self.names.index(name), self.names.index(top)
                if all(paired_bootstrap(m[:, first], m[:, second], seed=seed)[2] >= 0 for m in (gain, found)):
                    return name
        return top

    @property
    def _gain(self) -> NDArray[np.float64]:
        return np.where(self.ranks <= 10, 1 / np.log2(self.ranks + 1.0), 0)

    def _weighted(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Values (Q, R), weighted so that a plain mean over the queries is the mean of the strata."""
        share = np.zeros(len(self.seen))
        strata = self._strata(np.ones(len(self.seen), bool))
        for stratum in strata:
            share[stratum] = len(share) / (len(strata) * stratum.sum())
        return np.asarray(values * share[:, None])

    def _strata(self, rows: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        strata = [rows] if self.dated else [rows & self.seen, rows & ~self.seen]
        return [stratum for stratum in strata if stratum.any()]
