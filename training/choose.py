"""Choosing the order: every single signal, the hand-set blend and the learned ranker on the same queries."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.config import EngineSettings
from recsys.cut import quick_mask, quick_part
from recsys.rank import HAND_SET, LinearRanker, family_mask, single
from recsys.signals import FAMILIES, NAMES
from training.config import ValidationSettings
from training.learn import Lessons, learn_linear
from training.prepare import Prepared
from training.split import Block
from training.validate import FOLDS, Asked, ask, lessons_of, ranks

#: Signals of collaborative filtering proper, without popularity.
COLLABORATIVE = ("factors", "factors_score", "factors_new", "cooccur")


@dataclass(frozen=True)
class Trial:
    """Ranks of the answers of Q validation queries under each ranker.

    Attributes:
        names: of the R rankers: "linear", "blend", then the single signals.
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
        strata = [rows] if self.dated else [rows & self.seen, rows & ~self.seen]
        strata = [stratum for stratum in strata if stratum.any()]
        if not strata:
            return {}
        found = self.ranks <= 10
        gain = np.where(found, 1 / np.log2(self.ranks + 1.0), 0)
        hits = np.mean([found[stratum].mean(axis=0) for stratum in strata], axis=0)
        gains = np.mean([gain[stratum].mean(axis=0) for stratum in strata], axis=0)
        rounded = zip(self.names, hits, gains, strict=True)
        return {name: {"hit@10": round(float(h), 4), "ndcg@10": round(float(g), 4)} for name, h, g in rounded}


@dataclass(frozen=True)
class Choice:
    """The ranker that was best, and the trial; no trial where there were too few queries to tell.

    Attributes:
        cut: what orders the union of the sources in the ranker's place, by quick signals alone.
    """

    ranker: LinearRanker
    trial: Trial | None
    queries: int
    cut: LinearRanker


def choose_ranker(
    prepared: Prepared,
    settings: EngineSettings,
    validation: ValidationSettings,
    blocks: Sequence[Block],
) -> Choice:
    """Learn on half of the candidates, ask the other half, and the reverse; keep what orders best; learn it on all.

    The measure is nDCG@10 among all postings that the answer could have been.

    Args:
        prepared: everything.
        settings: of the engine.
        validation: see there.
        blocks: of queries.
    """
    queries = sum(map(len, blocks))
    if queries < validation.least:
        return Choice(HAND_SET, None, queries, quick_part(HAND_SET))
    asked = [ask(prepared, settings, block) for block in blocks]
    lessons = Lessons.join([lessons_of(one, validation) for one in asked])
    trial = _try(asked, contenders(lessons), validation)
    figures = trial.figures(np.ones(len(trial.seen), bool))
    best = max(figures, key=lambda name: (figures[name]["ndcg@10"], name == "linear"))
    if best == "linear":
        return Choice(learn_linear(lessons, family_mask()), trial, queries, learn_linear(lessons, quick_mask(), "cut"))
    ranker = HAND_SET if best == "blend" else single(best)
    return Choice(ranker, trial, queries, quick_part(ranker))


def contenders(lessons: Lessons, ablate: bool = False) -> dict[str, list[LinearRanker]]:
    """Rankers by name, each as one ranker a fold that was learned on the other folds.

    Args:
        lessons: what to learn from.
        ablate: also the learned ranker without each family of signals, and without collaborative filtering proper.
    """
    masks = {"linear": family_mask()}
    if ablate:
        masks |= {f"without {family}": family_mask(without=family) for family in FAMILIES}
        masks["without factors and co-occurrence"] = ~np.isin(NAMES, COLLABORATIVE)
    learned = {
        name: [learn_linear(lessons.where(lessons.fold != fold), mask, name) for fold in range(FOLDS)]
        for name, mask in masks.items()
    }
    return learned | {"blend": [HAND_SET] * FOLDS}


def _try(asked: Sequence[Asked], contenders: dict[str, list[LinearRanker]], validation: ValidationSettings) -> Trial:
    share = min(1.0, validation.most_ranked / max(sum(len(one.block) for one in asked), 1))
    rng = np.random.default_rng(validation.seed)
    parts = [one.sample(rng.random(len(one.block)) < share) for one in asked]
    parts = [part for part in parts if len(part.block)]
    return Trial(
        names=(*contenders, *NAMES),
        ranks=np.concatenate([ranks(part, list(contenders.values()), True, validation.seed) for part in parts]),
        seen=np.concatenate([part.seen for part in parts]),
        with_history=np.concatenate([part.with_history for part in parts]),
        dated=parts[0].catalogue.dated,
    )
