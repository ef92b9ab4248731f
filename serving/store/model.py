"""The tables of the database, the same in SQLite and PostgreSQL."""

from typing import Final

from sqlalchemy import (
    BigInteger,
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
REVISIONS: Final = ("0001", "0002", "0003", "0004")

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
