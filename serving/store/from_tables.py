"""Tables turned into writes: how what a board has in files gets into the store."""

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from recsys.documents import candidate_documents, posting_documents
from recsys.mutes import MUTED
from recsys.schema import EVENT_TYPES, Tables
from serving.store.eventlog import UNKNOWN_TIME
from serving.store.writes import Document, Write

_PIECE: Final = 20_000


def documents_of(tables: Tables) -> Iterator[Write]:
    """Postings, then candidates, then events, each as one write.

    A candidate of whom nothing is known but events gets no document. Events get ids made from what they say, so that
    the same files imported again give the same events. An event without a time gets ``UNKNOWN_TIME``, which
    ``tables_at`` turns back.
    """
    for document in posting_documents(tables.postings, tables.locations):
        yield Write("posting", document["posting_id"], document)
    active = np.zeros(len(tables.candidates), bool)
    active[tables.events.candidate] = True
    for row, document in enumerate(candidate_documents(tables.candidates, tables.experience)):
        document |= {name: document[name][:most] for name, most in MUTED.items() if name in document}
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
