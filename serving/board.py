"""The board: a few counters that all processes of a host share, in one mapped file.

Layout, numbers of 8 bytes in the order of the machine (little-endian on all that this runs on):

    0   magic and version
    1   which store: 8 bytes of BLAKE2b of what the store is called
    2   head: the last log position known to be committed
    4   slots of 16 bytes: which encoder (8 bytes of BLAKE2b, 0: free), log position up to which it has all vectors

A counter only rises. A rise takes the file's lock; a reading takes none, since 8 aligned bytes are written at once. A
process that dies gives its lock back, and leaves a counter as it was or as it was to be.
"""

import fcntl
import hashlib
import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from recsys.errors import StoreError

_MAGIC: Final = int.from_bytes(b"jobrecB1", "little")
_HEAD, _SLOTS = 2, 4
_BYTES: Final = 4096
#: Encoders that one board knows: bundles of more than so many encoders are not served at once.
ENCODERS: Final = (_BYTES // 8 - _SLOTS) // 2


class Board:
    """The counters of one store on this host; of any number of threads and processes (made by spawn, not by fork).

    Args:
        path: the file; made, complete, where there is none.
        store: what the store is called, its URL say.

    Raises:
        StoreError: the file is no board, or of another store, or cannot be made.
    """

    def __init__(self, path: Path, store: str) -> None:
        self.path = path
        self._turn = threading.Lock()
        self._slots: dict[str, int] = {}
        try:
            if not path.exists():
                _make(path, _name(store))
            self._file = path.open("r+b")
        except OSError as error:
            raise StoreError(f"the board {path} cannot be made or opened: {error.strerror}") from error
        wrong = _wrong(self._file, _name(store))
        if wrong:
            self._file.close()
            raise StoreError(f"{path} is {wrong}; remove it when nothing runs on it, it is made again")
        self._map = mmap.mmap(self._file.fileno(), _BYTES)
        self._cells = memoryview(self._map).cast("Q")

    def close(self) -> None:
        """Let go of the file; the board cannot be read afterwards."""
        self._cells.release()
        self._map.close()
        self._file.close()

    @property
    def head(self) -> int:
        """The last log position known on this host to be committed; 0 where none is."""
        return self._cells[_HEAD]

    def raise_head(self, position: int) -> None:
        """Say that ``position`` is committed; one that is not ahead changes nothing."""
        if position > self._cells[_HEAD]:
            with self._lock():
                self._cells[_HEAD] = max(position, self._cells[_HEAD])

    def indexed(self, encoder: str) -> int:
        """The log position up to which every text has a vector of this encoder; 0 where nothing is known."""
        slot = self._slot(encoder)
        return 0 if slot is None else self._cells[slot + 1]

    def raise_indexed(self, position: int, encoder: str) -> None:
        """Say that all texts up to ``position`` have vectors; one that is not ahead changes nothing.

        Raises:
            StoreError: more than ``ENCODERS`` encoders.
        """
        if position > self.indexed(encoder):
            with self._lock():
                slot = self._slot(encoder)
                if slot is None:
                    slot = self._claim(encoder)
                self._cells[slot + 1] = max(position, self._cells[slot + 1])

    def _slot(self, encoder: str) -> int | None:
        """Where an encoder's counters are; once given, a slot is the encoder's for ever."""
        known = self._slots.get(encoder)
        if known is not None:
            return known
        name = _name(encoder)
        for slot in range(_SLOTS, _BYTES // 8, 2):
            if self._cells[slot] == name:
                return self._slots.setdefault(encoder, slot)
            if self._cells[slot] == 0:
                break
        return None

    def _claim(self, encoder: str) -> int:
        for slot in range(_SLOTS, _BYTES // 8, 2):
            if self._cells[slot] == 0:
                self._cells[slot] = _name(encoder)
                return slot
        raise StoreError(f"{self.path} has no room for another encoder than the {ENCODERS} it knows; start anew")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with self._turn:  # the file's lock is one for all threads of a process
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)


def _wrong(file: BinaryIO, store: int) -> str:
    """What an open file is instead of the store's board; "" if it is that."""
    head = file.read(16)
    if os.fstat(file.fileno()).st_size != _BYTES or int.from_bytes(head[:8], "little") != _MAGIC:
        return "not a board"
    return "" if int.from_bytes(head[8:], "little") == store else "the board of another store"


def _name(text: str) -> int:
    """8 bytes that stand for a name; never 0."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") or 1


def _make(path: Path, store: int) -> None:
    """An empty board under a name of its own, then linked into place; who comes second takes the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.parent / f".{path.name}.{os.getpid()}.{threading.get_ident()}"
    cells = [_MAGIC, store] + [0] * (_BYTES // 8 - 2)
    own.write_bytes(b"".join(cell.to_bytes(8, "little") for cell in cells))
    try:
        os.link(own, path)
    except FileExistsError:
        return
    finally:
        own.unlink()
