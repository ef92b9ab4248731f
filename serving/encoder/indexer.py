"""Follows the log of the store: every text of a posting or profile gets its vector, in the order of the log.

``indexed`` is a prefix: at position p, all texts of all changes up to p have vectors in the store. It moves in steps of
about ``STEP`` seconds of encoding, each written before it counts. So a single upsert is indexed some hundredths of a
second after its commit; one that was committed behind a bulk of 10,000 waits until the bulk is done.

The reading begins at the position of the bundle that is served, not at what the store calls indexed: vectors before it
may never have been made by this encoder. What is there already is looked up, not encoded.

A text on which the encoder fails, and on no other, is noted as one that has no vector, for good: it must not hold up
all that comes behind it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from recsys.documents import place_names_of
from recsys.errors import EncoderBusy, EncoderGone, StoreUnavailable
from recsys.text import normalise
from serving.board import Board
from serving.encoder.batcher import Batcher, cost
from serving.encoder.blobs import digest_of, refusal, to_blobs
from serving.encoder.places import PLACES, Names, digest_of_place, points_of

log = logging.getLogger(__name__)

#: Seconds of encoding between two writes.
STEP: Final = 0.3
_AT_ONCE: Final = 512  # changes read at once
_TICK, _OTHERS, _PAUSE = 0.005, 0.25, 0.5  # seconds: look at the board; ask the store; the store was gone
_WAIT: Final = 300.0  # seconds for one step's texts; beyond, they are asked for again


class Entry(Protocol):
    """A change of the log, as ``serving.store.Change``."""

    @property
    def position(self) -> int: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def document(self) -> dict[str, Any] | None: ...  # noqa: D102


class Log(Protocol):
    """What the indexer needs of ``serving.store.Store``."""

    def head(self) -> int: ...  # noqa: D102
    def changes(self, after: int, limit: int, upto: int | None = None) -> Sequence[Entry]: ...  # noqa: D102
    def vectors(self, encoder: str, digests: Sequence[bytes]) -> dict[bytes, bytes]: ...  # noqa: D102
    def put_vectors(self, encoder: str, blobs: dict[bytes, bytes]) -> None: ...  # noqa: D102
    def set_indexed(self, encoder: str, position: int) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


PointsOf = Callable[[Sequence[Names]], dict[bytes, bytes]]
#: The texts of each of some documents of one kind.
TextsOf = Callable[[str, Sequence[dict[str, Any]]], Sequence[Sequence[str]]]


@dataclass(frozen=True)
class _Step:
    """Changes up to ``position``; those of their texts that have no vector, and of their places that have no point.

    ``whose`` names a document that a text is of.
    """

    position: int
    texts: dict[bytes, str]
    places: dict[bytes, Names]
    whose: dict[bytes, str]


class Indexer:
    """One thread that follows one store for one encoder.

    Args:
        open_: opens the store, and the host's board of it, on the indexer's thread. The board's ``indexed`` is raised,
            and its ``head`` tells at once of writes on this host.
        batcher: encodes, as bulk.
        texts_of: the texts of documents of a kind ("posting", "candidate", "mutes").
        start: position of the bundle that is served: earlier texts have their vectors in it.
        points_of: blobs of places by name.
    """

    def __init__(
        self,
        open_: Callable[[], tuple[Log, Board]],
        batcher: Batcher,
        texts_of: TextsOf,
        start: int = 0,
        points_of: PointsOf = points_of,
    ) -> None:
        self.position = start
        self._open = open_
        self._opened: tuple[Log, Board] | None = None
        self._batcher, self._texts_of, self._points_of = batcher, texts_of, points_of
        self._encoder = batcher.encoder.name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End after what is being written; ``seconds`` at most."""
        self._stop.set()
        if self._thread.ident is None:  # it was never started
            self._close()
        else:
            self._thread.join(seconds)

    @property
    def _store(self) -> Log:
        return self._both()[0]

    @property
    def _board(self) -> Board:
        return self._both()[1]

    def _both(self) -> tuple[Log, Board]:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _run(self) -> None:
        self._follow()
        self._close()

    def _close(self) -> None:
        for one in self._opened or ():
            one.close()
        self._opened = None

    def _follow(self) -> None:
        gone = False
        while not self._stop.is_set():
            try:
                self.catch_up()
                gone = False
                self._wait_for_more()
            except EncoderGone:
                return  # it is stopping
            except StoreUnavailable as error:
                if not gone:  # once, not twice a second
                    log.warning("the store is gone, indexing waits at position %d: %s", self.position, error)
                gone = True
                self._stop.wait(_PAUSE)
            except Exception:
                log.exception("indexing failed at position %d and is tried again", self.position)
                self._stop.wait(_PAUSE)

    def _wait_for_more(self) -> None:
        until = time.monotonic() + _OTHERS
        while self._board.head <= self.position and time.monotonic() < until and not self._stop.wait(_TICK):
            pass

    def catch_up(self) -> None:
        """Index all that the log holds now.

        Raises:
            StoreUnavailable: what was done until then is kept.
            EncoderGone: the encoder is stopping.
        """
        while not self._stop.is_set():
            changes = self._store.changes(self.position, _AT_ONCE)
            if not changes:
                return
            for step in self._steps(changes):
                if self._stop.is_set():
                    return
                self._index(step)

    def _index(self, step: _Step) -> None:
        if step.texts:
            self._store.put_vectors(self._encoder, self._encode(step))
        if step.places:
            self._store.put_vectors(PLACES, self._points_of(list(step.places.values())))
        self._store.set_indexed(self._encoder, step.position)
        self.position = step.position
        self._board.raise_head(step.position)
        self._board.raise_indexed(step.position, self._encoder)

    def _encode(self, step: _Step) -> dict[bytes, bytes]:
        """Blobs of a step's texts, by digest."""
        while True:
            try:
                vectors, refused = self._batcher.encode_each(list(step.texts.values()), _WAIT, bulk=True)
            except EncoderBusy:
                if self._stop.wait(_TICK):
                    raise EncoderGone("the encoder's process is stopping") from None
            else:
                break
        digests = list(step.texts)
        blobs = dict(zip(digests, to_blobs(vectors), strict=True))
        for at in refused:
            log.error("the encoder fails on a text of %s: it gets no vector", step.whose[digests[at]])
            blobs[digests[at]] = refusal(vectors.shape[1])
        return blobs

    def _steps(self, changes: Sequence[Entry]) -> Iterator[_Step]:
        """The changes cut so that each step is about ``STEP`` seconds of encoding."""
        texts = self._digests(changes)
        places = [self._places(change) for change in changes]
        known = self._known(self._encoder, texts) | self._known(PLACES, places)
        missing: dict[bytes, str] = {}
        unknown: dict[bytes, Names] = {}
        whose: dict[bytes, str] = {}
        spent = 0
        for change, some, where in zip(changes, texts, places, strict=True):
            if spent and spent >= STEP * self._batcher.speed():
                yield _Step(change.position - 1, missing, unknown, whose)  # the log has no gaps
                missing, unknown, whose, spent = {}, {}, {}, 0
            for digest, text in some.items():
                if digest not in known:
                    known.add(digest)
                    missing[digest] = text
                    whose[digest] = f"{change.kind} {change.key!r} at position {change.position}"
                    spent += cost(text)
            unknown |= {digest: names for digest, names in where.items() if digest not in known}
            known |= where.keys()
        yield _Step(changes[-1].position, missing, unknown, whose)

    def _known(self, what: str, digests: Sequence[Iterable[bytes]]) -> set[bytes]:
        wanted = list({digest for some in digests for digest in some})
        return set(self._store.vectors(what, wanted)) if wanted else set()

    def _places(self, change: Entry) -> dict[bytes, Names]:
        if change.document is None or change.kind not in ("posting", "candidate"):
            return {}
        try:
            return {digest_of_place(names): names for names in place_names_of(change.document)}
        except Exception:  # likewise, see _texts
            log.exception("the places of %s %r at position %d cannot be read", change.kind, change.key, change.position)
            return {}

    def _digests(self, changes: Sequence[Entry]) -> list[dict[bytes, str]]:
        """Texts of each change by digest."""
        found: list[dict[bytes, str]] = [{} for _ in changes]
        for kind in ("posting", "candidate", "mutes"):
            rows = [row for row, one in enumerate(changes) if one.kind == kind and one.document is not None]
            for row, texts in zip(rows, self._texts(kind, [changes[row] for row in rows]), strict=True):
                cleaned = [normalise(text) for text in texts]
                found[row] = {digest: text for text in cleaned if (digest := digest_of(text)) is not None}
        return found

    def _texts(self, kind: str, changes: Sequence[Entry]) -> Sequence[Sequence[str]]:
        if not changes:
            return ()
        try:
            return self._texts_of(kind, [change.document or {} for change in changes])
        except Exception:  # one document that cannot be read must not hold up all the others
            if len(changes) > 1:
                return [texts for change in changes for texts in self._texts(kind, [change])]
            first = changes[0]
            log.exception("the texts of %s %r at position %d cannot be read", kind, first.key, first.position)
            return [()]
