"""The store: everything that must survive a crash, behind one class."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Engine, bindparam, delete, select, update

from recsys.errors import StoreError, StoreUnavailable
from recsys.mutes import MUTED
from serving.store.apply import Answer, apply, chunks, insert_new, upsert
from serving.store.arrivals import note_arrivals
from serving.store.connect import file_of, make_engine, reading, writing
from serving.store.keys import Key
from serving.store.migration import check_migrated
from serving.store.model import CANDIDATES, CHANGES, EVENTS, HEAD, INDEXED, KEYS, MUTES, POSTINGS, VECTORS
from serving.store.question import Question
from serving.store.together import Together
from serving.store.undo import without_undone
from serving.store.writes import Change, Document, Line, Receipt, Write, check_id, checked, parsed

_PRUNED_AT_ONCE: Final = 20_000

_NO_END: Final = 2**62
_LOG: Final = (
    select(CHANGES.c.position, CHANGES.c.kind, CHANGES.c.key, CHANGES.c.document, CHANGES.c.at)
    .where(CHANGES.c.position > bindparam("after"), CHANGES.c.position <= bindparam("upto"))
    .order_by(CHANGES.c.position)
    .limit(bindparam("limit"))
)
_LOG_OF_ONE: Final = (
    select(CHANGES.c.position, CHANGES.c.kind, CHANGES.c.key, CHANGES.c.document, CHANGES.c.at)
    .where(
        CHANGES.c.candidate == bindparam("id"),
        CHANGES.c.position > bindparam("after"),
        CHANGES.c.position <= bindparam("upto"),
    )
    .order_by(CHANGES.c.position)
)
_EVENTS: Final = select(EVENTS.c.document).where(EVENTS.c.candidate == bindparam("id")).order_by(EVENTS.c.position)


class Store:
    """Documents, events and keys, and the log of their changes. Threads and processes may use it at the same time.

    Make it with ``open``; do not carry it over a fork.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._together = Together(self._transact)
        self._file = file_of(engine)
        self._inode = self._file and _inode(self._file)
        self._head = Question(engine, select(HEAD.c.position))
        self._pruned = Question(engine, select(HEAD.c.pruned))
        self._ends = Question(engine, select(HEAD.c.position, HEAD.c.pruned))
        self._changes = Question(engine, _LOG)
        self._changes_of = Question(engine, _LOG_OF_ONE)
        self._posting, self._candidate, self._mutes = (
            Question(engine, select(table.c.document).where(table.c.id == bindparam("id")))
            for table in (POSTINGS, CANDIDATES, MUTES)
        )
        self._events = Question(engine, _EVENTS)

    @classmethod
    def open(cls, url: str, wait_seconds: float = 5.0) -> "Store":
        """The store at a URL.

        Args:
            url: "sqlite:///file.db" or "postgresql://user@host/database".
            wait_seconds: the longest wait for a lock that another process holds.

        Raises:
            StoreError: the URL is none, or the tables are missing, older or newer.
            StoreUnavailable: the database cannot be reached.
        """
        engine = make_engine(url, wait_seconds)
        file = file_of(engine)
        if file is not None and not file.exists():
            raise StoreError(f"there is no store {file}: run `jobrec store migrate` to make one")
        try:
            check_migrated(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Gives up all connections."""
        self.engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def write(self, writes: Sequence[Write]) -> Receipt:
        """Stores all writes in one transaction, in order; returns when they will survive a crash.

        Raises:
            DataError: one of them cannot be stored; none was.
            StoreUnavailable: the database is gone, locked or full. None was stored, unless the line broke at the
                very moment of the commit: the same writes again are then "unchanged" or "duplicate".
        """
        lines = checked(writes)
        if not lines:
            return Receipt(self.head(), ())
        answers = self._together.write(lines)
        return Receipt(max(position for _, position in answers), tuple(outcome for outcome, _ in answers))

    def _transact(self, lines: list[Line]) -> list[Answer]:
        self._check_file()
        with writing(self.engine) as connection:
            return apply(connection, lines, time.time())

    def _check_file(self) -> None:
        """SQLite would go on writing into a file that was deleted or replaced, to lose all of it in the end."""
        if self._file is None:
            return
        inode = _inode(self._file)
        if inode is not None and inode == self._inode:
            return
        self.engine.dispose()
        if inode is None:
            raise StoreUnavailable(f"the file {self._file} of the store is gone")
        check_migrated(self.engine)
        self._inode = inode

    def head(self) -> int:
        """The last position of the log, 0 where nothing was written yet.

        Raises:
            StoreUnavailable: the database is gone; so whoever follows it learns of it without a write.
        """
        self._check_file()
        return int(self._head.value())

    def identity(self) -> str:
        """A name that no other store has: positions of one store mean nothing in another."""
        with reading(self.engine) as connection:
            return str(connection.execute(select(HEAD.c.store)).scalar_one())

    def changes(self, after: int, limit: int, upto: int | None = None) -> list[Change]:
        """At most ``limit`` entries of the log after a position, in order and without gaps.

        Args:
            after: the last position that is known already.
            limit: how many at most.
            upto: the last position that is wanted.

        Raises:
            StoreError: entries after ``after`` have been pruned.
        """
        rows = self._changes.rows(after=after, limit=limit, upto=_NO_END if upto is None else upto)
        if not rows or rows[0][0] != after + 1:
            _check_reach(after, self.pruned())
        return [_change(row) for row in rows]

    def changes_of(self, candidate_id: str, after: int, upto: int) -> list[Change]:
        """All entries of the log on one candidate: profile, events, deletion; in order.

        Args:
            candidate_id: whose.
            after: the last position that is known already.
            upto: the last position that is wanted.

        Raises:
            StoreUnavailable: the database is gone.
            StoreError: entries after ``after`` have been pruned, or the log does not reach ``upto``.
        """
        self._check_file()
        rows = self._changes_of.rows(id=candidate_id, after=after, upto=upto)
        ((head, pruned),) = self._ends.rows()  # asked last: what was there then was there when the rows were read
        _check_reach(after, pruned)
        if head < upto:
            raise StoreError(f"the log of the store ends at {head:,}, before position {upto:,}")
        return [_change(row) for row in rows]

    def posting(self, posting_id: str) -> Document | None:
        """The current document of a posting."""
        text = self._posting.value(id=posting_id)
        return None if text is None else parsed(text)

    def candidate(self, candidate_id: str) -> Document | None:
        """The current document of a candidate, with what the candidate muted."""
        text = self._candidate.value(id=candidate_id)
        return None if text is None else parsed(text) | self.mutes(candidate_id)

    def mutes(self, candidate_id: str) -> Document:
        """What a candidate muted, by the fields of ``recsys.mutes.MUTED``; lists that are empty are left out."""
        text = self._mutes.value(id=candidate_id)
        return {} if text is None else {name: some for name, some in parsed(text).items() if name in MUTED}

    def events_of(self, candidate_id: str) -> list[Document]:
        """A candidate's events, oldest first, without undos and what they undid."""
        return without_undone([parsed(text) for (text,) in self._events.rows(id=candidate_id)])

    def keys(self) -> list[Key]:
        """All API keys that are not revoked, oldest first."""
        with reading(self.engine) as connection:
            texts = connection.execute(select(KEYS.c.document).order_by(KEYS.c.position)).scalars().all()
        return [Key.from_document(parsed(text)) for text in texts]

    def vectors(self, encoder: str, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors that an encoder made of texts, by digest of the text, of those that are there."""
        c = VECTORS.c
        found: dict[bytes, bytes] = {}
        with reading(self.engine) as connection:
            for some in chunks(digests):
                query = select(c.digest, c.vector).where(c.encoder == encoder, c.digest.in_(some))
                found.update((bytes(digest), bytes(vector)) for digest, vector in connection.execute(query))
        return found

    def put_vectors(self, encoder: str, vectors: Mapping[bytes, bytes]) -> None:
        """Keeps vectors; one that is there already stays."""
        check_id(encoder, "the name of an encoder")
        rows = [{"encoder": encoder, "digest": digest, "vector": vector} for digest, vector in sorted(vectors.items())]
        if rows:
            with writing(self.engine) as connection:
                connection.execute(insert_new(connection, VECTORS), rows)

    def indexed(self, encoder: str) -> int:
        """The position up to which all texts have vectors of this encoder."""
        with reading(self.engine) as connection:
            position = connection.execute(select(INDEXED.c.position).where(INDEXED.c.encoder == encoder)).scalar()
        return int(position or 0)

    def set_indexed(self, encoder: str, position: int) -> None:
        """Moves ``indexed`` forward; never back."""
        check_id(encoder, "the name of an encoder")
        with writing(self.engine) as connection:
            statement = upsert(connection, INDEXED, ("position",), where=INDEXED.c.position < position)
            connection.execute(statement, {"encoder": encoder, "position": position})

    def pruned(self) -> int:
        """The position up to which the log was pruned."""
        return int(self._pruned.value())

    def prune(self, before: int) -> int:
        """Drops the entries of the log before a position. Documents, events and keys stay as they are.

        Returns:
            how many were dropped.

        Raises:
            StoreError: the position is past the head.
        """
        if before > self.head() + 1:
            raise StoreError(f"the log ends at {self.head():,}: it cannot be pruned before {before:,}")
        dropped = 0
        while (done := self.pruned()) < before - 1:
            last = min(done + _PRUNED_AT_ONCE, before - 1)
            with writing(self.engine) as connection:
                note_arrivals(connection, last)
                connection.execute(update(HEAD).where(HEAD.c.id == 1, HEAD.c.pruned < last).values(pruned=last))
                dropped += connection.execute(delete(CHANGES).where(CHANGES.c.position <= last)).rowcount
        return dropped


def _change(row: Sequence[Any]) -> Change:
    position, kind, key, text, at = row
    return Change(position, kind, key, None if text is None else parsed(text), at)


def _check_reach(after: int, pruned: int) -> None:
    if after < pruned:
        raise StoreError(
            f"the log up to position {pruned:,} was pruned and cannot be read from {after:,}:"
            f" start from a bundle made at {pruned:,} or later"
        )


def _inode(file: os.PathLike[str]) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
