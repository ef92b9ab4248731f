"""What a worker process serves from: the states of the active bundle, and writes to the store."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from recsys.errors import Behind, JobrecError, StoreUnavailable
from serving.board import Board
from serving.live.follower import MANY, Follower
from serving.live.opening import Bundles
from serving.live.settings import LiveSettings
from serving.live.state import State
from serving.store import Receipt, Store, Write
from serving.store.alerts import AlertBook

log = logging.getLogger(__name__)
_PAUSE, _TICK = 0.2, 0.01  # seconds: after the store was found gone; between two looks at the board
_HOLD = 0.5  # seconds that newcomers wait at most for a bundle that is about to be served
_AGAIN, _MOST_AGAIN = 1.0, 60.0  # seconds until a bundle that was refused is tried again, at first and at most


@dataclass(frozen=True)
class Readiness:
    """Whether requests should come here, and why not.

    Attributes:
        ok: they should.
        reasons: why not, or what to look after.
        bundle: that is served.
        position: of the log, obeyed.
        indexed: of the log, searched.
        head: of the log, as far as known here.
        skipped: changes that could not be read and were passed over, or whose texts not all could be encoded.
        unplaced: changes of postings that there was no room for.
        waiting: postings and profiles whose texts have no vectors yet.
    """

    ok: bool
    reasons: tuple[str, ...]
    bundle: str
    position: int
    indexed: int
    head: int
    skipped: int = 0
    unplaced: int = 0
    waiting: int = 0


class Service:
    """One a worker process; safe for many threads.

    A request takes the state of its moment. Before, what this host has acknowledged is applied: the board tells. One
    thread follows the log and brings in new texts, another changes to the bundle that was activated. Only these two
    threads and writers ask the store, so that a store that hangs holds up no reader for longer than the patience.

    Args:
        store: that is written to and followed.
        board: of this host.
        bundles: opens the active one.
        settings: see there.
    """

    def __init__(self, store: Store, board: Board, bundles: Bundles, settings: LiveSettings) -> None:
        self._store, self._board, self._bundles, self._settings = store, board, bundles, settings
        self.alerts = AlertBook(store)  #: that candidates have set up
        self._follower = bundles.open_first()
        self._turn = threading.Lock()
        self._moved = threading.Condition()
        self._ended = threading.Event()
        self._nudge = threading.Event()
        self._trouble = ""
        self.refused = ""  #: why the active bundle is not served, if it is not
        self._held_since: float | None = None  # newcomers wait for the bundle that is about to be served
        self._keys_at = 0
        self._keys = _keys(store)
        board.raise_head(store.head())
        self._obey()
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("follower", self._run), ("bundles", self._watch_bundles))
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop following."""
        self._ended.set()
        for thread in self._threads:
            thread.join(10)

    def state(self, min_position: int | None = None) -> State:
        """A state that obeys all that this host has acknowledged, and the log up to ``min_position``.

        Where the store is gone, the last state there was.

        Raises:
            Behind: ``min_position`` was not reached in time.
        """
        head = self._board.head
        if head > self._follower.state.position and not self._trouble:
            self._nudge.set()
            if not self._wait_for(lambda: self._follower.state.position >= head or bool(self._trouble)):
                raise Behind(f"position {head} was acknowledged and is not obeyed in time; ask again")
        if min_position is not None and not self._wait_for(lambda: _reached(self._follower.state, min_position)):
            state = self._follower.state
            raise Behind(
                f"position {min_position} is not reached yet: obeyed up to {state.position}, "
                f"searched up to {state.indexed}; ask again"
            )
        return self._follower.state

    def write(self, writes: Sequence[Write]) -> Receipt:
        """Store in one transaction; when this returns, every later answer of this host obeys it.

        Raises:
            StoreUnavailable: the store is gone, locked or full; nothing was stored.
            DataError: something cannot be stored; nothing was.
        """
        receipt = self._store.write([self._with_shown(write) for write in writes])
        self._board.raise_head(receipt.position)
        return receipt

    def _with_shown(self, write: Write) -> Write:
        """What is taken away may be known by the bundle alone: the store has to be told."""
        if write.document is not None or not write.kind.endswith("_gone"):
            return write
        state = self._follower.state
        there = {"posting_gone": state.shows, "candidate_gone": state.knows}.get(write.kind)
        return replace(write, shown_at=state.position) if there is not None and there(write.key) else write

    def document(self, kind: Literal["posting", "candidate", "mutes"], key: str) -> dict[str, Any] | None:
        """As it was stored."""
        read = {"posting": self._store.posting, "candidate": self._store.candidate, "mutes": self._store.mutes}
        return read[kind](key)

    def keys(self) -> Mapping[str, tuple[str, Collection[str]]]:
        """API keys, from memory: id -> SHA-256 of its secret in hex, scopes."""
        return self._keys

    def readiness(self) -> Readiness:
        """How things are; from memory."""
        follower = self._follower
        state = follower.state
        reasons = [one for one in (self._trouble, self.refused) if one]
        if follower.unplaced:
            reasons.append(f"no room for {follower.unplaced} postings beside the bundle, others are found: train again")
        if follower.skipped:
            reasons.append(f"{follower.skipped} changes could not be read or encoded in whole: see the log")
        head = max(self._board.head, state.position)
        counts = (follower.skipped, follower.unplaced, follower.waiting)
        return Readiness(
            not self._ended.is_set(), tuple(reasons), state.bundle, state.position, state.indexed, head, *counts
        )

    def _obey(self) -> None:
        with self._turn:
            self._follower.obey()
        if self._follower.keys_at > self._keys_at:
            self._read_keys(self._follower.keys_at)
        self._tell()

    def _read_keys(self, position: int) -> None:
        self._keys = _keys(self._store)
        self._keys_at = position

    def _tell(self) -> None:
        with self._moved:
            self._moved.notify_all()

    def _wait_for(self, reached: Callable[[], bool]) -> bool:
        """Wait for the follower, and notice where the store keeps it waiting: whether it came in time."""
        until = time.monotonic() + self._settings.wait_seconds
        with self._moved:
            while not reached():
                left = until - time.monotonic()
                if left <= 0:
                    return False
                if self._follower.asking.seconds > self._settings.patience_seconds and not self._trouble:
                    self._trouble = "the store gives no answer, answers are from memory"
                    log.error(self._trouble)
                self._moved.wait(min(left, 0.05))
        return True

    def _run(self) -> None:
        asked = -self._settings.poll_seconds
        while not self._ended.is_set():
            try:
                if time.monotonic() - asked >= self._settings.poll_seconds:
                    asked = time.monotonic()
                    self._look_around()
                busy = self._follow()
                self._trouble = ""
            except StoreUnavailable as error:
                busy = self._say(f"the store is gone, answers are from memory: {error}")
            except Exception as error:  # whatever it is, this thread goes on
                busy = self._say(f"the log is not followed: {type(error).__name__}: {error}", error)
            if not busy:
                self._nudge.wait(_TICK)
                self._nudge.clear()

    def _say(self, trouble: str, error: Exception | None = None) -> bool:
        """Tell what is wrong, once, and wait a little; False: nothing was done."""
        if trouble != self._trouble:
            log.error(trouble, exc_info=error)
        self._trouble = trouble
        self._tell()  # whoever waits is answered from memory
        self._ended.wait(_PAUSE)
        return False

    def _look_around(self) -> None:
        """What other hosts wrote and encoded."""
        follower = self._follower
        with follower.asking:
            head, indexed = self._store.head(), self._store.indexed(follower.encoder)
        self._board.raise_head(head)
        self._board.raise_indexed(indexed, follower.encoder)

    def _follow(self) -> bool:
        """One step behind the log; whether there is more to do."""
        if self._board.head > self._follower.state.position:
            self._obey()
        if self._held_since is not None or not self._behind():
            return False
        with self._turn:
            nearer = self._follower.index_some(self._board.indexed(self._follower.encoder))
        self._tell()
        return nearer

    def _behind(self) -> bool:
        state = self._follower.state
        return min(self._board.indexed(self._follower.encoder), state.position) > state.indexed

    def _watch_bundles(self) -> None:
        """Changes to another bundle when one is active; in a thread of its own, while the old one is served."""
        tried, again_at, pause = "", 0.0, _AGAIN
        while not self._ended.wait(self._settings.poll_seconds):
            wanted = ""
            try:
                wanted = self._bundles.active()
                if wanted == self._follower.state.bundle:
                    self.refused = tried = ""
                elif wanted != tried or time.monotonic() >= again_at:
                    self._change_to(self._bundles.open())
            except Exception as error:  # whatever is wrong with a bundle, the next one must be looked for
                reason = str(error) if isinstance(error, JobrecError) else repr(error)
                if reason != self.refused:
                    log.error("the active bundle is not taken up, the old one stays: %s", reason)
                pause = min(2 * pause, _MOST_AGAIN) if wanted == tried else _AGAIN
                self.refused, tried, again_at = reason, wanted, time.monotonic() + pause

    def _change_to(self, fresh: Follower) -> None:
        """Bring a follower up to the log, then let it answer; give it up where its bundle is not active any more.

        Where its encoder is another one, this waits until that has encoded all newcomers again.
        """
        name = fresh.state.bundle
        try:
            self._bring(fresh, name)
        finally:
            self._held_since = None

    def _bring(self, fresh: Follower, name: str) -> None:
        near = self._follower.state.indexed
        while not self._ended.is_set() and self._bundles.active() == name:
            fresh.obey()
            self._board.raise_indexed(self._store.indexed(fresh.encoder), fresh.encoder)
            if self._exchange(fresh):
                log.info("bundle %s is served from position %d", name, fresh.state.position)
                self.refused = ""
                return
            if self._held_since is None and fresh.state.indexed >= near:
                self._held_since = time.monotonic()  # a slower encoder would never overtake while writes go on
            elif self._held_since is not None and time.monotonic() - self._held_since > _HOLD:
                self._held_since, near = None, self._follower.state.indexed
            if not fresh.index_some(self._board.indexed(fresh.encoder), MANY):
                self.refused = f"bundle {name} waits for its encoder {fresh.encoder}, the old one answers meanwhile"
                self._ended.wait(_TICK)

    def _exchange(self, fresh: Follower) -> bool:
        """Let a follower answer, once it finds all that the old one finds; whether it does."""
        with self._turn:
            if fresh.state.indexed < self._follower.state.indexed:
                return False
            fresh.obey()
            self._follower = fresh
        self._read_keys(fresh.keys_at)  # it may have come past changes that the old one never saw
        self._tell()
        return True


def _keys(store: Store) -> dict[str, tuple[str, frozenset[str]]]:
    found = store.keys()
    return {key.key_id: (key.digest, frozenset(key.scopes)) for key in found}


def _reached(state: State, position: int) -> bool:
    return state.position >= position and state.indexed >= position
