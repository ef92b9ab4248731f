"""Tables turned into writes: how what a board has in files gets into the store."""

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import pandas as pd

from recsys.schema import CANDIDATE_COLUMNS, EVENT_TYPES, EXPERIENCE_COLUMNS, PLACE_COLUMNS, POSTING_COLUMNS, Tables
from serving.store.eventlog import UNKNOWN_TIME
from serving.store.writes import Document, Write

_PIECE: Final = 20_000


def documents_of(tables: Tables) -> Iterator[Write]:
    """Postings, then candidates, then events, each as one write.

    A candidate of whom nothing is known but events gets no document. Events get ids made from what they say, so that
    the same files imported again give the same events. An event without a time gets ``UNKNOWN_TIME``, which
    ``tables_at`` turns back.
    """
    for document in _rows(tables.postings, POSTING_COLUMNS, tables.locations, PLACE_COLUMNS, "posting", "locations"):
        yield Write("posting", document["posting_id"], document)
    active = np.zeros(len(tables.candidates), bool)
    active[tables.events.candidate] = True
    people = _rows(
        tables.candidates, CANDIDATE_COLUMNS, tables.experience, EXPERIENCE_COLUMNS, "candidate", "experience"
    )
    for row, document in enumerate(people):
        if len(document) > 1 or not active[row]:
            yield Write("candidate", document["candidate_id"], document)
    yield from _events(tables)


def _events(tables: Tables) -> Iterator[Write]:
    """Events by candidate; an id is a hash of the event, and of how many alike came before."""
    postings = tables.postings["posting_id"].to_numpy(object)
    candidates = tables.candidates["candidate_id"].to_numpy(object)
    events = tables.events
    whose, alike = -1, Counter[tuple[Any, ...]]()
    for start in range(0, len(events), _PIECE):
        piece = events.take(np.arange(start, min(start + _PIECE, len(events))))
        columns = (getattr(piece, name).tolist() for name in ("candidate", "posting", "kind", "time", "value", "rank"))
        for candidate, posting, kind, time, value, rank, page in zip(*columns, piece.page.tolist(), strict=True):
            if candidate != whose:
                whose, alike = candidate, Counter()
            document: Document = {
                "candidate_id": candidates[candidate],
                "posting_id": postings[posting],
                "type": EVENT_TYPES[kind],
                "timestamp": UNKNOWN_TIME if np.isnan(time) else time,
            }
            said = (*document.values(), alike[candidate, posting, kind, time])
            alike[candidate, posting, kind, time] += 1
            document["event_id"] = blake2b(json.dumps(said).encode(), digest_size=16).hexdigest()
            document |= {} if np.isnan(value) else {"value": value}
            document |= {} if rank < 0 else {"rank": rank}
            document |= {} if page < 0 else {"request_id": f"page-{page}"}
            yield Write("event", document["event_id"], document)


def _rows(
    main: pd.DataFrame, kinds: dict[str, str], part: pd.DataFrame, part_kinds: dict[str, str], column: str, name: str
) -> Iterator[Document]:
    """One document a row of ``main``, with the rows of ``part`` that belong to it as the list ``name``."""
    order = np.argsort(part[column].to_numpy(), kind="stable")
    part = part.iloc[order]
    ends = np.searchsorted(part[column].to_numpy(), np.arange(len(main) + 1))
    for start in range(0, len(main), _PIECE):
        stop = min(start + _PIECE, len(main))
        inner = _documents(part.iloc[ends[start] : ends[stop]], part_kinds)
        for row, document in enumerate(_documents(main.iloc[start:stop], kinds), start):
            own = inner[ends[row] - ends[start] : ends[row + 1] - ends[start]]
            yield document | ({name: own} if own else {})


def _documents(frame: pd.DataFrame, kinds: dict[str, str]) -> list[Document]:
    documents: list[Document] = [{} for _ in range(len(frame))]
    for name, kind in kinds.items():
        cells = frame[name].to_numpy(np.int8 if kind == "flag" else object if kind in ("text", "words") else np.float64)
        known = cells >= 0 if kind == "flag" else frame[name].notna().to_numpy()
        for row, cell in zip(np.flatnonzero(known).tolist(), cells[known].tolist(), strict=True):
            documents[row][name] = _value(name, kind, cell)
    return documents


def _value(name: str, kind: str, cell: Any) -> Any:
    if kind == "flag":
        return bool(cell)
    if kind == "words":
        return cell.split("\n")
    if name == "extra":
        try:
            inner = json.loads(cell)
        except json.JSONDecodeError:
            return cell
        return inner if isinstance(inner, dict) else cell
    return cell
