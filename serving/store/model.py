"""The tables of the database, the same in SQLite and PostgreSQL."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

#: Revisions of the tables, oldest first, as in ``migrations/versions``.
REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006")

METADATA: Final = MetaData()
# PostgreSQL would order texts by the server's language, and slowly; SQLite orders by code point.
_ID: Final = String().with_variant(String(collation="C"), "postgresql")
# SQLite keeps a table in the order of its key only where that is declared INTEGER.
_POSITION: Final = BigInteger().with_variant(Integer(), "sqlite")


def _documents(name: str) -> Table:
    """Current documents by id: the text, its digest, and the position at which it was stored."""
    return Table(
        name,
        METADATA,
        Column("id", _ID, primary_key=True),
        Column("document", Text, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("position", _POSITION, nullable=False),
    )


POSTINGS: Final = _documents("postings")
CANDIDATES: Final = _documents("candidates")
KEYS: Final = _documents("keys")
MUTES: Final = _documents("mutes")
EVENTS: Final = Table(
    "events",
    METADATA,
    Column("position", _POSITION, primary_key=True, autoincrement=False),
    Column("id", _ID, nullable=False, unique=True),
    Column("candidate", _ID, nullable=False),
    Column("document", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Index("events_candidate", "candidate", "position"),
)
CHANGES: Final = Table(
    "changes",
    METADATA,
    Column("position", _POSITION, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("key", _ID, nullable=False),
    Column("document", Text),
    Column("at", Float(53), nullable=False),
    Column("candidate", _ID),  # whose profile or event it is
)
Index(
    "changes_candidate",
    CHANGES.c.candidate,
    CHANGES.c.position,
    sqlite_where=CHANGES.c.candidate.is_not(None),
    postgresql_where=CHANGES.c.candidate.is_not(None),
)
#: One row: the last position given, the last one that was pruned, and a name that no other store has.
HEAD: Final = Table(
    "head",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("position", _POSITION, nullable=False),
    Column("pruned", _POSITION, nullable=False),
    Column("store", String, nullable=False),
)
VECTORS: Final = Table(
    "vectors",
    METADATA,
    Column("encoder", _ID, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)
INDEXED: Final = Table(
    "indexed",
    METADATA,
    Column("encoder", _ID, primary_key=True),
    Column("position", _POSITION, nullable=False),
)
#: Which postings each feed brought when it was last imported.
FEED_POSTINGS: Final = Table(
    "feed_postings",
    METADATA,
    Column("feed", _ID, primary_key=True),
    Column("posting", _ID, primary_key=True),
    Index("feed_postings_posting", "posting"),
)
#: What candidates want to be told of. ``position``: up to here of the log was last served, at ``served``; ``number``
#: counts what was sent; ``failures`` counts refusals for good in a row, and ``why`` says why an alert is not active.
ALERTS: Final = Table(
    "alerts",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("candidate", _ID, nullable=False),
    Column("document", Text, nullable=False),
    Column("cadence", String, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created", Float(53), nullable=False),
    Column("position", _POSITION, nullable=False),
    Column("served", Float(53), nullable=False),
    Column("number", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("why", String, nullable=False),
    Index("alerts_candidate", "candidate", "id"),
)
#: The ledger: each mail from its plan on. ``upto``: the position that its alert is served up to once it is sent;
#: ``unsure``: how often its sending was begun without an answer; ``due``: not before; ``reply``: what a server said.
ALERT_MAILS: Final = Table(
    "alert_mails",
    METADATA,
    Column("message", _ID, primary_key=True),
    Column("alert", _ID, nullable=False),
    Column("state", String, nullable=False),
    Column("content", Text, nullable=False),
    Column("upto", _POSITION, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("due", Float(53), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("unsure", Integer, nullable=False),
    Column("reply", String, nullable=False),
    Index("alert_mails_alert", "alert", "at"),
    Index("alert_mails_state", "state", "message"),
    Index("alert_mails_moment", "at"),
)
#: Which postings each alert has brought: none twice.
ALERT_POSTINGS: Final = Table(
    "alert_postings",
    METADATA,
    Column("alert", _ID, primary_key=True),
    Column("posting", _ID, primary_key=True),
    Column("message", _ID, nullable=False),
    Index("alert_postings_message", "message"),
)
#: At which position of the log each posting was first seen, deleted ones too; kept when the log is pruned.
ARRIVALS: Final = Table(
    "arrivals",
    METADATA,
    Column("posting", _ID, primary_key=True),
    Column("position", _POSITION, nullable=False),
    Index("arrivals_position", "position"),
)
#: One row: the secret of links in mails; up to which position ``arrivals`` are noted; who sends, and until when that
#: holds; and the run that is not finished: its bundle, its two positions and its moment.
ALERT_RUN: Final = Table(
    "alert_run",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("secret", String, nullable=False),
    Column("arrivals", _POSITION, nullable=False),
    Column("holder", String),
    Column("until", Float(53), nullable=False),
    Column("bundle", String),
    Column("position", _POSITION),
    Column("indexed", _POSITION),
    Column("moment", Float(53)),
)
#: Runs that looked after all alerts: their moment, and up to which position of the log; see ``serving.store.reach``.
FINISHED_RUNS: Final = Table(
    "finished_runs",
    METADATA,
    Column("moment", Float(53), primary_key=True),
    Column("position", _POSITION, nullable=False),
)
