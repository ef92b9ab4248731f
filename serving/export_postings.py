"""The batch export the other way round: the top candidates of every open posting as one Parquet file."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.errors import DataError
from recsys.mutual import Matches
from serving.score import Scorer

Progress = Callable[[int, int], None]

#: Postings whose pairs are scored together: the more, the oftener what a candidate brings is of use, 40 bytes a pair.
_AT_ONCE = 32_768
_SCHEMA = pa.schema(
    [
        ("posting_id", pa.string()),
        ("candidate_id", pa.string()),
        ("rank", pa.int32()),
        ("apply", pa.float32()),
        ("brings", pa.float32()),
        ("together", pa.float32()),
        ("bundle", pa.dictionary(pa.int8(), pa.string())),
    ]
)


def export_postings(
    scorer: Scorer, out: Path, k: int = 50, now: float | None = None, progress: Progress | None = None
) -> int:
    """Write ``posting_id, candidate_id, rank, apply, brings, together, bundle``, best first for each open posting.

    The file appears under its name when it is complete.

    Args:
        scorer: an open bundle.
        out: the Parquet file.
        k: at most so many candidates a posting.
        now: the moment asked for; None: the moment at which the bundle's data ends.
        progress: told how many postings are done, of how many.

    Returns:
        The number of rows written.

    Raises:
        DataError: the file cannot be written.
        BundleError: the bundle cannot list candidates.
    """
    moment = scorer.as_of if now is None else now
    catalogue, written = scorer.engine.catalogue, 0
    postings = np.flatnonzero(catalogue.open[: len(catalogue)] & ~catalogue.gone[: len(catalogue)]).astype(np.int32)
    part = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with pq.ParquetWriter(part, _SCHEMA, compression="zstd") as writer:
            for at in range(0, len(postings), _AT_ONCE):
                rows = postings[at : at + _AT_ONCE]
                table = _table(scorer, rows, scorer.matches(rows, k, moment))
                writer.write_table(table)
                written += len(table)
                if progress:
                    progress(at + len(rows), len(postings))
        os.replace(part, out)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return written


def _table(scorer: Scorer, rows: np.ndarray, found: Matches) -> pa.Table:
    columns = {
        "posting_id": pa.array(scorer.engine.catalogue.ids.names(rows[found.posting]), pa.string()),
        "candidate_id": pa.array(scorer.candidates.ids.names(found.candidate), pa.string()),
        "rank": pa.array(found.rank),
        "apply": pa.array(found.apply),
        "brings": pa.array(found.brings),
        "together": pa.array(found.together),
        "bundle": pa.DictionaryArray.from_arrays(np.zeros(len(found.rank), np.int8), [scorer.engine.name]),
    }
    return pa.table(columns, schema=_SCHEMA)
