"""Validation queries: each event that is not a candidate's first asks for itself from what stood before it."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import event_weights
from recsys.config import EventSettings
from recsys.schema import APPLY, SAVE
from training.config import ValidationSettings
from training.hide import hidden_parts
from training.prepare import Prepared
from training.shown import Shown, find_shown, passed_over
from training.snapshot import event_candidates

Rows = NDArray[np.int32]


_OF_QUERIES = ("candidate", "visible", "answer", "now", "passed", "rank")


@dataclass(frozen=True)
class Block:
    """Queries of one stretch of time, to be answered by a catalogue that knows what came before the stretch.

    Attributes:
        known: bool (E,), the events that the catalogue knows.
        opened, closed: seconds since 1970, the stretch; now where there are no times.
        candidate: int32 (Q,), who asks.
        visible: int64 (Q,), how many of the candidate's events had happened.
        answer: int32 (Q,), the posting that was then chosen.
        now: float64 (Q,), when.
        passed: int32 (Q, M), postings shown beside the answer and never chosen, -1 padded.
        rank: int16 (Q,), the place at which the answer was shown, -1 where unknown.
        around: no time says what came before what, so the history of a query is all that the catalogue knows of the
            candidate, and the candidate's other hidden postings are no wrong answers to it.
    """

    known: NDArray[np.bool_]
    opened: float
    closed: float
    candidate: Rows
    visible: NDArray[np.int64]
    answer: Rows
    now: NDArray[np.float64]
    passed: Rows
    rank: NDArray[np.int16]
    around: bool = False

    def __len__(self) -> int:
        return len(self.answer)

    def take(self, rows: NDArray[np.intp]) -> "Block":
        """The queries at ``rows``."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _OF_QUERIES})


def latest_moment(prepared: Prepared, fallback: float) -> float:
    """When the data ends: the latest event or posting date; ``fallback`` where nothing has a time."""
    times = [prepared.candidates.histories.time, prepared.attributes.posted]
    latest = max((float(np.nanmax(t)) for t in times if np.isfinite(t).any()), default=fallback)
    return min(latest, fallback)


def validation_blocks(
    prepared: Prepared, events: EventSettings, settings: ValidationSettings, fallback: float
) -> list[Block]:
    """The validation queries of a board, in blocks of time; empty where there are none.

    Where enough later queries have a history, only the last part of the events asks; otherwise all but the first
    part. A candidate without a history asks too if there is a profile to go by. Where all events have one time or
    none, each block hides a random share of them instead.
    """
    histories = prepared.candidates.histories
    asking = _asking_events(prepared, events)
    time = np.where(np.isnan(histories.time), fallback, histories.time)
    if len(asking) < settings.blocks:
        return []
    lists = _Lists.find(prepared, events, settings)
    if np.ptp(time[asking]) == 0:
        return [
            replace(_block(prepared, lists, inside, time, known, fallback, fallback), around=True)
            for inside, known in hidden_parts(prepared, events, asking, settings)
        ]
    first_share = _first_share(prepared, asking, time, settings)
    asking = asking[time[asking] >= np.quantile(time[asking], first_share)]
    if len(asking) > settings.most:
        asking = np.sort(np.random.default_rng(settings.seed).choice(asking, settings.most, replace=False))
    edges = np.quantile(time[asking], np.linspace(0, 1, settings.blocks + 1))
    edges[-1] = np.inf
    blocks = []
    for low, high in pairwise(edges):
        inside = asking[(time[asking] >= low) & (time[asking] < high)]
        if len(inside):
            blocks.append(_block(prepared, lists, inside, time, time < low, low, float(time[inside].max())))
    return blocks


def _asking_events(prepared: Prepared, events: EventSettings) -> NDArray[np.intp]:
    """Events that choose a posting for the first time, by candidates of whom something is known before.

    Only the strongest kind of event asks, as long as it asks often enough to learn from: applications rather than
    saves, saves rather than views.
    """
    histories = prepared.candidates.histories
    positive = np.flatnonzero(event_weights(histories.kind, histories.value, events) > 0)
    candidate = event_candidates(prepared)[positive]
    pair = candidate.astype(np.int64) << 32 | histories.posting[positive]
    first_of_pair = np.unique(pair, return_index=True)[1]
    profiles = prepared.candidates.profiles
    has_profile = (profiles.wanted[:, 0] >= 0) | (profiles.past[:, 0] >= 0) | (profiles.whole >= 0)
    first_positive = np.full(len(prepared.candidates), len(histories.posting))
    np.minimum.at(first_positive, candidate, positive)
    asking = np.sort(positive[first_of_pair])
    asking_candidate = event_candidates(prepared)[asking]
    usable = asking[(asking > first_positive[asking_candidate]) | has_profile[asking_candidate]]
    by_kind = np.asarray(events.weights.by_kind())[histories.kind[usable]]
    for kind in (APPLY, SAVE):
        strong = usable[by_kind >= events.weights.by_kind()[kind]]
        if len(strong) >= 1000:
            return strong
    return usable


def _first_share(
    prepared: Prepared, asking: NDArray[np.intp], time: NDArray[np.float64], settings: ValidationSettings
) -> float:
    """The share of asking events that is only learned from."""
    start = prepared.candidates.histories.start[event_candidates(prepared)[asking]]
    later = time[asking] >= np.quantile(time[asking], 1 - settings.later_share)
    dated = np.isfinite(prepared.attributes.posted).mean() > 0.5
    enough = dated and int((later & (asking > start)).sum()) >= settings.least_later
    return 1 - settings.later_share if enough else 0.2


@dataclass(frozen=True)
class _Lists:
    """The lists that were shown, and how many of what was passed over is wanted."""

    shown: Shown
    most: int
    seed: int

    @classmethod
    def find(cls, prepared: Prepared, events: EventSettings, settings: ValidationSettings) -> "_Lists":
        return cls(find_shown(prepared.candidates.histories, events), settings.passed_over, settings.seed)


def _block(
    prepared: Prepared,
    lists: _Lists,
    asking: NDArray[np.intp],
    time: NDArray[np.float64],
    known: NDArray[np.bool_],
    opened: float,
    closed: float,
) -> Block:
    candidate = event_candidates(prepared)[asking]
    histories, shown = prepared.candidates.histories, lists.shown
    return Block(
        known=known,
        opened=opened,
        closed=closed,
        candidate=candidate,
        visible=(asking - histories.start[candidate]).astype(np.int64),
        answer=histories.posting[asking],
        now=time[asking],
        passed=passed_over(shown, histories, asking, lists.most, lists.seed),
        rank=shown.rank_of_answered(histories, asking),
    )


def folds(candidate: Rows, count: int, seed: int) -> NDArray[np.int64]:
    """A fold 0 ... count - 1 for each query, the same for all queries of a candidate."""
    mixed = (candidate.astype(np.uint64) + np.uint64(seed * 7919 + 1)) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed >> np.uint64(40)) % np.uint64(count)).astype(np.int64)
