"""The online function: what a Python service calls for one candidate, or for many."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from recsys.bundle import open_bundle
from recsys.candidates import Candidates
from recsys.engine import Engine
from recsys.errors import RequestError
from recsys.filters import Filters
from recsys.finders import Finders
from recsys.lists import Lists
from recsys.mutual import Match, Matches, matches_for
from recsys.queries import Queries
from recsys.request import Explain, Recommendation, Request
from recsys.stored import read_candidates, read_finders


class Scorer:
    """A bundle with the histories and profiles that were stored with it.

    Args:
        path: the bundle's folder.
        verify: compare every file with its hash.

    Raises:
        BundleError: the bundle is damaged or of another schema version.
    """

    def __init__(self, path: str | Path, verify: bool = True) -> None:
        self.path = Path(path)
        bundle = open_bundle(self.path, verify)
        self._bundle = bundle
        self.engine = Engine.from_bundle(bundle)
        self.candidates: Candidates = read_candidates(bundle)
        self.as_of = float(bundle.manifest["as_of"])
        self.encoder = bundle.manifest["encoder"]

    def recommend(
        self,
        candidate_id: str,
        k: int = 10,
        now: float | None = None,
        filters: Filters | None = None,
        personal: bool = True,
        explain: Explain = True,
    ) -> list[Recommendation]:
        """The best postings for one stored candidate.

        Args:
            candidate_id: the customer's id.
            k: at most so many.
            now: seconds since 1970; None: the moment of the call.
            filters: what may be listed at all.
            personal: False: neither profile nor history orders the list, see ``Request``.
            explain: with reasons; "full": and with what each signal adds to the score.

        Raises:
            RequestError: the candidate is not in the bundle, or the filters name what the board does not know.
        """
        return self.recommend_many([candidate_id], k, now, filters, personal, explain)[0]

    def recommend_many(
        self,
        candidate_ids: Sequence[str],
        k: int = 10,
        now: float | None = None,
        filters: Filters | None = None,
        personal: bool = True,
        explain: Explain = True,
    ) -> list[list[Recommendation]]:
        """As ``recommend``, for several candidates at once."""
        rows = np.array([self.candidates.ids.row(one) for one in candidate_ids], np.int64)
        moment = time.time() if now is None else now
        lists = self.lists(rows, k, moment, explain, filters, personal)
        return self.engine.recommendations(lists)

    def lists(
        self,
        rows: np.ndarray,
        k: int,
        now: float,
        explain: Explain = False,
        filters: Filters | None = None,
        personal: bool = True,
    ) -> Lists:
        """Lists for stored candidates by row, as arrays: what the export writes."""
        return self.engine.answer(self.queries_at(rows, now, personal), k, explain, filters)

    def queries_at(self, rows: np.ndarray, now: float, personal: bool = True) -> Queries:
        """What stored candidates ask, by row."""
        queries = self.candidates.queries(rows, now, self.engine.settings.events)
        return queries if personal else queries.impersonal()

    def filter_costs(
        self, candidate_id: str, filters: Filters, now: float | None = None, personal: bool = True
    ) -> dict[str, int]:
        """How many postings each filter alone takes from a stored candidate, see ``Engine.filter_costs``."""
        moment = time.time() if now is None else now
        rows = np.array([self.candidates.ids.row(candidate_id)])
        return self.engine.filter_costs(self.queries_at(rows, moment, personal), filters)[0]

    @cached_property
    def finders(self) -> Finders:
        """By what candidates are found for postings; raises BundleError where the bundle has none."""
        return read_finders(self._bundle)

    def candidates_for(self, posting_id: str, k: int = 10, now: float | None = None) -> list[Match]:
        """Whom to show a vacancy: the best stored candidates, both sides counted; see docs/reciprocal.md.

        Args:
            posting_id: the customer's id.
            k: at most so many.
            now: seconds since 1970; None: the moment of the call.

        Raises:
            RequestError: the posting is not in the bundle, or ``k`` is below 1.
            BundleError: the bundle cannot list candidates.
        """
        if k < 1:
            raise RequestError(f"k must be at least 1, not {k}")
        rows = np.array([self.engine.catalogue.ids.row(posting_id)], np.int32)
        return self.matches(rows, k, time.time() if now is None else now).lines(self.candidates)

    def matches(self, rows: np.ndarray, k: int, now: float) -> Matches:
        """Lists of candidates for postings by row, as arrays: what the export writes."""
        return matches_for(self.engine, self.finders, self.candidates, rows, k, now)

    def queries(self, candidate_ids: Sequence[str], now: float, cut: bool = False) -> Queries:
        """What stored candidates bring, for any surface.

        Args:
            candidate_ids: the customer's ids.
            now: seconds since 1970.
            cut: without what they did at that moment or later; events without a time stay.

        Raises:
            RequestError: a candidate is not in the bundle.
        """
        rows = np.array([self.candidates.ids.row(one) for one in candidate_ids], np.int64)
        people = self.candidates
        if cut:
            people = replace(people.only(~(people.histories.time >= now)), mutes=people.mutes)
        return people.queries(rows, now, self.engine.settings.events)

    def recommend_request(self, request: Request, k: int = 10, explain: Explain = True) -> list[Recommendation]:
        """The best postings for somebody who is not stored."""
        return self.engine.recommend([request], k, explain)[0]
