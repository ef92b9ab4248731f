"""Alerts as the store keeps them: put, read, stopped, taken away."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, delete, insert, select, update

from recsys.errors import RequestError
from serving.store.connect import reading, writing
from serving.store.model import ALERT_MAILS, ALERT_POSTINGS, ALERT_RUN, ALERTS, HEAD
from serving.store.store import Store
from serving.store.writes import Document, canonical, check_id, parsed

#: States of a mail that ended with its postings in the candidate's hands, or perhaps so.
BROUGHT: Final = ("sent", "perhaps", "fed")
Change = Literal["stored", "unchanged"]


@dataclass(frozen=True)
class Alert:
    """One alert.

    Attributes:
        alert_id, candidate_id: the customer's.
        document: what is looked for, how it is called and where it goes: "name", and where given "address", "filters",
            "words" and "kind".
        cadence: "instant", "daily" or "weekly".
        active: it is looked after.
        created: seconds since 1970.
        position: of the log, up to which it was last served.
        served: when, seconds since 1970; 0: not yet.
        number: mails sent so far.
        failures: refusals for good of its address, in a row.
        why: why it is not active; "" where the candidate has said so.
    """

    alert_id: str
    candidate_id: str
    document: Document
    cadence: str
    active: bool
    created: float
    position: int
    served: float
    number: int
    failures: int
    why: str


@dataclass(frozen=True)
class Brought:
    """What a mail brought.

    Attributes:
        content: as it was planned.
        at: when, seconds since 1970.
    """

    content: Document
    at: float


class AlertBook:
    """All alerts of a store; for any thread.

    Args:
        store: open.
    """

    def __init__(self, store: Store) -> None:
        self._engine = store.engine

    @cached_property
    def secret(self) -> bytes:
        """Of the links in mails and feeds; no other store has it."""
        with reading(self._engine) as connection:
            return bytes.fromhex(connection.execute(select(ALERT_RUN.c.secret)).scalar_one())

    @cached_property
    def store(self) -> str:
        """The name of the store, as ``Store.identity``."""
        with reading(self._engine) as connection:
            return str(connection.execute(select(HEAD.c.store)).scalar_one())

    def put(
        self, alert_id: str, candidate_id: str, document: Document, cadence: str, active: bool | None = None
    ) -> Change:
        """Stores an alert. A new one is told of what arrives from now on; a changed one goes on where it was.

        Args:
            alert_id: its id.
            candidate_id: whose it is.
            document: checked, see ``Alert``.
            cadence: likewise.
            active: None: as it was, or active where it is new; so whoever stores the same again wakes nobody.

        Raises:
            DataError: an id cannot be stored.
            RequestError: the alert belongs to somebody else.
        """
        check_id(alert_id, "alert_id")
        check_id(candidate_id, "candidate_id")
        text = canonical(document)
        with writing(self._engine) as connection:
            # locked first, as whoever writes documents does: the position is that of what is committed
            head = connection.execute(select(HEAD.c.position).where(HEAD.c.id == 1).with_for_update()).scalar_one()
            old = connection.execute(select(ALERTS).where(ALERTS.c.id == alert_id)).one_or_none()
            if old is None:
                values = {"document": text, "cadence": cadence, "active": active is not False, "created": time.time()}
                begin = {"position": head, "served": 0.0, "number": 0, "failures": 0, "why": ""}
                connection.execute(insert(ALERTS).values(id=alert_id, candidate=candidate_id, **values, **begin))
                return "stored"
            if old.candidate != candidate_id:
                raise RequestError(f"the alert {alert_id!r} belongs to another candidate")
            if (old.document, old.cadence) == (text, cadence) and active in (None, old.active):
                return "unchanged"
            changed: dict[str, Any] = {"document": text, "cadence": cadence}
            if active is not None:
                changed |= {"active": active, "why": "", "failures": 0}
            connection.execute(update(ALERTS).where(ALERTS.c.id == alert_id).values(**changed))
            return "stored"

    def get(self, alert_id: str) -> Alert | None:
        """One alert."""
        with reading(self._engine) as connection:
            row = connection.execute(select(ALERTS).where(ALERTS.c.id == alert_id)).one_or_none()
        return None if row is None else alert_of(row)

    def of(self, candidate_id: str) -> list[Alert]:
        """All of a candidate, by id."""
        query = select(ALERTS).where(ALERTS.c.candidate == candidate_id).order_by(ALERTS.c.id)
        with reading(self._engine) as connection:
            return [alert_of(row) for row in connection.execute(query)]

    def delete(self, alert_id: str) -> bool:
        """Takes an alert away, with all that is known of its mails; whether it was there."""
        with writing(self._engine) as connection:
            erase(connection, [alert_id])
            return bool(connection.execute(delete(ALERTS).where(ALERTS.c.id == alert_id)).rowcount)

    def stop(self, alert_id: str, why: str) -> bool:
        """Sends nothing more; whether the alert is there."""
        stopped = update(ALERTS).where(ALERTS.c.id == alert_id).values(active=False, why=why)
        with writing(self._engine) as connection:
            return bool(connection.execute(stopped).rowcount)

    def brought(self, alert_id: str, most: int) -> list[Brought]:
        """What its latest mails brought, the latest first."""
        c = ALERT_MAILS.c
        query = select(c.content, c.at).where(c.alert == alert_id, c.state.in_(BROUGHT))
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(c.at.desc(), c.message).limit(most)).all()
        return [Brought(parsed(row.content), row.at) for row in rows]


def erase(connection: Connection, alert_ids: Sequence[str]) -> None:
    """Forgets all mails of alerts."""
    for table in (ALERT_POSTINGS, ALERT_MAILS):
        connection.execute(delete(table).where(table.c.alert.in_(alert_ids)))


def alert_of(row: Row[Any]) -> Alert:
    """The alert of a row of its table."""
    return Alert(
        row.id,
        row.candidate,
        parsed(row.document),
        row.cadence,
        bool(row.active),
        row.created,
        int(row.position),
        row.served,
        row.number,
        row.failures,
        row.why,
    )
