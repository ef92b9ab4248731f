"""The lists that a board showed, asked again as they stood: what propensities and calibration are fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from recsys.config import EngineSettings
from recsys.eligible import eligible
from recsys.interests import find_interests
from recsys.rank import Ranker
from recsys.signals import NAMES, compute
from training.prepare import Prepared
from training.shown import Shown
from training.split import folds
from training.validate import FOLDS, Asked

Numbers = NDArray[np.float32]

_WIDTH = 60  # postings of a list that are read, the first ones
_AT_ONCE = 32


@dataclass(frozen=True)
class Listed:
    """N impressions of some lists with what was known when the list was made.

    Attributes:
        signals: float32 (N, F).
        rank: int16 (N,), -1 where unknown.
        answer: uint8 (N,), index into ``training.shown.ANSWERS``.
        fold: int64 (N,), of the candidate, as in ``Lessons``.
        page: int64 (N,), number of the list, for what is drawn list by list.
        event: int64 (N,), position in the histories.
    """

    signals: Numbers
    rank: NDArray[np.int16]
    answer: NDArray[np.uint8]
    fold: NDArray[np.int64]
    page: NDArray[np.int64]
    event: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rank)

    def scores(self, ranker: Ranker) -> Numbers:
        """Scores (N,) of a ranker."""
        return ranker.score(self.signals[:, None])[:, 0]

    def scores_out_of_fold(self, by_fold: Sequence[Ranker]) -> Numbers:
        """Scores (N,) by the ranker of each impression's fold, which learned on the other folds.

        Rankers that learned on different queries score on different scales. Each is brought to mean 0 and spread 1
        over all N impressions, for which no answer is looked at.
        """
        out = np.empty(len(self), np.float32)
        for fold in range(FOLDS):
            mine, scores = self.fold == fold, self.scores(by_fold[fold])
            out[mine] = ((scores - scores.mean()) / max(float(scores.std()), 1e-9))[mine]
        return out

    @classmethod
    def join(cls, parts: "Sequence[Listed]") -> "Listed":
        """The impressions of several blocks; lists keep distinct numbers."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    @classmethod
    def empty(cls) -> "Listed":
        """Of a board that logs no lists."""
        return cls(
            np.empty((0, len(NAMES)), np.float32),
            np.empty(0, np.int16),
            np.empty(0, np.uint8),
            *(np.empty(0, np.int64) for _ in range(3)),
        )


def ask_lists(
    prepared: Prepared, settings: EngineSettings, shown: Shown, asked: Sequence[Asked], most: int, seed: int
) -> Listed:
    """Signals of what was shown during the blocks of ``asked``, from what was known before each list.

    Args:
        prepared: everything.
        settings: of the engine.
        shown: all lists.
        asked: blocks, whose catalogues know only what came before them.
        most: at most so many lists, drawn at random.
        seed: of the draw, and of the folds.
    """
    time = prepared.candidates.histories.time[shown.event[shown.start[:-1]]]
    inside = [np.flatnonzero((time >= one.block.opened) & (time <= one.block.closed)) for one in asked]
    share = most / max(sum(map(len, inside)), 1)
    rng = np.random.default_rng(seed)
    parts = [
        _listed(prepared, settings, shown, one, lists[rng.random(len(lists)) < share], seed)
        for one, lists in zip(asked, inside, strict=True)
    ]
    return Listed.join([part for part in parts if len(part)] or [Listed.empty()])


def _listed(
    prepared: Prepared, settings: EngineSettings, shown: Shown, asked: Asked, lists: NDArray[np.intp], seed: int
) -> Listed:
    if len(lists) == 0:
        return Listed.empty()
    histories, catalogue = prepared.candidates.histories, asked.catalogue
    candidate, first = shown.candidate[lists], shown.event[shown.start[lists]]
    visible = first - histories.start[candidate]
    queries = prepared.candidates.queries(candidate, histories.time[first], settings.events, visible)
    interests = find_interests(catalogue, queries, settings.retrieve)
    at = _impressions(shown, lists)
    event = shown.event[np.maximum(at, 0)]
    rows = np.where(at >= 0, histories.posting[event], np.int32(-1))
    spans = [(a, min(a + _AT_ONCE, len(lists))) for a in range(0, len(lists), _AT_ONCE)]
    there = eligible(catalogue, queries, rows)
    signals = [compute(catalogue, queries.part(a, b), interests.part(a, b), rows[a:b])[there[a:b]] for a, b in spans]
    return Listed(
        signals=np.concatenate(signals),
        rank=histories.rank[event][there],
        answer=shown.answer[np.maximum(at, 0)][there],
        fold=np.broadcast_to(folds(candidate, FOLDS, seed)[:, None], there.shape)[there],
        page=np.broadcast_to(lists[:, None], there.shape)[there],
        event=event[there],
    )


def _impressions(shown: Shown, lists: NDArray[np.intp]) -> NDArray[np.int64]:
    """The first impressions of each list in the order of the log: int64 (L, _WIDTH), -1 padded."""
    place = np.arange(_WIDTH)
    length = np.diff(shown.start)[lists]
    return np.where(place < length[:, None], shown.start[lists][:, None] + place, -1)
