"""The encoder's process: loads the model, opens its door, follows the log, and ends with its parent or on SIGTERM."""

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.documents import candidate_texts_of_all, muted_texts_of, posting_texts_of_all
from recsys.encode import EncoderConfig, load_encoder
from recsys.errors import StoreError
from serving.board import Board
from serving.encoder.batcher import Batcher
from serving.encoder.indexer import Indexer, Log
from serving.encoder.pulse import PULSE, Pulse
from serving.encoder.server import Server
from serving.parent import when_parent_ends

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncoderJob:
    """What an encoder's process is told.

    Attributes:
        address: of its socket.
        config: which encoder, and how it runs.
        cache: folder of distilled models; None distils anew.
        store: URL of the store whose log is followed; None: only requests are answered.
        board: path of the host's board; needed with ``store``.
        position: of the bundle that is served: the log is followed from there.
        most_waiting: texts that may wait, of online requests and of bulk each.
        drain_seconds: after SIGTERM, requests that wait are finished within so long.
    """

    address: Path
    config: EncoderConfig
    cache: Path | None = None
    store: str | None = None
    board: Path | None = None
    position: int = 0
    most_waiting: int = 4096
    drain_seconds: float = 5.0


def texts_of(kind: str, documents: Sequence[dict[str, Any]]) -> Sequence[Sequence[str]]:
    """What is encoded of each of some documents of one kind."""
    if kind == "mutes":
        return [muted_texts_of(one) for one in documents]
    return posting_texts_of_all(documents) if kind == "posting" else candidate_texts_of_all(documents)


def run(job: EncoderJob, got_on: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM, or until the process that spawned this one has ended.

    Args:
        job: what to do.
        got_on: called again and again, from when it answers, as long as it gets on.

    Raises:
        JobrecError: the encoder, the store or the socket cannot be opened.
    """
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, for all its processes: the parent says when
    when_parent_ends(ended.set, job.drain_seconds + 1)
    encoder = load_encoder(job.config, job.cache)
    encoder.encode(["a word, so that the model is loaded before anybody asks"])
    batcher = Batcher(encoder, job.most_waiting)
    batcher.start()
    got_on()  # from before anybody can ask it
    server = Server(job.address, batcher)
    server.start()
    log.info("encoder %s answers at %s", encoder.name, job.address)
    indexer = _follow(job.store, job, batcher) if job.store is not None else None
    pulse = Pulse(batcher, server)
    while not ended.wait(PULSE):
        if pulse.got_on():
            got_on()
    server.stop(job.drain_seconds)
    if indexer is not None:
        indexer.stop(job.drain_seconds)


def _follow(url: str, job: EncoderJob, batcher: Batcher) -> Indexer:
    board = job.board
    if board is None:
        raise StoreError("an encoder's process that follows a store needs the board of the host")

    def both() -> tuple[Log, Board]:
        from serving.store import Store

        store = Store.open(url)
        return store, Board(board, store.identity())

    indexer = Indexer(both, batcher, texts_of, job.position)
    indexer.start()
    return indexer
