"""Finds the files of a source and reads each in the way its format needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from recsys.errors import ConfigError, DataError
from training.sources.config import Format, Source
from training.sources.csv_file import CsvForm, csv_pieces
from training.sources.json_file import json_pieces, jsonl_pieces
from training.sources.parquet_file import parquet_pieces
from training.sources.piece import Piece, Refuse, Wanted

ENDINGS: Final[dict[str, Format]] = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".json": "json", ".geojson": "json", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


def find_files(source: Source, data: Path, table: str) -> list[Path]:
    """The files that ``source`` names, patterns in the order of their names.

    Raises:
        DataError: a path does not exist, or a pattern matches nothing.
    """
    found: list[Path] = []
    for path in source.path:
        if any(mark in path for mark in "*?[") and not (data / path).exists():
            matches = sorted(match for match in data.glob(path) if match.is_file())
            if not matches:
                raise DataError(f"{table}: no file in {data} matches {path!r}")
            # Jobs that write several parts leave empty ones behind; a file named outright must not be empty.
            found += [match for match in matches if match.stat().st_size]
        elif (data / path).is_file():
            found.append(data / path)
        else:
            near = sorted(item.name for item in data.iterdir() if item.is_file())[:12] if data.is_dir() else []
            hint = f"; there are {', '.join(near)}" if near else ""
            raise DataError(f"{table}: there is no file {path!r} in {data}{hint}")
    return list(dict.fromkeys(found))


def file_format(source: Source, path: Path) -> Format:
    """The stated format, or the one that the ending stands for.

    Raises:
        ConfigError: neither says it.
    """
    known = source.format or ENDINGS.get(Path(path.name.removesuffix(".gz")).suffix.lower())
    if known is None:
        raise ConfigError(f"the format of {path.name!r} is not clear from its ending; set `format` of the source")
    return known


def read_pieces(path: Path, file: str, source: Source, wanted: Wanted, refuse: Refuse) -> Iterator[Piece]:
    """The rows of one file, in pieces.

    Args:
        path: where it is.
        file: its name in messages.
        source: how it is written.
        wanted: the columns to read.
        refuse: takes the rows that cannot be read.

    Raises:
        DataError: the file is empty or damaged, or lacks a column.
    """
    form = file_format(source, path)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
    if size == 0:
        raise DataError(f"{file} is empty (0 bytes): export it again, or take it out of `sources`")
    if form in ("csv", "tsv"):
        delimiter = source.delimiter or ("," if form == "csv" else "\t")
        return csv_pieces(path, file, CsvForm(delimiter, source.quote, source.encoding), wanted, refuse)
    if form == "json":
        return json_pieces(path, file, source.records, source.encoding, wanted, refuse)
    if form == "jsonl":
        return jsonl_pieces(path, file, source.encoding, wanted, refuse)
    return parquet_pieces(path, file, wanted)
