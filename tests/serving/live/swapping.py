"""A home of bundles that a store's nights gave, load on a service that changes between them, and what it answered."""

import json
import random
import shutil
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import yaml
from conftest import CONFIG, shifted

import jobrec
from recsys.documents import candidate_documents, posting_documents
from recsys.manifest import MANIFEST, read_manifest, write_manifest
from serving.live.replay import Replay, difference
from serving.store import Store, migrate
from serving.store.from_tables import documents_of
from training.simulate import SimulateConfig, simulate
from training.sources import read_tables

#: Small factors, and what is enough to have figures of validation queries.
QUICK = {
    "engine": {"factors": {"dimensions": 16, "iterations": 5}},
    "validation": {"least": 20, "blocks": 1, "most_ranked": 50, "negatives": 20, "most_lists": 0},
}
HASH = {"encoder": "hash"}
DAY = 86_400


class SmallMarket:
    """A market that ends now, smaller than that of the other tests; no bundle was made of it.

    Args:
        folder: of its files.
    """

    def __init__(self, folder):
        drawn = SimulateConfig(candidates=150, postings=300, cities=20, seed=5, sessions_per_candidate=4)
        simulate(drawn, folder / "data")
        tables = read_tables(CONFIG.sources, folder / "data", folder / "rejected.parquet")[0]
        self.tables = shifted(tables, time.time() - float(np.nanmax(tables.events.time)))
        self.cache = folder / "cache"
        self.postings = list(posting_documents(self.tables.postings, self.tables.locations))
        self.candidates = list(candidate_documents(self.tables.candidates, self.tables.experience))


class Board:
    """A store with a market in it, and what is written to it later.

    Args:
        folder: of the store.
        market: a SmallMarket.
    """

    def __init__(self, folder, market):
        self.folder, self.market = folder, market
        self.url = f"sqlite:///{folder / 'store.db'}"
        migrate(self.url)
        writes = list(documents_of(market.tables))
        with Store.open(self.url) as store:
            for start in range(0, len(writes), 1000):
                store.write(writes[start : start + 1000])

    def open(self):
        return Store.open(self.url)

    def train(self, out, encoder, position):
        """As a board does at night: the command, from the store up to a position."""
        config = self.folder / f"{out.name}.yaml"
        config.write_text(yaml.safe_dump({"encoder": encoder, **QUICK}))
        told = ["train", "--config", config, "--store", self.url, "--position", position, "--out", out]
        assert jobrec.main([*map(str, told), "--cache", str(self.market.cache)]) == 0
        assert read_manifest(out)["position"] == position
        return out

    def newcomer(self, number, rng):
        """A posting that nobody has seen."""
        document = dict(rng.choice(self.market.postings)) | {"posting_id": f"new/{number}"}
        title = f"{document['title']} {rng.choice(['nights', 'trainee', 'weekends'])}"
        return document | {"title": title, "date_posted": time.time() - 60, "valid_through": time.time() + 30 * DAY}


def another(bundle, out, **facts):
    """A copy of a bundle that is whole and has another name; facts of its manifest changed."""
    shutil.copytree(bundle, out)
    old = read_manifest(out)
    (out / MANIFEST).unlink()
    left = {name: value for name, value in old.items() if name not in ("schema", "name", "files", "sha256")}
    write_manifest(out, left | {"created": f"{old['created']}-{out.name}"} | facts)
    return out


def flip(file):
    """Another byte in the middle of a file."""
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    fresh = file.with_name(f".{file.name}.new")  # another inode, as a disk that fails reads something else
    fresh.write_bytes(whole)
    fresh.replace(file)


@dataclass(frozen=True)
class Answer:
    """A list that was answered; ``known`` is the last position that was acknowledged before it was asked for."""

    who: str
    k: int
    known: int
    began: float
    ended: float
    document: dict

    def __getattr__(self, name):
        return self.document[name]

    @property
    def ids(self):
        return [one["posting_id"] for one in self.recommendations]


class Load:
    """Threads that ask and write until the end; a context.

    Args:
        running: service.
        board: of it.
        readers: threads that ask.
        seed: of what they do.
    """

    def __init__(self, running, board, readers=3, seed=0):
        self.url, self.board, self.rng = running.url, board, random.Random(seed)
        self.people = [one["candidate_id"] for one in board.market.candidates]
        self.answers, self.failed, self.written = [], [], 0
        self.applied = []  # (candidate, posting, position)
        self.acknowledged = 0
        self._turn, self._end = threading.Lock(), threading.Event()
        work = [self._ask] * readers + [self._write]
        seeds = [self.rng.random() for _ in work]
        self._threads = [
            threading.Thread(target=one, args=(random.Random(s),)) for one, s in zip(work, seeds, strict=True)
        ]

    def __enter__(self):
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *error):
        self._end.set()
        for one in self._threads:
            one.join(60)

    def call(self, client, method, path, body=None, **query):
        """A request that must succeed; None, and noted, where it did not."""
        try:
            found = client.request(method, self.url + path, json=body, params=query)
        except httpx.HTTPError as error:
            self.failed.append(f"{method} {path}: {error!r}")
            return None
        if found.status_code != 200:
            self.failed.append(f"{method} {path}: {found.status_code} {found.text[:300]}")
            return None
        document = found.json()
        if method != "GET":
            with self._turn:
                self.acknowledged = max(self.acknowledged, document["position"])
                self.written += 1
        return document

    def ask(self, client, who, k, **query):
        known, began = self.acknowledged, time.monotonic()
        path = f"/v1/candidates/{quote(who, safe='')}/recommendations"
        document = self.call(client, "GET", path, k=k, **query)
        if document is None:
            return None
        answer = Answer(who, k, known, began, time.monotonic(), document)
        self.answers.append(answer)
        return answer

    def apply(self, client, who, posting):
        """An event, acknowledged."""
        event = {"event_id": f"e-{random.getrandbits(64):x}", "candidate_id": who, "posting_id": posting}
        event |= {"type": "apply", "timestamp": time.time()}
        found = self.call(client, "POST", "/v1/events", {"events": [event]})
        if found is not None:
            self.applied.append((who, posting, found["position"]))
        return found

    def put(self, client, posting):
        path = f"/v1/postings/{quote(posting['posting_id'], safe='')}"
        return self.call(client, "PUT", path, posting)

    def _ask(self, rng):
        while not self._end.is_set():
            with httpx.Client(timeout=90, trust_env=False) as client:  # a connection stays at one worker
                for _ in range(8):
                    self.ask(client, rng.choice(self.people), rng.choice([1, 10, 25]))
                    self._end.wait(0.02)

    def _write(self, rng):
        number = 0
        while not self._end.is_set():
            with httpx.Client(timeout=90, trust_env=False) as client:
                for _ in range(8):
                    number += 1
                    self._write_one(client, rng, number)
                    self._end.wait(0.05)

    def _write_one(self, client, rng, number):
        kind, who = rng.choice(["posting", "posting", "gone", "candidate", "event", "event"]), rng.choice(self.people)
        if kind == "posting":
            self.put(client, self.board.newcomer(rng.randrange(60), rng))
        elif kind == "gone":
            self.call(client, "PUT", f"/v1/postings/gone%2F{number}", self.board.newcomer(0, rng) | _named(number))
            self.call(client, "DELETE", f"/v1/postings/gone%2F{number}")
        elif kind == "candidate":
            document = dict(rng.choice(self.board.market.candidates)) | {"candidate_id": who}
            self.call(client, "PUT", f"/v1/candidates/{quote(who, safe='')}", document)
        else:
            answer = self.ask(client, who, 3)
            if answer is not None and answer.ids:
                self.apply(client, who, answer.ids[-1])


def _named(number):
    return {"posting_id": f"gone/{number}"}


def broken_promises(load):
    """Answers that miss what had been acknowledged before they were asked for, or list what was applied for."""
    late = [f"{one.who} at {one.position} < {one.known}" for one in load.answers if one.position < one.known]
    applied = defaultdict(list)
    for who, posting, position in load.applied:
        applied[who].append((posting, position))
    forgot = [
        f"{posting} for {one.who} at {one.position}, in {one.bundle}, applied to at {position}"
        for one in load.answers
        for posting, position in applied.get(one.who, ())
        if one.position >= position and posting in one.ids
    ]
    return late + forgot


def replayed(load, bundles, store, most=400, seed=0):
    """Makes a sample of the answers again, offline, spread over all of them; what differs, and how many by bundle."""
    folders = {read_manifest(one)["name"]: one for one in bundles}
    answers = load.answers[:]
    sample = random.Random(seed).sample(answers, min(most, len(answers)))
    wrong, counts = [], defaultdict(int)
    for name, folder in folders.items():
        # One replay serves all whose two positions rise together; of two workers they need not.
        replays = []
        mine = sorted((one for one in sample if one.bundle == name), key=lambda one: (one.position, one.indexed))
        for one in mine:
            replay = next((r for r in replays if r.state.indexed <= one.indexed), None)
            if replay is None:
                replay = Replay(folder, store, mine[-1].position)
                replays.append(replay)
            state = replay.to(one.position, one.indexed)
            scores = [line["score"] for line in one.recommendations]
            different = difference(one.ids, scores, state.recommend(one.who, one.k, one.at))
            counts[folder.name] += 1
            if different:
                wrong.append(f"{folder.name} at {one.position}/{one.indexed} for {one.who}: {different}")
    assert sum(counts.values()) == len(sample), "an answer names a bundle that is not there"
    return wrong, dict(counts)


def memory_of(pid, home):
    """Resident memory of a process in MB, mapped areas, and which bundles of a home it maps."""
    areas = Path(f"/proc/{pid}/maps").read_text().splitlines()
    root = str(home.bundles) + "/"
    mapped = {line.split(root, 1)[1].split("/", 1)[0] for line in areas if root in line}
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    rss, anon = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))
    return {"rss": rss, "anon": anon, "areas": len(areas), "bundles": mapped}


def say(**figures):
    """Figures of a run, for who runs it with -s."""
    print(json.dumps(figures), file=sys.stderr)
