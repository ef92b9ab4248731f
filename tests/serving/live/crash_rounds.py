"""Rounds of writing, killing, starting again, and comparing what is there with what was acknowledged."""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import httpx
import numpy as np
from crash_app import FILE, NOW
from crash_writers import BATCH, Writer
from live_log import ENCODER, encode_all, new_store
from running import ROOT, SECONDS, Running, home_of, until

from recsys.bundle import open_bundle
from serving.live.follower import Follower
from serving.live.lookup import Lookup
from serving.store import Store

WRITERS, IN_FLIGHT = 14, 10
ROOM = 20_000
SHORT, LONG = 20, 200  # postings asked for
LIVE = {"room": ROOM, "wait_seconds": 10.0}
#: Other tests may run beside: nobody is sent away for being late.
LANES = {name: {"threads": 4, "queue": 64, "seconds": 60.0} for name in ("engine", "texts", "store", "waits")}
#: Names of ways to crash that end all processes, so that all who wait get no answer.
WHOLE = ("all", "commit all")


@dataclass
class Figures:
    """What happened.

    Attributes:
        kills: by kind.
        acknowledged: requests that write, answered.
        flying: requests under way at a kill of all.
        unknown: requests without an answer: "stored" whole, "in part" (a bulk's first transactions), "not stored",
            "no trace" (nothing would change), "never sent".
        ready: seconds from the start to ready, after kills of all.
        compared: answers that were made again from scratch.
    """

    kills: Counter = field(default_factory=Counter)
    acknowledged: int = 0
    flying: list = field(default_factory=list)
    unknown: Counter = field(default_factory=Counter)
    ready: list = field(default_factory=list)
    compared: int = 0
    head: int = 0


class Rounds:
    """One service and its writers over many crashes.

    Args:
        folder: for everything.
        market: with a bundle that ends now.
        url: of a store, migrated.
        seed: of everything that is drawn.
        workers: of the service.
    """

    def __init__(self, folder, market, url, seed, workers):
        self.market, self.now, self.folder = market, market.as_of + 3600.0, folder
        self.rng = np.random.default_rng(seed)
        self.file = folder / "die"
        home = home_of(folder / "home", one=market.bundle)
        self.host = Running(
            folder / "host", home, store=url, workers=workers, script=ROOT / "tests/serving/live/crash_app.py",
            env={NOW: repr(self.now), FILE: str(self.file)}, live=LIVE, http={"bulk_batch": BATCH, **LANES},
        )  # fmt: skip
        self.store = Store.open(url)
        self.bundle = open_bundle(market.bundle, verify=False)
        (folder / "vectors").mkdir()
        self.vectors = new_store(folder / "vectors")  # made by this process, not by the encoder's
        self.encoded = 0
        self.writers = [Writer(number, seed, market, self.now) for number in range(WRITERS)]
        self.figures = Figures()
        self.samples = []

    def close(self):
        self.store.close()
        self.vectors.close()

    def round(self, kind):
        """Write, crash in one way, come back, compare."""
        stop = Event()
        with ThreadPoolExecutor(WRITERS + 1) as threads:
            running = [threads.submit(one.run, self.host, stop) for one in self.writers]
            reading = threads.submit(self._read, stop, floor_holds=kind != "session")
            try:
                self._wait_for_writes(running)
                recovered = self._crash(kind)
            finally:
                stop.set()
            for one in [*running, reading]:
                one.result(SECONDS)
        self.figures.kills[kind] += 1
        if kind in (*WHOLE, "parent"):
            self.host.kill()
            self.figures.ready.append(self.host.start())
        else:
            recovered()
        self.compare()

    def _wait_for_writes(self, running):
        """Until some writes were acknowledged in this round, and many are under way."""
        begun, wanted = sum(one.deeds for one in self.writers), int(self.rng.integers(20, 80))
        moment = time.monotonic() + float(self.rng.uniform(0, 0.5))

        def reached():
            for one in running:
                if one.done():
                    one.result()
            enough = sum(one.deeds for one in self.writers) >= begun + wanted and time.monotonic() >= moment
            return enough and self._flying() >= IN_FLIGHT

        until(reached, "writes under way", pause=0.0005)

    def _flying(self):
        return sum(one.flying for one in self.writers)

    def _crash(self, kind):
        """Kills; gives what waits until that was made good."""
        host = self.host
        if kind == "all":
            self.figures.flying.append(self._flying())
            os.killpg(host.process.pid, signal.SIGKILL)
            return None
        if kind.startswith("commit"):
            return self._crash_after_commit(kind.removeprefix("commit "))
        if kind == "parent":
            os.kill(host.process.pid, signal.SIGKILL)
            host.process.wait(20)
            until(host.gone, "the end of the orphans")
            return None
        if kind in ("worker", "encoder"):
            pids, again = host.children(kind), self._again(kind)
            os.kill(pids[str(self.rng.choice(sorted(pids)))], signal.SIGKILL)
            return again
        assert kind == "session"
        self.kill_session()
        return self._recovered

    def _crash_after_commit(self, whom):
        again = self._again("worker")
        flying = self._flying()
        fresh = self.file.with_name("fresh")
        fresh.write_text(whom)
        fresh.rename(self.file)
        if whom == "all":
            self.figures.flying.append(flying)
            self.host.process.wait(SECONDS)
            return None
        until(lambda: not self.file.exists(), "a worker that died after a commit")
        return again

    def _again(self, kind):
        words = {"worker": "Application startup complete", "encoder": " answers at "}[kind]
        before = self.host.said().count(words)
        return lambda: until(lambda: self.host.said().count(words) > before, f"another {kind}")

    def _recovered(self):
        def writes():
            return self.host.ask("PUT", "/v1/postings/fence", self._fence()).status_code == 200

        until(writes, "a store that takes writes again", pause=0.1)

    def _read(self, stop, floor_holds):
        """Asks for lists all the time: no answer is behind what was acknowledged before it was asked for."""
        while not stop.is_set():
            who = str(self.rng.choice(self._people()))
            floor = max((position for one in self.writers for position, _ in one.acknowledged[-1:]), default=0)
            try:
                answer = self.host.ask("GET", f"/v1/candidates/{who}/recommendations", params={"k": SHORT})
            except httpx.HTTPError:
                return
            assert answer.status_code == 200, answer.text
            said = answer.json()
            assert said["position"] >= floor or not floor_holds
            self.samples.append((who, said))

    def _people(self):
        return [who for one in self.writers for who in one.people]

    def compare(self):
        """What the store holds and what the service answers, with what was acknowledged."""
        self._settle()
        head = self._put_fence()
        self._check_documents()
        follower = self.from_scratch(head, head)
        people = self._people()
        some = [*people[:: max(1, len(people) // 20)], "nobody at all"]
        for who in some:
            said = self._list(who, head)
            assert (said["position"], said["indexed"], said["bundle"]) == (head, head, follower.state.bundle)
            self._same(follower.state, who, said, LONG)
            self._obeys(who, said)
        self._check_found(head)
        for at in self.rng.permutation(len(self.samples))[:1].tolist():
            who, said = self.samples[at]
            self._same(self.from_scratch(said["position"], said["indexed"]).state, who, said, SHORT)
        self.samples.clear()
        self.figures.head = head
        self.figures.acknowledged = sum(one.deeds for one in self.writers)

    def _fence(self):
        self.fences = getattr(self, "fences", 0) + 1
        return {"title": f"fence {self.fences}", "valid_through": self.now - 1.0}

    def _put_fence(self):
        """A write behind all that was begun before: its position."""
        answer = self.host.ask("PUT", "/v1/postings/fence", self._fence())
        assert answer.status_code == 200, answer.text
        assert answer.json()["position"] == self.store.head()
        return answer.json()["position"]

    def _settle(self):
        """The log is what was acknowledged, and of what got no answer all or nothing; then send that again."""
        self._put_fence()
        changes = self._changes()
        for one in self.writers:
            entries = [(c.kind, c.key, c.document) for c in changes if self._owner(c) is one]
            settled = one.settle(entries)
            for position, entry in one.acknowledged:
                found = changes[position - 1]
                assert (found.kind, found.key, found.document) == entry
            if settled is not None:
                deed, stored, traced = settled
                self.figures.unknown[self._named(one, deed, stored, traced)] += 1
                one.send(self.host, deed)  # the outcomes tell what is there already
                assert one.unknown is None, "what is sent again gets an answer"

    def _changes(self):
        changes = self.store.changes(0, 10**9)
        assert [one.position for one in changes] == list(range(1, len(changes) + 1)), "gaps or repeats in the log"
        return changes

    def _owner(self, change):
        name = change.key if change.kind == "event" else None
        for one in self.writers:
            if name.startswith(f"{one.name}-") if name else change.key in one.postings or change.key in one.people:
                return one
        assert change.key == "fence"
        return None

    def _named(self, writer, deed, stored, traced):
        if not writer.reached:
            return "never sent"
        if stored < len(deed.parts):
            return "in part" if traced else "not stored"
        return "stored" if traced else "no trace"

    def _check_documents(self):
        for one in self.writers:
            for kind, keys in (("posting", one.postings), ("candidate", one.people)):
                read = self.store.posting if kind == "posting" else self.store.candidate
                for key in keys:
                    assert read(key) == one.model.documents.get((kind, key)), f"{kind} {key}"
            for who in one.people:
                assert self.store.events_of(who) == one.model.events_of(who), f"events of {who}"
            kind, key = ("posting", one.postings[-1])
            answer = self.host.ask("GET", f"/v1/{kind}s/{key}")
            assert (answer.json() if answer.status_code == 200 else None) == one.model.documents.get((kind, key))

    def _list(self, who, position):
        def asked():
            answer = self.host.ask(
                "GET", f"/v1/candidates/{who}/recommendations", params={"k": LONG, "min_position": position}
            )
            assert answer.status_code in (200, 503), answer.text
            return answer.status_code == 200 and answer.json()

        return until(asked, f"an answer from position {position}", pause=0.1)

    def _obeys(self, who, said):
        listed = {line["posting_id"] for line in said["recommendations"]}
        for one in self.writers:
            wrong = listed & one.never_listed(who)
            assert not wrong, f"{who} is shown {wrong}, which is gone, expired or answered"

    def _check_found(self, head):
        """Postings that are there score as such; a newcomer is found by its title."""
        writer = self.writers[int(self.rng.integers(WRITERS))]
        there = {one["posting_id"]: one for one in writer.open_postings()}
        body = {"profile": {"desired_titles": ["Cook"]}, "posting_ids": writer.postings, "min_position": head}
        said = self.host.ask("POST", "/v1/score", body).json()
        status = {line["posting_id"]: line["status"] for line in said["scores"]}
        known = {key for kind, key, _ in writer.model.log if kind.startswith("posting")}
        for key in writer.postings:
            assert (status[key] == "ok") == (key in there) or key not in known, f"{key} is {status[key]}"
        fresh = [one for one in there.values() if one["title"].startswith(writer.name)]
        for one in fresh[:2]:
            profile = {"desired_titles": [one["title"]]}
            said = self.host.ask(
                "POST", "/v1/recommendations", {"candidate": profile, "k": 50, "min_position": head}
            ).json()
            assert one["posting_id"] in {line["posting_id"] for line in said["recommendations"]}, one

    def from_scratch(self, position, indexed):
        """A follower of its own, from the bundle, the log, and vectors that were not made by the service."""
        changes = self.store.changes(0, 10**9)
        encode_all(self.vectors, changes[self.encoded :])
        self.encoded = len(changes)
        lookup = Lookup(self.vectors, ENCODER.name, ENCODER.dimension)
        follower = Follower(self.bundle, 0, self.store, lookup, ROOM, lambda document: None)
        follower.obey(position)
        while follower.index_some(indexed):
            pass
        assert (follower.state.position, follower.state.indexed) == (position, indexed)
        return follower

    def _same(self, state, who, said, count):
        """An answer of the service and one of another state: equal to the last digit."""
        if state.knows(who):
            lines = state.recommend(who, count, said["at"])
        else:
            lines = state.recommend_profile({}, [], count, said["at"])
        assert said["known"] == state.knows(who)
        mine = [(one.posting_id, np.float32(one.score), list(one.reasons)) for one in lines]
        theirs = [(one["posting_id"], np.float32(one["score"]), one["reasons"]) for one in said["recommendations"]]
        differ = [(rank, *both) for rank, both in enumerate(zip(theirs, mine, strict=False)) if both[0] != both[1]]
        assert theirs == mine, f"{who} at {said['position']}, {said['indexed']}: {differ[:3]}"
        self.figures.compared += 1
