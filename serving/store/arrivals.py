"""When each posting was first seen: a change to a posting, or its return, makes nothing new of it.

The log says it, but the log is pruned. So what it says is noted: before a run of the alerts, and before each pruning.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Engine, func, literal, select, update

from serving.store.apply import chunks, insert_new
from serving.store.connect import reading
from serving.store.model import ALERT_RUN, ARRIVALS, CHANGES, POSTINGS
from serving.store.writes import Document, parsed

_NOTED: Final = select(ALERT_RUN.c.arrivals).where(ALERT_RUN.c.id == 1).with_for_update()


def note_arrivals(connection: Connection, upto: int) -> None:
    """Notes what the log says up to a position. In a transaction that writes."""
    noted = connection.execute(_NOTED).scalar_one()
    if noted >= upto:
        return
    c = CHANGES.c
    first = (
        select(c.key, func.min(c.position))
        .where(c.kind == literal("posting"), c.position > noted, c.position <= upto)
        .group_by(c.key)
    )
    connection.execute(insert_new(connection, ARRIVALS).from_select(["posting", "position"], first))
    connection.execute(update(ALERT_RUN).where(ALERT_RUN.c.id == 1).values(arrivals=upto))


def arrived(engine: Engine, after: int, upto: int) -> tuple[list[str], list[int]]:
    """Ids of the postings that were first seen after a position, up to another, and where; in the order of the log."""
    c = ARRIVALS.c
    chosen = select(c.posting, c.position).where(c.position > after, c.position <= upto).order_by(c.position)
    with reading(engine) as connection:
        rows = connection.execute(chosen).all()
    return [row.posting for row in rows], [int(row.position) for row in rows]


def documents_at(engine: Engine, ids: Sequence[str], position: int) -> dict[str, Document]:
    """The documents of postings as they were at a position, by id; without those that are gone now.

    What changed since is read from the log; where that was pruned, the present document stands for it.
    """
    found: dict[str, Document] = {}
    later: list[str] = []
    c, log = POSTINGS.c, CHANGES.c
    with reading(engine) as connection:
        for some in chunks(ids):
            for row in connection.execute(select(c.id, c.document, c.position).where(c.id.in_(some))):
                found[row.id] = parsed(row.document)
                if row.position > position:
                    later.append(row.id)
        for some in chunks(later):
            was = select(log.key, log.document).where(
                log.kind == "posting", log.position <= position, log.key.in_(some)
            )
            for key, text in connection.execute(was.order_by(log.position)):
                found[key] = parsed(text)
    return found
