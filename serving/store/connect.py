"""Connections to the two databases, set up alike, and their errors in the project's words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, TimeoutError

from recsys.errors import StoreError, StoreUnavailable

_WRITING: Final = "jobrec_writing"
_POOL: Final = 8
_GONE: Final = frozenset(("BUSY", "LOCKED", "FULL", "IOERR", "CANTOPEN", "READONLY", "PROTOCOL", "NOMEM", "PERM"))
#: Classes of PostgreSQL's error codes that may pass: connection, out of resources, stopped by the operator, rolled back
#: as a whole, object not ready (a lock); and single codes: a session idle for too long, a server that only reads.
_PASSING: Final = ("08", "53", "57", "58", "40", "55", "25P03", "25006")

#: A host that is gone without a word is noticed within half a minute or so.
_ALIVE: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}


def make_engine(url: str, wait_seconds: float, create: bool = False) -> Engine:
    """An engine whose connections keep what they acknowledge.

    Args:
        url: "sqlite:///file.db" or "postgresql://user@host/database".
        wait_seconds: the longest wait for a lock or for a free connection.
        create: make the file of an SQLite database that is not there.

    Raises:
        StoreError: the URL is of no such kind.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(f"{url!r} is no address of a store: give sqlite:///file.db or postgresql://...") from None
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, wait_seconds, create)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed, wait_seconds)
    raise StoreError(f"a store is kept in SQLite or PostgreSQL, not in {parsed.get_backend_name()}")


def file_of(engine: Engine) -> Path | None:
    """The file of an SQLite database."""
    return Path(str(engine.url.database)) if engine.dialect.name == "sqlite" else None


def _sqlite(url: URL, wait_seconds: float, create: bool) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreError("a store in SQLite needs a file: give sqlite:///file.db, or sqlite:////folder/file.db")
    # By its default SQLite would put an empty database in the place of a file that has gone.
    address = f"{Path(url.database).absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        creator=lambda: sqlite3.connect(
            address, uri=True, timeout=wait_seconds, isolation_level=None, check_same_thread=False
        ),
        pool_size=_POOL,
        max_overflow=_POOL,
        pool_timeout=wait_seconds,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The lock is taken at once: a transaction that began with a read could not be lifted to a write any more
        # after another one had written.
        writing = connection.get_execution_options().get(_WRITING)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgresql(url: URL, wait_seconds: float) -> Engine:
    milliseconds = int(wait_seconds * 1000)
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": max(2, int(wait_seconds)), "application_name": "jobrec"} | _ALIVE,
        pool_size=_POOL,
        max_overflow=_POOL,
        pool_timeout=wait_seconds,
        pool_pre_ping=True,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: Any) -> None:
        # A writer that stands still in a transaction (a stopped process, a cut line) holds up all others: the server
        # ends its session.
        connection.autocommit = True
        connection.execute(
            f"SET synchronous_commit TO on; SET lock_timeout TO {milliseconds};"
            f" SET idle_in_transaction_session_timeout TO {4 * milliseconds}; SET client_encoding TO 'UTF8'"
        )
        connection.autocommit = False

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; it is committed at the end.

    Raises:
        StoreUnavailable, StoreError: nothing was written, or, if the line broke at the very end, perhaps all.
    """
    with said(engine), engine.connect() as connection:
        connection = connection.execution_options(**{_WRITING: True})
        with connection.begin():
            yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees the database at one moment and writes nothing."""
    with said(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


@contextmanager
def said(engine: Engine) -> Iterator[None]:
    """Turns what the drivers raise into StoreUnavailable where it may pass, else into StoreError."""
    try:
        yield
    except TimeoutError:
        raise StoreUnavailable(f"{_name(engine)}: no connection was free in time; try again") from None
    except DBAPIError as error:
        raise _translated(engine, error.orig, error.connection_invalidated) from error
    except engine.dialect.loaded_dbapi.Error as error:  # where the driver was asked directly
        raise _translated(engine, error, False) from error


def _name(engine: Engine) -> str:
    return f"the store {engine.url.render_as_string(hide_password=True)}"


def _translated(engine: Engine, cause: BaseException | None, lost: bool) -> StoreError:
    first = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorname", "SQLITE_").removeprefix("SQLITE_")
        passing = code.split("_")[0] in _GONE
    else:
        state = getattr(cause, "sqlstate", None)
        lost |= type(cause).__name__ == "OperationalError"
        passing = lost if state is None else state.startswith(_PASSING)
    if passing:
        return StoreUnavailable(f"{_name(engine)} cannot be used now: {first}")
    if "no such table" in first or getattr(cause, "sqlstate", None) == "42P01":
        return StoreError(f"{_name(engine)} has not all its tables: run `jobrec store migrate`")
    return StoreError(f"{_name(engine)} failed: {first}")
