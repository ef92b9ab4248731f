"""Choosing the order: every single signal, the hand-set blend and the learned rankers on the same queries."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.config import EngineSettings
from recsys.cut import quick_part
from recsys.rank import HAND_SET, LinearRanker, Ranker, family_mask, single, sum_mask
from recsys.signals import FAMILIES, NAMES
from training.calibration import Calibrated
from training.config import ValidationSettings
from training.learn import Lessons, learn_cut, learn_linear
from training.learn_trees import learn_trees
from training.prepare import Prepared
from training.sittings import learn_related
from training.split import Block
from training.teach import teach
from training.trial import Trial
from training.validate import FOLDS, Asked, ask, ranks

LEARNED = ("linear", "ensemble", "trees")  #: rankers that are learned, see ``learn``
#: Scored for the trial: on a large board fewer queries are ranked among all postings.
_PAIRS = 40_000_000
#: Every single signal is asked so many queries; the best of them are asked as many as the rankers are.
_HEATS, _FINALISTS = 500, 3
#: Signals of collaborative filtering proper, without popularity.
COLLABORATIVE = ("factors", "factors_score", "factors_new", "cooccur", "industry_cooccur", "occupation_cooccur")


@dataclass(frozen=True)
class Choice:
    """The ranker that was best, and the trial; no trial where there were too few queries to tell.

    ``cut`` orders the union of the sources in the ranker's place, by quick signals alone; ``calibrated`` is None where
    no log of shown lists says how often such a score is answered; ``related`` orders what goes with a posting, None
    where too few were looked at one after another.
    """

    ranker: Ranker
    trial: Trial | None
    queries: int
    cut: LinearRanker
    calibrated: Calibrated | None = None
    related: LinearRanker | None = None


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
    taught = teach(prepared, settings, validation, asked)
    by_fold = contenders(taught.lessons, validation.seed, rivals=taught.rivals)
    trial = _try(asked, by_fold, validation)
    best = trial.best(validation.seed)
    if best in LEARNED:
        ranker, cut = learn(best, taught.lessons, validation.seed, taught.rivals), learn_cut(taught.lessons)
    else:
        ranker = HAND_SET if best == HAND_SET.name else single(best)
        cut = quick_part(ranker)
    calibrated = taught.calibrate(by_fold.get(best, [ranker] * FOLDS), ranker)
    return Choice(ranker, trial, queries, cut, calibrated, learn_related(asked, settings, validation))


def learn(name: str, lessons: Lessons, seed: int, rivals: Lessons | None = None) -> Ranker:
    """The ranker of this name from ``LEARNED``.

    A linear order learns from ``lessons``, the trees added to it from ``rivals``, trees alone from both. Without rivals
    all learn from the lessons.
    """
    if name == "trees":
        return learn_trees(lessons if rivals is None else lessons.beside(rivals), family_mask(), seed)
    linear = learn_linear(lessons, sum_mask())
    return linear if name == "linear" else learn_trees(rivals or lessons, family_mask(), seed, linear)


def cuts_of(name: str, by_fold: Sequence[Ranker], lessons: Lessons) -> list[LinearRanker]:
    """The cuts that go with the rankers ``by_fold`` of this name: learned where they are, each on the other folds."""
    if name in LEARNED:
        return [learn_cut(lessons.where(lessons.fold != fold)) for fold in range(FOLDS)]
    return [quick_part(ranker) for ranker in by_fold]


def contenders(
    lessons: Lessons, seed: int = 0, ablate: bool = False, rivals: Lessons | None = None
) -> dict[str, list[Ranker]]:
    """Rankers by name, each as one ranker a fold that was learned on the other folds.

    Args:
        lessons: what to learn from.
        seed: of what the trees draw.
        ablate: also the linear ranker without each family of signals, and without collaborative filtering proper.
        rivals: the same queries against the postings of their pools.
    """
    others = [lessons.where(lessons.fold != fold) for fold in range(FOLDS)]
    against = [None if rivals is None else rivals.where(rivals.fold != fold) for fold in range(FOLDS)]
    learned: dict[str, list[Ranker]] = {
        name: [learn(name, part, seed, near) for part, near in zip(others, against, strict=True)] for name in LEARNED
    }
    if ablate:
        masks = {f"without {family}": sum_mask(without=family) for family in FAMILIES}
        masks["without factors and co-occurrence"] = sum_mask() & ~np.isin(NAMES, COLLABORATIVE)
        learned |= {name: [learn_linear(part, mask, name) for part in others] for name, mask in masks.items()}
    return learned | {HAND_SET.name: [HAND_SET] * FOLDS}


def _try(asked: Sequence[Asked], contenders: dict[str, list[Ranker]], validation: ValidationSettings) -> Trial:
    most = min(validation.most_ranked, max(validation.least, _PAIRS // max(len(asked[0].catalogue), 1)))
    some = _trial(_sample(asked, min(most, _HEATS), validation.seed), {}, range(len(NAMES)), validation.seed)
    last = [NAMES.index(name) for name in some.leaders(_FINALISTS)]
    return _trial(_sample(asked, most, validation.seed), contenders, last, validation.seed)


def _sample(asked: Sequence[Asked], most: int, seed: int) -> list[Asked]:
    """About ``most`` of the queries, drawn at random; all where there are fewer."""
    share = most / max(sum(len(one.block) for one in asked), 1)
    rng = np.random.default_rng(seed)
    return [part for part in (one.sample(rng.random(len(one.block)) < share) for one in asked) if len(part.block)]


def _trial(parts: Sequence[Asked], contenders: dict[str, list[Ranker]], singles: Sequence[int], seed: int) -> Trial:
    return Trial(
        names=(*contenders, *(NAMES[at] for at in singles)),
        ranks=np.concatenate([ranks(part, list(contenders.values()), singles, seed) for part in parts]),
        seen=np.concatenate([part.seen for part in parts]),
        with_history=np.concatenate([part.with_history for part in parts]),
        dated=parts[0].catalogue.dated,
    )
