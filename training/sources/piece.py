"""A piece of a file in memory, and what the readers of the formats share."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from recsys.errors import DataError

#: Values of a file's column: text (CSV), an Arrow array (Parquet), Python values (JSON).
RawColumn: TypeAlias = "pd.Series | pa.Array | list[Any]"


@dataclass(frozen=True)
class Piece:
    """Some rows of a file.

    Attributes:
        rows: int64 (n,), number of each row in its file; the first data row is 1.
        columns: column name to n values.
    """

    rows: NDArray[np.int64]
    columns: dict[str, RawColumn]


@dataclass(frozen=True)
class Wanted:
    """Which columns to read: exactly ``names``, or (``optional``) those of them that the file has."""

    names: tuple[str, ...]
    optional: bool = False

    def among(self, present: Sequence[str], file: str) -> list[str]:
        """The names to read from a file that has ``present``.

        Raises:
            DataError: one is missing, or stands in the header twice.
        """
        missing = [name for name in self.names if name not in present]
        if missing and not self.optional:
            raise missing_columns(file, missing, present)
        names = [name for name in self.names if name in present]
        if twice := [name for name in names if list(present).count(name) > 1]:
            raise DataError(f"{file}: column {', '.join(map(repr, twice))} stands in the header more than once")
        return names


def missing_columns(file: str, missing: Sequence[str], present: Sequence[str]) -> DataError:
    """The error for columns that the config maps and the file has not."""
    return DataError(
        f"{file} has no column {', '.join(map(repr, missing))}; it has {', '.join(map(repr, present)) or 'none'}"
    )


class Refuse(Protocol):
    """Sets one row of the file aside."""

    def __call__(self, row: int, column: str, reason: str, value: str | None, lines: int = 1) -> None:
        """``lines``: how many rows of the file are lost with it."""


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked when its name ends in ``.gz``."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def as_text(values: RawColumn) -> pd.Series:
    """Any column as text.

    Whole numbers have no decimals ("123", also where an integer column with gaps was stored as 123.0), a list is its
    items on lines of their own, a structure is JSON.

    Returns:
        ``str`` Series of the same length, NaN where the value is null.
    """
    if isinstance(values, pd.Series):
        return values
    if isinstance(values, pa.Array):
        text = _arrow_text(values)
        if text is not None:
            return pd.Series(text.to_pandas(), dtype="str")
        values = values.to_pylist()
    return pd.Series([_object_text(value) for value in values], dtype="str")


def _arrow_text(values: pa.Array) -> pa.Array | None:
    """Plain Arrow types as strings without a detour through Python objects; None for all others."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _arrow_text(values.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return values.cast(pa.large_string())
    if pa.types.is_null(kind):
        return pa.nulls(len(values), pa.large_string())
    if pa.types.is_floating(kind):
        numbers = values.to_numpy(zero_copy_only=False)
        whole = numbers[~np.isnan(numbers)]
        if (np.abs(whole) < 2**53).all() and (whole == np.floor(whole)).all():
            known = pa.array(numbers, from_pandas=True)
            return known.cast(pa.int64()).cast(pa.large_string())
    return None


def _object_text(value: object) -> str | None:
    """One Python value as text; lone surrogates, which no file can hold, become "?"."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple | np.ndarray):
        items = (_object_text(item) for item in value)
        return "\n".join(" ".join(item.split()) for item in items if item and item.strip())
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace").decode()
    return str(value)
