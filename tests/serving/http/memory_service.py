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
from serving.store.mutes import MuteChange, muted_in

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

    def mute(self, one):
        document, change = muted_in(one.document) if one.kind == "candidate" else (None, None)
        change = MuteChange.from_document(one.document) if one.kind == "mutes" else change
        before = self.held.get(("mutes", one.key), ({}, 0))[0]
        after = before if change is None else change.applied(before)
        if after is None:
            return document, "full"
        if after == before:
            return document, "unchanged"
        self.head += 1
        self.held["mutes", one.key] = (after, self.head)
        return document, "stored"

    def write(self, one):
        if one.kind in ("candidate", "mutes"):
            document, muted = self.mute(one)
            if one.kind == "mutes":
                return muted
            outcome = self.put(replace(one, document=document))
            return "stored" if muted == "stored" else outcome
        return self.put(one)

    def put(self, one):
        kind, gone = one.kind.removesuffix("_gone"), one.kind.endswith("_gone")
        before = self.held.get((kind, one.key))
        if gone and before is None and ("mutes", one.key) not in self.held:
            return "missing"
        if before is not None and not gone and (before[0] == one.document or kind == "event"):
            same = before[0] == one.document
            return ("duplicate" if same else "conflict") if kind == "event" else "unchanged"
        self.head += 1
        if gone:
            self.held.pop((kind, one.key), None)
            self.held.pop(("mutes", one.key), None)
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

    def queries(self, who, events=(), now=None, personal=True, before=None):
        moment = self.now if before is None else before
        if isinstance(who, str) and (row := self._row(who)) is not None:
            people = self.scorer.candidates
            if before is not None:
                people = people.only(~(people.histories.time >= before))
            queries = people.queries(np.array([row]), moment, self.engine.settings.events)
            return queries if personal else queries.impersonal()
        if isinstance(who, str):
            who, events = self._document(who), self._events(who)
        events = [one for one in events if before is None or one["timestamp"] < before]
        request = Request() if who is None else self._request(who, events)
        return self.engine.queries([replace(request, now=moment, personal=personal)])

    def _document(self, candidate_id):
        mutes = self.held.get(("mutes", candidate_id), ({}, 0))[0]
        return self.held.get(("candidate", candidate_id), ({}, 0))[0] | mutes

    def knows(self, candidate_id):
        stored = self._row(candidate_id)
        kept = any((kind, candidate_id) in self.held for kind in ("candidate", "mutes"))
        return stored is not None or kept or bool(self._events(candidate_id))

    def _row(self, candidate_id):
        try:
            return self.scorer.candidates.ids.row(candidate_id)
        except RequestError:
            return None

    def _events(self, candidate_id):
        events = [document for (kind, _), (document, _) in self.held.items() if kind == "event"]
        return [one for one in events if one["candidate_id"] == candidate_id]

    def recommend(self, candidate_id, k, now=None, explain=True, filters=None, personal=True):
        queries = self.queries(candidate_id, personal=personal)
        return self.engine.recommendations(self.engine.answer(queries, k, True, filters))[0]

    def _request(self, document, events):
        jobs = [one.get("title", "") for one in document.get("experience", ())]
        profile = profile_from_texts(
            HashEncoder(),
            document.get("text", ""),
            document.get("desired_titles", ()),
            [title for title in jobs if title],
            document.get("skills", ()),
            muted_postings=document.get("muted_postings", ()),
            muted_employers=document.get("muted_employers", ()),
            muted_interests=document.get("muted_interests", ()),
        )
        history = [Interaction(one["posting_id"], one["type"], one["timestamp"], one.get("value")) for one in events]
        history = [one for one in history if one.type != "undo"]
        return Request(None, profile if document else Profile(), history, self.now)

    def recommend_profile(self, document, events, k, now=None, explain=True, filters=None, personal=True):
        request = replace(self._request(document, events), filters=filters, personal=personal)
        return self.scorer.recommend_request(request, k)

    def filter_costs(self, who, events, filters, now=None, personal=True):
        return self.engine.filter_costs(self.queries(who, events, personal=personal), filters)[0]

    def score(self, who, posting_ids, now=None, personal=True):
        lines = self.recommend(who, POOL) if isinstance(who, str) else self.recommend_profile(who, (), POOL)
        found = {one.posting_id: Scored(one.posting_id, one.score, one.reasons) for one in lines}
        return [found.get(one, Scored(one, None, status="unknown")) for one in posting_ids]

    def candidates_for(self, posting_id, k, now=None):
        return self.scorer.candidates_for(posting_id, k, self.now)

    def why(self, candidate_id, posting_id, k=10, now=None, filters=None, personal=True):
        row = self._row(candidate_id)
        if row is None:
            raise RequestError("only candidates of the bundle are explained here")
        return self.engine.why_of(self.queries(candidate_id, personal=personal), posting_id, k, filters)


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
