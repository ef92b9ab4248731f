"""Candidates as arrays: histories and profiles, from which the queries of any moment are cut.

Training reads validation queries from it "as they stood", the export reads everybody, and a single online request
is a snapshot of one: the three share this path.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from recsys.codes import Codes
from recsys.config import EventSettings
from recsys.ids import Ids
from recsys.mutes import Muted, nothing_muted
from recsys.queries import VIEWED, Queries
from recsys.schema import DISMISS, EVENT_TYPES
from recsys.shown import dismissed, latest, put_away, unanswered
from recsys.terms import Terms

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

_LOOK_BACK = 2  # events read for each posting of the history wanted, before repeats of one posting are merged
_DAY = 86_400.0


@dataclass(frozen=True)
class Profiles:
    """What C candidates say of themselves.

    Attributes:
        vectors: distinct text vectors that the next three point into.
        wanted: int32 (C, WANTED), desired titles, -1 padded.
        past: int32 (C, PAST), titles held, latest first, -1 padded.
        whole: int32 (C,), the whole profile or CV as one text, -1 if there is none.
        home: float32 (C, 3) unit vector, NaN where unknown.
        worked: float32 (C, WORKED, 3) unit vectors, latest first, NaN padded.
        reach_km: float32 (C,), NaN where not said.
        remote_ok: int8 (C,), 1, 0, or -1 where not said.
        findable: int8 (C,), whether they may be listed for a posting: 1, 0, or -1 where not said.
        seniority: float32 (C,), level as in ``Attributes``, NaN where not said.
        pay: float32 (C,), least pay wanted a year, NaN where not said.
        skills: int32 (C, S), codes of the catalogue's skills, -1 padded.
        terms: distinct texts as words, that ``texts`` points into.
        texts: int32 (C, TEXTS), desired titles, titles held, the whole profile; -1 where there is none.
        named: int32 (C, N), the phrases of skills that stand in the profile (``Lexicon.phrase``), -1 padded.
    """

    vectors: Codes
    wanted: Rows
    past: Rows
    whole: Rows
    home: Numbers
    worked: Numbers
    reach_km: Numbers
    remote_ok: NDArray[np.int8]
    findable: NDArray[np.int8]
    seniority: Numbers
    pay: Numbers
    skills: Rows
    terms: Terms
    texts: Rows
    named: Rows


@dataclass(frozen=True)
class Histories:
    """Events of C candidates as CSR, oldest first in each.

    Attributes:
        start: int64 (C + 1,).
        posting: int32 (E,), catalogue rows, -1 for a posting that the catalogue does not hold.
        kind: uint8 (E,), index into ``EVENT_TYPES``.
        time: float64 (E,), NaN where unknown.
        value: float32 (E,), the customer's own factor on the event's weight, NaN where none.
        rank: int16 (E,), position at which the posting was shown (1 = first), -1 where unknown.
        page: int32 (E,), which shown list of the candidate the event belongs to, see ``recsys.schema.Events``.
    """

    start: NDArray[np.int64]
    posting: Rows
    kind: NDArray[np.uint8]
    time: NDArray[np.float64]
    value: Numbers
    rank: NDArray[np.int16]
    page: Rows

    def where(self, kept: NDArray[np.bool_]) -> "Histories":
        """The same candidates with the events ``kept``, bool (E,), only."""
        before = np.concatenate([[0], np.cumsum(kept)])
        cut = {f.name: getattr(self, f.name)[kept] for f in fields(self) if f.name != "start"}
        return Histories(start=before[self.start].astype(np.int64), **cut)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Events of each candidate, int64 (C,)."""
        return np.diff(self.start)


@dataclass(frozen=True)
class Candidates:
    """A snapshot of C candidates.

    Attributes:
        ids: the customer's.
        profiles, histories: see there.
        mutes: what they do not want to see; None: nobody muted anything.
    """

    ids: Ids
    profiles: Profiles
    histories: Histories
    mutes: Muted | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, events: NDArray[np.bool_]) -> "Candidates":
        """The same candidates with the marked events alone, bool (E,), and before they muted anything."""
        return replace(self, histories=self.histories.where(events), mutes=None)

    def hidden(self, rows: NDArray[np.integer], kinds: Sequence[str]) -> NDArray[np.int64]:
        """Sorted keys (request << 32 | posting) of all that the candidates at ``rows`` (B,) did in these ways."""
        start = self.histories.start
        request, at = _events_of(start[rows], start[np.asarray(rows) + 1])
        return _hidden(request, self.histories.posting[at], self.histories.kind[at], kinds)

    def queries(
        self,
        rows: NDArray[np.integer],
        now: NDArray[np.float64] | float,
        events: EventSettings,
        visible: NDArray[np.int64] | None = None,
    ) -> Queries:
        """The candidates at ``rows`` (B,), as they ask at ``now``.

        Args:
            rows: rows of this snapshot.
            now: seconds since 1970, one for all or (B,).
            events: weights, decay, and which events hide a posting.
            visible: how many of each candidate's events had happened, oldest first; None: all. Nobody knows when
                something was muted: it counts only where all has happened.
        """
        moment = np.broadcast_to(np.asarray(now, np.float64), (len(rows),))
        first = self.histories.start[rows]
        past = self.histories.start[np.asarray(rows) + 1] if visible is None else first + visible
        request, at = _events_of(first, past)
        history, weight, time, deed = _recent(self.histories, request, at, moment, events)
        posting, kind = self.histories.posting[at], self.histories.kind[at]
        shown, shown_times = unanswered(request, posting, kind, self.histories.time[at], moment, events)
        p = self.profiles
        words, word_weights = p.terms.at(p.texts[rows])
        mutes = self.mutes if visible is None else None
        muted = nothing_muted(p.vectors.dimension) if mutes is None else mutes.queries(rows)
        hidden = _hidden(request, posting, kind, events.hide)
        away = put_away(request, posting, kind)
        return Queries(
            history=history,
            weight=weight,
            time=time,
            deed=_dismissed_since(deed, history, away),
            hidden=hidden,
            answered=hidden if events.hide_copies else hidden[:0],
            shown=shown,
            shown_times=shown_times,
            dismissed=dismissed(request, posting, kind, len(first)),
            **muted,
            latest=latest(request, posting, kind, len(first), away),
            wanted=p.vectors.vectors(p.wanted[rows]),
            wanted_known=p.wanted[rows] >= 0,
            past=p.vectors.vectors(p.past[rows]),
            past_known=p.past[rows] >= 0,
            whole=p.vectors.vectors(p.whole[rows]),
            whole_known=p.whole[rows] >= 0,
            home=p.home[rows],
            worked=p.worked[rows],
            reach_km=p.reach_km[rows],
            remote_ok=p.remote_ok[rows],
            seniority=p.seniority[rows],
            pay=p.pay[rows],
            skills=p.skills[rows],
            words=words,
            word_weights=word_weights,
            named=p.named[rows],
            now=moment.copy(),
        )


def _recent(
    histories: Histories,
    request: NDArray[np.int64],
    flat: NDArray[np.int64],
    now: NDArray[np.float64],
    events: EventSettings,
) -> tuple[Rows, Numbers, NDArray[np.float64], NDArray[np.uint8]]:
    """The latest distinct postings of each history with summed weights: four arrays (B, H), -1 / 0 / NaN / 0."""
    width = max(events.history, VIEWED)
    if len(histories.posting) == 0:
        shape = (len(now), width)
        return (
            np.full(shape, -1, np.int32),
            np.zeros(shape, np.float32),
            np.full(shape, np.nan),
            np.zeros(shape, np.uint8),
        )
    useful = (event_weights(histories.kind[flat], histories.value[flat], events) > 0) & (histories.posting[flat] >= 0)
    count = np.bincount(request[useful], minlength=len(now))
    kept = flat[useful]
    at = (np.cumsum(count) - 1)[:, None] - np.arange(_LOOK_BACK * width)
    there = np.arange(_LOOK_BACK * width) < count[:, None]
    at = np.where(there, kept[np.where(there, at, 0)] if len(kept) else 0, 0)
    posting = np.where(there, histories.posting[at], np.int32(-1))
    time = np.where(there, histories.time[at], np.nan)
    weight = event_weights(histories.kind[at], histories.value[at], events) * there
    if events.half_life_days is not None:
        age = np.maximum(now[:, None] - time, 0) / (_DAY * events.half_life_days)
        weight = weight * np.where(np.isnan(age), 1, 0.5**age)
    posting = np.where(weight > 0, posting, np.int32(-1))
    deed = np.where(there & (histories.kind[at] != DISMISS), histories.kind[at], np.uint8(0))
    return _merge_repeats(posting, weight.astype(np.float32), time, deed, width)


def _dismissed_since(deed: NDArray[np.uint8], history: Rows, away: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Of postings of the histories (B, H) that were dismissed in the end, that, whatever was done before."""
    if len(away) == 0:
        return deed
    keys = np.arange(len(history), dtype=np.int64)[:, None] << 32 | np.maximum(history, 0)
    return np.where((history >= 0) & np.isin(keys, away), np.uint8(DISMISS), deed)


def event_weights(kind: NDArray[np.uint8], value: NDArray[np.float32], events: EventSettings) -> NDArray[np.float32]:
    """Weight of each event before age counts: by type, times the customer's own value where there is one."""
    by_kind = np.asarray(events.weights.by_kind(), np.float32)
    factor = np.where(np.isnan(value), np.float32(1), np.maximum(value, 0))
    return by_kind[kind] * factor


def _merge_repeats(
    posting: Rows, weight: Numbers, time: NDArray[np.float64], deed: NDArray[np.uint8], width: int
) -> tuple[Rows, Numbers, NDArray[np.float64], NDArray[np.uint8]]:
    """Keep each posting where it stands first (latest), with the weights of its repeats added; ``width`` of them.

    Of the deeds the largest is kept: their types are numbered in the order of what they say.
    """
    together = np.argsort(posting, axis=1, kind="stable")  # repeats side by side, the latest of them first
    row = np.take_along_axis(posting, together, 1)
    leads = np.ones(row.shape, bool)
    leads[:, 1:] = row[:, 1:] != row[:, :-1]
    spread = np.take_along_axis(weight, together, 1).ravel()
    total, kept = np.zeros(posting.shape, np.float32), np.zeros(posting.shape, bool)
    most = np.zeros(posting.shape, np.uint8)
    if len(spread):
        sums = np.zeros(len(spread), np.float32)
        sums[leads.ravel()] = np.add.reduceat(spread, np.flatnonzero(leads))
        np.put_along_axis(total, together, sums.reshape(row.shape), 1)
        largest = np.zeros(len(spread), np.uint8)
        by_posting = np.take_along_axis(deed, together, 1).ravel()
        largest[leads.ravel()] = np.maximum.reduceat(by_posting, np.flatnonzero(leads))
        np.put_along_axis(most, together, largest.reshape(row.shape), 1)
        np.put_along_axis(kept, together, leads & (row >= 0), 1)
    order = np.argsort(~kept, axis=1, kind="stable")[:, :width]
    still = np.take_along_axis(kept, order, 1)
    return (
        np.where(still, np.take_along_axis(posting, order, 1), np.int32(-1)),
        np.where(still, np.take_along_axis(total, order, 1), np.float32(0)),
        np.where(still, np.take_along_axis(time, order, 1), np.nan),
        np.where(still, np.take_along_axis(most, order, 1), np.uint8(0)),
    )


def _events_of(first: NDArray[np.int64], past: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All events ``first`` to ``past`` - 1 (B,) of each request: whose (N,) and where in the histories (N,)."""
    length = past - first
    request = np.repeat(np.arange(len(first), dtype=np.int64), length)
    at = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length) + np.repeat(first, length)
    return request, at


def _hidden(
    request: NDArray[np.int64], posting: Rows, kind: NDArray[np.uint8], hide: Sequence[str]
) -> NDArray[np.int64]:
    """Sorted keys (request << 32 | posting) of what must not be shown again, from whole histories."""
    kinds = np.isin(kind, [EVENT_TYPES.index(name) for name in hide])
    shown = kinds & (posting >= 0)
    keys: NDArray[np.int64] = np.unique((request[shown] << 32) | posting[shown])
    return keys
