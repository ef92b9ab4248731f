"""The service behind the app, whole but forgetful: a real engine over a real bundle, the log in a list."""

import threading
import time
from dataclasses import dataclass, field, replace

import numpy as np

from recsys.encode import HashEncoder
from recsys.errors import Behind, RequestError, StoreUnavailable
from recsys.request import Interaction, Profile, Request
from serving.http.auth import digest
from serving.profile import profile_from_texts

POOL = 200


@dataclass(frozen=True)
class Receipt:
    position: int
    outcomes: tuple


@dataclass(frozen=True)
class Readiness:
    ok: bool
    reasons: tuple
    bundle: str
    position: int
    indexed: int
    head: int
    skipped: int = 0
    unplaced: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Scored:
    posting_id: str
    score: float | None
    reasons: tuple = ()
    status: str = "ok"


@dataclass
class Store:
    """What is stored, by kind and id, with the position of each."""

    held: dict = field(default_factory=dict)
    head: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, one):
        kind, gone = one.kind.removesuffix("_gone"), one.kind.endswith("_gone")
        before = self.held.get((kind, one.key))
        if gone and before is None:
            return "missing"
        if before is not None and not gone and (before[0] == one.document or kind == "event"):
            same = before[0] == one.document
            return ("duplicate" if same else "conflict") if kind == "event" else "unchanged"
        self.head += 1
        if gone:
            del self.held[kind, one.key]
        else:
            self.held[kind, one.key] = (one.document, self.head)
        return "stored"


class MemoryState:
    """Lists of the bundle's candidates as stored there; of others from their documents and events."""

    ranker, policy = "linear", "best"

    def __init__(self, scorer, held, position):
        self.scorer, self.held, self.position, self.indexed = scorer, held, position, position
        self.bundle, self.now = "market", scorer.as_of

    @property
    def engine(self):
        return self.scorer.engine

    def queries(self, who, events=(), now=None, personal=True):
        if isinstance(who, str) and personal and (row := self._row(who)) is not None:
            return self.scorer.candidates.queries(np.array([row]), self.now, self.engine.settings.events)
        if isinstance(who, str):
            who, events = self.held.get(("candidate", who), ({}, 0))[0], self._events(who)
        request = self._request(who, events) if who is not None and personal else Request(now=self.now)
        return self.engine.queries([request])

    def knows(self, candidate_id):
        stored = self._row(candidate_id)
        return stored is not None or ("candidate", candidate_id) in self.held or bool(self._events(candidate_id))

    def _row(self, candidate_id):
        try:
            return self.scorer.candidates.ids.row(candidate_id)
        except RequestError:
            return None

    def _events(self, candidate_id):
        events = [document for (kind, _), (document, _) in self.held.items() if kind == "event"]
        return [one for one in events if one["candidate_id"] == candidate_id]

    def recommend(self, candidate_id, k, now=None, explain=True, filters=None):
        if self._row(candidate_id) is not None:
            lines = self.scorer.recommend(candidate_id, k, self.now, filters)
        else:
            document = self.held.get(("candidate", candidate_id), ({}, 0))[0]
            lines = self.recommend_profile(document, self._events(candidate_id), k, filters=filters)
        return lines

    def _request(self, document, events):
        jobs = [one.get("title", "") for one in document.get("experience", ())]
        profile = profile_from_texts(
            HashEncoder(),
            document.get("text", ""),
            document.get("desired_titles", ()),
            [title for title in jobs if title],
            document.get("skills", ()),
        )
        history = [Interaction(one["posting_id"], one["type"], one["timestamp"], one.get("value")) for one in events]
        history = [one for one in history if one.type != "undo"]
        return Request(None, profile if document else Profile(), history, self.now)

    def recommend_profile(self, document, events, k, now=None, explain=True, filters=None):
        return self.scorer.recommend_request(replace(self._request(document, events), filters=filters), k)

    def filter_costs(self, who, events, filters, now=None):
        return self.engine.filter_costs(self.queries(who, events), filters)[0]

    def score(self, who, posting_ids, now=None):
        lines = self.recommend(who, POOL) if isinstance(who, str) else self.recommend_profile(who, (), POOL)
        found = {one.posting_id: Scored(one.posting_id, one.score, one.reasons) for one in lines}
        return [found.get(one, Scored(one, None, status="unknown")) for one in posting_ids]

    def candidates_for(self, posting_id, k, now=None):
        return self.scorer.candidates_for(posting_id, k, self.now)

    def why(self, candidate_id, posting_id, k=10, now=None):
        row = self._row(candidate_id)
        if row is None:
            raise RequestError("only candidates of the bundle are explained here")
        queries = self.scorer.candidates.queries(np.array([row]), self.now, self.scorer.engine.settings.events)
        return self.scorer.engine.why_of(queries, posting_id, k)


class MemoryService:
    """The keys are r, w, a and rw, with the secret "secret" each and the scopes that the letters stand for."""

    def __init__(self, scorer):
        self.scorer, self.store = scorer, Store()
        scopes = {"r": ("read",), "w": ("write",), "a": ("admin",), "rw": ("read", "write"), "p": ("people",)}
        self._keys = {name: (digest("secret"), had) for name, had in scopes.items()}
        self.broken = False
        self.not_ready = ()

    def state(self, min_position=None):
        if min_position is not None and min_position > self.store.head:
            raise Behind(f"position {min_position} is not reached, the log ends at {self.store.head}")
        with self.store.lock:
            return MemoryState(self.scorer, dict(self.store.held), self.store.head)

    def write(self, writes):
        if self.broken:
            raise StoreUnavailable("the store does not answer: try again")
        with self.store.lock:
            outcomes = tuple(self.store.write(one) for one in writes)
            return Receipt(self.store.head, outcomes)

    def document(self, kind, key):
        if self.broken:
            raise StoreUnavailable("the store does not answer: try again")
        return self.store.held.get((kind, key), (None, 0))[0]

    def readiness(self):
        head = self.store.head
        return Readiness(not self.not_ready, tuple(self.not_ready), "market", head, head, head)

    def keys(self):
        return self._keys


def bearer(key):
    return {"Authorization": f"Bearer jr_{key}_secret"}


def moment():
    return time.time()
