"""Events, turned into codes piece by piece so that only their compact form stays in memory."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.schema import EVENT_TYPES, IMPRESSION, UNDO, Events
from training.sources.checked import Checked
from training.sources.idmap import IdMap, SeenBefore
from training.sources.mapping import TableReader
from training.sources.rejects import Rejects

_COLUMNS: Final = {
    "candidate": np.int32, "posting": np.int32, "kind": np.uint8, "time": np.float64, "value": np.float32,
    "rank": np.int16, "page": np.int32,
}  # fmt: skip
_KINDS: Final = {name: code for code, name in enumerate(EVENT_TYPES)}


@dataclass
class _Origin:
    """Where a run of kept events came from: needed to name an undo that has nothing to undo."""

    file: str
    rows: NDArray[np.uint32]


@dataclass
class EventTable:
    """Collects the pieces of all sources of events.

    Attributes:
        postings: known postings; events on others are rejected.
        candidates: takes up candidates that only events name.
        rejects: where events are reported that turn out useless at the end.
    """

    postings: IdMap
    candidates: IdMap
    rejects: Rejects
    _parts: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _COLUMNS})
    _origins: list[_Origin] = field(default_factory=list)
    _seen: SeenBefore = field(default_factory=SeenBefore)
    _undo: bool = False

    def read(self, reader: TableReader) -> None:
        """Reads all pieces of one source."""
        for checked, frame in reader.pieces():
            kinds = _kinds(checked, frame["type"])
            posting = self.postings.find(frame["posting_id"])
            checked.reject(posting < 0, "posting_id", "event for an unknown posting", frame["posting_id"])
            self._reject_repeated(checked, frame)
            good = checked.finish()
            self._undo |= bool((kinds[good] == UNDO).any())
            self._keep(good, frame, posting, kinds)
            self._origins.append(_Origin(checked.file, checked.rows[good].astype(np.uint32)))

    def _reject_repeated(self, checked: Checked, frame: dict[str, Any]) -> None:
        if "event_id" in frame:
            ids = frame["event_id"].where(checked.good)
            checked.reject(self._seen.repeated(ids), "event_id", "duplicate event_id (the first is kept)", ids)

    def _keep(
        self, good: NDArray[np.bool_], frame: dict[str, Any], posting: NDArray[np.int32], kinds: NDArray[np.int16]
    ) -> None:
        count = len(good)
        unknown = np.full(count, np.nan)
        ranks = frame.get("rank", unknown)
        values = {
            "candidate": self.candidates.add(frame["candidate_id"].where(good)),
            "posting": posting,
            "kind": kinds,
            "time": frame.get("timestamp", unknown),
            "value": frame.get("value", unknown),
            "rank": np.where(np.isnan(ranks), -1, ranks),
            "page": _pages(frame, kinds, count),
        }
        for name, dtype in _COLUMNS.items():
            self._parts[name].append(values[name][good].astype(dtype))

    def events(self) -> Events:
        """All events in order, undone ones and the undos taken out. Call once: the pieces are given up."""
        columns = {}
        for name, dtype in _COLUMNS.items():
            columns[name] = np.concatenate([*self._parts[name], np.empty(0, dtype)])
            self._parts[name] = []
        # Stable sorts from the least key to the first leave file order as the last key. An unknown time comes first:
        # of such an event only the order in the file is known, and it must not pass for the latest.
        time = columns["time"]
        order = np.lexsort((np.where(np.isnan(time), -np.inf, time), columns["candidate"]))
        if self._undo:
            order = self._without_undone(columns, order)
        for name in columns:
            columns[name] = columns[name][order]
        return Events(**columns)

    def _without_undone(self, columns: dict[str, Any], order: NDArray[np.intp]) -> NDArray[np.intp]:
        """Takes out each undo with the latest earlier event of its candidate on its posting.

        An impression is not the candidate's doing and is never undone. An undo that finds nothing is rejected.
        """
        candidate, posting, kind = (columns[name][order] for name in ("candidate", "posting", "kind"))
        pair = candidate.astype(np.int64) << 32 | posting
        touched = np.flatnonzero(np.isin(pair, pair[kind == UNDO]) & (kind != IMPRESSION))
        gone = np.zeros(len(order), dtype=bool)
        stacks: dict[int, list[int]] = {}
        empty: list[int] = []
        for at in touched.tolist():
            stack = stacks.setdefault(int(pair[at]), [])
            if kind[at] != UNDO:
                stack.append(at)
                continue
            gone[at] = True
            if stack:
                gone[stack.pop()] = True
            else:
                empty.append(int(order[at]))
        self._reject_undos(sorted(empty))
        undone = int(gone.sum() - len(empty)) // 2
        if undone:
            self.rejects.table("events").notes.append(f"{undone:,} events were undone by as many undos")
        return order[~gone]

    def _reject_undos(self, places: list[int]) -> None:
        starts = np.cumsum([0, *(len(origin.rows) for origin in self._origins)])
        for place in places:
            part = int(np.searchsorted(starts, place, side="right")) - 1
            origin = self._origins[part]
            row = int(origin.rows[place - starts[part]])
            self.rejects.row("events", origin.file, row, "type", "undo without an earlier event", "undo")


def _pages(frame: dict[str, Any], kinds: NDArray[np.int16], count: int) -> NDArray[np.int32]:
    """Which list an event belongs to (n,): 31 bits of a hash of the request's id, or of an impression's time.

    Numbers are only ever compared among the events of one candidate, so two lists are hardly ever taken for one.
    """
    pages = np.full(count, -1, np.int32)
    if "timestamp" in frame:
        time = np.asarray(frame["timestamp"], np.float64)
        shown = (kinds == IMPRESSION) & ~np.isnan(time)
        pages[shown] = pd.util.hash_array(time[shown]) >> np.uint64(33)
    if "request_id" in frame:
        known = frame["request_id"].notna().to_numpy()
        ids = frame["request_id"][known].astype(object).to_numpy()
        pages[known] = pd.util.hash_array(ids, categorize=True) >> np.uint64(33)
    return pages


def _kinds(checked: Checked, text: pd.Series) -> NDArray[np.int16]:
    """Codes of the event types (n,), rows of other types rejected."""
    codes, uniques = pd.factorize(text)
    known = [_KINDS.get(str(value).strip().casefold(), -1) for value in uniques]
    kinds = np.array([*known, -1], dtype=np.int16)[codes]
    checked.reject(text.isna().to_numpy(), "type", "event type is missing", text)
    checked.reject(kinds < 0, "type", f"unknown event type (known: {', '.join(EVENT_TYPES)})", text)
    return kinds
