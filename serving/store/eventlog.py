"""Event documents turned into the arrays of ``recsys.schema.Events``, as training does it with files."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.schema import EVENT_TYPES, IMPRESSION, UNDO, Events
from serving.store.writes import Document

_DTYPES: Final = {
    "candidate": np.int32, "posting": np.int32, "kind": np.uint8, "time": np.float64, "value": np.float32,
    "rank": np.int16, "page": np.int32,
}  # fmt: skip
_KINDS: Final = {name: code for code, name in enumerate(EVENT_TYPES)}
_HIGHEST_RANK: Final = np.iinfo(np.int16).max
#: A moment that stands for none: what is imported from files without times has to carry one.
UNKNOWN_TIME: Final = 0.0


class EventColumns:
    """Collects events piece by piece; only their compact form stays in memory.

    Args:
        postings: ids by row; events on others are left out.
        candidates: ids by row; candidates that only events name get the rows behind.
    """

    def __init__(self, postings: Iterable[str], candidates: Iterable[str]) -> None:
        self._postings = {one: row for row, one in enumerate(postings)}
        self._candidates = {one: row for row, one in enumerate(candidates)}
        self._profiles = len(self._candidates)
        self._parts: list[dict[str, NDArray[Any]]] = []

    def add(self, documents: Sequence[Document]) -> None:
        """Takes up the next events in the order of the log.

        Raises:
            Exception: one of them cannot be read; nothing of any was taken up.
        """
        postings = np.array([self._postings.get(one["posting_id"], -1) for one in documents], np.int32)
        good = [documents[at] for at in np.flatnonzero(postings >= 0).tolist()]
        times = np.array([one["timestamp"] for one in good], np.float64)
        kinds = np.array([_KINDS[one["type"]] for one in good], np.uint8)
        who = [one["candidate_id"] for one in good]
        if not all(isinstance(one, str) for one in who):
            raise TypeError("the id of a candidate is no text")
        columns: dict[str, NDArray[Any]] = {
            "posting": postings[postings >= 0],
            "kind": kinds,
            "time": np.where(times == UNKNOWN_TIME, np.nan, times),
            "value": np.array([one.get("value", np.nan) for one in good], np.float32),
            "rank": np.clip([one.get("rank", -1) for one in good], -1, _HIGHEST_RANK).astype(np.int16),
        }
        columns["page"] = _pages(good, columns["kind"], columns["time"])
        rows = [self._candidates.setdefault(one, len(self._candidates)) for one in who]
        columns["candidate"] = np.array(rows, np.int32)
        self._parts.append(columns)

    def only_in_events(self) -> list[str]:
        """Candidates without a profile, by row."""
        return list(self._candidates)[self._profiles :]

    def events(self) -> Events:
        """All events by candidate, then time, then the log, undone ones and the undos taken out.

        Call once: the pieces are given up.
        """
        columns: dict[str, NDArray[Any]] = {}
        for name, dtype in _DTYPES.items():
            columns[name] = np.concatenate([*(part.pop(name) for part in self._parts), np.empty(0, dtype)])
        time = columns["time"]
        # As in files, an unknown time comes first: it must not pass for the latest.
        order = np.lexsort((np.where(np.isnan(time), -np.inf, time), columns["candidate"]))
        kept = order[~_undone(*(columns[name][order] for name in ("candidate", "posting", "kind")))]
        return Events(**{name: column[kept] for name, column in columns.items()})


def _undone(candidate: NDArray[np.int32], posting: NDArray[np.int32], kind: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of the ordered events (E,) go: undos, and for each the latest earlier one of its pair, no impression."""
    gone: NDArray[np.bool_] = kind == UNDO
    pair = candidate.astype(np.int64) << 32 | posting
    touched = np.flatnonzero(np.isin(pair, pair[gone]) & (kind != IMPRESSION))
    stacks: dict[int, list[int]] = {}
    for at in touched.tolist():
        stack = stacks.setdefault(int(pair[at]), [])
        if kind[at] != UNDO:
            stack.append(at)
        elif stack:
            gone[stack.pop()] = True
    return gone


def _pages(events: Sequence[Document], kinds: NDArray[np.uint8], times: NDArray[np.float64]) -> NDArray[np.int32]:
    """Which list an event belongs to (n,): 31 bits of a hash of the request's id, or of an impression's time."""
    pages = np.full(len(events), -1, np.int32)
    shown = (kinds == IMPRESSION) & ~np.isnan(times)
    pages[shown] = pd.util.hash_array(times[shown]) >> np.uint64(33)
    known = np.array([bool(one.get("request_id")) for one in events], bool)
    ids = np.array([one["request_id"] for one in events if one.get("request_id")], object)
    pages[known] = pd.util.hash_array(ids, categorize=True) >> np.uint64(33)
    return pages
