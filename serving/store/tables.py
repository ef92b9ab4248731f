"""The tables that training starts from, made from the store as it was at one position of its log."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from recsys.documents import candidate_frames, posting_frames
from recsys.errors import StoreError
from recsys.schema import Tables
from serving.store.connect import reading
from serving.store.eventlog import EventColumns
from serving.store.left_out import LeftOut
from serving.store.model import CANDIDATES, CHANGES, EVENTS, HEAD, MUTES, POSTINGS
from serving.store.store import Store
from serving.store.writes import Document

Frames = Callable[[Sequence[Mapping[str, Any]]], tuple[pd.DataFrame, pd.DataFrame]]
Stored = tuple[str, str]  #: an id, and its document as text
Parse = Callable[[str, str, str], Document | None]  #: of a kind, an id and a text
_PIECE: Final = 20_000  # documents in memory at a time


def tables_at(store: Store, position: int | None = None, left_out: LeftOut | None = None) -> tuple[Tables, int]:
    """What the store held at a position.

    Postings and candidates that were deleted are left out, with their events; undos are resolved. Rows are in the
    order of the ids; behind the candidates with a profile come those that only events name. A document that cannot be
    read never stops the reading.

    Args:
        store: open.
        position: of the log; None is the head, which needs no log.
        left_out: takes what cannot be read; None: it is told in the log.

    Returns:
        the tables, and the position.

    Raises:
        StoreError: the log does not reach the position, or was pruned and is needed; or too much cannot be read.
    """
    left_out = left_out or LeftOut()
    with reading(store.engine) as connection:
        connection = connection.execution_options(yield_per=_PIECE)
        head, pruned = connection.execute(select(HEAD.c.position, HEAD.c.pruned)).one()
        if position is None or position == head:
            return _tables(_Current(connection), left_out), int(head)
        if not 0 <= position < head:
            raise StoreError(f"the log of the store ends at {head:,}: there is no position {position:,}")
        if pruned:
            raise StoreError(f"the log was pruned up to {pruned:,}: only the head, {head:,}, can be read")
        return _tables(_Past(connection, position), left_out), position


class _Current:
    """What is there now."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def documents(self, kind: str) -> Iterator[Stored]:
        """Documents by id."""
        table = {"posting": POSTINGS, "candidate": CANDIDATES, "mutes": MUTES}[kind]
        yield from self._connection.execute(select(table.c.id, table.c.document).order_by(table.c.id))

    def events(self, parse: Parse) -> Iterator[Document]:
        """Events by position."""
        for key, text in self._connection.execute(select(EVENTS.c.id, EVENTS.c.document).order_by(EVENTS.c.position)):
            event = parse("event", key, text)
            if event is not None:
                yield event


class _Past:
    """What was there at a position, from the log."""

    def __init__(self, connection: Connection, position: int) -> None:
        self._connection = connection
        self._position = position

    def documents(self, kind: str) -> Iterator[Stored]:
        """Documents by id: the last entry of each id, where that is no deletion."""
        last = self._last((kind, "candidate_gone" if kind == "mutes" else f"{kind}_gone"))
        query = select(CHANGES.c.key, CHANGES.c.document).join(last, CHANGES.c.position == last.c.position)
        query = query.where(CHANGES.c.kind == kind).order_by(CHANGES.c.key)
        yield from self._connection.execute(query)

    def events(self, parse: Parse) -> Iterator[Document]:
        """Events by position, but those that went with their candidate."""
        last = self._last(("candidate_gone",))
        gone = {row.key: row.position for row in self._connection.execute(select(last.c.key, last.c.position))}
        query = select(CHANGES.c.position, CHANGES.c.key, CHANGES.c.document).where(
            CHANGES.c.kind == "event", CHANGES.c.position <= self._position
        )
        for position, key, text in self._connection.execute(query.order_by(CHANGES.c.position)):
            event = parse("event", key, text)
            if event is not None and (not gone or position > gone.get(str(event.get("candidate_id")), 0)):
                yield event

    def _last(self, kinds: Sequence[str]) -> Any:
        return (
            select(CHANGES.c.key, func.max(CHANGES.c.position).label("position"))
            .where(CHANGES.c.kind.in_(kinds), CHANGES.c.position <= self._position)
            .group_by(CHANGES.c.key)
            .subquery()
        )


def _tables(source: _Current | _Past, left_out: LeftOut) -> Tables:
    postings, locations = _joined(_parsed(source, "posting", left_out), posting_frames, "posting", left_out)
    people = _with_mutes(_parsed(source, "candidate", left_out), _parsed(source, "mutes", left_out))
    candidates, experience = _joined(people, candidate_frames, "candidate", left_out)
    left_out.check("mutes")
    columns = EventColumns(postings["posting_id"], candidates["candidate_id"])
    for piece in _pieces(source.events(left_out.parse)):
        left_out.take("event", piece, columns.add)
    left_out.check("event")
    named = columns.only_in_events()
    if named:
        more, _ = candidate_frames([{"candidate_id": one} for one in named])
        candidates = pd.concat([candidates, more], ignore_index=True)
    return Tables(postings, locations, candidates, experience, columns.events())


def _parsed(source: _Current | _Past, kind: str, left_out: LeftOut) -> Iterator[Document]:
    return (one for key, text in source.documents(kind) if (one := left_out.parse(kind, key, text)) is not None)


def _with_mutes(candidates: Iterable[Document], mutes: Iterable[Document]) -> Iterator[Document]:
    """Profiles with what was muted; behind them those who only muted something. Mutes are few and small."""
    muted = {one["candidate_id"]: one for one in mutes if len(one) > 1}
    for one in candidates:
        yield one | muted.pop(one["candidate_id"], {})
    yield from muted.values()


def _joined(
    documents: Iterable[Document], frames: Frames, kind: str, left_out: LeftOut
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables of all documents, made piece by piece; the column ``kind`` of the second is a row of the first."""
    mains, parts, count = [], [], 0
    for piece in _pieces(documents):
        for main, part in left_out.take(kind, piece, frames):
            part[kind] = part[kind].to_numpy(np.int32) + np.int32(count)
            mains.append(main)
            parts.append(part)
            count += len(main)
    left_out.check(kind)
    if not mains:
        return frames([])
    return pd.concat(mains, ignore_index=True), pd.concat(parts, ignore_index=True)


def _pieces(documents: Iterable[Document]) -> Iterator[list[Document]]:
    left = iter(documents)
    while piece := list(islice(left, _PIECE)):
        yield piece
