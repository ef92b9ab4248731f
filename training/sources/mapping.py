"""From the columns of a file's piece to a table's columns, by the config's mapping."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from training.sources.checked import Checked, Values
from training.sources.columns import REQUIRED, TABLE_COLUMNS, UNUSED
from training.sources.config import Column, Source, SourcesConfig
from training.sources.files import find_files, read_pieces
from training.sources.piece import Piece, Refuse, Wanted, as_text
from training.sources.places import parse_place, parse_places
from training.sources.rejects import Rejects
from training.sources.sql_table import sql_pieces
from training.sources.steps import converter, over_uniques
from training.sources.typed import typed
from training.sources.values import (
    check_ids,
    drop_pair,
    to_flags,
    to_number,
    to_text,
    to_times,
    to_words,
)

#: People have worked since before 1970; nothing on a job board was posted before.
_FIRST_YEARS: Final = {"start": 1900, "end": 1900}


class TableReader:
    """Reads all files of one source of one table, piece by piece.

    Each piece is a ``Checked`` and a dict of columns: ids, texts and words as ``str`` Series (NaN where missing),
    numbers and times as float64, flags as int8, ``locations`` as a list of place lists, all of n rows, the rows not
    ``good`` among them. The caller adds its own verdicts and then calls ``finish``.
    """

    def __init__(self, table: str, source: Source, config: SourcesConfig, data: Path, rejects: Rejects) -> None:
        self._table = table
        self._source = source
        self._config = config
        self._data = data
        self._rejects = rejects
        self._kinds = TABLE_COLUMNS[table]
        self._several = False

    def pieces(self) -> Iterator[tuple[Checked, dict[str, Any]]]:
        """The checked pieces of all files.

        Raises:
            DataError: a file is missing, damaged, or lacks a mapped column.
        """
        for file, pieces in self._files():
            for piece in pieces:
                if len(piece.rows):
                    checked = Checked(self._table, file, piece.rows, self._rejects)
                    yield checked, self._columns(piece, checked)

    def _files(self) -> Iterator[tuple[str, Iterator[Piece]]]:
        """The name of each file in messages, and its pieces."""
        if self._source.query is not None:
            yield "query", sql_pieces(self._source, f"the query of {self._table}", self._wanted())
            return
        files = find_files(self._source, self._data, self._table)
        self._several = len(files) > 1
        for path in files:
            file = path.relative_to(self._data).as_posix()
            yield file, read_pieces(path, file, self._source, self._wanted(), self._refuser(file))

    def _wanted(self) -> Wanted:
        columns = self._source.columns
        if self._source.standard:
            own = (name for column in (columns or {}).values() for name in column.names)
            return Wanted(tuple(dict.fromkeys([*self._kinds, *own])), optional=True)
        if columns is None:
            return Wanted(tuple(self._kinds), optional=True)
        return Wanted(tuple(dict.fromkeys(name for column in columns.values() for name in column.names)))

    def _refuser(self, file: str) -> Refuse:
        def refuse(row: int, column: str, reason: str, value: str | None, lines: int = 1) -> None:
            self._rejects.table(self._table).read += lines
            self._rejects.row(self._table, file, row, column, reason, value, lines)

        return refuse

    def _columns(self, piece: Piece, checked: Checked) -> dict[str, Any]:
        mapping = self._source.columns
        if self._source.standard:
            said = (name for name in self._kinds if any(value is not None for value in piece.columns[name]))
            own = {name: Column(column=name) for name in (*REQUIRED[self._table], *said)}
            mapping = {**own, **(mapping or {})}
        if mapping is None:
            names = {name for name in self._kinds if name in piece.columns} | set(REQUIRED[self._table])
            mapping = {name: Column(column=name) for name in self._kinds if name in names}
            empty = dict.fromkeys(names - set(piece.columns), [None] * len(piece.rows))
            piece = Piece(piece.rows, {**piece.columns, **empty})
        used = {name: column for name, column in mapping.items() if name not in UNUSED}
        frame = {name: self._column(name, column, piece, checked) for name, column in used.items()}
        if "location" in frame:
            _spread(frame)
        _cross_checks(frame, checked)
        return frame

    def _column(self, name: str, column: Column, piece: Piece, checked: Checked) -> Values:
        kind = self._kinds[name]
        first_year = _FIRST_YEARS.get(name, 1970)
        if column.column is not None and not column.convert:
            ready = typed(checked, name, kind, piece.columns[column.column], first_year)
            if ready is not None:
                return ready
        origin = self._origin(column, piece, checked.file)
        text, formats = _converted(column, name, origin, checked)
        if kind == "id":
            return check_ids(checked, name, text, origin)
        if kind == "text":
            return to_text(checked, name, text, self._config.max_text_chars)
        if kind == "words":
            return to_words(checked, name, text)
        if kind == "number":
            return to_number(checked, name, text)
        if kind == "time":
            return to_times(checked, name, text, formats, first_year)
        if kind == "flag":
            return to_flags(checked, name, text)
        return text if kind == "place" else [parse_places(value) if isinstance(value, str) else [] for value in text]

    def _origin(self, column: Column, piece: Piece, file: str) -> pd.Series:
        count = len(piece.rows)
        if column.constant is not None:
            constant = column.constant
            text = str(constant).lower() if isinstance(constant, bool) else str(constant)
            return pd.Series([text] * count, dtype="str")
        stem = Path(file).name.split(".")[0]
        if column.row_number:
            prefix = f"{stem}-" if self._several else ""
            return pd.Series([f"{prefix}{row}" for row in piece.rows.tolist()], dtype="str")
        if column.file_name:
            return pd.Series([stem] * count, dtype="str")
        parts = [self._known(as_text(piece.columns[name])) for name in column.names]
        if len(parts) == 1:
            return parts[0]
        if column.first:
            result = parts[0]
            for part in parts[1:]:
                result = result.fillna(part)
            return result
        rows = zip(*(part.astype(object).where(part.notna(), None) for part in parts), strict=True)
        return pd.Series([column.join.join(filter(None, row)) or None for row in rows], dtype="str")

    def _known(self, text: pd.Series) -> pd.Series:
        """``text`` with the source's words for "missing" taken out."""
        return text.mask(text.str.strip().isin(self._source.na_values))


def _cross_checks(frame: dict[str, Any], checked: Checked) -> None:
    """Pairs of values that contradict each other, or are nothing without each other."""
    if {"latitude", "longitude"} <= frame.keys():
        wrong = np.isnan(frame["latitude"]) != np.isnan(frame["longitude"])
        drop_pair(checked, frame, wrong, ("latitude", "longitude"), "one coordinate without the other")
    if {"salary_min", "salary_max"} <= frame.keys():
        wrong = frame["salary_min"] > frame["salary_max"]
        drop_pair(checked, frame, wrong, ("salary_min", "salary_max"), "salary_min above salary_max")
    if {"date_posted", "valid_through"} <= frame.keys():
        wrong = frame["date_posted"] > frame["valid_through"] + 86_400  # a day's grace: one may be a date, one a time
        drop_pair(checked, frame, wrong, ("date_posted", "valid_through"), "date_posted after valid_through")
    if {"start", "end"} <= frame.keys():
        wrong = frame["start"] > frame["end"]
        drop_pair(checked, frame, wrong, ("start", "end"), "start after end")


def _converted(column: Column, name: str, text: pd.Series, checked: Checked) -> tuple[pd.Series, tuple[str, ...]]:
    """The column's text after all conversions, and the date formats among them."""
    formats: tuple[str, ...] = ()
    for step in column.convert:
        convert = converter(step)
        if convert is not None:
            before = text
            text, bad = over_uniques(before, convert)
            for reason, mask in bad.items():
                checked.drop(mask, name, reason, before)
        elif step.default is not None:
            text = text.fillna(step.default)
        elif step.dates is not None:
            formats = step.dates
    return text, formats


def _spread(frame: dict[str, Any]) -> None:
    """The column ``location`` fills what city, region and country leave open."""
    text = frame.pop("location")
    codes, uniques = pd.factorize(text)
    places = [*(parse_place(value) for value in uniques), None]
    for part in ("city", "region", "country"):
        found = pd.Series([getattr(place, part, None) for place in places], dtype="str").iloc[codes]
        found = found.reset_index(drop=True)
        frame[part] = frame[part].fillna(found) if part in frame else found
