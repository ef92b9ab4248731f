"""Questions that every request asks: SQLAlchemy's statement, put into words once, then asked of the driver itself.

Through SQLAlchemy's own connection a question to SQLite takes 50 to 85 microseconds, this way about 10.
"""

from typing import Any, cast

from sqlalchemy import Engine, Select

from serving.store.connect import said


class Question:
    """A statement that reads, with its variables as ``bindparam``. One statement sees the database at one moment."""

    def __init__(self, engine: Engine, statement: Select[Any]) -> None:
        compiled = statement.compile(dialect=engine.dialect)
        self._engine = engine
        self._text = str(compiled)
        self._constants = dict(compiled.params)  # those that SQLAlchemy puts in itself, and the variables
        self._order: tuple[str, ...] | None = None
        if engine.dialect.positional:
            self._order = tuple(cast(Any, compiled).positiontup)

    def rows(self, **variables: Any) -> list[Any]:
        """The answer, a tuple a row.

        Raises:
            StoreUnavailable, StoreError: as for ``reading``.
        """
        values = self._constants | variables
        given = values if self._order is None else tuple(values[name] for name in self._order)
        with said(self._engine):
            connection = self._engine.raw_connection()
            try:
                rows: list[Any] = cast(Any, connection.driver_connection).execute(self._text, given).fetchall()
                return rows
            except Exception as error:
                if self._engine.dialect.is_disconnect(cast(Any, error), connection, None):
                    connection.invalidate(error)
                raise
            finally:
                connection.close()

    def value(self, **variables: Any) -> Any:
        """The first column of the first row, None where there is none."""
        rows = self.rows(**variables)
        return rows[0][0] if rows else None
