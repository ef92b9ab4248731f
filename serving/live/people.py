"""Candidates as they stand now: those of the bundle, and what they wrote and did since.

Of the bundle nothing is copied: its arrays are mapped. What came since is kept as a few bytes an event, of those who
are away in the store alone.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol

import numpy as np
from immutables import Map
from numpy.typing import NDArray

from recsys.candidates import Candidates, Histories, Profiles
from recsys.catalogue import Catalogue
from recsys.codes import Codes
from recsys.ids import Ids
from recsys.mutes import Muted
from recsys.schema import EVENT_TYPES, IMPRESSION, UNDO
from serving.live.muting import said_now
from serving.store.eventlog import UNKNOWN_TIME

#: An event since the bundle: ``posting`` is a catalogue row, or -2 - n for the n-th of the ``names`` beside it.
EVENT: Final = np.dtype([("posting", "<i4"), ("kind", "u1"), ("time", "<f8"), ("value", "<f4")])


@dataclass(frozen=True)
class Person:
    """What changed of one candidate since the bundle was made.

    Attributes:
        profile: arrays of one candidate; None: as in the bundle.
        forgotten: deleted since, so that nothing of the bundle counts.
        events: records of ``EVENT``, in the order of the log; undos among them.
        names: ids of postings in ``events`` that the catalogue did not know (yet) at the time.
        muted: ids of postings, names of employers, titles of interests; None: as in the bundle.
        unwanted: the vectors of such titles, which come later; None: as in the bundle.
    """

    profile: Profiles | None = None
    forgotten: bool = False
    events: bytes = b""
    names: tuple[str, ...] = ()
    muted: tuple[tuple[str, ...], ...] | None = None
    unwanted: Codes | None = None

    @property
    def known(self) -> bool:
        """Whether there is anything but what the bundle brought."""
        return self.profile is not None or bool(self.events) or (self.muted is not None and any(self.muted))

    def did(self, further: "Named") -> "Person":
        """With further events, that were collected from ``names`` on."""
        return replace(self, events=self.events + further.events, names=further.names)


class Past(Protocol):
    """Where the changes of those who are not held are looked up."""

    def person(self, candidate_id: str, position: int, indexed: int) -> Person:
        """What changed of a candidate up to two positions; raises StoreError where that cannot be told."""
        ...


class Named:
    """Collects events; postings are kept by row or by name, so that nothing needs to be known of the catalogue.

    Args:
        names: that are there already.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._numbers: dict[str, int] = {one: number for number, one in enumerate(names)}
        self._parts: list[bytes] = []

    def add(self, document: dict[str, Any], row: int = -1) -> None:
        """The next event, on the posting in a row, or -1 where none is known."""
        code = row if row >= 0 else -2 - self._numbers.setdefault(document["posting_id"], len(self._numbers))
        self._parts.append(event_bytes(document, code))

    @property
    def events(self) -> bytes:
        """Records of ``EVENT``."""
        return b"".join(self._parts)

    @property
    def names(self) -> tuple[str, ...]:
        """That they point to."""
        return tuple(self._numbers)


def event_bytes(document: dict[str, Any], code: int) -> bytes:
    """The record of an event document on the posting that ``code`` stands for."""
    time = np.nan if document["timestamp"] == UNKNOWN_TIME else document["timestamp"]
    record = (code, EVENT_TYPES.index(document["type"]), time, document.get("value", np.nan))
    return np.array([record], EVENT).tobytes()


@dataclass(frozen=True)
class People:
    """All candidates of a state.

    Attributes:
        base: of the bundle.
        nobody: the profile of somebody of whom nothing is known, arrays of one.
        past: where those are looked up who are away.
        away: whose changes are not in ``changed``; it may name others, too, and those who went after this state.
        changed: by candidate id.
        position: of the state.
        indexed: likewise.
    """

    base: Candidates
    nobody: Profiles
    past: Past
    away: Container[str]
    changed: "Map[str, Person]"
    position: int
    indexed: int

    def knows(self, candidate_id: str) -> bool:
        """Whether there is a profile or an event, or something is muted.

        Raises:
            StoreError: the candidate is away, and the store cannot tell.
        """
        person = self._person(candidate_id)
        return person.known or self._row(candidate_id, person) >= 0

    def one(self, candidate_id: str, catalogue: Catalogue) -> Candidates:
        """A snapshot that holds this candidate alone.

        Raises:
            StoreError: as ``knows``.
        """
        person = self._person(candidate_id)
        row, profile = self._row(candidate_id, person), person.profile
        if profile is None:
            profile = self.nobody if row < 0 else _profile_at(self.base.profiles, row)
        events = _events_at(self.base.histories, row)
        if person.events:
            events = np.concatenate([events, np.frombuffer(person.events, EVENT)])
        ids, history = Ids([candidate_id], "candidate"), history_of(events, person.names, catalogue)
        base = None if row < 0 or self.base.mutes is None else self.base.mutes.said.one(row)
        said = said_now(base, person.muted, person.unwanted, catalogue.title.dimension)
        muted = None if said is None else Muted(said, catalogue.ids, catalogue.numbering)
        return Candidates(ids, profile, history, muted)

    def unchanged_row(self, candidate_id: str) -> int:
        """The row in the bundle of one who is known to be as they were there; -1 of any other."""
        if candidate_id in self.changed or candidate_id in self.away:
            return -1
        return self.base.ids.find(candidate_id)

    def _person(self, candidate_id: str) -> Person:
        held = self.changed.get(candidate_id)
        if held is not None:
            return held
        if candidate_id in self.away:
            return self.past.person(candidate_id, self.position, self.indexed)
        return Person()

    def _row(self, candidate_id: str, person: Person) -> int:
        """The row in the bundle, -1 where it does not count."""
        return -1 if person.forgotten else self.base.ids.find(candidate_id)


def history_of(events: NDArray[Any], names: Sequence[str], catalogue: Catalogue) -> Histories:
    """The history of one candidate, with the rows that postings have now; what only learning reads is left out.

    Args:
        events: records of ``EVENT``, those of the bundle before those of the log.
        names: what codes below -1 stand for.
        catalogue: of the state.
    """
    codes = events["posting"].astype(np.int32)
    rows = catalogue.fresh.now_of(_rows(codes, names, catalogue.ids))
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


def _rows(codes: NDArray[np.int32], names: Sequence[str], ids: Ids) -> NDArray[np.int32]:
    """Rows of postings by row or code, -1 for those that are still not known."""
    rows = codes.copy()
    at = np.flatnonzero(codes < -1)
    if len(at):
        rows[at] = ids.rows([names[-2 - code] for code in codes[at].tolist()])
    return rows


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
    named = Named()
    for one in documents:
        named.add(one)
    return history_of(np.frombuffer(named.events, EVENT), named.names, catalogue)


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
