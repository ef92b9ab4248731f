"""The files of a market: their columns, and a writer that holds one piece at a time."""

from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recsys.schema import CANDIDATE_COLUMNS, EXPERIENCE_COLUMNS, PLACE_COLUMNS, POSTING_COLUMNS
from training.market.needs import MANNERS
from training.market.preferences import TASTES

#: Whole seconds, in milliseconds because Parquet has no coarser unit.
_TIME = pa.timestamp("ms", "UTC")
_KINDS = {
    "text": pa.string(),
    "words": pa.list_(pa.string()),
    "number": pa.float64(),
    "time": _TIME,
    "flag": pa.bool_(),
}
_PLACE = pa.struct([(name, _KINDS[kind]) for name, kind in PLACE_COLUMNS.items()])


def _schema(columns: dict[str, str]) -> pa.Schema:
    return pa.schema([(name, _KINDS[kind]) for name, kind in columns.items()])


POSTINGS = _schema(POSTING_COLUMNS).append(pa.field("locations", pa.list_(_PLACE)))
CANDIDATES = _schema(CANDIDATE_COLUMNS)
EXPERIENCE = _schema({"candidate_id": "text", **EXPERIENCE_COLUMNS})
EVENTS = pa.schema(
    [
        ("candidate_id", pa.string()),
        ("posting_id", pa.string()),
        ("type", pa.string()),
        ("timestamp", _TIME),
        ("rank", pa.int16()),
        ("event_id", pa.string()),
        ("request_id", pa.string()),
        ("surface", pa.string()),
    ]
)


def truth_schemas(skill_words: int) -> tuple[pa.Schema, pa.Schema]:
    """Columns of truth_postings and truth_candidates, where skills take ``skill_words`` uint64."""
    vector, bits = pa.list_(pa.float32(), 3), pa.list_(pa.uint64(), skill_words)
    taste, manner = pa.list_(pa.float32(), TASTES), pa.list_(pa.float32(), MANNERS)
    postings = [
        ("posting_id", pa.string()), ("occupation", pa.string()), ("level", pa.int8()), ("country", pa.int16()),
        ("place", vector), ("second", vector), ("remote", pa.bool_()), ("pay", pa.float32()), ("skills", bits),
        ("taste", taste), ("posted", _TIME), ("expires", _TIME), ("kind", pa.string()), ("source_id", pa.string()),
        ("bar", pa.float32()), ("strict", pa.float32()), ("local", pa.float32()), ("permit", pa.bool_()),
        ("manner", manner), ("musts", bits),
    ]  # fmt: skip
    candidates = [
        ("candidate_id", pa.string()), ("occupation", pa.string()), ("level", pa.int8()), ("country", pa.int16()),
        ("home", vector), ("reservation", pa.float32()), ("tolerable", pa.float32()), ("steepness", pa.float32()),
        ("cap", pa.float32()), ("mobility", pa.float32()), ("home_office", pa.float32()), ("skills", bits),
        ("taste", taste), ("kind", pa.string()), ("patience", pa.float32()), ("former", pa.string()),
        ("standing", pa.float32()), ("manner", manner),
    ]  # fmt: skip
    return pa.schema(postings), pa.schema(candidates)


def fixed_lists(values: NDArray[np.generic]) -> pa.FixedSizeListArray:
    """A matrix (N, d) as one list of d in each row."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])


def times(seconds: NDArray[np.int64], unknown: NDArray[np.bool_] | None = None) -> pa.Array:
    """Seconds since 1970 UTC (N,) as timestamps, null where ``unknown``."""
    return pa.array(seconds, pa.int64(), mask=unknown).cast(pa.timestamp("s", "UTC")).cast(_TIME)


def ids(letter: str, first: int, count: int) -> pa.Array:
    """``count`` ids such as p0000012, from number ``first`` on."""
    return pa.array([f"{letter}{number:07d}" for number in range(first, first + count)], pa.string())


def joined(prefix: str, names: pa.Array) -> pa.Array:
    """``prefix`` before each of ``names``."""
    return pc.binary_join_element_wise(prefix, names, "")


class Writer:
    """A Parquet file written piece by piece; each piece becomes a row group. Use as a context manager."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._file = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)

    def write(self, table: pa.Table) -> None:
        """Append ``table``, whose columns must be those of the schema in that order."""
        self._file.write_table(table.cast(self._schema), row_group_size=max(len(table), 1))
        self.rows += len(table)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
