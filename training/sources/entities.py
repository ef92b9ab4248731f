"""Postings and candidates: tables with one row an id, put together from any number of files."""

from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from recsys.schema import CANDIDATE_COLUMNS, PLACE_COLUMNS, POSTING_COLUMNS
from training.sources.checked import Checked, Values
from training.sources.config import Source
from training.sources.idmap import IdMap
from training.sources.mapping import TableReader
from training.sources.places import Place

_ID: Final = {"postings": "posting_id", "candidates": "candidate_id"}
_PLACES: Final = frozenset({*PLACE_COLUMNS, "locations"})


def empty_values(kind: str, count: int) -> Values:
    """A column of ``kind`` in which nothing is known."""
    if kind in ("number", "time"):
        return np.full(count, np.nan)
    if kind == "flag":
        return np.full(count, -1, dtype=np.int8)
    return pd.Series(pa.nulls(count, pa.large_string()).to_pandas(), dtype="str")


class EntityTable:
    """Collects the pieces of postings or candidates and joins them by id.

    A source of postings that maps no title only adds to postings which another source names; all other sources
    bring rows of their own. Of several values for one cell the first stays; lists are put together.
    """

    def __init__(self, table: str) -> None:
        self.ids = IdMap()
        self._table = table
        self._id = _ID[table]
        self._kinds = POSTING_COLUMNS if table == "postings" else CANDIDATE_COLUMNS
        self._taken = np.zeros(0, dtype=bool)  # by row: a main source has named it
        self._frames: list[tuple[NDArray[np.int32], dict[str, Any]]] = []
        self._places: list[pd.DataFrame] = []

    def read(self, source: Source, reader: TableReader) -> None:
        """Reads all pieces of one source."""
        adds = self._table == "postings" and _only_adds(source)
        merge = self._merges(source)
        taken = self._taken if self._table == "postings" and not adds else np.zeros(0, dtype=bool)
        for checked, frame in reader.pieces():
            ids = frame[self._id]
            if adds:
                checked.reject(self.ids.find(ids) < 0, self._id, "no posting has this id", ids)
            elif self._table == "postings":
                title = frame.get("title", empty_values("text", len(ids)))
                raw = title if title.notna().any() else ids
                checked.reject(title.isna().to_numpy(), "title", "title is missing", raw)
            taken = self._reject_repeated(checked, ids, taken, merge)
            good = checked.finish()
            self._keep(self.ids.add(ids[good]), frame, good)
        if self._table == "postings" and not adds:
            self._taken = taken

    def _merges(self, source: Source) -> bool:
        if source.repeated_ids is not None:
            return source.repeated_ids == "merge"
        if source.columns is None or source.standard:
            return False
        lists = {name for name, kind in self._kinds.items() if kind == "words"}
        if self._table == "postings":
            lists |= _PLACES
        return set(source.columns) - {self._id} <= lists

    def _reject_repeated(
        self, checked: Checked, ids: pd.Series, taken: NDArray[np.bool_], merge: bool
    ) -> NDArray[np.bool_]:
        """Rejects further rows of the same id, unless they are merged; the first good one stays."""
        if merge:
            return taken
        rows = self.ids.find(ids)
        known = np.zeros(len(ids), dtype=bool)
        inside = (rows >= 0) & (rows < len(taken))
        known[inside] = taken[rows[inside]]
        known |= ids.where(checked.good).duplicated().to_numpy() & checked.good
        checked.reject(known, self._id, "duplicate id (the first row is kept)", ids)
        named = self.ids.add(ids[checked.good])
        grown = np.zeros(max(len(self.ids), len(taken)), dtype=bool)
        grown[: len(taken)] = taken
        grown[named] = True
        return grown

    def _keep(self, rows: NDArray[np.int32], frame: dict[str, Any], good: NDArray[np.bool_]) -> None:
        if self._table == "postings":
            self._keep_places(rows, frame, good)
        kept = {name: _at(values, good) for name, values in frame.items() if name in self._kinds and name != self._id}
        self._frames.append((rows, kept))

    def _keep_places(self, rows: NDArray[np.int32], frame: dict[str, Any], good: NDArray[np.bool_]) -> None:
        single = {name: _at(frame[name], good) for name in PLACE_COLUMNS if name in frame}
        if single:
            part = pd.DataFrame(single | {"posting": rows})
            self._places.append(part[part[[*single]].notna().any(axis=1)])
        if "locations" in frame:
            owners, places = [], []
            for row, at in zip(rows.tolist(), np.flatnonzero(good), strict=True):
                owners += [row] * len(frame["locations"][at])
                places += frame["locations"][at]
            fields = {name: [_field(place, name) for place in places] for name in PLACE_COLUMNS}
            part = pd.DataFrame(fields | {"posting": np.array(owners, dtype=np.int32)})
            self._places.append(part[part[[*fields]].notna().any(axis=1)])

    def frame(self) -> pd.DataFrame:
        """All rows by row number, with exactly the columns of the schema."""
        count = len(self.ids)
        columns: dict[str, Any] = {self._id: pd.Series(self.ids.ids(), dtype="str")}
        for name, kind in self._kinds.items():
            if name != self._id:
                parts = [(rows, frame[name]) for rows, frame in self._frames if name in frame]
                columns[name] = _joined(kind, parts, count)
                for _, frame in self._frames:
                    frame.pop(name, None)
        return pd.DataFrame(columns)[list(self._kinds)]

    def locations(self) -> pd.DataFrame:
        """``posting`` (int32 row) and the columns of ``PLACE_COLUMNS``, by posting, each place once."""
        parts = [part for part in self._places if len(part)]
        columns: dict[str, Values] = {"posting": _concat([part["posting"].to_numpy() for part in parts], np.int32)}
        for name, kind in PLACE_COLUMNS.items():
            pieces = [part[name] if name in part else empty_values(kind, len(part)) for part in parts]
            if kind == "text":
                texts = [pd.Series(piece, dtype="str") for piece in pieces] or [pd.Series([], dtype="str")]
                columns[name] = pd.concat(texts, ignore_index=True)
            else:
                columns[name] = _concat([np.asarray(piece, dtype="float64") for piece in pieces], np.float64)
        return pd.DataFrame(columns).drop_duplicates().sort_values("posting", kind="stable", ignore_index=True)


def _at(values: Values, good: NDArray[np.bool_]) -> Values:
    return values[good].reset_index(drop=True) if isinstance(values, pd.Series) else values[good]


def _concat(parts: list[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)


def _field(place: dict[str, Any] | Place, name: str) -> str | float | None:
    """One field of a place that a file holds as a structure, or that was parsed from words."""
    value = place[name] if isinstance(place, dict) else getattr(place, name, None)
    return np.nan if value is None and PLACE_COLUMNS[name] == "number" else value


def _joined(kind: str, parts: list[tuple[NDArray[np.int32], Any]], count: int) -> Values:
    """One value a row: the first known one, or for words all of them, each once."""
    result = empty_values(kind, count)
    if not parts:
        return result
    rows = np.concatenate([rows for rows, _ in parts])
    if kind in ("text", "words"):
        values: Any = pd.concat([part for _, part in parts], ignore_index=True)
        known = np.flatnonzero(values.notna())
        if kind == "words":
            return _joined_words(rows[known], values.iloc[known], count)
        named, first = np.unique(rows[known], return_index=True)
        places = np.full(count, -1, dtype=np.int64)
        places[named] = known[first]
        found: pd.Series = values.reindex(np.where(places < 0, len(values), places)).reset_index(drop=True)
        return found
    values = np.concatenate([part for _, part in parts])
    known = np.flatnonzero(values != -1 if kind == "flag" else ~np.isnan(values))
    named, first = np.unique(rows[known], return_index=True)
    result[named] = values[known[first]]
    return result


def _joined_words(rows: NDArray[np.int32], values: pd.Series, count: int) -> pd.Series:
    order = np.argsort(rows, kind="stable")
    rows, texts = rows[order], values.to_numpy(dtype=object)[order]
    joined: list[str | None] = [None] * count
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    for start, end in zip(starts.tolist(), np.append(starts, len(rows))[1:].tolist(), strict=True):
        words = texts[start] if end == start + 1 else "\n".join(dict.fromkeys("\n".join(texts[start:end]).split("\n")))
        joined[int(rows[start])] = words
    return pd.Series(joined, dtype="str")


def main_sources_first(table: str, sources: tuple[Source, ...]) -> list[Source]:
    """The sources in the order to read them: those of postings that only add to others come last."""
    adds = [table == "postings" and _only_adds(source) for source in sources]
    return [source for late in (False, True) for source, add in zip(sources, adds, strict=True) if add == late]


def _only_adds(source: Source) -> bool:
    return source.columns is not None and "title" not in source.columns and not source.standard
