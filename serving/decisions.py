"""The log of decisions: which postings were listed for whom, by what. Append-only JSON lines.

One file a process and hour (UTC), named so that names sort by time: 20260102T03-PID.jsonl. A thread writes what waits
and brings it to the disk twice a second; a crash loses the last second at most. A request never waits: what finds the
queue full is dropped and counted. Files older than the retention are removed whole.
"""

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any, Final

from recsys.errors import DataError

log = logging.getLogger(__name__)

#: Begins the surface of lists other than a candidate's recommendations: OWN + "related", for example.
OWN: Final = "jobrec:"
_HOUR: Final = 3600.0
_NAME: Final = "%Y%m%dT%H"
_GLOB: Final = "[0-9]" * 8 + "T" + "[0-9]" * 2 + "-*.jsonl"
_REMOVE_EVERY: Final = 300.0  # seconds


@dataclass(frozen=True)
class Decision:
    """One answered request. The four tuples are parallel to ``postings``, in the order listed: rank 1 is first.

    Attributes:
        request_id: of the request; events name it.
        at: the moment that it was answered for, seconds since 1970.
        candidate_id: who asked; None for a profile that is not stored.
        surface: where the list is shown, in the customer's words; of lists that are no candidate's recommendations
            what they are, after ``OWN``.
        bundle, position, indexed: the state that answered.
        k: so many postings were asked for.
        ranker, policy: versions of the order and of what arranges it.
        postings: ids.
        scores: of each.
        reasons: of each, in words.
        propensities: the chance that the policy lists it there; None where it is not known.
        filters: that were asked for, as JSON; None: none.
        personal: whether profile and history ordered the list.
        about: what else was asked: the words of a search, the parts of a category, the posting that others go with, the
            name of a shelf; None: nothing.
    """

    request_id: str
    at: float
    candidate_id: str | None
    surface: str
    bundle: str
    position: int
    indexed: int
    k: int
    ranker: str
    policy: str
    postings: tuple[str, ...]
    scores: tuple[float, ...]
    reasons: tuple[tuple[str, ...], ...]
    propensities: tuple[float | None, ...]
    filters: dict[str, Any] | None = None
    personal: bool = True
    about: dict[str, Any] | None = None

    def line(self) -> bytes:
        """As one line of JSON."""
        document = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n"

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Decision":
        """The decision that ``line`` wrote.

        Raises:
            KeyError, TypeError: it is none.
        """
        older = {"filters": None, "personal": True, "about": None}  # older logs lack them
        values = {field.name: (older | document)[field.name] for field in fields(cls)}
        for name in ("postings", "scores", "propensities"):
            values[name] = tuple(values[name])
        values["reasons"] = tuple(tuple(some) for some in values["reasons"])
        return cls(**values)


class DecisionLog:
    """Writes decisions of one process; of any number of threads.

    Args:
        folder: made where it is missing.
        retention_days: files that ended so long ago are removed.
        flush_seconds: between two writes to the disk.
        most_waiting: decisions that may wait to be written; beyond, they are dropped.

    Attributes:
        dropped: decisions that were not written, since the start.
        written: decisions on the disk, since the start.

    Raises:
        DataError: the folder cannot be made.
    """

    def __init__(
        self, folder: Path, retention_days: float, flush_seconds: float = 0.5, most_waiting: int = 10_000
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"the log of decisions {folder} cannot be made: {error.strerror}") from error
        self.folder, self.retention_days, self.flush_seconds = folder, retention_days, flush_seconds
        self.dropped = self.written = 0
        self._waiting: queue.SimpleQueue[Decision] = queue.SimpleQueue()
        self._most_waiting = most_waiting
        self._counting = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._file: IO[bytes] | None = None
        self._hour, self._end = "", 0
        self._removed_at = -_REMOVE_EVERY
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)
        self._thread.start()

    def write(self, decision: Decision) -> bool:
        """Put a decision into line, at once; False where it was dropped."""
        if self._stop.is_set() or self._waiting.qsize() >= self._most_waiting:
            self._drop(1)
            return False
        self._waiting.put(decision)
        return True

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits and end; at most ``seconds``."""
        self._stop.set()
        self._wake.set()
        self._thread.join(seconds)

    def _drop(self, count: int) -> None:
        with self._counting:
            self.dropped += count

    def _run(self) -> None:
        while True:
            last = self._stop.is_set()
            self._write_all()
            if last:
                break
            self._remove_old()
            self._wake.wait(self.flush_seconds)
        if self._file is not None:
            self._file.close()

    def _write_all(self) -> None:
        batch: list[Decision] = []
        while len(batch) < self._most_waiting and not self._waiting.empty():
            batch.append(self._waiting.get())
        if not batch:
            return
        try:
            self._append(b"".join(one.line() for one in batch))
        except OSError as error:
            if not self._failing:  # once, not twice a second
                log.error("decisions cannot be written and are dropped: %s", error)
            self._failing = True
            self._drop(len(batch))
            self._cut_back()
            return
        self._failing = False
        self.written += len(batch)

    def _append(self, data: bytes) -> None:
        out = self._open(time.strftime(_NAME, time.gmtime()))
        left = memoryview(data)
        while left:
            left = left[out.write(left) :]
        os.fsync(out.fileno())
        self._end += len(data)

    def _cut_back(self) -> None:
        """After a failure: no part of a line stays; where that fails too, the next lines go to another file."""
        if self._file is None:
            return
        try:
            self._file.truncate(self._end)
            self._file.seek(self._end)
        except OSError:
            self._file.close()
            self._file = None

    def _open(self, hour: str) -> IO[bytes]:
        if self._file is None or hour != self._hour:
            if self._file is not None:
                self._file.close()
                self._file = None
            number = 0
            while (path := self.folder / f"{hour}-{os.getpid()}-{number:03d}.jsonl").exists():
                number += 1  # of an earlier process with our number, whose last line may be torn
            self._file, self._hour = path.open("xb", buffering=0), hour
            self._end = 0
            _sync(self.folder)
        return self._file

    def _remove_old(self) -> None:
        if time.monotonic() - self._removed_at < _REMOVE_EVERY:
            return
        self._removed_at = time.monotonic()
        before = time.strftime(_NAME, time.gmtime(time.time() - self.retention_days * 24 * _HOUR - _HOUR))
        for file in self.folder.glob(_GLOB):
            if file.name[: len(before)] < before:
                file.unlink(missing_ok=True)  # another process may have been faster


def read_decisions(folder: Path, since: float | None = None, until: float | None = None) -> Iterator[Decision]:
    """Decisions with ``since`` <= at < ``until`` (seconds since 1970), file by file: by hour, within it by process.

    A line that was torn by a crash, the last of its file, is passed over.

    Raises:
        DataError: another line is no decision.
    """
    first = "" if since is None else time.strftime(_NAME, time.gmtime(since))
    # A decision is written within moments: one of the last seconds of an hour may stand in the next hour's file.
    last = "9" if until is None else time.strftime(_NAME, time.gmtime(until + _HOUR))
    for file in sorted(folder.glob(_GLOB)):
        if first <= file.name[:11] <= last:
            for one in read_file(file):
                if (since is None or one.at >= since) and (until is None or one.at < until):
                    yield one


def read_file(file: Path) -> Iterator[Decision]:
    """Decisions of one file, in the order in which they were written; a torn last line is passed over.

    Raises:
        DataError: another line is no decision.
    """
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return  # torn: only the last can be
            try:
                yield Decision.from_document(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise DataError(f"{file}, line {number} is no decision; remove the line or the file") from None


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
