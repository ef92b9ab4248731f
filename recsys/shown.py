"""What was shown to B candidates and left unanswered, what they dismissed and what they chose last."""

import numpy as np
from numpy.typing import NDArray

from recsys.config import EventSettings
from recsys.queries import DISMISSED
from recsys.schema import APPLY, DISMISS, HIRE, IMPRESSION, SAVE, VIEW

Rows = NDArray[np.int32]
_HOUR, _DAY = 3600.0, 86_400.0


def unanswered(
    request: NDArray[np.int64],
    posting: Rows,
    kind: NDArray[np.uint8],
    time: NDArray[np.float64],
    now: NDArray[np.float64],
    events: EventSettings,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """How often each posting was shown to the candidate since the candidate last answered it.

    An impression counts when ``events.answer_hours`` went by: until then the list may still be before the candidate's
    eyes, and in training it may be the very list that the answer was chosen from. One without a time never counts.
    With age it counts less, as every event does.

    Args:
        request: (N,), whose event, ascending; each request's events oldest first.
        posting: (N,), as in ``Histories``, as are the next two.
        kind: (N,).
        time: (N,).
        now: (B,), the moment of each request.
        events: decay and hours.

    Returns:
        int64 (M,), sorted keys (request << 32 | row) of every posting that was ever shown to that candidate, and
        float32 (M,), the decayed count, 0 where all was answered.
    """
    known = posting >= 0
    shown = np.flatnonzero(known & (kind == IMPRESSION))
    if len(shown) == 0:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    key = request << 32 | posting
    keys, pair = np.unique(key[shown], return_inverse=True)
    answers = np.flatnonzero(known & (kind != IMPRESSION))
    at = np.minimum(np.searchsorted(keys, key[answers]), len(keys) - 1)
    same = keys[at] == key[answers]
    last = np.full(len(keys), -1, np.int64)
    np.maximum.at(last, at[same], answers[same])
    age = now[request[shown]] - time[shown]
    counted = (shown > last[pair]) & (age >= _HOUR * events.answer_hours)
    weight = counted.astype(np.float64)
    if events.half_life_days is not None:
        weight[counted] = 0.5 ** (np.maximum(age[counted], 0) / (_DAY * events.half_life_days))
    return keys, np.bincount(pair, weight, len(keys)).astype(np.float32)


def dismissed(request: NDArray[np.int64], posting: Rows, kind: NDArray[np.uint8], requests: int) -> Rows:
    """The postings that each candidate dismissed last: int32 (``requests``, DISMISSED), latest first, -1 padded.

    Args:
        request: (N,), whose event, as are the next two those of ``unanswered``.
        posting: (N,).
        kind: (N,).
        requests: how many ask.
    """
    out = np.full((requests, DISMISSED), -1, np.int32)
    at = np.flatnonzero((kind == DISMISS) & (posting >= 0))
    past = np.searchsorted(request[at], np.arange(requests), side="right")
    place = past[request[at]] - 1 - np.arange(len(at))
    kept = place < DISMISSED
    out[request[at][kept], place[kept]] = posting[at[kept]]
    return out


def put_away(request: NDArray[np.int64], posting: Rows, kind: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Sorted keys (request << 32 | row) of the postings of which a dismissal is the last that the candidate did.

    Args:
        request: (N,), as are the next two those of ``unanswered``.
        posting: (N,).
        kind: (N,).
    """
    if not (kind == DISMISS).any():
        return np.empty(0, np.int64)
    answers = np.flatnonzero((kind != IMPRESSION) & (posting >= 0))[::-1]
    keys, last = np.unique(request[answers] << 32 | posting[answers], return_index=True)
    away: NDArray[np.int64] = keys[kind[answers[last]] == DISMISS]
    return away


def latest(
    request: NDArray[np.int64], posting: Rows, kind: NDArray[np.uint8], requests: int, away: NDArray[np.int64]
) -> Rows:
    """The postings that each candidate last applied to (or was hired for), saved and viewed: int32 (``requests``, 3).

    Args:
        request: (N,), as are the next two those of ``unanswered``.
        posting: (N,).
        kind: (N,).
        requests: how many ask.
        away: of ``put_away``, which are none of them.
    """
    out = np.full((requests, 3), -1, np.int32)
    kept = (posting >= 0) & ~np.isin(request << 32 | posting, away)
    for column, kinds in enumerate(((APPLY, HIRE), (SAVE,), (VIEW,))):
        at = np.flatnonzero(np.isin(kind, kinds) & kept)
        out[request[at], column] = posting[at]  # of several assignments the last one stays, as numpy promises
    return out
