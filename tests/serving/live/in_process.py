"""The whole service in this process: a real store, bundle, encoder and follower, and keys."""

import hashlib

from live_log import OneBundle

from recsys.bundle import open_bundle
from recsys.encode import HashEncoder
from serving.board import Board
from serving.encoder.batcher import Batcher
from serving.encoder.client import EncoderClient
from serving.encoder.indexer import Indexer
from serving.encoder.process import texts_of
from serving.encoder.server import Server
from serving.live.follower import Follower
from serving.live.lookup import Lookup
from serving.live.service import Service
from serving.live.settings import LiveSettings
from serving.live.unstored import profile_reader
from serving.store import Store, Write, migrate

#: Key ids and their scopes; the secret of each is "secret".
SCOPES = {"r": ["read"], "w": ["write"], "a": ["admin"], "rw": ["read", "write"], "p": ["people"]}


class InProcess:
    """A ``Service`` as ``service``, and what stands behind it."""

    def __init__(self, folder, bundle, live=None):
        url = f"sqlite:///{folder / 'store.db'}"
        migrate(url)
        self.store = Store.open(url)
        digest = hashlib.sha256(b"secret").hexdigest()
        self.store.write(
            [
                Write("key", name, {"key_id": name, "digest": digest, "scopes": scopes, "name": name, "created": 1.0})
                for name, scopes in SCOPES.items()
            ]
        )
        encoder, socket = HashEncoder(), folder / "e.sock"
        self.batcher = Batcher(encoder)
        self.batcher.start()
        self.server = Server(socket, self.batcher)
        self.server.start()
        identity = self.store.identity()
        self.indexer = Indexer(lambda: (Store.open(url), Board(folder / "board", identity)), self.batcher, texts_of)
        self.indexer.start()
        opened, live = open_bundle(bundle, verify=False), live or LiveSettings(wait_seconds=0.5)

        def make(*limits):
            lookup = Lookup(self.store, encoder.name, encoder.dimension)
            reader = profile_reader(opened, EncoderClient(socket, encoder.name), self.store)
            return Follower(opened, 0, self.store, lookup, 5_000, reader, *limits)

        self.free = make  #: a follower that holds all candidates in memory
        bundles = OneBundle(lambda: make(live.most_changed, live.patience_seconds))
        self.board = Board(folder / "board", identity)
        self.service = Service(self.store, self.board, bundles, live)

    def close(self):
        self.service.close()
        self.board.close()
        self.indexer.stop(5)
        self.server.stop(1)
        self.board.close()
        self.store.close()
