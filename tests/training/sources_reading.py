"""Reads small files written for one test."""

from pathlib import Path

import pandas as pd

from recsys.schema import Tables
from training.sources import ReadSummary, SourcesConfig, read_tables


def read(folder: Path, **sources) -> tuple[Tables, ReadSummary, pd.DataFrame]:
    """The tables, the summary and the file of rejected rows."""
    rejected = folder / "out" / "rejected.parquet"
    tables, summary = read_tables(SourcesConfig(**sources), folder, rejected)
    return tables, summary, pd.read_parquet(rejected)


def write(folder: Path, **files: str | bytes) -> None:
    """``postings_csv="..."`` writes postings.csv."""
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / ".".join(name.rsplit("_", 1))).write_bytes(data)


ANY = {"max_rejected_share": 1.0}
