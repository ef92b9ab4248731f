"""A real store with a log drawn at random, the vectors that its texts need, and followers of it."""

from collections.abc import Sequence

import numpy as np

from recsys.bundle import open_bundle
from recsys.documents import candidate_texts_of, muted_texts_of, place_names_of, posting_texts_of
from recsys.encode import HashEncoder
from serving.encoder.blobs import digest_of, to_blobs
from serving.encoder.places import PLACES, points_of
from serving.live.follower import Follower
from serving.live.lookup import Lookup
from serving.store import Store, Write, migrate

ENCODER = HashEncoder()
ROOM = 400


def new_store(folder):
    url = f"sqlite:///{folder / 'store.db'}"
    migrate(url)
    return Store.open(url)


def encode_all(store, writes: Sequence[Write]):
    """What the encoder's process does: vectors and places of all that is written."""
    documents = [one for one in writes if one.document is not None and one.kind in ("posting", "candidate")]
    texts, places = set(), set()
    for one in writes:
        if one.kind == "mutes":
            texts |= set(muted_texts_of(one.document.get("add", {}) | one.document.get("put", {})))
    for one in documents:
        texts |= set(muted_texts_of(one.document))
        texts |= set(posting_texts_of(one.document) if one.kind == "posting" else candidate_texts_of(one.document))
        places |= set(place_names_of(one.document))
    some = sorted(text for text in texts if digest_of(text) is not None)
    if some:
        blobs = to_blobs(ENCODER.encode(some))
        store.put_vectors(ENCODER.name, {digest_of(text): blob for text, blob in zip(some, blobs, strict=True)})
    if places:
        store.put_vectors(PLACES, points_of(sorted(places)))


def follow(bundle, store, position=0):
    opened = open_bundle(bundle, verify=False)
    lookup = Lookup(store, ENCODER.name, ENCODER.dimension)
    return Follower(opened, position, store, lookup, ROOM, lambda document: None)


class OneBundle:
    """What a service asks for its bundles, where there is one that is always active."""

    def __init__(self, open_):
        self._open = open_
        self._name = ""

    def active(self):
        return self._name

    def open(self):
        follower = self._open()
        self._name = follower.state.bundle
        return follower

    open_first = open


def catch_up(follower, indexed, upto=None):
    follower.obey(upto)
    while follower.index_some(indexed):
        pass


def random_writes(rng, postings, people, now, count):
    """Any order of everything that can be written, over a few ids so that they meet."""
    ids = [one["posting_id"] for one in postings[:20]] + [f"new-{n}" for n in range(20)]
    who = [*people[:8], "somebody new", "somebody else"]
    writes = []
    for number in range(count):
        kind = rng.choice(["posting", "posting", "posting_gone", "event", "event", "event", "candidate", "gone"])
        key = str(rng.choice(ids))
        if kind == "posting":
            document = dict(postings[rng.integers(len(postings))]) | {"posting_id": key}
            if rng.random() < 0.3:
                document["valid_through"] = now + float(rng.integers(-5, 20)) * 86_400
            if rng.random() < 0.5:
                document["title"] = f"{document['title']} {rng.choice(['night shift', 'trainee', 'Reykjavik'])}"
            writes.append(Write("posting", key, document))
        elif kind == "posting_gone":
            writes.append(Write("posting_gone", key))
        elif kind == "event":
            type_ = str(rng.choice(["view", "view", "save", "apply", "dismiss", "undo", "impression"]))
            event = {
                "event_id": f"e{number}",
                "candidate_id": str(rng.choice(who)),
                "posting_id": key,
                "type": type_,
                "timestamp": now - float(rng.integers(0, 20)) * 3600,
            }
            writes.append(Write("event", event["event_id"], event))
        elif kind == "candidate":
            one = str(rng.choice(who))
            title = str(rng.choice(["Nurse", "Cook", "Web developer"]))
            document = {"candidate_id": one, "desired_titles": [title], "latitude": 41.9, "longitude": -87.6}
            writes.append(Write("candidate", one, document | {"max_distance_km": float(rng.integers(5, 50))}))
        else:
            writes.append(Write("candidate_gone", str(rng.choice(who))))
    return writes


def answers(state, who, now, k=15):
    """Everything that one can ask, in a form that can be compared."""
    found = {}
    for one in who:
        lines = state.recommend(one, k, now)
        found[one] = [(line.posting_id, np.float32(line.score), line.reasons) for line in lines]
    return found
