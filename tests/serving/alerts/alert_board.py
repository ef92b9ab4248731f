"""A small board with a real store: its bundle, alerts, and postings that arrive."""

from live_log import ENCODER, encode_all

from recsys.bundle import open_bundle
from serving.alerts.match import Matcher
from serving.alerts.news import news_of
from serving.alerts.run import Run
from serving.alerts.settings import AlertSettings
from serving.live.replay import state_at
from serving.store import Write
from serving.store.alerts import AlertBook
from serving.store.arrivals import note_arrivals
from serving.store.connect import reading, writing
from serving.store.ledger import Ledger
from serving.store.turn import Turn

DAY = 86_400.0
SETTINGS = AlertSettings(
    sender="jobs@board.example",
    base_url="https://board.example",
    posting_url="https://board.example/jobs/{id}",
    lease_seconds=2,
    backoff_seconds=0.02,
    alike=None,
)


class KeepingPostman:
    """Keeps what it is given."""

    def __init__(self, box):
        self.box = box

    def carry(self, message, begin):
        from serving.alerts.postman import Outcome

        if not begin():
            return Outcome("dropped")
        self.box.append(message)
        return Outcome("sent", "250 taken")

    def close(self):
        pass


class AlertBoard:
    """A store of one board, and runs of its alerts.

    Args:
        market: live.
        store: open, empty and migrated.
    """

    def __init__(self, market, store):
        self.market, self.store, self.book = market, store, AlertBook(store)
        self.now = market.as_of + 3600.0
        self.box = []

    def write(self, *writes):
        """Stored, encoded and indexed."""
        receipt = self.store.write(list(writes))
        encode_all(self.store, writes)
        self.store.set_indexed(ENCODER.name, self.store.head())
        return receipt

    def posting(self, number, like=0, **changed):
        """A write of a posting of its own: as one of the market, by another employer."""
        document = dict(self.market.postings[like]) | {"posting_id": f"new-{number}", "company": f"Employer {number}"}
        document |= {"date_posted": self.now - 60.0, "valid_through": self.now + 30 * DAY}
        del document["url"]
        return Write("posting", document["posting_id"], document | changed)

    def alert(self, alert_id, candidate=None, cadence="instant", **document):
        who = candidate or self.market.candidates[0]["candidate_id"]
        given = {"name": f"Alert {alert_id}", "address": f"{alert_id}@people.example"} | document
        return self.book.put(alert_id, who, given, cadence)

    def run(self, now=None, settings=SETTINGS, store=None, postman=None, **given):
        """A run; what it sent is in ``box``."""
        moment = self.now if now is None else now
        make = postman or (lambda: KeepingPostman(self.box))
        return Run(store or self.store, self.market.bundle, settings, make, clock=lambda: moment, **given).run()

    def state(self):
        head = self.store.head()
        return state_at(self.market.bundle, self.store, head, head)

    def matcher(self, encode=None, alike=None, after=0):
        """What a run would match with."""
        with writing(self.store.engine) as connection:
            note_arrivals(connection, self.store.head())  # as a run does at its beginning
        state = self.state()
        news = news_of(self.store, open_bundle(self.market.bundle, verify=False), state, after, state.indexed)
        return Matcher(state, news, encode, alike)

    def ledger(self):
        turn = Turn(self.store.engine, 60)
        turn.take()
        return Ledger(self.store, turn, 3)

    def mails(self):
        """Of the ledger: state, replies and so on by message."""
        from sqlalchemy import select

        from serving.store.model import ALERT_MAILS

        with reading(self.store.engine) as connection:
            return {row.message: row for row in connection.execute(select(ALERT_MAILS))}


def sent_postings(message):
    """Ids of the postings that a mail links to, in its order."""
    import re

    text = message.get_body(("plain",)).get_content()
    return re.findall(r"https://board\.example/jobs/(\S+)", text)


def unsubscribe_link(message):
    return message["List-Unsubscribe"].strip("<>")
