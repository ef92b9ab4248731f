"""What a mail or a feed says of each posting, as plain values."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

import numpy as np
from numpy.typing import NDArray

from recsys.lists import Lists
from recsys.text import normalise
from serving.live.state import State
from serving.store.arrivals import documents_at
from serving.store.store import Store
from serving.store.writes import Document

_PLAIN: Final = {
    "matches": "new, and as your alert asks",
    "listed": "new, and high on your list",
    "discover": "high among what you have not seen",
}


class Describer:
    """Describes postings of one run.

    Args:
        state: of the run.
        store: that holds their documents.
        posting_url: where a posting without an address of its own is read, with {id}; None: nowhere.
        known: documents that were read already, by id.
    """

    def __init__(self, state: State, store: Store, posting_url: str | None, known: dict[str, Document]) -> None:
        self._state, self._store, self._url, self._known = state, store, posting_url, known

    def lines(self, lists: Lists, kinds: Sequence[str]) -> list[list[Document]]:
        """The lines of each of B lists: posting_id, title, company, place, url, until and reasons.

        Args:
            lists: of the engine.
            kinds: (B), why a posting is brought where the engine gives no reason: "matches" filters or words, "listed"
                among the candidate's first, "discover".
        """
        rows = lists.rows
        distinct = np.unique(rows[rows >= 0])
        told = dict(zip(distinct.tolist(), self._told(distinct), strict=True))
        return [self._list(lists, at, kinds[at], told) for at in range(len(rows))]

    def _list(self, lists: Lists, at: int, kind: str, told: dict[int, Document]) -> list[Document]:
        rows = lists.rows[at]
        words: Sequence[tuple[str, ...]] = [()] * len(rows) if lists.reasons is None else lists.reasons.words(at)
        return [
            told[row] | {"reasons": list(why) or [_PLAIN[kind]]}
            for row, why in zip(rows.tolist(), words, strict=True)
            if row >= 0
        ]

    def _told(self, rows: NDArray[np.int32]) -> list[Document]:
        catalogue, explainer = self._state.engine.catalogue, self._state.engine.explainer
        ids = catalogue.ids.names(rows).tolist()
        left = [one for one in ids if one not in self._known]
        documents = self._known | (documents_at(self._store.engine, left, self._state.position) if left else {})
        unknown = [at for at, one in enumerate(ids) if one not in documents]
        if unknown and explainer is not None:  # the bundle was made from files
            where = rows[unknown].tolist()
            texts = zip(explainer.titles.take(where), explainer.companies.take(where), strict=True)
            documents |= {
                ids[at]: {"title": one, "company": two} for at, (one, two) in zip(unknown, texts, strict=True)
            }
        until = catalogue.attributes.until[rows].tolist()
        return [self._line(one, documents.get(one, {}), end) for one, end in zip(ids, until, strict=True)]

    def _line(self, posting_id: str, document: Document, until: float) -> Document:
        line: Document = {
            "posting_id": posting_id,
            "title": normalise(str(document.get("title") or posting_id)),
            "company": normalise(str(document.get("company") or "")),
            "place": place_of(document),
            "url": self._address(posting_id, document.get("url")),
        }
        return line if np.isnan(until) else line | {"until": until}

    def _address(self, posting_id: str, own: Any) -> str | None:
        """Where it is read; what a source says is taken only if a browser would open a page by it."""
        if isinstance(own, str) and own.isprintable() and urlsplit(own).scheme in ("http", "https"):
            return own
        return None if self._url is None else self._url.replace("{id}", quote(posting_id, safe=""))


def place_of(document: Document) -> str:
    """The first place of a posting document in words; "" where it names none."""
    where = (document.get("locations") or [{}])[0]
    named = (
        [normalise(str(where[name])) for name in ("city", "region") if where.get(name)]
        if isinstance(where, dict)
        else []
    )
    if not named and document.get("remote") is True:
        return "Remote"
    return ", ".join(named) + (" (remote possible)" if named and document.get("remote") is True else "")
