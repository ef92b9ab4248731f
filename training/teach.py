"""What the validation queries and the logged lists teach: lessons for the order, places' chances, probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.config import EngineSettings
from recsys.rank import Ranker
from training.calibration import Calibrated, calibrate
from training.config import ValidationSettings
from training.learn import Lessons, learn_cut
from training.listed import Listed, ask_lists
from training.prepare import Prepared
from training.propensity import Propensity, estimate_propensity
from training.rivals import rivals_of
from training.shown import find_shown
from training.validate import FOLDS, Asked, lessons_of


@dataclass(frozen=True)
class Taught:
    """Everything that is learned from, by fold of the candidates.

    Attributes:
        lessons: of all queries, each weighted by the place its answer stood at.
        rivals: the same queries against the postings of their pools, see ``training.rivals``; where there are too few
            queries to learn from, the lessons once more.
        listed: impressions of the same stretch of time; none where the board logs no lists.
        propensity: of their places; None where the log does not tell.
        hours: how long an answer to a list was waited for.
        seed: of every draw.
    """

    lessons: Lessons
    rivals: Lessons
    listed: Listed
    propensity: Propensity | None
    hours: float
    seed: int

    def calibrate(self, by_fold: Sequence[Ranker], final: Ranker) -> Calibrated | None:
        """Probabilities for the scores of ``final``, fitted with a ranker for each fold that learned on the others."""
        return calibrate(self.listed, self.propensity, by_fold, final, self.hours, self.seed)


def teach(
    prepared: Prepared, settings: EngineSettings, validation: ValidationSettings, asked: Sequence[Asked]
) -> Taught:
    """Gather what the blocks of ``asked`` teach."""
    lessons = Lessons.join([lessons_of(one, validation) for one in asked])
    rivals = _rivals(lessons, settings, validation, asked)
    shown = find_shown(prepared.candidates.histories, settings.events)
    listed = ask_lists(prepared, settings, shown, asked, validation.most_lists, validation.seed)
    propensity = estimate_propensity(listed.answer > 0, listed.rank, listed.signals)
    if propensity is not None:
        rank = np.concatenate([one.block.rank for one in asked])
        lessons, rivals = (replace(one, weight=propensity.weights(rank)) for one in (lessons, rivals))
    return Taught(lessons, rivals, listed, propensity, settings.events.answer_hours, validation.seed)


def _rivals(
    lessons: Lessons, settings: EngineSettings, validation: ValidationSettings, asked: Sequence[Asked]
) -> Lessons:
    if len(lessons) < validation.least:
        return lessons
    cuts = [learn_cut(lessons.where(lessons.fold != fold)) for fold in range(FOLDS)]
    return Lessons.join([rivals_of(one, settings, validation, cuts) for one in asked])
