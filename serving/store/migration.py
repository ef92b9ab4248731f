"""Bringing the tables of a store to the form that this version works with."""

from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, inspect, text

from recsys.errors import StoreError
from serving.store.connect import make_engine, reading, writing
from serving.store.model import REVISIONS

_LOCK: Final = 7_025_512_019  # any number: two migrations of one PostgreSQL database wait for each other by it
_WAIT_SECONDS: Final = 30.0


def migrate(url: str) -> list[str]:
    """Makes or updates the tables, in one transaction.

    Args:
        url: as for ``Store.open``. The file of an SQLite database is made if need be.

    Returns:
        the revisions that were applied, oldest first; none where all was up to date.

    Raises:
        StoreError: a newer version of jobrec made these tables.
        StoreUnavailable: the database cannot be reached.
    """
    engine = make_engine(url, _WAIT_SECONDS, create=True)
    try:
        with writing(engine) as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            left = _left(connection)
            if left:
                config = Config()
                config.set_main_option("script_location", "serving.store:migrations")
                config.attributes["connection"] = connection
                command.upgrade(config, left[-1])
        return left
    finally:
        engine.dispose()


def check_migrated(engine: Engine) -> None:
    """Refuses tables of another form.

    Raises:
        StoreError: they are missing, older or newer.
    """
    with reading(engine) as connection:
        if _left(connection):
            raise StoreError("the tables of this store are missing or of an older form: run `jobrec store migrate`")


def _left(connection: Connection) -> list[str]:
    """The revisions that are still to be applied."""
    if not inspect(connection).has_table("alembic_version"):
        return list(REVISIONS)
    rows = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if not rows:
        return list(REVISIONS)
    if rows[0] not in REVISIONS:
        raise StoreError(
            f"the tables of this store are of the form {rows[0]}, which this version does not know (it knows"
            f" {REVISIONS[-1]}): use the version of jobrec that made them, or a newer one"
        )
    return list(REVISIONS[REVISIONS.index(rows[0]) + 1 :])
