"""What is looked at next in the same sitting: the order of postings that go with a posting is learned from it.

The lessons are those validation queries whose candidate chose another posting shortly before. Their catalogue knows
only what came before their block of time, so that the pair that is asked for is in no co-occurrence. Each is asked
twice: by the candidate, and by somebody of whom only the posting chosen before is known.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.config import EngineSettings
from recsys.interests import find_interests
from recsys.queries import Queries
from recsys.rank import HAND_SET, LinearRanker, Ranker, sum_mask
from recsys.related import looking_at
from training.config import ValidationSettings
from training.learn import Lessons, learn_linear
from training.validate import FOLDS, Asked, lessons_of

SITTING: Final = 30 * 60.0  #: seconds between two choices of one sitting
_MOST: Final = 1500  # pairs learned from: a sum of some fifty signals asks for no more
_NAME: Final = "related"


def learn_related(
    asked: Sequence[Asked], settings: EngineSettings, validation: ValidationSettings
) -> LinearRanker | None:
    """The order of what goes with a posting, the hand-set one where that is no worse; None for too few pairs.

    Args:
        asked: validation queries, in blocks of time.
        settings: of the engine.
        validation: how many pairs are enough, how many negatives each has, and the seed.
    """
    pairs = _some([one.sample(in_sitting(one.queries)) for one in asked if not one.block.around], validation.seed)
    if sum(len(one.block) for one in pairs) < validation.least:
        return None
    lessons = Lessons.join([lessons_of(one, validation) for part in pairs for one in both_ways(part, settings)])
    others = [lessons.where(lessons.fold != fold) for fold in range(FOLDS)]
    by_fold = [learn_linear(part, sum_mask(), _NAME) for part in others]
    learned, by_hand = _found(lessons, by_fold), _found(lessons, [HAND_SET] * FOLDS)
    return learn_linear(lessons, sum_mask(), _NAME) if learned > by_hand else HAND_SET


def in_sitting(queries: Queries) -> NDArray[np.bool_]:
    """Who chose something less than ``SITTING`` before, bool (B,)."""
    return np.asarray((queries.history[:, 0] >= 0) & (queries.now - queries.time[:, 0] < SITTING))


def both_ways(asked: Asked, settings: EngineSettings) -> list[Asked]:
    """The queries as asked by somebody of whom only the posting chosen last is known, and by the candidates."""
    last = asked.queries.history[:, 0]
    found = []
    for queries in (looking_at(asked.queries.impersonal(), last), looking_at(asked.queries, last)):
        interests = find_interests(asked.catalogue, queries, settings.retrieve)
        found.append(replace(asked, queries=queries, interests=interests))
    return found


def _some(pairs: Sequence[Asked], seed: int) -> list[Asked]:
    share = _MOST / max(sum(len(one.block) for one in pairs), 1)
    rng = np.random.default_rng(seed)
    drawn = [one.sample(rng.random(len(one.block)) < share) for one in pairs]
    return [one for one in drawn if len(one.block)]


def _found(lessons: Lessons, by_fold: Sequence[Ranker]) -> float:
    """Mean nDCG@10 of the answers among their negatives, each by the ranker of its fold."""
    scores = np.empty(lessons.lacking.shape, np.float32)
    for fold, ranker in enumerate(by_fold):
        scores[lessons.fold == fold] = ranker.score(lessons.signals[lessons.fold == fold])
    ahead = (scores > scores[:, :1]) & ~lessons.lacking
    place = 1 + ahead.sum(axis=1)
    return float(np.where(place <= 10, 1 / np.log2(place + 1.0), 0).mean())
