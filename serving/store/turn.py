"""Who sends: one run at a time, by a lease that ends by itself; and what an unfinished run answers from.

A run that is killed leaves its lease behind, and the next one waits it out. A run that stood still for longer than its
lease finds, in the transaction of its next step, that another one has it, and ends.
"""

import time
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Engine, select, update

from recsys.errors import StoreError
from serving.store.arrivals import note_arrivals
from serving.store.connect import writing
from serving.store.model import ALERT_RUN, HEAD
from serving.store.reach import note_finished

_ROW: Final = select(ALERT_RUN).where(ALERT_RUN.c.id == 1).with_for_update()
_CHANGE: Final = update(ALERT_RUN).where(ALERT_RUN.c.id == 1)


class TurnTaken(StoreError):
    """Another run sends."""


@dataclass(frozen=True)
class Fixed:
    """What a run answers from, fixed at its beginning.

    Attributes:
        bundle: name of the bundle.
        position, indexed: of the log, as in ``serving.live.state.State``.
        moment: seconds since 1970.
    """

    bundle: str
    position: int
    indexed: int
    moment: float


class Turn:
    """The lease of one run; for any thread.

    Args:
        engine: of the store.
        seconds: it holds so long after the last sign of life.
    """

    def __init__(self, engine: Engine, seconds: float) -> None:
        self._engine, self._seconds, self._me = engine, seconds, uuid4().hex

    def take(self) -> None:
        """Takes the lease.

        Raises:
            TurnTaken: another run has it.
        """
        with writing(self._engine) as connection:
            row = connection.execute(_ROW).one()
            now = time.time()
            if row.holder not in (None, self._me) and row.until > now:
                raise TurnTaken(f"another run of the alerts is at work; if it was killed, wait {row.until - now:.0f} s")
            connection.execute(_CHANGE.values(holder=self._me, until=now + self._seconds))

    def renew(self) -> None:
        """A sign of life; raises as ``check``."""
        with writing(self._engine) as connection:
            self.check(connection)
            connection.execute(_CHANGE.values(until=time.time() + self._seconds))

    def check(self, connection: Connection) -> None:
        """In a transaction that writes: nobody else takes the lease until its end.

        Raises:
            TurnTaken: somebody else has it.
        """
        if connection.execute(_ROW).one().holder != self._me:
            raise TurnTaken("this run stood still for too long, and another one has taken over")

    def give_back(self) -> None:
        """The next run need not wait; nothing where somebody else has it."""
        with writing(self._engine) as connection:
            connection.execute(_CHANGE.where(ALERT_RUN.c.holder == self._me).values(holder=None, until=0.0))

    def begin(self, fresh: Fixed, most_seconds: float) -> Fixed:
        """What this run answers from: that of one that was not finished, if it is the same bundle and not too old.

        Args:
            fresh: what a new run would answer from.
            most_seconds: an older run is not taken up again.
        """
        with writing(self._engine) as connection:
            self.check(connection)
            head = connection.execute(select(HEAD.c.position)).scalar_one()
            note_arrivals(connection, head)
            row = connection.execute(_ROW).one()
            if row.bundle == fresh.bundle and 0 <= fresh.moment - row.moment <= most_seconds:
                return Fixed(row.bundle, int(row.position), int(row.indexed), row.moment)
            connection.execute(_CHANGE.values(**vars(fresh)))
            return fresh

    def finish(self, reach_days: float) -> None:
        """All alerts were looked after, and the next run begins anew.

        Args:
            reach_days: see ``serving.store.reach``.
        """
        with writing(self._engine) as connection:
            self.check(connection)
            row = connection.execute(_ROW).one()
            note_finished(connection, row.moment, int(row.indexed), reach_days)
            connection.execute(_CHANGE.values(bundle=None, position=None, indexed=None, moment=None))
