"""Takes mails out of the ledger that ended long ago. What each alert has brought is kept: nothing comes twice."""

import time
from typing import Final

from sqlalchemy import Engine, Select, delete, select

from serving.store.connect import writing
from serving.store.model import ALERT_MAILS
from serving.store.turn import Turn

_UNDER_WAY: Final = ("planned", "sending")  # these keep their row however old they are: the next run goes on with them
_AT_ONCE: Final = 500  # mails of one transaction: whoever else writes waits for some hundredths of a second


def prune_mails(engine: Engine, turn: Turn, before: float, until: float) -> int:
    """Drops mails of runs before a moment that have ended.

    Args:
        engine: of the store.
        turn: of the run that does so.
        before: seconds since 1970.
        until: no transaction but the first is begun after this moment; the next run goes on.

    Returns:
        how many.

    Raises:
        TurnTaken: another run has taken over.
    """
    dropped = 0
    while True:
        with writing(engine) as connection:
            turn.check(connection)
            some = connection.execute(_ended(before)).scalars().all()
            connection.execute(delete(ALERT_MAILS).where(ALERT_MAILS.c.message.in_(some)))
        dropped += len(some)
        if not some or time.time() >= until:
            return dropped


def _ended(before: float) -> Select[tuple[str]]:
    """Some that ended, the oldest first.

    Said by the states that they are not in: of those that they are in SQLite would read all rows. Those that somebody
    else has locked are skipped: who deletes a candidate holds some, and may wait for others.
    """
    c = ALERT_MAILS.c
    old = select(c.message).where(c.at < before, c.state.not_in(_UNDER_WAY)).order_by(c.at).limit(_AT_ONCE)
    return old.with_for_update(skip_locked=True)
