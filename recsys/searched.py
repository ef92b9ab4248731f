"""What a search chooses from: the postings that hold its words, and those whose text is alike; more where too few."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.assemble import search_vectors
from recsys.catalogue import Catalogue
from recsys.eligible import eligible, eligible_rows
from recsys.fill import most_places, of_full, places, thinned
from recsys.matches import Held, best_of
from recsys.narrow import narrowed
from recsys.pool import unite
from recsys.queries import Queries
from recsys.standing import standing

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Sizes:
    """How much is looked at.

    Attributes:
        words, alike: postings by words and by likeness.
        k: length of the list to be made.
        most: postings of an employer in it; 0: any number.
    """

    words: int
    alike: int
    k: int
    most: int


def brought(catalogue: Catalogue, queries: Queries, held: list[Held], vectors: Numbers | None, sizes: Sizes) -> Rows:
    """The pools of B searches: int32 (B, n), ascending, -1 behind the last."""
    found = [np.stack([best_of(catalogue, one, sizes.words) for one in held])] if held else []
    if vectors is not None:
        found.append(_alike(catalogue, queries, vectors, sizes.alike))
    return unite(found, sizes.words + sizes.alike).rows if found else np.empty((0, 0), np.int32)


def too_few(catalogue: Catalogue, queries: Queries, rows: Rows, sizes: Sizes) -> NDArray[np.intp]:
    """The searches from whose pools (B, n) no list of ``k`` can be made."""
    there = places(catalogue, rows, eligible(catalogue, queries, rows), sizes.most)
    return np.flatnonzero(there < sizes.k)


def with_more(
    catalogue: Catalogue, query: Queries, held: Held, vector: Numbers | None, rows: Rows, sizes: Sizes
) -> Rows:
    """The pool (1, n) of one search, of which no list of ``k`` can be made, with what lets it be as long as it may.

    Without a vector only what holds a word is listed; with one all that may be shown comes into question.
    """
    rows = _beside(rows, best_of(catalogue, held, sizes.words, sizes.most)[None])
    if vector is None:
        return rows
    allowed = eligible_rows(catalogue, query, 0)
    possible = min(sizes.k, most_places(catalogue, allowed, sizes.most))
    for thin in (False, True):
        if places(catalogue, rows, eligible(catalogue, query, rows), sizes.most)[0] >= possible:
            break
        left = allowed & ~of_full(catalogue, query, rows, sizes.most)
        rest = narrowed(catalogue, thinned(catalogue, left, sizes.most) if thin else left)
        rows = _beside(rows, _alike(rest, query, vector, sizes.alike))
    return rows


def _beside(rows: Rows, more: Rows) -> Rows:
    """The postings of either pool (1, n), no wider than they are many, or than the first was."""
    both = np.unique(np.concatenate([rows, more], axis=1))
    both = both[both >= 0]
    return np.pad(both, (0, max(0, rows.shape[1] - len(both))), constant_values=-1)[None]


def _alike(catalogue: Catalogue, queries: Queries, vectors: Numbers, count: int) -> Rows:
    """The ``count`` postings most alike to each vector, and as many of those that arrived since: (B, 2 * count)."""
    within = catalogue.within
    if within is not None and len(within.rows) <= catalogue.rules.listed:
        found = _nearest(search_vectors(catalogue.title, catalogue.text, within.rows), within.rows, vectors, count)
        return np.concatenate([found, np.full_like(found, -1)], axis=1)
    kept = None if within is None else within.by_text
    known = catalogue.fresh.now_of(catalogue.by_text.search(vectors, count, kept))
    shown = ~catalogue.gone[catalogue.fresh.rows]
    late = _nearest(catalogue.fresh.vectors[shown], catalogue.fresh.rows[shown], vectors, count)
    return standing(catalogue, queries, np.concatenate([known, late], axis=1))


def _nearest(entries: Numbers, rows: Rows, vectors: Numbers, count: int) -> Rows:
    """Of ``rows`` (N,) with their vectors (N, d) the ``count`` most alike to each of ``vectors`` (B, d), -1 padded."""
    out = np.full((len(vectors), count), -1, np.int32)
    if len(rows):
        for at, vector in enumerate(vectors):  # each by itself: a batch adds in another order
            best = np.argsort(-(entries @ vector), kind="stable")[:count]
            out[at, : len(best)] = rows[best]
    return out
