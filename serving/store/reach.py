"""How far back what is new reaches for an alert that could not be served for long.

Such an alert (its filters are unusable, its mail cannot be made or is never accepted) stays due. Were it to get all
that arrived since, each run would have to look through more postings than the one before. So what is new begins, for
any alert, where a run that looked after everybody stood ``days`` before the last such run. Time in which no run could
do so (none was started, the mail server was away) does not count: nobody loses anything by it.
"""

from sqlalchemy import Connection, delete, func, select

from serving.store.apply import upsert
from serving.store.model import FINISHED_RUNS

_C = FINISHED_RUNS.c
_DAY = 86_400.0


def note_finished(connection: Connection, moment: float, position: int, days: float) -> None:
    """Notes that a run looked after all alerts, and forgets runs that are not asked for again.

    Args:
        connection: of a transaction that writes.
        moment: of the run.
        position: up to which it served them.
        days: how far back it is to reach.
    """
    noted = upsert(connection, FINISHED_RUNS, ["position"])
    connection.execute(noted, {"moment": moment, "position": position})
    connection.execute(delete(FINISHED_RUNS).where(_C.moment > moment))  # of a clock that was ahead
    begin = connection.execute(select(func.max(_C.moment)).where(_C.moment <= moment - days * _DAY)).scalar()
    if begin is not None:
        connection.execute(delete(FINISHED_RUNS).where(_C.moment < begin))


def reach(connection: Connection, moment: float, days: float) -> int:
    """The position before which nothing is new any more; 0 where no run that finished is as old as that.

    Args:
        connection: any.
        moment: of the present run.
        days: counted back from the last run that finished.
    """
    last = select(func.max(_C.moment)).where(_C.moment <= moment).scalar_subquery()
    found = select(func.max(_C.position)).where(_C.moment <= last - days * _DAY)
    return int(connection.execute(found).scalar() or 0)
