"""The ledger: what becomes of each mail, in steps of which each is one transaction, shared by those who wait.

planned -> sending -> sent        the alert has moved on, in the same transaction
                   -> perhaps     as sent, but it may have come twice, or (after two losses, or a loss and a refusal)
                                  not at all
                   -> planned     not accepted now: again later; or no answer came: once again
                   -> refused     for good
planned -> dropped                nobody wants it any more
        -> fed                    no address: it is in the feed
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Float, and_, bindparam, case, delete, func, insert, literal, or_, select, update

from serving.store.alerts import Alert, alert_of
from serving.store.apply import chunks
from serving.store.connect import reading, writing
from serving.store.mails import Kind, Mail, Step, mail_row, posting_rows, served_row
from serving.store.model import ALERT_MAILS, ALERT_POSTINGS, ALERTS
from serving.store.reach import reach
from serving.store.store import Store
from serving.store.together import Together
from serving.store.turn import Turn
from serving.store.writes import canonical, parsed

#: Seconds between two mails of one alert; a little less than a day and a week, for who calls by the clock is not exact.
PERIODS: Final = {"instant": 0.0, "daily": 22 * 3600.0, "weekly": (7 * 24 - 2) * 3600.0}
_FULL: Final = {"daily": 24 * 3600.0, "weekly": 7 * 24 * 3600.0}
MOST_UNSURE: Final = 2  #: so often a mail is sent of which no answer came
_M: Final = ALERT_MAILS.c
_THIS: Final = update(ALERT_MAILS).where(_M.message == bindparam("m"))


def _looked_at(moment: Any) -> Any:
    """When an alert was served, for an expression: who was served early is, by the clock, served when it was due.

    Else each call a little before the time would bring the next one forward, until mails come at night.
    """
    served, cadence = ALERTS.c.served, ALERTS.c.cadence
    early = ((and_(cadence == name, served > moment - full), served + full) for name, full in _FULL.items())
    return case(*early, else_=moment)


_SERVED: Final = (
    update(ALERTS)
    .where(ALERTS.c.id == bindparam("a"))
    .values(position=bindparam("p"), served=_looked_at(bindparam("s", type_=Float)), failures=0)
    .values(number=ALERTS.c.number + 1)
)


class Ledger:
    """Written by the one run that has the turn; its threads may use it at the same time.

    Args:
        store: open.
        turn: taken.
        set_aside: an alert whose address was refused for good so often in a row is not active any more.
    """

    def __init__(self, store: Store, turn: Turn, set_aside: int) -> None:
        self._engine, self._turn, self._set_aside = store.engine, turn, set_aside
        self._together: Together[Step, bool] = Together(self._transact)

    def take(self, step: Step) -> bool:
        """Writes down one step; returns when it will survive a crash.

        Returns:
            of "begin": whether the mail is to be sent; else True.

        Raises:
            TurnTaken: another run has taken over.
        """
        return self._together.write([step])[0]

    def due(self, moment: float, indexed: int, after: str, most: int) -> list[Alert]:
        """The next alerts by id that have waited long enough and have no mail under way.

        Args:
            moment: of the run.
            indexed: alerts that are served up to here wait for nothing, but for the weekly ones.
            after: the last id that was looked at.
            most: how many.
        """
        c = ALERTS.c
        waited = case(*((c.cadence == name, c.served <= moment - seconds) for name, seconds in PERIODS.items()))
        busy = select(_M.message).where(_M.alert == c.id, _M.state.in_(("planned", "sending"))).exists()
        query = select(ALERTS).where(c.active, c.id > after, waited, or_(c.position < indexed, c.cadence == "weekly"))
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(~busy).order_by(c.id).limit(most)).all()
        return [alert_of(row) for row in rows]

    def lowest(self, moment: float, reach_days: float) -> int | None:
        """The position after which a posting may be new to an active alert; None: there is none.

        Args:
            moment: of the run.
            reach_days: an alert that was served longer ago holds nobody up, see ``serving.store.reach``.
        """
        with reading(self._engine) as connection:
            found = connection.execute(select(func.min(ALERTS.c.position)).where(ALERTS.c.active)).scalar()
            return None if found is None else max(int(found), reach(connection, moment, reach_days))

    def plan(self, mails: Sequence[Mail], nothing: Sequence[str], upto: int, moment: float) -> list[Mail]:
        """Writes plans down, and that there was nothing for others, in one transaction.

        Args:
            mails: one an alert at most.
            nothing: ids of alerts for which there is nothing up to ``upto``.
            upto: position of the log.
            moment: of the run.

        Returns:
            the mails whose alerts are still there, and not new ones under the same ids.
        """
        with writing(self._engine) as connection:
            self._turn.check(connection)
            alive: set[tuple[str, float]] = set()
            named = select(ALERTS.c.id, ALERTS.c.created)
            for some in chunks(mail.alert_id for mail in mails):
                rows = connection.execute(named.where(ALERTS.c.id.in_(some)))
                alive |= {(row.id, row.created) for row in rows}
            kept = [mail for mail in mails if (mail.alert_id, mail.content["created"]) in alive]
            if kept:
                connection.execute(insert(ALERT_MAILS), [mail_row(mail) for mail in kept])
                connection.execute(insert(ALERT_POSTINGS), [one for mail in kept for one in posting_rows(mail)])
            for some in chunks(nothing):
                this = update(ALERTS).where(ALERTS.c.id.in_(some))
                connection.execute(this.values(position=upto, served=_looked_at(literal(moment, Float))))
        return kept

    def brought(self, alert_ids: Sequence[str], postings: Sequence[str] | None = None) -> set[tuple[str, str]]:
        """Which postings (of some, or of all) were brought by alerts before, as pairs (alert, posting)."""
        c, found = ALERT_POSTINGS.c, set[tuple[str, str]]()
        asked: Sequence[Sequence[str] | None] = [None] if postings is None else list(chunks(postings))
        with reading(self._engine) as connection:
            for some in chunks(alert_ids):
                for named in asked:
                    query = select(c.alert, c.posting).where(c.alert.in_(some))
                    query = query if named is None else query.where(c.posting.in_(named))
                    found |= {(row.alert, row.posting) for row in connection.execute(query)}
        return found

    def recover(self) -> list[Mail]:
        """What an earlier run left: what nobody began to send is given up, to be planned anew; the rest is to be sent.

        A mail that was being sent when a run ended may have been accepted: it is sent again once, as it was.
        """
        for mail in self._in_state(_M.state == "sending"):
            self.take(Step("unsure", mail, "the run ended before an answer"))
        with writing(self._engine) as connection:
            self._turn.check(connection)
            unbegun = select(_M.message).where(_M.state == "planned", _M.unsure == 0)
            connection.execute(delete(ALERT_POSTINGS).where(ALERT_POSTINGS.c.message.in_(unbegun)))
            connection.execute(delete(ALERT_MAILS).where(_M.state == "planned", _M.unsure == 0))
        return list(self._in_state(_M.state == "planned"))

    def _in_state(self, where: Any) -> Iterator[Mail]:
        names = (_M.message, _M.alert, _M.content, _M.upto, _M.at, _M.due, _M.tries, _M.unsure)
        with reading(self._engine) as connection:
            rows = connection.execute(select(*names).where(where).order_by(_M.message)).all()
        for row in rows:
            yield Mail(row[0], row[1], parsed(row[2]), int(row[3]), *row[4:])

    def _transact(self, steps: list[Step]) -> list[bool]:
        wrote: dict[Kind, Callable[[Connection, list[Step]], list[bool]]] = {
            "begin": self._begin, "sent": self._sent, "fed": self._sent, "later": self._later,
            "unsure": self._unsure, "refused": self._refused, "dropped": self._dropped,
        }  # fmt: skip
        answers: dict[int, bool] = {}
        with writing(self._engine) as connection:
            self._turn.check(connection)
            for kind, some in groupby(
                sorted(range(len(steps)), key=lambda at: steps[at].kind), lambda at: steps[at].kind
            ):
                places = list(some)
                answers |= dict(zip(places, wrote[kind](connection, [steps[at] for at in places]), strict=True))
        return [answers[at] for at in range(len(steps))]

    def _begin(self, connection: Connection, steps: list[Step]) -> list[bool]:
        """Those whose alert is still there, active and at the same address, with what they bring now.

        What was planned for another address is planned anew; nothing goes to one that was corrected.
        """
        wanted = select(_M.message, ALERTS.c.document).join(ALERTS, ALERTS.c.id == _M.alert)
        wanted = wanted.where(ALERTS.c.active, _M.state == "planned")
        mails = {step.mail.message: step.mail for step in steps}
        asked = list(mails)
        found = connection.execute(wanted.where(_M.message.in_(asked))).all()
        alive = {one for one, text in found if parsed(text).get("address") == mails[one].content["to"]}
        begun = [step for step in steps if step.mail.message in alive]
        if begun:
            rows = [{"m": step.mail.message, "c": canonical(step.mail.content)} for step in begun]
            connection.execute(_THIS.values(state="sending", content=bindparam("c")), rows)
        for message in set(asked) - alive:
            connection.execute(delete(ALERT_POSTINGS).where(ALERT_POSTINGS.c.message == message))
            connection.execute(delete(ALERT_MAILS).where(_M.message == message))
        return [message in alive for message in asked]

    def _sent(self, connection: Connection, steps: list[Step]) -> list[bool]:
        for step in steps:
            state = "fed" if step.kind == "fed" else "perhaps" if step.mail.unsure else "sent"
            connection.execute(_THIS.values(state=state, reply=step.reply), {"m": step.mail.message})
        connection.execute(_SERVED, [served_row(step.mail) for step in steps])
        return [True] * len(steps)

    def _later(self, connection: Connection, steps: list[Step]) -> list[bool]:
        again = _THIS.values(state="planned", tries=_M.tries + 1, due=bindparam("d"), reply=bindparam("r"))
        connection.execute(again, [{"m": step.mail.message, "d": step.due, "r": step.reply} for step in steps])
        return [True] * len(steps)

    def _unsure(self, connection: Connection, steps: list[Step]) -> list[bool]:
        """Once again; where it was again already, it is taken for sent."""
        for step in steps:
            last = step.mail.unsure + 1 >= MOST_UNSURE
            now = {"state": "perhaps" if last else "planned", "unsure": step.mail.unsure + 1, "due": step.due}
            connection.execute(_THIS.values(**now, reply=step.reply), {"m": step.mail.message})
            if last:
                connection.execute(_SERVED, [served_row(step.mail)])
        return [True] * len(steps)

    def _refused(self, connection: Connection, steps: list[Step]) -> list[bool]:
        """The alert stays where it was: should the address work again, nothing is lost."""
        self._end(connection, steps, "refused")
        c, most = ALERTS.c, self._set_aside
        for step in steps:
            this = update(ALERTS).where(c.id == step.mail.alert_id)
            served = _looked_at(literal(step.mail.at, Float))
            connection.execute(this.values(failures=c.failures + 1, number=c.number + 1, served=served))
            connection.execute(this.where(c.failures >= most).values(active=False, why=step.reply))
        return [True] * len(steps)

    def _dropped(self, connection: Connection, steps: list[Step]) -> list[bool]:
        """Nothing of it is left to be sent: its alert moves on."""
        self._end(connection, steps, "dropped")
        connection.execute(_SERVED, [served_row(step.mail) for step in steps])
        return [True] * len(steps)

    def _end(self, connection: Connection, steps: list[Step], state: str) -> None:
        """Mails that bring nothing to anybody."""
        for step in steps:
            connection.execute(delete(ALERT_POSTINGS).where(ALERT_POSTINGS.c.message == step.mail.message))
            connection.execute(_THIS.values(state=state, reply=step.reply), {"m": step.mail.message})
