"""The tables that training starts from, made from the store as it was at one position of its log."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from recsys.documents import candidate_frames, posting_frames
from recsys.errors import StoreError
from recsys.schema import Tables
from serving.store.connect import reading
from serving.store.eventlog import EventColumns
from serving.store.model import CANDIDATES, CHANGES, EVENTS, HEAD, POSTINGS
from serving.store.store import Store
from serving.store.writes import parsed

Frames = Callable[[Sequence[Mapping[str, Any]]], tuple[pd.DataFrame, pd.DataFrame]]
_PIECE: Final = 20_000  # documents in memory at a time


def tables_at(store: Store, position: int | None = None) -> tuple[Tables, int]:
    """What the store held at a position.

    Postings and candidates that were deleted are left out, with their events; undos are resolved. Rows are in the
    order of the ids; behind the candidates with a profile come those that only events name.

    Args:
        store: open.
        position: of the log; None is the head, which needs no log.

    Returns:
        the tables, and the position.

    Raises:
        StoreError: the log does not reach the position, or was pruned and is needed.
    """
    with reading(store.engine) as connection:
        connection = connection.execution_options(yield_per=_PIECE)
        head, pruned = connection.execute(select(HEAD.c.position, HEAD.c.pruned)).one()
        if position is None or position == head:
            return _tables(_Current(connection)), int(head)
        if not 0 <= position < head:
            raise StoreError(f"the log of the store ends at {head:,}: there is no position {position:,}")
        if pruned:
            raise StoreError(f"the log was pruned up to {pruned:,}: only the head, {head:,}, can be read")
        return _tables(_Past(connection, position)), position


class _Current:
    """What is there now."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def documents(self, kind: str) -> Iterator[str]:
        """Documents as text, by id."""
        table = {"posting": POSTINGS, "candidate": CANDIDATES}[kind]
        return iter(self._connection.execute(select(table.c.document).order_by(table.c.id)).scalars())

    def events(self) -> Iterator[str]:
        """Events as text, by position."""
        return iter(self._connection.execute(select(EVENTS.c.document).order_by(EVENTS.c.position)).scalars())


class _Past:
    """What was there at a position, from the log."""

    def __init__(self, connection: Connection, position: int) -> None:
        self._connection = connection
        self._position = position

    def documents(self, kind: str) -> Iterator[str]:
        """Documents as text, by id: the last entry of each id, where that is no deletion."""
        last = self._last((kind, f"{kind}_gone"))
        query = select(CHANGES.c.document).join(last, CHANGES.c.position == last.c.position)
        query = query.where(CHANGES.c.kind == kind).order_by(CHANGES.c.key)
        return iter(self._connection.execute(query).scalars())

    def events(self) -> Iterator[str]:
        """Events as text, by position, but those that went with their candidate."""
        last = self._last(("candidate_gone",))
        gone = {row.key: row.position for row in self._connection.execute(select(last.c.key, last.c.position))}
        query = select(CHANGES.c.position, CHANGES.c.document).where(
            CHANGES.c.kind == "event", CHANGES.c.position <= self._position
        )
        for position, text in self._connection.execute(query.order_by(CHANGES.c.position)):
            if not gone or position > gone.get(parsed(text)["candidate_id"], 0):
                yield text

    def _last(self, kinds: Sequence[str]) -> Any:
        return (
            select(CHANGES.c.key, func.max(CHANGES.c.position).label("position"))
            .where(CHANGES.c.kind.in_(kinds), CHANGES.c.position <= self._position)
            .group_by(CHANGES.c.key)
            .subquery()
        )


def _tables(source: _Current | _Past) -> Tables:
    postings, locations = _joined(source.documents("posting"), posting_frames, "posting")
    candidates, experience = _joined(source.documents("candidate"), candidate_frames, "candidate")
    columns = EventColumns(postings["posting_id"], candidates["candidate_id"])
    for piece in _pieces(source.events()):
        columns.add(piece)
    named = columns.only_in_events()
    if named:
        more, _ = candidate_frames([{"candidate_id": one} for one in named])
        candidates = pd.concat([candidates, more], ignore_index=True)
    return Tables(postings, locations, candidates, experience, columns.events())


def _joined(texts: Iterator[str], frames: Frames, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables of all documents, made piece by piece; ``column`` of the second is a row of the first."""
    mains, parts, count = [], [], 0
    for piece in _pieces(texts):
        main, part = frames(piece)
        part[column] = part[column].to_numpy(np.int32) + np.int32(count)
        mains.append(main)
        parts.append(part)
        count += len(main)
    if not mains:
        return frames([])
    return pd.concat(mains, ignore_index=True), pd.concat(parts, ignore_index=True)


def _pieces(texts: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    piece: list[dict[str, Any]] = []
    for text in texts:
        piece.append(parsed(text))
        if len(piece) == _PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
