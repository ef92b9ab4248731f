"""Writers that send every kind of write over HTTP, one after the other each, and know what was acknowledged."""

import json

import httpx
import numpy as np
from crash_model import Deed, Model

from serving.store import Write

BATCH = 8  # lines of a bulk that are stored in one transaction
DAY = 86_400.0
ANSWERED = ("apply", "dismiss", "hire")
_KINDS = ("posting", "posting", "posting_gone", "candidate", "candidate_gone", "events", "events", "events", "bulk")
_TYPES = ("view", "view", "save", "apply", "dismiss", "hire", "undo", "undo", "impression")


class Writer:
    """One client; its ids are its own.

    Args:
        number: of the writer.
        seed: of what it writes.
        market: where documents and ids come from.
        now: the moment at which answers are given.
    """

    def __init__(self, number, seed, market, now):
        self.name, self.market, self.now = f"w{number}", market, now
        self._rng = np.random.default_rng((seed, number))
        own = market.postings[number * 3 : number * 3 + 3]
        self.postings = [one["posting_id"] for one in own] + [f"{self.name}-p{n}" for n in range(6)]
        people = market.candidates[number * 3 : number * 3 + 3]
        self.people = [one["candidate_id"] for one in people] + [f"{self.name}-newcomer"]
        of_bundle = {("posting", one["posting_id"]) for one in own}
        self.model = Model(shown=of_bundle | {("candidate", one["candidate_id"]) for one in people})
        self.unknown = None  #: the deed that got no answer
        self.reached = True  #: whether that one was sent at all
        self.flying = False  #: whether an answer is waited for now
        self.acknowledged = []  #: (position, the last entry of the log) of what was stored
        self.deeds = self._events = 0

    def run(self, host, stop):
        """Write until told to stop, or until an answer is missing."""
        while self.unknown is None and not stop.is_set():
            self.send(host, self._next())

    def send(self, host, deed):
        """One request; what got no answer is kept as unknown."""
        self.flying, self.reached = True, True
        try:
            answer = self._ask(host, deed)
        except httpx.HTTPError as error:
            self.unknown, self.reached = deed, not isinstance(error, httpx.ConnectError)
            return
        finally:
            self.flying = False
        if answer.status_code == 503:  # may be stored all the same
            self.unknown = deed
            return
        self._acknowledge(deed, answer)

    def _ask(self, host, deed):
        if deed.path.endswith("/bulk"):
            lines = "".join(json.dumps(one.document) + "\n" for part in deed.parts for one in part)
            return host.ask("POST", deed.path, content=lines.encode(), headers={"content-type": "application/x-ndjson"})
        first = deed.parts[0]
        if deed.path == "/v1/events":
            return host.ask("POST", deed.path, {"events": [one.document for one in first]})
        return host.ask(deed.method, deed.path, first[0].document)

    def _acknowledge(self, deed, answer):
        said = answer.json()
        if deed.method == "DELETE" and answer.status_code == 404:
            found, position = ["missing"], None
        else:
            assert answer.status_code == 200, answer.text
            lines = said.get("outcomes") or said.get("lines") or [said]
            found, position = [one["outcome"] for one in lines], said["position"]
        expected = [outcome for part in deed.parts for outcome in self.model.take(part)]
        assert found == expected, f"{deed} got {found}, by what was acknowledged before it must be {expected}"
        self.deeds += 1
        if "stored" in found:
            self.acknowledged.append((position, self.model.log[-1]))

    def _next(self):
        rng, kind = self._rng, str(self._rng.choice(_KINDS))
        if kind == "events":
            return Deed([[self._event() for _ in range(int(rng.integers(1, 5)))]], "POST", "/v1/events")
        if kind == "bulk":
            make, path = (self._posting, "postings") if rng.random() < 0.7 else (self._candidate, "candidates")
            lines = [make() for _ in range(int(rng.integers(2, 3 * BATCH)))]
            parts = [lines[at : at + BATCH] for at in range(0, len(lines), BATCH)]
            return Deed(parts, "POST", f"/v1/{path}/bulk")
        what = kind.removesuffix("_gone")
        write = (self._posting if what == "posting" else self._candidate)()
        if kind != what:
            return Deed([[Write(kind, write.key)]], "DELETE", f"/v1/{what}s/{write.key}")
        return Deed([[write]], "PUT", f"/v1/{what}s/{write.key}")

    def _posting(self):
        rng = self._rng
        key = str(rng.choice(self.postings))
        document = dict(self.market.postings[rng.integers(len(self.market.postings))]) | {"posting_id": key}
        known = self.model.documents.get(("posting", key))
        if known and rng.random() < 0.3:  # the same words, other dates or none
            document = dict(known)
        document["valid_through"] = self.now + (-1.0 if rng.random() < 0.15 else float(rng.integers(1, 9)) * DAY)
        if rng.random() < 0.5:
            document["title"] = f"{self.name} {rng.choice(['Nurse', 'Cook', 'Welder'])} {rng.integers(1000)}"
        return Write("posting", key, document)

    def _candidate(self):
        rng = self._rng
        key, title = str(rng.choice(self.people)), str(rng.choice(["Nurse", "Cook", "Web developer"]))
        document = {"candidate_id": key, "desired_titles": [f"{title} {rng.integers(50)}"], "remote_ok": True}
        if rng.random() < 0.5:
            document |= {"latitude": 41.9, "longitude": -87.6, "max_distance_km": float(rng.integers(5, 50))}
        elif rng.random() < 0.5:
            document |= {"city": "Chicago", "region": "IL", "country": "US"}
        return Write("candidate", key, document)

    def _event(self):
        rng = self._rng
        if self.model.events and rng.random() < 0.15:  # sent again, sometimes with another content
            old = dict(self.model.events[str(rng.choice(list(self.model.events)))])
            return Write("event", old["event_id"], old | ({"surface": "other"} if rng.random() < 0.3 else {}))
        self._events += 1
        event = {
            "event_id": f"{self.name}-e{self._events}",
            "candidate_id": str(rng.choice(self.people)),
            "posting_id": str(rng.choice(self.postings)),
            "type": str(rng.choice(_TYPES)),
            "timestamp": self.now - float(rng.integers(1, 20)) * 3600.0,
        }
        return Write("event", event["event_id"], event)

    def settle(self, entries):
        """Decides by the log what became of the deed without an answer; gives (deed, parts stored, traces left)."""
        deed, self.unknown = self.unknown, None
        if deed is None:
            assert entries == self.model.log, f"the log of {self.name} is not what was acknowledged"
            return None
        stored, traced = self.model.settle(deed, entries)
        assert self.reached or not traced, "what was never sent is stored"
        return deed, stored, traced

    def never_listed(self, candidate):
        """Ids that no list of the candidate may hold."""
        documents = self.model.documents
        put = {key: documents.get(("posting", key)) for kind, key, _ in self.model.log if kind.startswith("posting")}
        gone = {key for key, one in put.items() if one is None or one["valid_through"] < self.now}
        did = self.model.events_of(candidate) if candidate in self.people else []
        return gone | {one["posting_id"] for one in did if one["type"] in ANSWERED}

    def open_postings(self):
        """Documents of postings that are there and not expired."""
        return [
            one
            for (kind, _), one in self.model.documents.items()
            if kind == "posting" and one["valid_through"] > self.now
        ]
