"""The postings that arrived between two positions of the log, as a small catalogue of their own, and their words."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsys.bundle import Bundle
from recsys.catalogue import Catalogue, Fresh
from recsys.documents import posting_frames
from recsys.geo import Grid
from recsys.ids import Ids
from recsys.terms import asked_words, words_of
from recsys.text import posting_texts
from serving.live.state import State
from serving.store.arrivals import arrived, documents_at
from serving.store.store import Store
from serving.store.writes import Document

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class News:
    """N postings that are new to somebody, by their row in the catalogue.

    Attributes:
        rows: int32 (N,), ascending.
        arrived: int64 (N,), the position of the log at which each was first seen.
        catalogue: of these alone, for filters: no source can search in it.
        documents: as stored at the position of the run.
        copied: bool (N,), the posting is a copy of others.
    """

    rows: Rows
    arrived: NDArray[np.int64]
    catalogue: Catalogue
    documents: list[Document]
    copied: Flags

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def words(self) -> "WordIndex":
        """Which words stand in which of them."""
        frame, _ = posting_frames(self.documents)
        companies = frame["company"].fillna("").tolist()
        return WordIndex.of([f"{text} {one}" for text, one in zip(posting_texts(frame), companies, strict=True)])


@dataclass(frozen=True)
class WordIndex:
    """Words of N texts.

    Attributes:
        number: of each word.
        holds: bool-like (V, N), word v stands in text n.
    """

    number: dict[str, int]
    holds: csr_array

    @classmethod
    def of(cls, texts: Sequence[str]) -> "WordIndex":
        """Index texts."""
        number: dict[str, int] = {}
        found = [[number.setdefault(word, len(number)) for word in set(words_of(text))] for text in texts]
        text = np.repeat(np.arange(len(texts)), [len(one) for one in found])
        word = np.fromiter(chain.from_iterable(found), np.int64, len(text))
        shape = (len(number), len(texts))
        return cls(number, csr_array((np.ones(len(text), np.int32), (word, text)), shape=shape))

    def with_all(self, asked: Sequence[str]) -> Flags:
        """In which texts all words of each of W lines stand: bool (W, N); a line without a word stands in none."""
        lines = [asked_words(line) for line in asked]
        count = np.array([len(line) for line in lines], np.int32)
        known = [[self.number[word] for word in line if word in self.number] for line in lines]
        line = np.repeat(np.arange(len(lines)), [len(one) for one in known])
        word = np.fromiter(chain.from_iterable(known), np.int64, len(line))
        wanted = csr_array((np.ones(len(line), np.int32), (line, word)), shape=(len(lines), len(self.number)))
        hits = (wanted @ self.holds).toarray()
        return np.asarray((hits == count[:, None]) & (count > 0)[:, None])


def news_of(store: Store, bundle: Bundle, state: State, after: int, upto: int) -> News:
    """What arrived after a position, up to another. What the bundle held before it was first logged is not new.

    Args:
        store: whose log it is.
        bundle: of the state.
        state: at the position of the run.
        after: the lowest position up to which an alert was served.
        upto: the run's ``indexed``.
    """
    catalogue = state.engine.catalogue
    ids, positions = arrived(store.engine, after, upto)
    where = np.array(positions, np.int64)
    rows = catalogue.ids.rows(ids)
    old = (bundle.catalogue.ids.rows(ids) >= 0) & (where > int(bundle.manifest["position"]))
    there = (rows >= 0) & ~old & ~catalogue.gone[np.maximum(rows, 0)]
    kept = [ids[at] for at in np.flatnonzero(there).tolist()]
    documents = documents_at(store.engine, kept, state.position)
    found = np.array([one in documents for one in kept], bool)
    rows, where = rows[there][found], where[there][found]
    order = np.argsort(rows, kind="stable")
    names = [kept[at] for at in np.flatnonzero(found)[order].tolist()]
    rows, where = rows[order].astype(np.int32), where[order]
    group = catalogue.copies.group[: len(catalogue)]
    copied = np.bincount(group, minlength=len(catalogue))[group[rows]] > 1
    part = part_of(catalogue, rows, names)
    return News(rows, where, part, [documents[one] for one in names], np.asarray(copied, bool))


def part_of(catalogue: Catalogue, rows: Rows, ids: Sequence[str]) -> Catalogue:
    """The catalogue of some postings alone, as far as ``recsys.narrow.conditions`` reads it.

    Groups of copies keep the numbers of the whole catalogue. No posting is in the grid: each place is compared.
    """
    attributes = catalogue.attributes
    taken = {field.name: getattr(attributes, field.name)[rows] for field in fields(attributes)}
    none = np.empty(0, np.int32)
    everything = np.arange(len(rows), dtype=np.int32)
    return replace(
        catalogue,
        ids=Ids(list(ids), "posting"),
        place=catalogue.place[rows],
        attributes=replace(attributes, **taken),
        grid=Grid.build(np.empty((0, 2)), max(catalogue.grid.edge, 0.01)),
        open=np.ones(len(rows), bool),
        gone=np.zeros(len(rows), bool),
        copies=replace(catalogue.copies, group=catalogue.copies.group[rows], several=catalogue.copies.several[rows]),
        fresh=Fresh(everything, np.empty((0, 0), np.float32), none, none),
        within=None,
    )
