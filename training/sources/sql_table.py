"""Rows that a database gives: any that SQLAlchemy knows, asked by a URL and a query."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from recsys.errors import ConfigError, DataError, MissingExtraError
from training.sources.config import Source
from training.sources.piece import Piece, RawColumn, Wanted

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

ROWS: Final = 20_000


def sql_pieces(source: Source, what: str, wanted: Wanted) -> Iterator[Piece]:
    """The rows of ``source.query``, ``ROWS`` at a time, in a transaction that is rolled back.

    The query is sent as it is written. Where the database can, the rows are streamed and the transaction only reads.

    Args:
        source: with ``query`` and either ``url`` or ``url_env``.
        what: the name of the query in messages.
        wanted: the columns to read.

    Raises:
        ConfigError: there is no such environment variable, or the URL is none.
        DataError: the database cannot be reached, refuses the query, or the result lacks a column.
        MissingExtraError: SQLAlchemy, or what it needs for this database, is not installed.
    """
    try:
        from sqlalchemy.exc import SQLAlchemyError
    except ModuleNotFoundError:
        raise MissingExtraError("reading a table by SQL", "sql") from None
    engine = _engine(source)
    try:
        with engine.connect() as connection:
            yield from _pieces(connection, str(source.query), what, wanted)
    except SQLAlchemyError as error:
        raise DataError(f"{what} failed at {_name(engine.url)}: {_first_line(error)}") from None
    except engine.dialect.loaded_dbapi.Error as error:  # where the driver was asked for more rows
        raise DataError(f"{what} failed at {_name(engine.url)}: {_first_line(error)}") from None
    finally:
        engine.dispose()


def _pieces(connection: "Connection", query: str, what: str, wanted: Wanted) -> Iterator[Piece]:
    options: dict[str, Any] = {"stream_results": True, "max_row_buffer": ROWS, "no_parameters": True}
    if connection.dialect.name == "postgresql":
        options["postgresql_readonly"] = True
    with connection.execution_options(**options).exec_driver_sql(query) as result:
        if not result.returns_rows:
            raise DataError(f"{what} gives no rows: it must be a SELECT")
        present = list(result.keys())
        at = {name: present.index(name) for name in wanted.among(present, what)}
        rows, start = iter(result), 1
        while some := list(islice(rows, ROWS)):
            columns: dict[str, RawColumn] = {name: [row[column] for row in some] for name, column in at.items()}
            yield Piece(np.arange(start, start + len(some)), columns)
            start += len(some)


def _engine(source: Source) -> "Engine":
    from sqlalchemy import create_engine, event, make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        url = make_url(_address(source))
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")  # the driver that the extra brings
        _check_file(url)
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError(f"{_origin(source)} is no SQLAlchemy URL of a known database: {_kind(error)}") from None
    except ModuleNotFoundError as error:
        raise ConfigError(f"{_origin(source)} needs the Python package {error.name!r}: install it") from None
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def only_read(connection: Any, record: Any) -> None:
            connection.execute("PRAGMA query_only=ON").close()

    return engine


def _address(source: Source) -> str:
    if source.url is not None:
        return source.url
    found = os.environ.get(str(source.url_env), "")
    if not found:
        raise ConfigError(f"the environment variable {source.url_env} is not set: it must hold the URL of the database")
    return found


def _origin(source: Source) -> str:
    return "`url` of the source" if source.url is not None else f"what the environment variable {source.url_env} holds"


def _check_file(url: "URL") -> None:
    """SQLite would make an empty file where there is none."""
    file = url.database or ""
    named = url.get_backend_name() == "sqlite" and file not in ("", ":memory:") and not file.startswith("file:")
    if named and not os.path.isfile(file):
        raise DataError(f"there is no SQLite file {file}")


def _name(url: "URL") -> str:
    return url.render_as_string(hide_password=True)


def _kind(error: Exception) -> str:
    """What is wrong, but not the URL, which may hold a password."""
    return "SQLAlchemy has no such dialect" if type(error).__name__ == "NoSuchModuleError" else "it cannot be parsed"


def _first_line(error: Any) -> str:
    cause = getattr(error, "orig", None) or error
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)[:300]
