"""The batch export: the top postings of every candidate as one Parquet file."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.errors import DataError
from recsys.filters import Filters
from recsys.lists import Lists
from serving.score import Scorer

Progress = Callable[[int, int], None]

_AT_ONCE = 1024  # candidates a row group
_SCHEMA = pa.schema(
    [
        ("candidate_id", pa.string()),
        ("posting_id", pa.string()),
        ("rank", pa.int32()),
        ("score", pa.float32()),
        ("probability", pa.float32()),
        ("reasons", pa.string()),
        ("bundle", pa.dictionary(pa.int8(), pa.string())),
    ]
)


def export(
    scorer: Scorer,
    out: Path,
    k: int = 50,
    now: float | None = None,
    reasons: bool = True,
    progress: Progress | None = None,
    filters: Filters | None = None,
    personal: bool = True,
) -> int:
    """Write ``candidate_id, posting_id, rank, score, probability, reasons, bundle``, best first for each candidate.

    The file appears under its name when it is complete.

    Args:
        scorer: an open bundle.
        out: the Parquet file.
        k: at most so many postings a candidate.
        now: the moment asked for; None: the moment at which the bundle's data ends.
        reasons: put reasons into words; the column is empty otherwise.
        progress: told how many candidates are done, of how many.
        filters: what may be listed at all.
        personal: False: neither profile nor history orders the lists, see ``recsys.request.Request``.

    Returns:
        The number of rows written.

    Raises:
        DataError: the file cannot be written.
        RequestError: the filters name what the board does not know.
    """
    moment = scorer.as_of if now is None else now
    count, written = len(scorer.candidates), 0
    part = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with pq.ParquetWriter(part, _SCHEMA, compression="zstd") as writer:
            for at in range(0, count, _AT_ONCE):
                rows = np.arange(at, min(at + _AT_ONCE, count))
                table = _table(scorer, rows, scorer.lists(rows, k, moment, reasons, filters, personal))
                writer.write_table(table)
                written += len(table)
                if progress:
                    progress(int(rows[-1]) + 1, count)
        os.replace(part, out)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return written


def _table(scorer: Scorer, rows: np.ndarray, lists: Lists) -> pa.Table:
    there = lists.rows >= 0
    candidates = np.repeat(rows, there.sum(axis=1))
    postings = lists.rows[there]
    words = lists.reasons.joined()[there] if lists.reasons is not None else np.full(len(postings), "", object)
    columns = {
        "candidate_id": pa.array(scorer.candidates.ids.names(candidates), pa.string()),
        "posting_id": pa.array(scorer.engine.catalogue.ids.names(postings), pa.string()),
        "rank": pa.array(np.broadcast_to(np.arange(1, there.shape[1] + 1), there.shape)[there], pa.int32()),
        "score": pa.array(lists.scores[there], pa.float32()),
        "probability": pa.array(lists.probabilities[there], pa.float32(), from_pandas=True),
        "reasons": pa.array(words, pa.string()),
        "bundle": pa.DictionaryArray.from_arrays(np.zeros(len(postings), np.int8), [scorer.engine.name]),
    }
    return pa.table(columns, schema=_SCHEMA)
