"""Parquet files in pieces."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pcompute
import pyarrow.parquet as pq

from recsys.errors import DataError
from training.sources.piece import Piece, Wanted

ROWS: Final = 65_536


def parquet_pieces(path: Path, file: str, wanted: Wanted) -> Iterator[Piece]:
    """The file's rows as pieces of Arrow arrays; a name that is no column may be a path into structures.

    Raises:
        DataError: the file is damaged or no Parquet file, or lacks a column.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as parquet:
            present = parquet.schema_arrow.names
            inner = [name for name in wanted.names if name not in present and name.split(".")[0] in present]
            names = Wanted(tuple(n for n in wanted.names if n not in inner), wanted.optional).among(present, file)
            start = 1
            read = list(dict.fromkeys([*names, *(name.split(".")[0] for name in inner)]))
            for batch in parquet.iter_batches(batch_size=ROWS, columns=read, use_threads=False):
                columns = {name: batch.column(name) for name in names}
                columns |= {name: _field(batch, name, file) for name in inner}
                yield Piece(np.arange(start, start + batch.num_rows), columns)
                start += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file} cannot be read as Parquet: {str(error).splitlines()[0]}") from None


def _field(batch: pa.RecordBatch, name: str, file: str) -> pa.Array:
    first, *rest = name.split(".")
    try:
        return pcompute.struct_field(batch.column(first), rest)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, pa.ArrowKeyError):
        raise DataError(f"{file}: column {first!r} has no field {'.'.join(rest)!r}") from None
