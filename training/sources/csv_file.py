"""CSV and tab-separated files in pieces, with every ragged or undecodable row told apart from the rest.

The parser sees bytes as Latin-1, in which no byte is wrong, and each value is decoded afterwards: so one bad byte costs
one row, not the file. Encodings that do not contain ASCII (UTF-16) are decoded first and are right or wrong as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pcompute
import pyarrow.csv as pcsv
from numpy.typing import NDArray

from recsys.errors import DataError
from training.sources.piece import Piece, Refuse, Wanted, open_bytes

#: Bytes that are parsed at a time; a row must fit into one block.
BLOCK_BYTES: Final = 32 << 20
#: Rows that are handed on at a time.
ROWS: Final = 65_536
NOT_CLOSED: Final = "a quote is not closed, and the lines after it are lost"
_BOM: Final = b"\xef\xbb\xbf"
_ASCII: Final = bytes(range(128))


@dataclass(frozen=True)
class CsvForm:
    """How a file is written: delimiter, quoting character (None: quotes mean nothing) and encoding."""

    delimiter: str
    quote: str | None
    encoding: str

    @property
    def bytewise(self) -> bool:
        """Whether ASCII characters are themselves in this encoding, so that values can be decoded one by one."""
        try:
            return _ASCII.decode(self.encoding) == _ASCII.decode("ascii")
        except UnicodeError:
            return False

    def decode(self, raw: str) -> str:
        """The text behind what the parser saw.

        Raises:
            UnicodeDecodeError: it is not in this encoding.
        """
        return raw.encode("latin-1").decode(self.encoding) if self.bytewise and not raw.isascii() else raw

    def shown(self, raw: str) -> str:
        """As ``decode``, with wrong bytes written out."""
        return raw.encode("latin-1").decode(self.encoding, "backslashreplace") if self.bytewise else raw


def csv_pieces(path: Path, file: str, form: CsvForm, wanted: Wanted, refuse: Refuse) -> Iterator[Piece]:
    """The file's rows as pieces of text columns; ragged and undecodable rows go to ``refuse``.

    Raises:
        DataError: the file cannot be read at all, its header lacks a column, or it is in another encoding.
    """
    ragged = _Ragged(form, refuse)
    try:
        raw_names = _open(path, form, ragged, []).schema.names
        try:
            present = [form.decode(name) for name in raw_names]
        except UnicodeDecodeError as error:
            raise DataError(_wrong_encoding(file, form, path, error)) from None
        read = {name: raw_names[present.index(name)] for name in wanted.among(present, file)}
        ragged.forget()
        # The last column is read as well: a quote that nothing closes shows there.
        reader = _open(path, form, ragged, list(dict.fromkeys([*read.values(), raw_names[-1]])))
        yield from _batches(reader, read, raw_names[-1], path, form, ragged, refuse)
    except UnicodeError as error:
        raise DataError(_wrong_encoding(file, form, path, error)) from None
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise DataError(f"{file} cannot be read as CSV: {_why(error)}") from None


def _open(path: Path, form: CsvForm, ragged: "_Ragged", columns: list[str]) -> pcsv.CSVStreamingReader:
    """A streaming reader of ``columns``; without them only its header is of use."""
    stream = pa.input_stream(str(path))
    if stream.read(len(_BOM)) != _BOM or not form.bytewise:
        stream = pa.input_stream(str(path))
    return pcsv.open_csv(
        stream,
        # One thread: only then does the parser know the number of a bad row.
        read_options=pcsv.ReadOptions(
            use_threads=False, block_size=BLOCK_BYTES, encoding="latin-1" if form.bytewise else form.encoding
        ),
        parse_options=pcsv.ParseOptions(
            delimiter=form.delimiter,
            quote_char=form.quote or False,
            newlines_in_values=form.quote is not None,
            invalid_row_handler=ragged,
        ),
        convert_options=pcsv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
        ),
    )


def _batches(
    reader: pcsv.CSVStreamingReader,
    read: dict[str, str],
    last: str,
    path: Path,
    form: CsvForm,
    ragged: "_Ragged",
    refuse: Refuse,
) -> Iterator[Piece]:
    """Decoded batches with row numbers; the last one is looked at for an unclosed quote before it is given away."""
    kept = 0
    held: tuple[pa.RecordBatch, NDArray[np.int64]] | None = None
    for batch in reader:
        if batch.num_rows:
            if held is not None:
                yield from _decoded(*held, read, form, refuse)
            held = (batch, ragged.numbers(kept, batch.num_rows))
            kept += batch.num_rows
    ragged.tell()
    if held is not None:
        batch, numbers = held
        swallowed = batch.column(last)[-1].as_py()
        if _unclosed(path, form, swallowed):
            refuse(int(numbers[-1]), "", NOT_CLOSED, form.shown(swallowed), swallowed.rstrip("\n").count("\n") + 1)
            batch, numbers = batch.slice(0, batch.num_rows - 1), numbers[:-1]
        yield from _decoded(batch, numbers, read, form, refuse)


class _Ragged:
    """Called by the parser for every row that has too few or too many values; keeps their numbers."""

    def __init__(self, form: CsvForm, refuse: Refuse) -> None:
        self._form = form
        self._refuse = refuse
        self.forget()

    def forget(self) -> None:
        """Before the file is read again."""
        self._rows: list[int] = []
        self._untold: list[tuple[int, str, str, int]] = []

    def __call__(self, row: pcsv.InvalidRow) -> str:
        text = self._form.shown(row.text)
        number = row.number - 1  # the parser counts the header
        reason, lines = f"row has {row.actual_columns} values, the header {row.expected_columns}", 1
        if self._form.quote and text.count(self._form.quote) % 2:
            reason, lines = NOT_CLOSED, text.count("\n") + 1
        self._rows.append(number)
        self._untold.append((number, reason, text, lines))
        return "skip"

    def numbers(self, start: int, count: int) -> NDArray[np.int64]:
        """Row numbers of the kept rows ``start .. start + count - 1``, between which ragged rows may lie."""
        self.tell()
        before = np.asarray(self._rows, dtype=np.int64) - np.arange(len(self._rows))
        kept = np.arange(start + 1, start + count + 1, dtype=np.int64)
        return kept + np.searchsorted(before, kept, side="right")

    def tell(self) -> None:
        """Passes on what was found; not from within the parser, which swallows exceptions."""
        for number, reason, text, lines in self._untold:
            self._refuse(number, "", reason, text, lines)
        self._untold = []


def _decoded(
    batch: pa.RecordBatch, numbers: NDArray[np.int64], read: dict[str, str], form: CsvForm, refuse: Refuse
) -> Iterator[Piece]:
    """The batch in small pieces, its columns under their own names and in the right characters."""
    for start in range(0, len(numbers), ROWS):
        part = batch.slice(start, ROWS)
        yield _decoded_part(part, numbers[start : start + ROWS], read, form, refuse)


def _decoded_part(
    batch: pa.RecordBatch, numbers: NDArray[np.int64], read: dict[str, str], form: CsvForm, refuse: Refuse
) -> Piece:
    good = np.ones(len(numbers), dtype=bool)
    columns: dict[str, Any] = {}
    for name, raw_name in read.items():
        column = batch.column(raw_name)
        plain = pcompute.string_is_ascii(column).to_numpy(zero_copy_only=False)
        if form.bytewise and not plain.all():
            values = np.array(column.to_pylist(), dtype=object)
            for at in np.flatnonzero(~plain):
                try:
                    values[at] = form.decode(values[at])
                except UnicodeDecodeError:
                    if good[at]:
                        reason = f"text is not {form.encoding} (is `encoding` of the source right?)"
                        refuse(int(numbers[at]), name, reason, form.shown(values[at]))
                    good[at] = False
            column = pa.array(values, pa.string(), mask=~good)
        columns[name] = column
    if not good.all():
        columns = {name: column.filter(pa.array(good)) for name, column in columns.items()}
    return Piece(numbers[good], {name: pd.Series(column.to_pandas(), dtype="str") for name, column in columns.items()})


def _unclosed(path: Path, form: CsvForm, value: str) -> bool:
    """Whether the file's last value runs over lines although the file does not end with a quote."""
    if form.quote is None or "\n" not in value or path.suffix == ".gz" or not form.bytewise:
        return False
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 64))
        tail = stream.read().rstrip()
    return not tail.endswith(form.quote.encode())


def _wrong_encoding(file: str, form: CsvForm, path: Path, error: UnicodeError) -> str:
    """Says where the first wrong byte is."""
    with open_bytes(path) as stream:
        data = stream.read(BLOCK_BYTES * 4)
    where = ""
    try:
        data.decode(form.encoding)
    except UnicodeDecodeError as wrong:
        where = f" at byte {wrong.start:,} (0x{data[wrong.start]:02x})"
    except UnicodeError:
        where = f" ({error})"
    hint = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252, for instance"
    return f"{file} is not {form.encoding}{where}; set `encoding` of this source ({hint})"


def _why(error: Exception) -> str:
    if "straddling" in str(error):
        return f"a row is longer than {BLOCK_BYTES >> 20} MB, as when a quote is not closed (see `quote` of the source)"
    return str(error)
