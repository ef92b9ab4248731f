"""One immutable state: what a request works on from start to end."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from recsys.arrange import Order
from recsys.candidates import Candidates
from recsys.config import EngineSettings
from recsys.eligible import CONDITIONS, failures
from recsys.engine import Engine, one_thread_each
from recsys.filters import Filters
from recsys.ids import Ids
from recsys.interests import find_interests
from recsys.mutes import MUTED, Muted
from recsys.mutual import Match
from recsys.queries import Queries
from recsys.request import Explain, Recommendation
from recsys.signals import compute
from serving.live.finding import Finding
from serving.live.muting import muted_of, mutes_of_one
from serving.live.people import People, stranger_history

Document = dict[str, Any]
#: A profile document of somebody who is not stored, to the arrays of one candidate, and vectors of muted interests.
ReadProfile = Callable[[Document], Any]

_UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class Scored:
    """One posting scored for one candidate.

    Attributes:
        posting_id: as it was asked for.
        score: None where the posting is not known.
        reasons: in words.
        status: "ok", "unknown", or why it would not be listed.
    """

    posting_id: str
    score: float | None
    reasons: tuple[str, ...]
    status: str


@dataclass(frozen=True)
class State:
    """A bundle, and the log up to a position.

    Attributes:
        engine: over the postings of this state.
        people: its candidates.
        position: the log up to here is obeyed.
        indexed: of the log up to here the new texts are searched, too.
        read_profile: for those who are not stored.
        finding: of the bundle, finds candidates for postings.
    """

    engine: Engine
    people: People
    position: int
    indexed: int
    read_profile: ReadProfile
    finding: Finding

    @property
    def bundle(self) -> str:
        """Name of the bundle."""
        return self.engine.name

    @property
    def ranker(self) -> str:
        """Name of the order."""
        return self.engine.ranker.name

    @property
    def policy(self) -> str:
        """Which settings made pools and lists: a hash of them."""
        return policy_of(self.engine.settings)

    def knows(self, candidate_id: str) -> bool:
        """Whether a profile or an event of the candidate is there."""
        return self.people.knows(candidate_id)

    def shows(self, posting_id: str) -> bool:
        """Whether a posting is there and was not taken down."""
        row = self.engine.catalogue.ids.find(posting_id)
        return row >= 0 and not self.engine.catalogue.gone[row]

    def queries(
        self,
        who: str | Document | None,
        events: Sequence[Document] = (),
        now: float | None = None,
        personal: bool = True,
        before: float | None = None,
    ) -> Queries:
        """What one candidate brings, for any surface.

        Args:
            who: a stored candidate's id, the profile of somebody who is not stored, or None for nobody.
            events: of somebody who is not stored.
            now: seconds since 1970; None: the moment of the call.
            personal: False: neither profile nor history orders anything; what was answered, dismissed and muted stays
                hidden.
            before: without events at or after this moment; those without a time stay.

        Raises:
            EncoderError: the texts of a profile cannot be encoded now.
        """
        if isinstance(who, str):
            person = self.people.one(who, self.engine.catalogue)
        else:
            said = {} if who is None else who if personal else {name: who[name] for name in MUTED if name in who}
            person = self._stranger(said, events)
        if before is not None:
            person = replace(person.only(~(person.histories.time >= before)), mutes=person.mutes)
        queries = self._queries(person, now)
        return queries if personal else queries.impersonal()

    def recommend(
        self,
        candidate_id: str,
        k: int,
        now: float | None = None,
        explain: Explain = True,
        filters: Filters | None = None,
        personal: bool = True,
    ) -> list[Recommendation]:
        """The list of a stored candidate; of one who is not known, what is for everybody.

        Raises:
            RequestError: the filters name what the board does not know.
        """
        return self._list(self.queries(candidate_id, now=now, personal=personal), k, explain, filters)

    def filter_costs(
        self,
        who: str | Document,
        events: Sequence[Document],
        filters: Filters,
        now: float | None = None,
        personal: bool = True,
    ) -> dict[str, int]:
        """How many postings each filter alone takes away, see ``Engine.filter_costs``."""
        return self.engine.filter_costs(self.queries(who, events, now, personal), filters)[0]

    def recommend_profile(
        self,
        document: Document,
        events: Sequence[Document],
        k: int,
        now: float | None = None,
        explain: Explain = True,
        filters: Filters | None = None,
        personal: bool = True,
    ) -> list[Recommendation]:
        """The list of somebody who is not stored; an empty document is somebody who brings nothing.

        Raises:
            EncoderError: the texts cannot be encoded now.
            RequestError: the filters name what the board does not know.
        """
        return self._list(self.queries(document, events, now, personal), k, explain, filters)

    def score(
        self, who: str | Document, posting_ids: Sequence[str], now: float | None = None, personal: bool = True
    ) -> list[Scored]:
        """Named postings for a stored candidate or a profile, in the order of the names."""
        catalogue = self.engine.catalogue
        found = catalogue.ids.rows(posting_ids)
        rows = np.unique(found[found >= 0])
        if len(rows) == 0:
            return [Scored(one, None, (), _UNKNOWN) for one in posting_ids]
        with one_thread_each():
            scores, words, status = self._scored(self.queries(who, now=now, personal=personal), rows)
        at = np.searchsorted(rows, found).tolist()
        return [
            Scored(one, None, (), _UNKNOWN) if row < 0 else Scored(one, scores[i], words[i], status[i])
            for one, row, i in zip(posting_ids, found.tolist(), at, strict=True)
        ]

    def candidates_for(self, posting_id: str, k: int, now: float | None = None) -> list[Match]:
        """Whom to show a posting; errors as in ``Finding.candidates_for``."""
        moment = time.time() if now is None else now
        return self.finding.candidates_for(self.engine, self.people, posting_id, k, moment)

    def why(
        self,
        candidate_id: str,
        posting_id: str,
        k: int = 10,
        now: float | None = None,
        filters: Filters | None = None,
        personal: bool = True,
    ) -> str:
        """Why a posting is where it is in a candidate's list.

        Raises:
            RequestError: the posting is not known, or the filters name what the board does not know.
        """
        with one_thread_each():
            return self.engine.why_of(self.queries(candidate_id, now=now, personal=personal), posting_id, k, filters)

    def _list(self, queries: Queries, k: int, explain: Explain, filters: Filters | None) -> list[Recommendation]:
        return self.engine.recommendations(self.engine.answer(queries, k, explain, filters))[0]

    def _queries(self, person: Candidates, now: float | None) -> Queries:
        moment = time.time() if now is None else now
        return person.queries(np.zeros(1, np.int64), moment, self.engine.settings.events)

    def _stranger(self, document: Document, events: Sequence[Document]) -> Candidates:
        catalogue = self.engine.catalogue
        ids, history = Ids(["-"], "candidate"), stranger_history(events, catalogue)
        if not document:
            return Candidates(ids, self.people.nobody, history)
        profile, titles = self.read_profile(document)
        muted = Muted(mutes_of_one(muted_of(document), titles), catalogue.ids, catalogue.numbering)
        return Candidates(ids, profile, history, muted)

    def _scored(self, queries: Queries, rows: np.ndarray) -> tuple[list[float], list[tuple[str, ...]], list[str]]:
        engine, pool = self.engine, rows[None].astype(np.int32)
        interests = find_interests(engine.catalogue, queries, engine.settings.retrieve)
        signals = compute(engine.catalogue, queries, interests, pool)
        scores = engine.ranker.score(signals)[0].tolist()
        failed = failures(engine.catalogue, queries, pool)[:, 0]
        status = [CONDITIONS[int(np.argmax(one))] if one.any() else "ok" for one in failed.T]
        words: list[tuple[str, ...]] = [()] * len(rows)
        if engine.explainer is not None:
            order = Order(np.arange(len(rows), dtype=np.int32)[None])
            reasons = engine.explainer.reasons(engine.catalogue, engine.ranker, queries, signals, order, pool)
            words = reasons.words(0)
        return scores, words, status


def policy_of(settings: EngineSettings) -> str:
    """Eight characters that are equal for equal settings."""
    text = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    return blake2b(text.encode(), digest_size=4).hexdigest()
