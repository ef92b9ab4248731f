"""Feeds: what each brought, and the end of what it does not bring any more.

An import of a feed is an upsert. A posting that is as before costs nothing; one that the feed brought before and does
not bring now expires, unless another feed brings it too. It keeps its document, whose ``valid_through`` becomes the
moment of the import: what people did with it is still learned from.
"""

import time
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, func, select

from recsys.errors import DataError
from serving.store.apply import apply, chunks, insert_new
from serving.store.connect import reading, writing
from serving.store.model import FEED_POSTINGS, HEAD, POSTINGS
from serving.store.store import Store
from serving.store.writes import Document, Write, check_id, checked, parsed

_LOCK: Final = select(HEAD.c.position).where(HEAD.c.id == 1).with_for_update()


@dataclass(frozen=True)
class Vanished:
    """What a feed brought before and does not bring now.

    Attributes:
        feed: its name.
        before: how many postings it had brought.
        ids: those that are gone from it, in the order of their ids.
    """

    feed: str
    before: int
    ids: tuple[str, ...]


def feeds(store: Store) -> dict[str, int]:
    """How many postings each feed brought last."""
    c = FEED_POSTINGS.c
    with reading(store.engine) as connection:
        counted = connection.execute(select(c.feed, func.count()).group_by(c.feed).order_by(c.feed))
        return {str(feed): int(count) for feed, count in counted}


def vanished(store: Store, feed: str, ids: Set[str], most: float) -> Vanished:
    """What would expire if the feed brought ``ids`` now. Writes nothing.

    Args:
        store: open.
        feed: its name.
        ids: of all postings that it brings now.
        most: the largest share of the postings that it brought before which may vanish at once.

    Raises:
        DataError: the feed is empty although ``most`` is below 1, or more would vanish than that.
    """
    check_id(feed, "the name of a feed")
    with reading(store.engine) as connection:
        query = select(FEED_POSTINGS.c.posting).where(FEED_POSTINGS.c.feed == feed)
        before = set(connection.execute(query).scalars())
    gone = before - ids
    remedy = "nothing was written. If that is right, run it again with --most-vanished 1"
    if not ids and most < 1:
        raise DataError(f"the feed {feed!r} brings no posting (it brought {len(before):,} before): {remedy}")
    if len(gone) > most * len(before):
        raise DataError(
            f"{len(gone):,} of the {len(before):,} postings that the feed {feed!r} brought before are gone from it"
            f" ({len(gone) / len(before):.1%}), more than --most-vanished {most:g} allows: {remedy}"
        )
    return Vanished(feed, len(before), tuple(sorted(gone)))


def remember(store: Store, feed: str, ids: Set[str]) -> None:
    """Notes that a feed brings these. To be done before they are written: a crash in between forgets none."""
    for some in chunks(sorted(ids)):
        with writing(store.engine) as connection:
            rows = [{"feed": feed, "posting": one} for one in some]
            connection.execute(insert_new(connection, FEED_POSTINGS), rows)


def expire(store: Store, gone: Vanished, now: float | None = None) -> int:
    """Ends what vanished and forgets that the feed brought it, a thousand in a transaction.

    A posting that another feed brings, that was deleted or that has ended already stays as it is.

    Args:
        store: open.
        gone: as ``vanished`` gave it.
        now: the moment, in seconds since 1970.

    Returns:
        how many postings were ended.
    """
    moment = time.time() if now is None else now
    count = 0
    for some in chunks(gone.ids):
        with writing(store.engine) as connection:
            # No other writer comes between the reading of a document and its change.
            connection.execute(_LOCK)
            connection.execute(
                delete(FEED_POSTINGS).where(FEED_POSTINGS.c.feed == gone.feed, FEED_POSTINGS.c.posting.in_(some))
            )
            writes = list(_ended(connection, some, moment))
            if writes:
                apply(connection, checked(writes), moment)
            count += len(writes)
    return count


def _ended(connection: Connection, ids: Sequence[str], now: float) -> Iterator[Write]:
    """The documents of the postings that no feed brings and that have not ended, with their end set."""
    held = select(FEED_POSTINGS.c.posting).where(FEED_POSTINGS.c.posting.in_(ids))
    kept = set(connection.execute(held).scalars())
    query = select(POSTINGS.c.id, POSTINGS.c.document).where(POSTINGS.c.id.in_(ids)).order_by(POSTINGS.c.id)
    for key, text in connection.execute(query).all():
        document: Document = parsed(text)
        until = document.get("valid_through")
        if key not in kept and not (isinstance(until, int | float) and until <= now):
            yield Write("posting", key, document | {"valid_through": now})
