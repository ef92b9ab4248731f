"""The lists that a board showed: their impressions, what was answered, and what was shown and passed over."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import Histories
from recsys.config import EventSettings
from recsys.schema import APPLY, HIRE, IMPRESSION, SAVE, VIEW

Rows = NDArray[np.int32]
Places = NDArray[np.int64]

#: Answers to an impression from the weakest to the strongest; 0 is none. A dismissal is looked at but no answer here.
ANSWERS = ("none", "view", "save", "apply", "hire")
_STRENGTH = np.zeros(256, np.uint8)
_STRENGTH[[VIEW, SAVE, APPLY, HIRE]] = 1, 2, 3, 4
_HOUR = 3600.0


@dataclass(frozen=True)
class Shown:
    """L lists with I impressions in all.

    Attributes:
        start: int64 (L + 1,), where each list's impressions start.
        event: int64 (I,), position of each impression in the histories' arrays, ascending within a list.
        answer: uint8 (I,), index into ``ANSWERS``, the strongest that came within ``events.answer_hours``.
        candidate: int32 (L,), to whom a list was shown.
        answers: int64 (E,), which impression each event of the histories answers, -1 for none.
    """

    start: Places
    event: Places
    answer: NDArray[np.uint8]
    candidate: Rows
    answers: Places

    @property
    def list_of(self) -> Places:
        """The list of each impression, int64 (I,)."""
        return np.repeat(np.arange(len(self.candidate)), np.diff(self.start))

    def rank_of_answered(self, histories: Histories, events: Places) -> NDArray[np.int16]:
        """The place at which what ``events`` (Q,) answer was shown: int16 (Q,), -1 where unknown."""
        answered = self.answers[events]
        if len(self.event) == 0:
            return np.full(len(events), -1, np.int16)
        return np.where(answered >= 0, histories.rank[self.event[answered]], np.int16(-1))


def find_shown(histories: Histories, events: EventSettings) -> Shown:
    """Put the impressions of all candidates together into lists, and each answer to the impression it answers.

    An event answers the latest earlier impression of the same posting to the same candidate, if that is no more than
    ``events.answer_hours`` ago.
    """
    candidate = np.repeat(np.arange(len(histories.lengths), dtype=np.int32), histories.lengths)
    shown = np.flatnonzero((histories.kind == IMPRESSION) & (histories.page >= 0))
    order = np.lexsort((shown, histories.page[shown], candidate[shown]))
    event = shown[order]
    key = candidate[event].astype(np.int64) << 32 | histories.page[event]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    impression = np.full(len(candidate), -1, np.int64)
    impression[event] = np.arange(len(event))
    answered = _latest_impression(histories, candidate)
    late = histories.time - histories.time[answered] > _HOUR * events.answer_hours
    late |= np.isnan(histories.time - histories.time[answered])
    answers = np.where((answered >= 0) & ~late & (histories.kind != IMPRESSION), impression[answered], -1)
    answer = np.zeros(len(event), np.uint8)
    some = np.flatnonzero(answers >= 0)
    np.maximum.at(answer, answers[some], _STRENGTH[histories.kind[some]])
    return Shown(np.append(first, len(event)), event, answer, candidate[event[first]], answers)


def _latest_impression(histories: Histories, candidate: Rows) -> Places:
    """For each event the latest impression of its posting to its candidate at or before it: int64 (E,), -1 if none."""
    pair = candidate.astype(np.int64) << 32 | histories.posting
    order = np.argsort(pair, kind="stable")
    place = np.arange(len(order))
    sorted_pair = pair[order]
    begin = np.maximum.accumulate(np.where(np.diff(sorted_pair, prepend=-1) != 0, place, 0))
    last = np.maximum.accumulate(np.where((histories.kind == IMPRESSION)[order], place, -1))
    found = np.full(len(order), -1, np.int64)
    found[order] = np.where(last >= begin, order[last], -1)
    return found


def passed_over(shown: Shown, histories: Histories, asking: Places, most: int, seed: int) -> Rows:
    """Postings that stood in the list that an answer was chosen from and were never chosen by that candidate.

    Args:
        shown: all lists.
        histories: that they are of.
        asking: int64 (Q,), positions of the events that choose.
        most: at most so many for each, drawn at random.
        seed: of the draw.

    Returns:
        int32 (Q, most), -1 padded; nothing where the list is not known.
    """
    out = np.full((len(asking), most), -1, np.int32)
    chosen_from = shown.answers[asking]
    queries = np.flatnonzero(chosen_from >= 0)
    lists = shown.list_of[chosen_from[queries]]
    length = np.diff(shown.start)[lists]
    query = np.repeat(queries, length)
    first = np.repeat(shown.start[lists] - np.cumsum(length) + length, length)
    event = shown.event[np.arange(len(query)) + first]
    never = ~_pairs_chosen(histories)[event]
    query, posting = query[never], histories.posting[event[never]]
    _, once = np.unique(query << 32 | posting, return_index=True)
    query, posting = query[once], posting[once]
    order = np.lexsort((np.random.default_rng(seed).random(len(query)), query))
    place = np.arange(len(query)) - np.searchsorted(query, query)
    kept = place < most
    out[query[kept], place[kept]] = posting[order][kept]
    return out


def _pairs_chosen(histories: Histories) -> NDArray[np.bool_]:
    """Whether the candidate of an event ever viewed, saved or applied to its posting: bool (E,)."""
    candidate = np.repeat(np.arange(len(histories.lengths), dtype=np.int64), histories.lengths)
    pair = candidate << 32 | histories.posting
    return np.isin(pair, pair[_STRENGTH[histories.kind] > 0])
