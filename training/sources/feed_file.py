"""What the readers of standard feeds share: unpacking within bounds, encodings, and records made into pieces.

A feed comes from somebody else. So nothing in it may cost more memory or time than its size explains.
"""

import codecs
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from recsys.errors import DataError
from training.sources.columns import TABLE_COLUMNS
from training.sources.piece import Piece, RawColumn, Wanted, open_bytes

#: Records that are handed on at a time; fewer where they are long.
ROWS: Final = 20_000
CHARS: Final = 32 << 20
#: A gzip file may unpack to so many times its size, and always to this much: real feeds shrink to a tenth or so.
MOST_RATIO: Final = 200
ALWAYS: Final = 64 << 20
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


@dataclass(frozen=True)
class Record:
    """One posting or candidate of a feed.

    Attributes:
        row: its number in the file, from 1.
        values: by the table's own column names.
        raw: as the feed says it, for columns that a config maps by themselves; its objects may be nested.
    """

    row: int
    values: dict[str, Any]
    raw: dict[str, Any] = field(default_factory=dict)


def feed_pieces(records: Iterable[Record], table: str, wanted: Wanted) -> Iterator[Piece]:
    """The records as pieces of Python values; a column that a record lacks is missing in its row.

    Args:
        records: of one file.
        table: whose columns they have. A name of the feed's own that is also a column's is not looked up: a feed's
            ``city`` stands in ``locations`` already.
        wanted: columns of the table, and paths in the feed's own words.
    """
    own = frozenset(TABLE_COLUMNS[table])
    held: list[Record] = []
    size = 0
    for record in records:
        held.append(record)
        size += sum(len(value) for value in record.values.values() if isinstance(value, str))
        if len(held) >= ROWS or size >= CHARS:
            yield _piece(held, wanted, own)
            held, size = [], 0
    if held:
        yield _piece(held, wanted, own)


def _piece(records: list[Record], wanted: Wanted, own: frozenset[str]) -> Piece:
    columns: dict[str, RawColumn] = {name: [_value(record, name, own) for record in records] for name in wanted.names}
    return Piece(np.array([record.row for record in records], np.int64), columns)


def _value(record: Record, name: str, own: frozenset[str]) -> Any:
    if name in own:
        return record.values.get(name)
    if name in record.raw:
        return record.raw[name]
    found: Any = record.raw
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


class _Unpacked(io.RawIOBase):
    """A gzip file's content, refused where it grows beyond what its size explains."""

    def __init__(self, stream: IO[bytes], file: str, most: int) -> None:
        self._stream, self._file, self._left = stream, file, most

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As of any stream."""
        try:
            data = self._stream.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self._file} cannot be unpacked: {error}; fetch it again") from None
        self._left -= len(data)
        if self._left < 0:
            raise DataError(
                f"{self._file} unpacks to more than {MOST_RATIO} times its size, as only bombs do: unpack it by hand"
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Closes the file as well."""
        self._stream.close()
        super().close()


def open_feed(path: Path, file: str) -> IO[bytes]:
    """The file's bytes, unpacked when its name ends in ``.gz``.

    Raises:
        DataError: while it is read: it is no gzip file, or grows beyond all measure.
    """
    stream = open_bytes(path)
    if path.suffix != ".gz":
        return stream
    return io.BufferedReader(_Unpacked(stream, file, max(ALWAYS, MOST_RATIO * path.stat().st_size)))


def by_mark(start: bytes) -> str | None:
    """The encoding that a byte order mark stands for; None where there is none."""
    return next((name for mark, name in _BOMS if start.startswith(mark)), None)


def encoding_of(start: bytes, stated: str | None) -> str:
    """The encoding by what the config states, else by a byte order mark, else UTF-8; never one that leaves a mark."""
    chosen = stated or by_mark(start) or "utf-8"
    return "utf-8-sig" if codecs.lookup(chosen).name == "utf-8" else chosen


def open_text(path: Path, file: str, stated: str | None) -> IO[str]:
    """The file's text.

    Raises:
        UnicodeError: while it is read: it is in another encoding.
        DataError: as ``open_feed``.
    """
    stream = open_feed(path, file)
    start = stream.peek(4)[:4] if isinstance(stream, io.BufferedReader) else b""
    return io.TextIOWrapper(stream, encoding=encoding_of(start, stated))


def decoded(data: bytes, file: str, encoding: str) -> str:
    """The text of ``data``.

    Raises:
        DataError: it is in another encoding; the message says where.
    """
    try:
        return data.decode(encoding)
    except UnicodeError as error:
        raise wrong_encoding(file, encoding, error) from None


def wrong_encoding(file: str, encoding: str, error: UnicodeError) -> DataError:
    """The error for bytes that are none of an encoding."""
    where = f" at byte {error.start:,}" if isinstance(error, UnicodeDecodeError) else ""
    return DataError(
        f"{file} is not {encoding.removesuffix('-sig')}{where}; set `encoding` of the source (cp1252, for instance)"
    )
