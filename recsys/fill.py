"""Pools from which a list of ``k`` can be made whenever the rules allow one: made, and looked at again where too short.

What the sources bring may hold too little that may be shown: because of vetoes and of what was answered, or because
one employer fills it and a list takes only a few of each. Such requests, and no others, are looked at again: without
the employers of whom there are enough, together with all requests that lack the same; then, each by itself, from what
it may be shown; and at last from so few of each employer, and one of each group of copies, that all may be listed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.arrange import arrange, one_of_copies
from recsys.catalogue import Catalogue
from recsys.config import ArrangeSettings, EngineSettings
from recsys.cut import cut, quick_signals
from recsys.eligible import eligible, eligible_rows
from recsys.interests import Interests
from recsys.narrow import narrowed, without_employers
from recsys.pool import Pool, joined
from recsys.queries import Queries
from recsys.rank import LinearRanker
from recsys.retrieve import retrieve

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Maker:
    """Makes pools.

    Attributes:
        settings: of the engine.
        order: by which unions are cut, over quick signals.
        k: length of the lists.
    """

    settings: EngineSettings
    order: LinearRanker
    k: int

    @property
    def _most(self) -> int:
        return self.settings.arrange.employer_most

    def pool(self, catalogue: Catalogue, queries: Queries, interests: Interests) -> Pool:
        """What is scored by all signals: the best of what the sources bring to B requests."""
        union = retrieve(catalogue, queries, interests, self.settings.retrieve, self.k)
        within = catalogue.within
        if within is not None and len(within.rows) <= self.settings.filters.exact:
            return union  # filters leave so few that all are scored by everything
        return self._completed(catalogue, queries, interests, self.cut(catalogue, queries, interests, union))

    def cut(
        self, catalogue: Catalogue, queries: Queries, interests: Interests, union: Pool, most: int | None = None
    ) -> Pool:
        """The best of a union, at most ``most`` where that is given, see ``recsys.cut``."""
        width, _ = self.settings.retrieve.widths(self.k)
        if catalogue.within is not None:  # of what is left the quick signals alone lose more
            width *= self.settings.filters.widen
        width = width if most is None else min(width, most)
        arranged = self.settings.arrange
        return cut(
            catalogue, queries, interests, union, self.order, arranged.new_share, width, arranged.employer_most, self.k
        )

    def _completed(self, catalogue: Catalogue, queries: Queries, interests: Interests, pool: Pool) -> Pool:
        """Where a list from a pool would be short, another pool, if that makes it longer."""
        wanted = min(self.k, _open_count(catalogue))
        short = np.flatnonzero(self._places(catalogue, queries, pool) < wanted)
        if self._most and len(short):
            pool = self._with_other_employers(catalogue, queries, interests, pool, short)
            short = short[self._places(catalogue, queries.take(short), pool.take(short)) < wanted]
        for at in short.tolist():
            pool = self._with_all(catalogue, queries, interests, pool, at)
        return pool

    def _places(self, catalogue: Catalogue, queries: Queries, pool: Pool) -> Counts:
        """How long the lists from pools (B, n) would be: int64 (B,)."""
        shown = eligible(catalogue, queries, pool.rows)
        return places(catalogue, pool.rows, shown, self._most)

    def _with_other_employers(
        self, catalogue: Catalogue, queries: Queries, interests: Interests, pool: Pool, short: NDArray[np.intp]
    ) -> Pool:
        """Pools in which those of the ``short`` requests hold more of other employers than of whom there are enough."""
        rows = pool.rows[short]
        full = full_employers(catalogue, rows, eligible(catalogue, queries.take(short), rows), self._most)
        alike: dict[bytes, list[int]] = {}
        for at, names in zip(short.tolist(), full, strict=True):
            if len(names):
                alike.setdefault(names.tobytes(), []).append(at)
        for key, some in alike.items():
            rest = without_employers(catalogue, np.frombuffer(key, np.int32))
            pool = self._beside(catalogue, rest, queries, interests, pool, np.array(some, np.intp))
        return pool

    def _with_all(self, catalogue: Catalogue, queries: Queries, interests: Interests, pool: Pool, at: int) -> Pool:
        """Pools in which that of request ``at`` is made from all that it may be shown, if its list gets longer."""
        allowed, here = eligible_rows(catalogue, queries, at), np.array([at], np.intp)
        asking = queries.part(at, at + 1)
        possible = min(self.k, most_places(catalogue, allowed, self._most))
        for thin in (False, True):
            if self._places(catalogue, asking, pool.take(here))[0] >= possible:
                break
            left = allowed & ~of_full(catalogue, asking, pool.rows[here], self._most)
            rest = narrowed(catalogue, thinned(catalogue, left, self._most) if thin else left)
            pool = self._beside(catalogue, rest, queries, interests, pool, here)
        return pool

    def _beside(
        self,
        catalogue: Catalogue,
        rest: Catalogue,
        queries: Queries,
        interests: Interests,
        pool: Pool,
        at: NDArray[np.intp],
    ) -> Pool:
        """Pools in which those of the requests ``at`` are the best of what they were and of what ``rest`` brings."""
        asking, wants, width = queries.take(at), interests.take(at), pool.rows.shape[1]
        union = joined(pool.take(at), retrieve(rest, asking, wants, self.settings.retrieve, self.k))
        own = self.cut(catalogue, asking, wants, union, width).padded(width)
        quick = own.quick
        if pool.quick is not None and quick is None:
            quick = quick_signals(catalogue, asking, wants, own.rows)
        return pool.exchanged(at, Pool(own.rows, own.sources, None if pool.quick is None else quick))


def places(catalogue: Catalogue, rows: Rows, shown: Flags, most: int) -> Counts:
    """How long lists from pools can be, of which one of a group of copies and so many of an employer are listed.

    Args:
        catalogue: the postings.
        rows: int32 (B, n), -1 where empty.
        shown: bool (B, n), may be shown.
        most: of an employer; 0: any number.

    Returns:
        int64 (B,).
    """
    if not most:
        group = np.sort(np.where(shown, catalogue.copies.group[rows], np.int32(-1)), axis=1)
        return np.asarray(_first(group).sum(axis=1), np.int64)
    first, employer = _employers(catalogue, rows, shown)
    beyond = (employer[:, most:] >= 0) & (employer[:, most:] == employer[:, :-most])
    return np.asarray(first.sum(axis=1) - beyond.sum(axis=1), np.int64)


def most_places(catalogue: Catalogue, allowed: Flags, most: int) -> int:
    """The same of a list from all the ``allowed`` (P,) postings, without sorting them."""
    there = np.zeros(len(catalogue), bool)
    there[catalogue.copies.group[: len(catalogue)][allowed]] = True
    if not most:
        return int(np.count_nonzero(there))
    employer = catalogue.attributes.company[: len(catalogue)][there]
    known = employer[employer >= 0]
    return int(np.minimum(np.bincount(known), most).sum()) + len(employer) - len(known)


def full_employers(catalogue: Catalogue, rows: Rows, shown: Flags, most: int) -> list[Rows]:
    """Of each pool (B, n) the employers of which it holds as many as a list may, copies counted once, ascending."""
    _, employer = _employers(catalogue, rows, shown)
    enough = employer[:, most - 1 :]
    enough = np.where((enough >= 0) & (enough == employer[:, : enough.shape[1]]), enough, np.int32(-1))
    return [np.unique(line[line >= 0]) for line in enough]


def thinned(catalogue: Catalogue, allowed: Flags, most: int) -> Flags:
    """Of the ``allowed`` (P,) so many that a list may hold them all: of each employer those that are most popular."""
    rows = np.flatnonzero(allowed).astype(np.int32)[None]
    popularity, company = catalogue.behaviour.popularity[rows], catalogue.attributes.company[rows]
    every = np.ones(rows.shape, bool)
    kept = one_of_copies(catalogue.copies.group, catalogue.attributes.posted, popularity, every, rows)
    capped = ArrangeSettings(employer_run=0, employer_most=most)
    at = arrange(popularity, kept, None, company, capped, rows.shape[1]).at[0]
    found = np.zeros(len(allowed), bool)
    found[rows[0, at[at >= 0]]] = True
    return found


def of_full(catalogue: Catalogue, query: Queries, rows: Rows, most: int) -> Flags:
    """Which postings are of an employer of which the one request's pool (1, n) holds enough: bool (P,)."""
    company = catalogue.attributes.company[: len(catalogue)]
    if not most:
        return np.zeros(len(company), bool)
    return np.isin(company, full_employers(catalogue, rows, eligible(catalogue, query, rows), most)[0])


def _employers(catalogue: Catalogue, rows: Rows, shown: Flags) -> tuple[Flags, Rows]:
    """Of what is shown one of each group (B, n), and the employers of these ascending, -1 where there is none."""
    group = np.sort(np.where(shown, catalogue.copies.group[rows], np.int32(-1)), axis=1)
    first = _first(group)
    return first, np.sort(np.where(first, catalogue.attributes.company[group], np.int32(-1)), axis=1)


def _first(ascending: Rows) -> Flags:
    """The first of each run of equal numbers, but of -1, in each row (B, n)."""
    first = ascending >= 0
    first[:, 1:] &= ascending[:, 1:] != ascending[:, :-1]
    return first


def _open_count(catalogue: Catalogue) -> int:
    """How many postings there are at most to be shown."""
    if catalogue.within is not None:
        return len(catalogue.within.rows)
    return len(catalogue.by_text.rows) + len(catalogue.fresh.rows)
