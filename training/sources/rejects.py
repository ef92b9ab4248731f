"""What was not used: every rejected row and every dropped value goes to a Parquet file and is counted."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from recsys.errors import DataError

ROW_REJECTED: Final = "row rejected"
VALUE_DROPPED: Final = "value dropped"
MAX_RAW_CHARS: Final = 200
SCHEMA: Final = pa.schema(
    [("table", pa.string()), ("file", pa.string()), ("row", pa.int64()), ("column", pa.string()),
     ("reason", pa.string()), ("value", pa.string()), ("action", pa.string())]
)  # fmt: skip
_FLUSH_AT: Final = 20_000


@dataclass
class TableSummary:
    """Counts of one table.

    Attributes:
        read: rows that the files hold.
        rejected: reason to number of rows.
        dropped: (column, reason) to number of values; their rows were kept.
        notes: further facts in words.
    """

    read: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Rows that were used."""
        return self.read - self.rejected.total()


@dataclass
class ReadSummary:
    """What was read, kept and set aside, by table, and where the rest is."""

    rejected_file: Path
    tables: dict[str, TableSummary] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The summary in words, one line a fact."""
        lines = []
        for name, table in self.tables.items():
            lines.append(f"{name}: {table.read:,} rows read, {table.kept:,} kept, {table.rejected.total():,} rejected")
            lines += [f"  rejected: {count:,} x {reason}" for reason, count in table.rejected.most_common()]
            lines += [f"  dropped: {count:,} x {column}: {why}" for (column, why), count in table.dropped.most_common()]
            lines += [f"  {note}" for note in table.notes]
        if any(table.rejected or table.dropped for table in self.tables.values()):
            lines.append(f"every one of them with file and row: {self.rejected_file}")
        return lines


class Rejects:
    """Writes the file in pieces; a context manager, so that the file is whole even after an error."""

    def __init__(self, path: Path) -> None:
        self.summary = ReadSummary(path)
        self._records: dict[str, list[str | int | None]] = {name: [] for name in SCHEMA.names}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(path, SCHEMA)
        except OSError as error:
            raise DataError(f"cannot write the rejected rows to {path}: {error.strerror or error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._flush()
        self._writer.close()

    def table(self, name: str) -> TableSummary:
        """The counts of table ``name``."""
        return self.summary.tables.setdefault(name, TableSummary())

    def row(self, table: str, file: str, row: int, column: str, reason: str, value: str | None, lines: int = 1) -> None:
        """Sets one row aside; ``lines`` is more than 1 where it swallowed further rows, which then count too."""
        self.table(table).rejected[reason] += lines
        self._add(table, file, row, column, reason, value, ROW_REJECTED)

    def dropped(self, table: str, file: str, row: int, column: str, reason: str, value: str | None) -> None:
        """Records a value that was set to missing, or cut, in a row that was kept."""
        self.table(table).dropped[column, reason] += 1
        self._add(table, file, row, column, reason, value, VALUE_DROPPED)

    def check_share(self, table: str, limit: float) -> None:
        """Stops the run where too much of ``table`` was rejected.

        Raises:
            DataError: the share is above ``limit``; the message names the commonest reason.
        """
        counts = self.summary.tables.get(table, TableSummary())
        rejected = counts.rejected.total()
        if not counts.read or rejected / counts.read <= limit:
            return
        reason, count = counts.rejected.most_common(1)[0]
        raise DataError(
            f"{table}: {rejected:,} of {counts.read:,} rows rejected ({rejected / counts.read:.1%}), above "
            f"sources.max_rejected_share of {limit:.1%}; commonest reason: {reason} ({count:,} rows). "
            f"Look at {self.summary.rejected_file}, then mend the files or the column mapping, or raise the share"
        )

    def _add(self, *values: str | int | None) -> None:
        for name, value in zip(SCHEMA.names, values, strict=True):
            kept = (
                value[:MAX_RAW_CHARS].encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
            )
            self._records[name].append(kept)
        if len(self._records["row"]) >= _FLUSH_AT:
            self._flush()

    def _flush(self) -> None:
        if self._records["row"]:
            self._writer.write_table(pa.table(self._records, schema=SCHEMA))
            self._records = {name: [] for name in SCHEMA.names}
