"""What waits for the encoder, and the thread that takes it in batches.

Two lines wait: texts of online requests, and bulk. Online goes first, in steps that take about ``STEP`` seconds at the
speed seen so far; bulk gets every fourth step while online requests keep coming, so that it is never starved. So an
online request waits for one step of bulk at most before its first text is taken.

A batch on which the encoder fails is halved down to the texts that it fails on, so that nobody else's are lost with
them. Where it fails on a harmless text as well, no text is to blame.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.encode import Encoder
from recsys.errors import EncoderBusy, EncoderError, EncoderGone

log = logging.getLogger(__name__)

#: Seconds that one batch takes, about.
STEP: Final = 0.1
_HARMLESS: Final = ("work",)  # an encoder that fails on this is broken, whatever it was asked for
#: Characters of a text beyond which its length costs no more: encoders cut there.
_CUT: Final = 1280
#: What a text costs beyond its characters, in characters.
_EACH: Final = 40
_ONLINE_STEPS: Final = 3  # of online requests, one after another, while bulk waits
_IDLE: Final = 0.25  # seconds, at most, between two turns with nothing to do
_SLOWEST, _FASTEST = 2e3, 1e8  # characters a second, bounds of what is believed


@dataclass(eq=False)
class Job:
    """Texts of one asking, and their vectors as they come.

    Attributes:
        texts: n texts.
        deadline: by ``time.monotonic``; afterwards nobody waits for it.
        vectors: float32 (n, d).
        begun: texts that were taken into a batch.
        refused: those on which the encoder fails; their vectors are zeros.
        done: set when all is there, or ``error`` is.
        error: why there are no vectors.
    """

    texts: Sequence[str]
    deadline: float
    vectors: NDArray[np.float32]
    begun: int = 0
    refused: list[int] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    error: EncoderError | None = None

    def fail(self, error: EncoderError) -> None:
        """End it without vectors."""
        self.error = error
        self.done.set()


class Batcher:
    """Encodes what any thread submits, on one thread.

    Args:
        encoder: used by this thread alone.
        most_waiting: texts that may wait in each of the two lines.

    Attributes:
        turns: rises with each batch, and a few times a second where none is there.
    """

    def __init__(self, encoder: Encoder, most_waiting: int = 4096) -> None:
        self.encoder = encoder
        self.most_waiting = most_waiting
        self._lines: tuple[deque[Job], deque[Job]] = (deque(), deque())
        self._waiting = [0, 0]
        self._changed = threading.Condition()
        self._speeds = [_SLOWEST, _SLOWEST]  # of each line: single texts are slower than full batches
        self._online_steps = 0
        self._open = True
        self.turns = 0
        self._clock: int | None = None
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)

    def start(self) -> None:
        """Begin to encode."""
        self._thread.start()

    def submit(self, texts: Sequence[str], seconds: float, bulk: bool = False) -> Job:
        """Put texts into line; the job's ``done`` tells when they are encoded.

        A line that is empty takes any number of texts.

        Raises:
            EncoderBusy: too many wait.
            EncoderGone: it is stopping.
        """
        job = Job(texts, time.monotonic() + seconds, np.zeros((len(texts), self.encoder.dimension), np.float32))
        if not texts:
            job.done.set()
            return job
        with self._changed:
            if not self._open:
                raise EncoderGone("the encoder's process is stopping")
            waiting = self._waiting[bulk]
            if waiting and waiting + len(texts) > self.most_waiting:
                raise EncoderBusy(f"{waiting} texts wait for the encoder, at most {self.most_waiting} may; ask later")
            self._lines[bulk].append(job)
            self._waiting[bulk] += len(texts)
            self._changed.notify_all()
        return job

    def encode(self, texts: Sequence[str], seconds: float, bulk: bool = False) -> NDArray[np.float32]:
        """Vectors of n texts, float32 (n, d).

        Raises:
            EncoderBusy: too many wait, or the time is over.
            EncoderGone: it is stopping.
            EncoderError: the encoder failed, or it fails on one of these texts.
        """
        vectors, refused = self.encode_each(texts, seconds, bulk)
        if refused:
            raise EncoderError(f"the encoder fails on {len(refused)} of {len(texts)} texts")
        return vectors

    def encode_each(
        self, texts: Sequence[str], seconds: float, bulk: bool = False
    ) -> tuple[NDArray[np.float32], tuple[int, ...]]:
        """Vectors (n, d), and which texts have none since the encoder fails on them and on nothing else.

        Raises:
            EncoderBusy, EncoderGone: as ``encode``.
            EncoderError: the encoder failed.
        """
        job = self.submit(texts, seconds, bulk)
        if not job.done.wait(seconds):
            raise EncoderBusy(f"{len(texts)} texts were not encoded within {seconds:g} s; ask later")
        if job.error is not None:
            raise job.error
        return job.vectors, tuple(job.refused)

    @property
    def alive(self) -> bool:
        """Whether there is still a thread that encodes."""
        return self._thread.is_alive()

    def processor_seconds(self) -> float:
        """Processor time that the encoding thread has used itself; 0 before it runs."""
        clock = self._clock
        try:
            return 0.0 if clock is None else time.clock_gettime(clock)
        except OSError:  # it has just ended
            return 0.0

    def speed(self) -> float:
        """Characters of bulk encoded in a second, as seen lately (a text counts ``cost``)."""
        return self._speeds[1]

    def waiting(self) -> tuple[int, int]:
        """Texts that wait: of online requests, and of bulk."""
        return self._waiting[0], self._waiting[1]

    def stop(self, seconds: float) -> None:
        """Take nothing more; finish what online requests wait for within ``seconds``, fail the rest."""
        with self._changed:
            self._open = False
            self._drop(1, EncoderGone("the encoder's process is stopping"))
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)
        with self._changed:
            for line in (0, 1):
                self._drop(line, EncoderGone("the encoder's process is stopping"))

    def _drop(self, line: int, error: EncoderError) -> None:
        for job in self._lines[line]:
            job.fail(error)
        self._lines[line].clear()
        self._waiting[line] = 0

    def _run(self) -> None:
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        while True:
            with self._changed:
                line, batch = self._take()
                while not batch:
                    if not self._open:
                        return
                    self.turns += 1
                    self._changed.wait(_IDLE)
                    line, batch = self._take()
            self._encode(batch, line)
            self.turns += 1

    def _take(self) -> tuple[int, list[tuple[Job, int]]]:
        """The next batch, and of which line: pairs of a job and which of its texts; the lock is held."""
        first = 1 if self._online_steps >= _ONLINE_STEPS else 0
        for line in (first, 1 - first):
            batch = self._take_from(line)
            if batch:
                self._online_steps = 0 if line else self._online_steps + 1
                return line, batch
        return 0, []

    def _take_from(self, line: int) -> list[tuple[Job, int]]:
        batch: list[tuple[Job, int]] = []
        jobs, budget, now = self._lines[line], STEP * self._speeds[line], time.monotonic()
        while jobs and (not batch or budget > 0):
            job = jobs[0]
            if job.error is not None or job.begun == len(job.texts) or now > job.deadline:
                jobs.popleft()
                left = len(job.texts) - job.begun
                self._waiting[line] -= left
                if left and job.error is None:
                    job.fail(EncoderBusy("the time that was given is over; ask later"))
                continue
            batch.append((job, job.begun))
            budget -= cost(job.texts[job.begun])
            job.begun += 1
            self._waiting[line] -= 1
        return batch

    def _encode(self, batch: list[tuple[Job, int]], line: int) -> None:
        texts = [job.texts[at] for job, at in batch]
        started = time.perf_counter()
        try:
            vectors, refused = self._each(texts)
        except Exception as error:  # of torch or a model: those who wait are told, the thread goes on
            log.exception("a batch of %d texts could not be encoded", len(texts))
            for job in {id(job): job for job, _ in batch}.values():
                job.fail(EncoderError(f"the encoder failed: {' '.join(str(error).split())[:200]}"))
            return
        for job, at in (batch[one] for one in refused):
            job.refused.append(at)
        seen = sum(map(cost, texts)) / max(time.perf_counter() - started, 1e-6)
        self._speeds[line] = float(np.clip(0.7 * self._speeds[line] + 0.3 * seen, _SLOWEST, _FASTEST))
        for (job, at), vector in zip(batch, vectors, strict=True):
            job.vectors[at] = vector
            if at == len(job.texts) - 1:
                job.done.set()

    def _each(self, texts: list[str]) -> tuple[NDArray[np.float32], list[int]]:
        """Vectors of some texts, zeros for those on which the encoder fails, and which these are.

        Raises:
            Exception: as ``_tried``.
        """
        vectors = self._tried(texts)
        if vectors is not None:
            return vectors, []
        if len(texts) > 1:
            middle = len(texts) // 2
            (left, refused), (right, more) = self._each(texts[:middle]), self._each(texts[middle:])
            return np.concatenate([left, right]), refused + [middle + at for at in more]
        vectors = self._tried(texts)  # what does not fail twice was no fault of the text
        if vectors is not None:
            return vectors, []
        return np.zeros((1, self.encoder.dimension), np.float32), [0]

    def _tried(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Vectors of some texts; None where the encoder fails on them, but not on a harmless one.

        Raises:
            Exception: it fails on that, too, or there is no memory.
        """
        try:
            return self._vectors(texts)
        except MemoryError:
            raise
        except Exception as error:  # without its words, which may repeat a text
            log.warning("the encoder fails on a batch of %d texts: %s", len(texts), type(error).__name__)
        self._vectors(_HARMLESS)
        return None

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        try:
            vectors = self.encoder.encode(texts)
        except (Exception, SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # so ends what tokenizers' own language calls a panic
            raise EncoderError(f"encoder {self.encoder.name} failed: {type(error).__name__}") from error
        if not np.isfinite(vectors).all():
            raise EncoderError(f"encoder {self.encoder.name} gave values that are not finite")
        return vectors


def cost(text: str) -> int:
    """What encoding a text costs, in characters."""
    return min(len(text), _CUT) + _EACH
