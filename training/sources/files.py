"""Finds the files of a source and reads each in the way its format needs."""

from collections.abc import Iterator
from pathlib import Path

from recsys.errors import ConfigError, DataError
from training.sources.config import STANDARD, Format, Source
from training.sources.csv_file import CsvForm, csv_pieces
from training.sources.json_file import json_pieces, jsonl_pieces
from training.sources.jsonld_file import jsonld_pieces
from training.sources.parquet_file import parquet_pieces
from training.sources.piece import Piece, Refuse, Wanted
from training.sources.resume_file import resume_pieces
from training.sources.xml_file import xml_pieces


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
        elif source.format in STANDARD and (data / path).is_dir():
            found += _in_folder(data / path, STANDARD[source.format][1], table)
        else:
            near = sorted(item.name for item in data.iterdir() if item.is_file())[:12] if data.is_dir() else []
            hint = f"; there are {', '.join(near)}" if near else ""
            raise DataError(f"{table}: there is no file {path!r} in {data}{hint}")
    return list(dict.fromkeys(found))


def _in_folder(folder: Path, endings: frozenset[str], table: str) -> list[Path]:
    """All files of a folder and those in it that have one of the endings, in the order of their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [path for path in files if Path(path.name.removesuffix(".gz")).suffix.lower() in endings]
    if not found:
        raise DataError(f"{table}: no file in the folder {folder} ends with {', '.join(sorted(endings))}")
    return found


def file_format(source: Source, path: Path) -> Format:
    """The stated format, or the one that the ending stands for.

    Raises:
        ConfigError: neither says it.
    """
    known = source.format_of(path.name)
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
    if form in STANDARD and not source.standard:
        raise ConfigError(f"{file} is a standard feed by its ending: set `format: {form}` of the source")
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
    if form == "parquet":
        return parquet_pieces(path, file, wanted)
    return _feed_pieces(form, path, file, source, wanted, refuse)


def _feed_pieces(
    form: Format, path: Path, file: str, source: Source, wanted: Wanted, refuse: Refuse
) -> Iterator[Piece]:
    if form == "xml":
        return xml_pieces(path, file, source.records, source.stated_encoding, wanted, refuse)
    if form == "jsonld":
        return jsonld_pieces(path, file, source.stated_encoding, wanted, refuse)
    return resume_pieces(path, file, source.stated_encoding, wanted, refuse)
