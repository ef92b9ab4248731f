"""JSON documents and JSON lines in pieces.

A document is walked, not loaded: the values that are not on the way to the records are skipped, and the records of the
first array on the way are decoded one at a time, so that memory holds one piece.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from recsys.errors import DataError
from training.sources.piece import Piece, RawColumn, Refuse, Wanted, missing_columns, open_bytes

ROWS: Final = 20_000
#: Of one value: of a record, or of what stands before the records.
MOST_CHARS: Final = 64 << 20
_CHUNK: Final = 1 << 20
_LONGEST_WORD: Final = 16  # an error so close to the end may be of a word, number or escape that goes on
_SPACE: Final = " \t\r\n"


def json_pieces(
    path: Path, file: str, records: str | None, encoding: str, wanted: Wanted, refuse: Refuse
) -> Iterator[Piece]:
    """The records of a JSON document; ``records`` is a path to them (``data.items``, ``features[].properties``).

    Raises:
        DataError: the document is broken, or holds no array at that path.
    """
    with _text(path, encoding) as stream:
        walker = Walker(stream, file)
        before, _, after = (records or "").partition("[]")
        walker.enter([part for part in before.split(".") if part])
        inner = [part for part in after.lstrip(".").split(".") if part]
        found = (item for element in walker.elements() for item in _inner(element, inner))
        try:
            yield from _pieces(((row, item) for row, item in enumerate(found, start=1)), file, wanted, refuse)
        except (UnicodeError, OSError, EOFError, zlib.error) as error:
            raise DataError(f"{file} cannot be read as {encoding} JSON: {error}") from None


def jsonl_pieces(path: Path, file: str, encoding: str, wanted: Wanted, refuse: Refuse) -> Iterator[Piece]:
    """One JSON object a line; the row number is the line's. A line that is none is refused alone.

    Raises:
        DataError: the file cannot be unpacked.
    """

    def lines() -> Iterator[tuple[int, Any]]:
        with open_bytes(path) as stream:
            for row, line in enumerate(stream, start=1):
                text = line.removeprefix(b"\xef\xbb\xbf") if row == 1 else line
                if text.strip():
                    yield row, _line(row, text, encoding, refuse)

    try:
        yield from _pieces(lines(), file, wanted, refuse)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be read: {error}") from None


_BROKEN: Final = object()


def _line(row: int, line: bytes, encoding: str, refuse: Refuse) -> object:
    try:
        return json.loads(line.decode(encoding))
    except UnicodeDecodeError:
        reason = f"line is not {encoding} (is `encoding` of the source right?)"
    except (ValueError, RecursionError):
        reason = "line is not JSON"
    refuse(row, "", reason, line.decode("utf-8", "backslashreplace"))
    return _BROKEN


def _text(path: Path, encoding: str) -> IO[str]:
    encoding = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    return gzip.open(path, "rt", encoding=encoding) if path.suffix == ".gz" else path.open(encoding=encoding)


def _pieces(found: Iterator[tuple[int, Any]], file: str, wanted: Wanted, refuse: Refuse) -> Iterator[Piece]:
    """Collects records into pieces; at the end, columns that no record had are an error."""
    rows: list[int] = []
    records: list[dict[str, Any]] = []
    seen: dict[str, None] = {}
    absent = set(wanted.names)
    for row, item in found:
        if isinstance(item, dict):
            rows.append(row)
            records.append(item)
            seen.update(dict.fromkeys(item))
        elif item is not _BROKEN:
            refuse(row, "", "record is not an object", json.dumps(item))
        if len(rows) >= ROWS:
            yield _piece(rows, records, wanted, absent)
            rows, records = [], []
    if rows:
        yield _piece(rows, records, wanted, absent)
    if absent and seen and not wanted.optional:
        raise missing_columns(file, [name for name in wanted.names if name in absent], list(seen))


def _piece(rows: list[int], records: list[dict[str, Any]], wanted: Wanted, absent: set[str]) -> Piece:
    columns: dict[str, RawColumn] = {}
    for name in wanted.names:
        parts = name.split(".")
        if name in absent and any(name in record or _has(record, parts) for record in records):
            absent.discard(name)
        if name not in absent or not wanted.optional:
            columns[name] = [record[name] if name in record else _get(record, parts) for record in records]
    return Piece(np.asarray(rows, dtype=np.int64), columns)


def _has(record: object, parts: list[str]) -> bool:
    for part in parts:
        if not isinstance(record, dict) or part not in record:
            return False
        record = record[part]
    return True


def _get(record: object, parts: list[str]) -> object:
    for part in parts:
        record = record.get(part) if isinstance(record, dict) else None
    return record


def _inner(element: object, parts: list[str]) -> Iterator[Any]:
    """What lies below one element: ``properties``, or again an array (``groups[].jobs[]``)."""
    if not parts:
        yield element
        return
    below = element.get(parts[0].removesuffix("[]")) if isinstance(element, dict) else None
    if not parts[0].endswith("[]"):
        yield from _inner(below, parts[1:])
    elif isinstance(below, list):
        for item in below:
            yield from _inner(item, parts[1:])


class Walker:
    """Reads a JSON text in chunks and decodes one value at a time."""

    def __init__(self, stream: IO[str], file: str) -> None:
        self._stream = stream
        self._file = file
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._decode = json.JSONDecoder().raw_decode

    def enter(self, parts: list[str]) -> None:
        """Goes down the keys ``parts`` and stops in front of the value there."""
        for depth, part in enumerate(parts):
            self._expect("{", ".".join(parts[:depth]))
            while True:
                if self._peek() == "}":
                    raise DataError(f"{self._file}: there is no {'.'.join(parts[: depth + 1])!r} in the document")
                key = self._value()
                self._expect(":", str(key))
                if key == part:
                    break
                self._value()
                if self._peek() == ",":
                    self._at += 1

    def begins_with(self, mark: str) -> bool:
        """Whether the next sign is ``mark``; nothing is read past it."""
        return self._peek() == mark

    def documents(self) -> Iterator[Any]:
        """The elements of each array on the outermost level, and all other values there, one after the other."""
        while mark := self._peek():
            if mark == "[":
                yield from self.elements()
                self._at += 1
            else:
                yield self._value()

    def elements(self) -> Iterator[Any]:
        """The elements of the array that comes next; what follows it is not read."""
        self._expect("[", "")
        while self._peek() != "]":
            yield self._value()
            if self._peek() == ",":
                self._at += 1
            elif self._peek() != "]":
                raise self._broken("no comma between two records")

    def _peek(self) -> str:
        """The next character that is no white space, "" at the end."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more(_CHUNK):
                return ""

    def _more(self, size: int) -> bool:
        """Reads on, forgetting what is done with."""
        try:
            new = "" if self._ended else self._stream.read(size)
        except (UnicodeError, OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self._file} cannot be read: {error}; see `encoding` of the source") from None
        self._ended = not new
        self._buffer, self._at = self._buffer[self._at :] + new, 0
        return bool(new)

    def _value(self) -> object:
        """The next value, whole."""
        self._peek()
        size = _CHUNK
        while True:
            try:
                value, end = self._decode(self._buffer, self._at)
            except RecursionError:
                raise self._broken("nested too deeply") from None
            except ValueError as error:  # a JSONDecodeError, or a number of thousands of digits
                if not self._unfinished(error) or not self._more(size):
                    raise self._broken(str(error)) from None
            else:
                # A number that touches the end of the buffer may go on behind it.
                if end < len(self._buffer) or self._ended:
                    self._at = end
                    return value
                self._more(size)
            size *= 2

    def _unfinished(self, error: ValueError) -> bool:
        """Whether what follows may mend it: the text ends within a value."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        if len(self._buffer) - self._at > MOST_CHARS:
            raise DataError(f"{self._file} holds a value of more than {MOST_CHARS >> 20} million characters")
        return error.msg.startswith("Unterminated") or len(self._buffer) - error.pos <= _LONGEST_WORD

    def _expect(self, mark: str, where: str) -> None:
        if self._peek() != mark:
            kind = "an object" if mark == "{" else "an array" if mark == "[" else repr(mark)
            raise DataError(f"{self._file}: expected {kind} at {where or 'the records'!s}; see `records` of the source")
        self._at += 1

    def _broken(self, why: str) -> DataError:
        return DataError(f"{self._file} is not JSON near {self._buffer[self._at : self._at + 60]!r}: {why}")
