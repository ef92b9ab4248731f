"""``Engine``: the one path from requests to lists. Online, batch, evaluation and export all go through ``answer``."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from recsys.arrange import ordered
from recsys.bundle import Bundle, open_bundle
from recsys.calibrate import Calibration
from recsys.catalogue import Catalogue
from recsys.config import EngineSettings
from recsys.cut import quick_part, signals_of
from recsys.eligible import CONDITIONS, eligible_rows, failures
from recsys.errors import RequestError
from recsys.explain import Explainer
from recsys.fill import Maker
from recsys.filters import Filters, grouped
from recsys.index import set_threads, threads
from recsys.intake import to_candidates
from recsys.interests import Interests, find_interests
from recsys.lists import SHARED, Lists, join
from recsys.narrow import conditions, costs, filtered
from recsys.pool import SOURCES, Pool
from recsys.queries import Queries
from recsys.rank import LinearRanker, Ranker
from recsys.request import Explain, Recommendation, Request
from recsys.retrieve import retrieve
from recsys.signals import compute, named_shares

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

_RETRIEVE_AT_ONCE, _SCORE_AT_ONCE = 64, 16  # requests: FAISS likes many, the cache of the processor few


@dataclass(frozen=True)
class Engine:
    """An immutable catalogue, a ranker and the settings; answers from any thread.

    Attributes:
        catalogue: the postings.
        ranker: the order.
        settings: of every stage.
        skills: code of each skill's ``recsys.attributes.skill_key``.
        explainer: words for reasons; None where the bundle's texts are not at hand.
        name: which bundle this is.
        cut: the order, over quick signals alone, by which the pool is cut from what the sources bring; None: the
            ranker's own quick part.
        calibration: from the ranker's scores to probabilities; None where the data allow none.
        related: the order of postings that go with a posting, see ``recsys.related``; None where none was learned.
    """

    catalogue: Catalogue
    ranker: Ranker
    settings: EngineSettings
    skills: dict[str, int]
    explainer: Explainer | None = None
    name: str = ""
    cut: LinearRanker | None = None
    calibration: Calibration | None = None
    related: LinearRanker | None = None

    @classmethod
    def load(cls, path: str | Path, verify: bool = True) -> "Engine":
        """Open a bundle.

        Args:
            path: the folder that ``jobrec train --out`` wrote.
            verify: compare every file with its hash in the manifest.

        Raises:
            BundleError: a file is missing, cut or changed, or the bundle is of another schema version.
        """
        return cls.from_bundle(open_bundle(Path(path), verify))

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Engine":
        """The engine of an open bundle."""
        explainer = Explainer(bundle.titles, bundle.companies, bundle.regions)
        return cls(
            catalogue=bundle.catalogue,
            ranker=bundle.ranker,
            settings=bundle.settings,
            skills=bundle.skills,
            explainer=explainer,
            name=bundle.name,
            cut=bundle.cut,
            calibration=bundle.calibration,
            related=bundle.related,
        )

    def recommend(
        self, requests: Sequence[Request], k: int = 10, explain: Explain = True
    ) -> list[list[Recommendation]]:
        """The best postings for each request, at most ``k``, best first.

        Raises:
            RequestError: a profile's vectors have another dimension than the bundle's, an event's type is unknown, or
                filters name what the board does not know.
        """
        filters = [request.filters for request in requests]
        return self.recommendations(self.answer(self.queries(requests), k, explain, filters))

    def recommendations(self, lists: Lists) -> list[list[Recommendation]]:
        """Lists in the customer's ids and in words."""
        return [self._recommendations(lists, at) for at in range(len(lists.rows))]

    def score(self, request: Request, posting_ids: Sequence[str]) -> list[float]:
        """Scores of chosen postings for one request, whether or not they would be shown to it.

        Raises:
            RequestError: an id is not in the catalogue.
        """
        rows = self.catalogue.ids.rows(posting_ids)
        if (rows < 0).any():
            unknown = [id_ for id_, row in zip(posting_ids, rows, strict=True) if row < 0]
            raise RequestError(f"{len(unknown)} posting ids are not in this bundle, the first is {unknown[0]!r}")
        if len(rows) == 0:
            return []
        queries = self.queries([request])
        interests = find_interests(self.catalogue, queries, self.settings.retrieve)
        signals = compute(self.catalogue, queries, interests, rows[None])
        return [float(score) for score in self.ranker.score(signals)[0]]

    def why(self, request: Request, posting_id: str, k: int = 10) -> str:
        """At which stage a posting falls for a request, or its rank and the reasons, in one line.

        Raises:
            RequestError: the id is not in the catalogue, or the filters name what the board does not know.
        """
        return self.why_of(self.queries([request]), posting_id, k, request.filters)

    def why_of(self, queries: Queries, posting_id: str, k: int = 10, filters: Filters | None = None) -> str:
        """As ``why``, for one request as arrays. Raises RequestError for filters that the board does not know, too."""
        row = self.catalogue.ids.row(posting_id)
        failed = failures(self.catalogue, queries, np.array([[row]], np.int32))[:, 0, 0]
        if failed.any():
            return f"not eligible: {CONDITIONS[int(np.argmax(failed))]}"
        asked = {} if filters is None else conditions(self.catalogue, filters)
        missed = [name for name, passed in asked.items() if not passed[row]]
        if missed:
            return f"not eligible: it does not pass the filter {', '.join(missed)}"
        if asked:
            return self.within(filters).why_of(queries, posting_id, k)
        if not self.catalogue.open[row]:
            return "not retrieved: the posting was not open when the bundle was made"
        interests = find_interests(self.catalogue, queries, self.settings.retrieve)
        union = retrieve(self.catalogue, queries, interests, self.settings.retrieve, k)
        pool = self.pool(queries, interests, k)
        signals = compute(self.catalogue, queries, interests, np.array([[row]], np.int32))
        score = float(self.ranker.score(signals)[0, 0])
        lists = self.listed(queries, interests, pool, pool.rows.shape[1], explain=True)
        if row not in lists.rows[0]:
            return f"{self._where_lost(row, union, pool, lists)} (score {score:.3f})"
        rank = int(np.flatnonzero(lists.rows[0] == row)[0])
        line = self._recommendations(lists, 0)[rank]
        stage = "listed" if rank < k else "ordered below the list"
        reasons = "; ".join(line.reasons) or "no signal stands out"
        return f"{stage}: rank {rank + 1} of {int((lists.rows[0] >= 0).sum())}, score {score:.3f}: {reasons}"

    def _where_lost(self, row: int, union: Pool, pool: Pool, lists: Lists) -> str:
        """Why a posting that may be shown is not among all that the one request's pool lists."""
        copies = lists.rows[0][self.catalogue.copies.same(lists.rows[0], np.array([row], np.int32))]
        if len(copies):
            return f"not listed: its copy {self.catalogue.ids.names(copies)[0]} stands for it"
        if row in pool.rows[0]:
            return "not listed: enough postings of its employer stand before it"
        if row in union.rows[0]:
            return f"cut: by quick signals below the {pool.rows.shape[1]} postings of the pool"
        return "not retrieved: none of the sources brought it"

    def queries(self, requests: Sequence[Request]) -> Queries:
        """Requests as arrays, by the same path as stored candidates."""
        now = np.array([time.time() if request.now is None else request.now for request in requests], np.float64)
        if not np.isfinite(now).all():
            raise RequestError("a request's now is not a finite number; give seconds since 1970, or None")
        candidates = to_candidates(requests, self.catalogue, self.skills)
        queries = candidates.queries(np.arange(len(requests)), now, self.settings.events)
        return queries.impersonal(np.array([not request.personal for request in requests], bool))

    def answer(
        self,
        queries: Queries,
        k: int,
        explain: Explain = False,
        filters: Sequence[Filters | None] | Filters | None = None,
    ) -> Lists:
        """The one path: lists of at most ``k`` for B requests.

        Args:
            queries: of the requests.
            k: length.
            explain: with reasons; "full": and with shares.
            filters: of each request, or of all; those with equal filters share what these leave.

        Raises:
            RequestError: ``k`` is below 1, or filters name what the board does not know.
        """
        if k < 1:
            raise RequestError(f"k must be at least 1, not {k}")
        groups = grouped(filters, len(queries))
        if len(groups) == 1:
            return self.within(groups[0][0])._answer(queries, k, explain)
        parts = [self.within(asked)._answer(queries.take(rows), k, explain) for asked, rows in groups]
        return join(parts, k).take(np.argsort(np.concatenate([rows for _, rows in groups]), kind="stable"))

    def within(self, filters: Filters | None) -> "Engine":
        """The same engine over what filters leave."""
        return self if filters is None else replace(self, catalogue=filtered(self.catalogue, filters))

    def filter_costs(self, queries: Queries, filters: Filters) -> list[dict[str, int]]:
        """How many postings that a request may be shown each of its filters alone takes away, for each of B requests.

        Beside the filters by name, "left" counts what passes all of them.
        """
        passed, group = conditions(self.catalogue, filters), self.catalogue.copies.group[: len(self.catalogue)]
        return [costs(eligible_rows(self.catalogue, queries, at), passed, group) for at in range(len(queries))]

    def _answer(self, queries: Queries, k: int, explain: Explain) -> Lists:
        with one_thread_each():
            spans = _spans(len(queries), _RETRIEVE_AT_ONCE)
            if len(spans) == 1:
                return join(self._answer_block(queries, k, explain), k)
            blocks = [queries.part(*span) for span in spans]
            with ThreadPoolExecutor(os.cpu_count(), initializer=set_threads, initargs=(1,)) as workers:
                # numpy and FAISS let go of the interpreter's lock; each works on one thread, so none wait on another
                parts = workers.map(lambda block: self._answer_block(block, k, explain), blocks)
                return join([one for part in parts for one in part], k)

    def _answer_block(self, block: Queries, k: int, explain: Explain) -> list[Lists]:
        interests = find_interests(self.catalogue, block, self.settings.retrieve)
        pool = self.pool(block, interests, k)
        if len(block) <= _SCORE_AT_ONCE:
            return [self.listed(block, interests, pool, k, explain)]
        return [
            self.listed(block.part(*span), interests.part(*span), pool.part(*span), k, explain)
            for span in _spans(len(block), _SCORE_AT_ONCE)
        ]

    def pool(self, queries: Queries, interests: Interests, k: int) -> Pool:
        """What is scored by all signals for lists of ``k``: the best of what the sources bring."""
        return self._maker(k).pool(self.catalogue, queries, interests)

    def cut_down(self, queries: Queries, interests: Interests, union: Pool, k: int) -> Pool:
        """The best of a union for lists of ``k``, see ``recsys.cut``."""
        return self._maker(k).cut(self.catalogue, queries, interests, union)

    def _maker(self, k: int) -> Maker:
        return Maker(self.settings, self.cut or quick_part(self.ranker), k)

    def with_ranker(self, ranker: Ranker) -> "Engine":
        """The same engine with another order, whose scores have no probabilities."""
        return replace(self, ranker=ranker, calibration=None)

    def of_one_employer(self) -> "Engine":
        """The same engine, whose lists hold as many postings of an employer as there are."""
        arranged = self.settings.arrange.model_copy(update={"employer_most": 0})
        return replace(self, settings=self.settings.model_copy(update={"arrange": arranged}))

    def listed(self, queries: Queries, interests: Interests, pool: Pool, k: int, explain: Explain) -> Lists:
        """The best ``k`` of a pool that may be shown, arranged."""
        catalogue = self.catalogue
        signals = signals_of(catalogue, queries, interests, pool)
        scores = self.ranker.score(signals)
        order = ordered(catalogue, queries, pool.rows, scores, self.settings.arrange, k)
        rows = order.of(pool.rows, -1)
        reasons = None
        if explain and self.explainer is not None:
            reasons = self.explainer.reasons(catalogue, self.ranker, queries, signals, order, pool.rows)
        shares = None
        if explain == "full":
            first = np.maximum(order.at[:, :SHARED], 0)
            shares = self.ranker.shares(np.take_along_axis(signals, first[..., None], 1))
        sources = order.of(pool.sources, 0)
        return Lists(rows, order.of(scores, np.nan), sources, reasons, shares, self.calibration)

    def _recommendations(self, lists: Lists, at: int) -> list[Recommendation]:
        count = int((lists.rows[at] >= 0).sum())
        ids = self.catalogue.ids.names(lists.rows[at, :count])
        words = lists.reasons.words(at) if lists.reasons is not None else [()] * count
        chance = [None] * count if lists.calibration is None else lists.probabilities[at, :count].tolist()
        return [
            Recommendation(
                posting_id=str(ids[rank]),
                rank=rank + 1,
                score=float(lists.scores[at, rank]),
                reasons=words[rank],
                sources=tuple(name for bit, name in enumerate(SOURCES) if lists.sources[at, rank] >> bit & 1),
                probability=chance[rank],
                shares=None if lists.shares is None or rank >= SHARED else named_shares(lists.shares[at, rank]),
            )
            for rank in range(count)
        ]


def _spans(count: int, step: int) -> list[tuple[int, int]]:
    return [(at, min(at + step, count)) for at in range(0, count, step)]


@contextmanager
def one_thread_each() -> Iterator[None]:
    """BLAS and FAISS on one thread each: the products of a request are too small to share out.

    Several requests at once are shared out over threads as a whole instead.
    """
    before = threads()
    set_threads(1)
    try:
        with _blas().limit(limits=1, user_api="blas"):
            yield
    finally:
        set_threads(before)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
