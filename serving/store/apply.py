"""One transaction that writes: what becomes of each line, and the rows that follow from it.

The row of the head is locked first, so that one transaction writes at a time: positions are given in the order of the
commits, what a line is compared with stays as it is until the commit, and two writers cannot lock each other out. It
costs little, for the head would be locked through the commit's flush to disk in any case.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from recsys.errors import StoreError
from serving.store.model import (
    ALERT_MAILS,
    ALERT_POSTINGS,
    ALERTS,
    CANDIDATES,
    CHANGES,
    EVENTS,
    HEAD,
    KEYS,
    MUTES,
    POSTINGS,
)
from serving.store.writes import Line, Outcome, parsed, text_of

Answer = tuple[Outcome, int]
Id = TypeVar("Id")

DOCUMENTS: Final = {"posting": POSTINGS, "candidate": CANDIDATES, "mutes": MUTES, "key": KEYS}
_CHUNK: Final = 1000  # ids in one question: every one is a variable, of which SQLite takes 32,766
_INSERTS: Final[dict[str, Callable[[Table], Any]]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

# Made once: to put a statement together takes longer than to run it.
_LOCK_HEAD: Final = select(HEAD.c.position).where(HEAD.c.id == 1).with_for_update()
_MOVE_HEAD: Final = update(HEAD).where(HEAD.c.id == 1).values(position=bindparam("last"))
_ADD_EVENTS: Final = insert(EVENTS)
_ADD_CHANGES: Final = insert(CHANGES)


def apply(connection: Connection, lines: Sequence[Line], at: float) -> list[Answer]:
    """Writes the lines in order, as one after the other would be.

    Args:
        connection: in a transaction that writes.
        lines: checked writes.
        at: seconds since 1970, for the log.

    Returns:
        for each line its outcome, and the position up to which a reader must have come to obey it.
    """
    head = connection.execute(_LOCK_HEAD).scalar()
    if head is None:
        raise StoreError("the store has lost the row of its head: restore it from a backup")
    fold = _Fold(connection, lines, head)
    answers = [fold.take(line) for line in lines]
    fold.store(connection, at)
    forget_alerts(connection, [line.key for line in lines if line.kind == "candidate_gone"])
    return answers


def forget_alerts(connection: Connection, candidates: Sequence[str]) -> None:
    """Deletes the alerts of candidates, and all that is known of their mails."""
    for some in chunks(candidates):
        alerts = select(ALERTS.c.id).where(ALERTS.c.candidate.in_(some))
        connection.execute(delete(ALERT_POSTINGS).where(ALERT_POSTINGS.c.alert.in_(alerts)))
        connection.execute(delete(ALERT_MAILS).where(ALERT_MAILS.c.alert.in_(alerts)))
        connection.execute(delete(ALERTS).where(ALERTS.c.candidate.in_(some)))


class _Fold:
    """What the tables hold of all that the lines name, changed line by line, and then written."""

    def __init__(self, connection: Connection, lines: Sequence[Line], head: int) -> None:
        wanted: dict[str, set[str]] = defaultdict(set)
        for line in lines:
            wanted[line.kind.removesuffix("_gone")].add(line.key)
            if line.mutes is not None or line.kind == "candidate_gone":
                wanted["mutes"].add(line.key)
        going = {line.key for line in lines if line.kind == "candidate_gone"}
        self._last = self._head = head
        self._known = {kind: _documents(connection, table, wanted[kind]) for kind, table in DOCUMENTS.items()}
        self._events, self._of = _events(connection, wanted["event"], going)
        self._muted = _texts(connection, MUTES, [line.key for line in lines if line.mutes is not None])
        self._gone = _gone(connection, lines)
        self._put: dict[str, dict[str, tuple[Line, int] | None]] = {kind: {} for kind in DOCUMENTS}
        self._new: dict[str, tuple[Line, int]] = {}
        self._erased: set[str] = set()
        self._log: list[tuple[Line, int]] = []

    def take(self, line: Line) -> Answer:
        """The outcome of the next line."""
        if line.kind == "event":
            return self._event(line)
        if line.kind == "mutes":
            return self._mute(line)
        kind = line.kind.removesuffix("_gone")
        known = self._known[kind]
        if kind != line.kind:
            return self._take_away(line, kind, known)
        outcome, position = self._document(line, known)
        if line.mutes is None:
            return outcome, position
        muted, later = self._mute(line)
        return ("stored" if "stored" in (outcome, muted) else outcome), max(position, later)

    def _document(self, line: Line, known: dict[str, tuple[bytes, int]]) -> Answer:
        old = known.get(line.key)
        if old and old[0] == line.digest:
            return "unchanged", old[1]
        position = self._logged(line)
        known[line.key] = line.digest, position
        self._put[line.kind][line.key] = line, position
        return "stored", position

    def _mute(self, line: Line) -> Answer:
        """What is logged and stored is all that the candidate mutes from now on."""
        assert line.mutes is not None
        text, (_, at) = self._muted.get(line.key), self._known["mutes"].get(line.key, (b"", self._last))
        before = {} if text is None else {k: tuple(v) for k, v in parsed(text).items() if k != "candidate_id"}
        after = line.mutes.applied(before)
        if after is None:
            return "full", at
        if after == before:
            return "unchanged", at
        text, digest = text_of({"candidate_id": line.key} | after)
        self._muted[line.key] = text
        return self._document(replace(line, kind="mutes", text=text, digest=digest), self._known["mutes"])

    def _event(self, line: Line) -> Answer:
        old = self._events.get(line.key)
        if old:
            return ("duplicate" if old[0] == line.digest else "conflict"), old[1]
        position = self._logged(line)
        self._events[line.key] = line.digest, position
        self._of[str(line.candidate)].add(line.key)
        self._new[line.key] = line, position
        return "stored", position

    def _take_away(self, line: Line, kind: str, known: dict[str, tuple[bytes, int]]) -> Answer:
        there = known.pop(line.key, None)
        did = self._of.pop(line.key, None) if kind == "candidate" else None
        muted = self._known["mutes"].pop(line.key, None) if kind == "candidate" else None
        if not there and not did and not muted and not self._shown(line):
            return "missing", self._last
        if there:
            self._put[kind][line.key] = None
        if muted:
            self._muted.pop(line.key, None)
            self._put["mutes"][line.key] = None
        if did:
            self._erased.add(line.key)
            for event in did:
                self._events.pop(event, None)
                self._new.pop(event, None)
        position = self._logged(line)
        self._gone[line.kind, line.key] = position
        return "stored", position

    def _shown(self, line: Line) -> bool:
        """Whether a line takes away what a bundle brought: it was there at a moment, and did not go since."""
        return line.shown_at is not None and self._gone.get((line.kind, line.key), 0) <= line.shown_at

    def _logged(self, line: Line) -> int:
        self._last += 1
        self._log.append((line, self._last))
        return self._last

    def store(self, connection: Connection, at: float) -> None:
        """Writes what has changed, then the head, then the log."""
        if not self._log:
            return
        for ids in chunks(self._erased):
            connection.execute(delete(EVENTS).where(EVENTS.c.candidate.in_(ids)))
        for kind, table in DOCUMENTS.items():
            self._store_documents(connection, table, self._put[kind])
        rows = [
            {"position": at_, "id": line.key, "candidate": line.candidate, "document": line.text, "digest": line.digest}
            for line, at_ in self._new.values()
        ]
        if rows:
            connection.execute(_ADD_EVENTS, rows)
        connection.execute(_MOVE_HEAD, {"last": self._last})
        connection.execute(
            _ADD_CHANGES,
            [
                {
                    "position": position,
                    "kind": line.kind,
                    "key": line.key,
                    "document": line.text,
                    "at": at,
                    "candidate": line.candidate,
                }
                for line, position in self._log
            ],
        )

    def _store_documents(self, connection: Connection, table: Table, put: dict[str, tuple[Line, int] | None]) -> None:
        for ids in chunks(key for key, new in put.items() if new is None):
            connection.execute(delete(table).where(table.c.id.in_(ids)))
        rows = [
            {"id": key, "document": new[0].text, "digest": new[0].digest, "position": new[1]}
            for key, new in put.items()
            if new is not None
        ]
        if rows:
            connection.execute(upsert(connection, table, ("document", "digest", "position")), rows)


def chunks(ids: Iterable[Id]) -> Iterator[list[Id]]:
    """All ids, as many at a time as one question takes."""
    left = iter(ids)
    while some := list(islice(left, _CHUNK)):
        yield some


def upsert(connection: Connection, table: Table, columns: Sequence[str], where: Any = None) -> Any:
    """An insert that overwrites ``columns`` of a row with the same primary key, if ``where`` holds for it."""
    statement = _INSERTS[connection.dialect.name](table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: statement.excluded[name] for name in columns},
        where=where,
    )


def insert_new(connection: Connection, table: Table) -> Any:
    """An insert that leaves a row with the same primary key as it is."""
    return _INSERTS[connection.dialect.name](table).on_conflict_do_nothing(index_elements=list(table.primary_key))


def _documents(connection: Connection, table: Table, ids: Iterable[str]) -> dict[str, tuple[bytes, int]]:
    """Digest and position by id, of those that are there."""
    return {
        row.id: (row.digest, row.position)
        for some in chunks(ids)
        for row in connection.execute(select(table.c.id, table.c.digest, table.c.position).where(table.c.id.in_(some)))
    }


def _texts(connection: Connection, table: Table, ids: Iterable[str]) -> dict[str, str]:
    """Texts by id, of those that are there."""
    return {
        row.id: row.document
        for some in chunks(set(ids))
        for row in connection.execute(select(table.c.id, table.c.document).where(table.c.id.in_(some)))
    }


def _gone(connection: Connection, lines: Sequence[Line]) -> dict[tuple[str, str], int]:
    """Positions at which went what is said to have been shown later; only as far back as that is said, for the log
    has no index by key.
    """
    shown = {line.key: line.shown_at for line in lines if line.shown_at is not None}
    if not shown:
        return {}
    c = CHANGES.c
    chosen = select(c.kind, c.key, c.position).where(c.position > min(shown.values()), c.document.is_(None))
    return {
        (row.kind, row.key): row.position
        for some in chunks(shown)
        for row in connection.execute(chosen.where(c.key.in_(some)).order_by(c.position))
    }


def _events(
    connection: Connection, ids: Iterable[str], candidates: Iterable[str]
) -> tuple[dict[str, tuple[bytes, int]], defaultdict[str, set[str]]]:
    """Digest and position by id of the named events and of all events of the candidates; ids by candidate."""
    known: dict[str, tuple[bytes, int]] = {}
    of: defaultdict[str, set[str]] = defaultdict(set)
    for column, names in ((EVENTS.c.id, ids), (EVENTS.c.candidate, candidates)):
        for some in chunks(names):
            chosen = select(EVENTS.c.id, EVENTS.c.digest, EVENTS.c.position, EVENTS.c.candidate).where(column.in_(some))
            for row in connection.execute(chosen):
                known[row.id] = row.digest, row.position
                of[row.candidate].add(row.id)
    return known, of
