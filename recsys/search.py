"""Search: words and filters, by BM25 and by likeness of texts, in an order that also knows the candidate.

A posting's relevance is a mean of two numbers that do not depend on what else is found: BM25 as a share of what the
words could reach, and the cosine of the words' vector with the posting's. What speaks for the candidate moves postings
among those that share a word with the search, and among those that share none, but none of the latter before one of the
former: that is for the relevance alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from recsys.arrange import Order, arrange, one_of_copies
from recsys.assemble import search_vectors
from recsys.config import SearchSettings
from recsys.eligible import eligible
from recsys.engine import Engine, one_thread_each
from recsys.errors import RequestError
from recsys.explain import REASONS, Explainer, Texts
from recsys.facets import Count, Names, facets
from recsys.filters import Filters
from recsys.interests import find_interests
from recsys.matches import Held, Wording, look_up, said_by, wording
from recsys.narrow import conditions
from recsys.queries import Queries
from recsys.searched import Sizes, brought, too_few, with_more
from recsys.signals import compute

__all__ = ["Found", "Hit", "Wording", "search", "wording"]

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]

_NAMED = 2  # words in a reason


@dataclass(frozen=True)
class Hit:
    """A line of an answer.

    Attributes:
        posting_id: the customer's id.
        rank: 1 is best.
        relevance: to the words alone, 0 to 1 for BM25 and up to 1 for likeness; the order may differ for a candidate.
        words: it holds one of the words.
        reasons: in words: which of those searched for it holds, and what moved it for the candidate; none unless asked
            for.
    """

    posting_id: str
    rank: int
    relevance: float
    words: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """The answer to one search.

    Attributes:
        hits: at most k, best first.
        matching: postings that match, copies counted once: they hold words that make up the share
            ``SearchSettings.needed`` of what the words weigh, pass the filters and may be shown.
        facets: counts over what matches, see ``recsys.facets``.
    """

    hits: list[Hit]
    matching: int
    facets: dict[str, list[Count]]


def search(
    engine: Engine,
    queries: Queries,
    asked: Sequence[Wording],
    vectors: Numbers | None,
    k: int,
    filters: Filters | None = None,
    personal: bool = True,
    explain: bool = False,
) -> list[Found]:
    """Answers to B searches.

    Args:
        engine: over a catalogue with a word index.
        queries: of the B who ask.
        asked: B wordings.
        vectors: float32 (B, d), of their texts; None: there is no encoder, and words decide alone.
        k: postings wanted.
        filters: of all of them.
        personal: the order knows who asks.
        explain: with reasons.

    Raises:
        RequestError: ``k`` is below 1, or filters name what the board does not know.
    """
    if k < 1:
        raise RequestError(f"k must be at least 1, not {k}")
    passed = {} if filters is None else conditions(engine.catalogue, filters)
    with one_thread_each():
        held = [look_up(engine.catalogue, queries.part(at, at + 1), one.words, passed) for at, one in enumerate(asked)]
        return _Search(engine, engine.within(filters), queries, asked, held, vectors, k, personal, explain).answer()


@dataclass(frozen=True)
class _Search:
    """One batch: ``within`` is the engine over what the filters leave."""

    engine: Engine
    within: Engine
    queries: Queries
    asked: Sequence[Wording]
    held: list[Held]
    vectors: Numbers | None
    k: int
    personal: bool
    explain: bool

    @property
    def _settings(self) -> SearchSettings:
        return self.engine.settings.search

    @property
    def _sizes(self) -> Sizes:
        settings, k = self._settings, self.k
        most = self.engine.settings.arrange.employer_most
        return Sizes(max(settings.words, 3 * k), max(settings.vectors, 3 * k), k, most)

    def answer(self) -> list[Found]:
        catalogue, sizes = self.within.catalogue, self._sizes
        rows = brought(catalogue, self.queries, self.held, self.vectors, sizes)
        if self.vectors is None and not sizes.most:  # all that holds the words was there to choose from
            return self._listed(rows)
        short = too_few(catalogue, self.queries, rows, sizes)
        if len(short) == 0:
            return self._listed(rows)
        enough = np.setdiff1d(np.arange(len(rows)), short)
        found = dict(zip(enough.tolist(), self._of(enough)._listed(rows[enough]), strict=True)) if len(enough) else {}
        for at in short.tolist():
            one = self._of(np.array([at]))
            wider = with_more(catalogue, one.queries, one.held[0], one.vectors, rows[at : at + 1], sizes)
            found[at] = one._listed(wider)[0]
        return [found[at] for at in range(len(rows))]

    def _of(self, at: NDArray[np.intp]) -> "_Search":
        """The searches ``at``, ascending, by themselves."""
        asked, held = [self.asked[one] for one in at.tolist()], [self.held[one] for one in at.tolist()]
        vectors = None if self.vectors is None else self.vectors[at]
        return replace(self, queries=self.queries.take(at), asked=asked, held=held, vectors=vectors)

    def _listed(self, rows: Rows) -> list[Found]:
        """Answers from pools (B, n)."""
        catalogue, safe = self.within.catalogue, np.maximum(rows, 0)
        words = np.stack([one.scores_of(row) for one, row in zip(self.held, rows, strict=True)])
        relevance = self._relevance(rows, words)
        allowed = eligible(catalogue, self.queries, rows)
        allowed = one_of_copies(catalogue.copies.group, catalogue.attributes.posted, relevance, allowed, rows)
        order, signals = _order(relevance, relevance, words > 0, allowed), None
        if self.personal and self._settings.personal:
            interests = find_interests(catalogue, self.queries, self.engine.settings.retrieve)
            signals = compute(catalogue, self.queries, interests, rows)
            own = self.engine.ranker.score(signals)
            key = _standardised(relevance, allowed) + self._settings.personal * _standardised(own, allowed)
            order = _order(relevance, key, words > 0, allowed)
        place = np.empty(rows.shape, np.float32)
        np.put_along_axis(place, order, np.arange(rows.shape[1], dtype=np.float32)[None].repeat(len(rows), 0), 1)
        caps = self.engine.settings.arrange
        listed = arrange(-place, allowed, None, catalogue.attributes.company[safe], caps, self.k)
        best, score, said = listed.of(rows, -1), listed.of(relevance, np.nan), listed.of(words, 0)
        reasons = self._reasons(rows, listed, signals)
        return [self._found(at, best[at], score[at], said[at], reasons[at]) for at in range(len(rows))]

    def _reasons(self, pool: Rows, listed: Order, signals: Numbers | None) -> list[list[tuple[str, ...]]]:
        """Of each place of each list why it is there; the candidate's come after those of the words."""
        rows = listed.of(pool, -1)
        if not self.explain:
            return [[()] * rows.shape[1]] * len(rows)
        catalogue, explainer = self.within.catalogue, self.engine.explainer
        held = [said_by(catalogue, one.words, some) for one, some in zip(self.asked, rows, strict=True)]
        reasons = [[_said(words, self.vectors is not None) for words in some] for some in held]
        if signals is None or explainer is None:
            return reasons
        own = explainer.reasons(catalogue, self.engine.ranker, self.queries, signals, listed, pool)
        return [
            [(*one, *two)[:REASONS] for one, two in zip(some, own.words(at), strict=True)]
            for at, some in enumerate(reasons)
        ]

    def _relevance(self, rows: Rows, words: Numbers) -> Numbers:
        if self.vectors is None:
            return words
        catalogue = self.within.catalogue
        vectors = search_vectors(catalogue.title, catalogue.text, rows.ravel()).reshape(*rows.shape, -1)
        alike = np.matmul(vectors, self.vectors[:, :, None])[..., 0]
        weight = np.float32(self._settings.likeness)
        mixed: Numbers = weight * alike + (1 - weight) * words
        return mixed

    def _found(
        self, at: int, rows: Rows, relevance: Numbers, words: Numbers, reasons: Sequence[tuple[str, ...]]
    ) -> Found:
        held, catalogue = self.held[at], self.engine.catalogue
        there = rows >= 0
        ids = catalogue.ids.names(rows[there]).tolist()
        hits = [
            Hit(one, rank, score, word > 0, why)
            for rank, (one, score, word, why) in enumerate(
                zip(ids, relevance[there].tolist(), words[there].tolist(), reasons[: len(ids)], strict=True), 1
            )
        ]
        matches = held.share >= np.float32(self._settings.needed - 1e-6)
        matching = np.unique(catalogue.copies.group[held.rows[matches & held.passed]])
        counts = facets(
            catalogue,
            held.rows[matches],
            {name: one[matches] for name, one in held.by_filter.items()},
            _names(self.engine.explainer),
            self._settings.pay_bands,
        )
        return Found(hits, len(matching), counts)


def _said(words: tuple[str, ...], by_meaning: bool) -> tuple[str, ...]:
    """What is said of the words that a posting holds; of one that holds none, its meaning brought it."""
    if words:
        return ("says " + " and ".join(f"“{one}”" for one in words[:_NAMED]),)
    return ("alike in meaning",) if by_meaning else ()


def _names(explainer: Explainer | None) -> dict[str, Names]:
    if explainer is None:
        return {}
    columns = {"company": explainer.companies, "region": explainer.regions}
    return {name: partial(_taken, column) for name, column in columns.items() if column is not None}


def _taken(column: Texts, rows: Rows) -> list[str]:
    return column.take(rows.tolist())


def _standardised(values: Numbers, allowed: Flags) -> NDArray[np.float64]:
    """With mean 0 and deviation 1 over what is allowed in each list, (B, n)."""
    wide = np.where(allowed, values, 0).astype(np.float64)
    count = np.maximum(allowed.sum(axis=1, keepdims=True), 1)
    wide = np.where(allowed, wide - wide.sum(axis=1, keepdims=True) / count, 0)
    deviation = np.sqrt((wide**2).sum(axis=1, keepdims=True) / count)
    standardised: NDArray[np.float64] = wide / np.where(deviation > 1e-9, deviation, 1)
    return standardised


def _order(relevance: Numbers, key: NDArray[np.floating], shares: Flags, allowed: Flags) -> NDArray[np.intp]:
    """Positions (B, n), best first: by ``key`` within each of two kinds, whose places the relevance has dealt out."""
    dealt = np.argsort(np.where(allowed, -relevance, np.inf), axis=1, kind="stable")
    if key is relevance:
        return dealt
    by_key = np.argsort(np.where(allowed, -key, np.inf), axis=1, kind="stable")
    order = np.empty_like(dealt)
    for kind in (allowed & shares, allowed & ~shares, ~allowed):
        places = np.take_along_axis(kind, dealt, 1)
        order[places] = by_key[np.take_along_axis(kind, by_key, 1)]  # as many of each kind in either order
    return order
