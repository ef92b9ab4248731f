"""Candidates as they stand now: those of the bundle, and what they wrote and did since.

Of the bundle nothing is copied: its arrays are mapped. What came since is kept as a few bytes an event.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from immutables import Map
from numpy.typing import NDArray

from recsys.candidates import Candidates, Histories, Profiles
from recsys.catalogue import Catalogue
from recsys.ids import Ids
from recsys.schema import EVENT_TYPES, IMPRESSION, UNDO
from serving.store.eventlog import UNKNOWN_TIME

#: An event since the bundle: ``posting`` is a catalogue row, or -2 - n for the posting that ``Strangers`` lists as n.
EVENT: Final = np.dtype([("posting", "<i4"), ("kind", "u1"), ("time", "<f8"), ("value", "<f4")])


@dataclass(frozen=True)
class Person:
    """What changed of one candidate since the bundle was made.

    Attributes:
        profile: arrays of one candidate; None: as in the bundle.
        forgotten: deleted since, so that nothing of the bundle counts.
        events: records of ``EVENT``, in the order of the log; undos among them.
        position: of the last change.
    """

    profile: Profiles | None = None
    forgotten: bool = False
    events: bytes = b""
    position: int = 0

    def did(self, events: bytes, position: int) -> "Person":
        """With further events."""
        return replace(self, events=self.events + events, position=position)


class Strangers:
    """Ids of postings that events name and the catalogue does not know (yet), each numbered once; only ever longer."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []

    def code(self, posting_id: str) -> int:
        """The code that an event on this posting holds."""
        number = self._numbers.setdefault(posting_id, len(self._names))
        if number == len(self._names):
            self._names.append(posting_id)
        return -2 - number

    def rows(self, codes: NDArray[np.int32], ids: Ids) -> NDArray[np.int32]:
        """Rows of postings by row or code, -1 for those that are still not known."""
        rows = codes.copy()
        at = np.flatnonzero(codes < -1)
        if len(at):
            rows[at] = ids.rows([self._names[-2 - code] for code in codes[at].tolist()])
        return rows


def event_bytes(document: dict[str, Any], ids: Ids, strangers: Strangers) -> bytes:
    """The record of an event document."""
    row = int(ids.rows([document["posting_id"]])[0])
    code = row if row >= 0 else strangers.code(document["posting_id"])
    time = np.nan if document["timestamp"] == UNKNOWN_TIME else document["timestamp"]
    record = (code, EVENT_TYPES.index(document["type"]), time, document.get("value", np.nan))
    return np.array([record], EVENT).tobytes()


@dataclass(frozen=True)
class People:
    """All candidates of a state.

    Attributes:
        base: of the bundle.
        nobody: the profile of somebody of whom nothing is known, arrays of one.
        changed: by candidate id.
        strangers: see there.
    """

    base: Candidates
    nobody: Profiles
    changed: "Map[str, Person]"
    strangers: Strangers

    def row(self, candidate_id: str) -> int:
        """The row in the bundle, -1 where it does not count."""
        person = self.changed.get(candidate_id)
        if person is not None and person.forgotten:
            return -1
        return int(self.base.ids.rows([candidate_id])[0])

    def knows(self, candidate_id: str) -> bool:
        """Whether there is a profile or an event."""
        person = self.changed.get(candidate_id)
        if person is not None and (person.profile is not None or person.events):
            return True
        return self.row(candidate_id) >= 0

    def one(self, candidate_id: str, catalogue: Catalogue) -> Candidates:
        """A snapshot that holds this candidate alone."""
        row, person = self.row(candidate_id), self.changed.get(candidate_id)
        profile = None if person is None else person.profile
        if profile is None:
            profile = self.nobody if row < 0 else _profile_at(self.base.profiles, row)
        events = _events_at(self.base.histories, row)
        if person is not None and person.events:
            events = np.concatenate([events, np.frombuffer(person.events, EVENT)])
        return Candidates(Ids([candidate_id], "candidate"), profile, history_of(events, self.strangers, catalogue))

    def with_changed(self, changed: "Map[str, Person]") -> "People":
        """The same with other changes."""
        return replace(self, changed=changed)


def history_of(events: NDArray[Any], strangers: Strangers, catalogue: Catalogue) -> Histories:
    """The history of one candidate, with the rows that postings have now; what only learning reads is left out.

    Args:
        events: records of ``EVENT``, those of the bundle before those of the log.
        strangers: what codes below -1 stand for.
        catalogue: of the state.
    """
    codes = events["posting"].astype(np.int32)
    rows = catalogue.fresh.now_of(strangers.rows(codes, catalogue.ids))
    kept = in_order(np.where(rows >= 0, rows, codes), events["kind"], events["time"])
    count = len(kept)
    return Histories(
        start=np.array([0, count], np.int64),
        posting=rows[kept].astype(np.int32),
        kind=events["kind"][kept].astype(np.uint8),
        time=events["time"][kept].astype(np.float64),
        value=events["value"][kept].astype(np.float32),
        rank=np.full(count, -1, np.int16),
        page=np.full(count, -1, np.int32),
    )


def in_order(posting: NDArray[np.int32], kind: NDArray[np.uint8], time: NDArray[np.float64]) -> NDArray[np.intp]:
    """Positions of events (E,) by time, as they came where it is equal, without undos and what they undid.

    An undo takes back the latest earlier event on the same posting that is not yet undone; an impression is not the
    candidate's doing and stays.
    """
    order = np.argsort(np.where(np.isnan(time), -np.inf, time), kind="stable")
    if not (kind == UNDO).any():
        return order
    kept = np.ones(len(order), bool)
    done: dict[int, list[int]] = {}
    for at, (row, what) in enumerate(zip(posting[order].tolist(), kind[order].tolist(), strict=True)):
        if what == UNDO:
            kept[at] = False
            if done.get(row):
                kept[done[row].pop()] = False
        elif what != IMPRESSION:
            done.setdefault(row, []).append(at)
    return order[kept]


def stranger_history(documents: Sequence[dict[str, Any]], catalogue: Catalogue) -> Histories:
    """The history of somebody who is not stored, from event documents."""
    strangers = Strangers()
    whole = b"".join(event_bytes(one, catalogue.ids, strangers) for one in documents)
    return history_of(np.frombuffer(whole, EVENT), strangers, catalogue)


_SHARED: Final = ("vectors", "terms")  # tables that the rows of profiles point into


def _profile_at(profiles: Profiles, row: int) -> Profiles:
    names = [field.name for field in fields(Profiles) if field.name not in _SHARED]
    return replace(profiles, **{name: getattr(profiles, name)[row : row + 1] for name in names})


def _events_at(histories: Histories, row: int) -> NDArray[Any]:
    if row < 0:
        return np.empty(0, EVENT)
    first, past = int(histories.start[row]), int(histories.start[row + 1])
    events = np.empty(past - first, EVENT)
    for name in ("posting", "kind", "time", "value"):
        events[name] = getattr(histories, name)[first:past]
    return events
