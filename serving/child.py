"""A process that its parent keeps alive: what dies is started again, and what lives without turning is killed."""

import logging
import multiprocessing
import multiprocessing.process
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

log = logging.getLogger(__name__)

_SPAWN = multiprocessing.get_context("spawn")
#: Seconds between two calls of ``Child.keep_alive``.
TICK: Final = 0.1
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0  # seconds before something that died is started again
_STEADY: Final = 30.0  # what lived so long starts again at once


class Child:
    """One process that is kept alive.

    Args:
        name: for the log.
        target: what it runs; called with the arguments and a shared number, which it lets rise as long as it turns.
            From the first rise on, silence is counted: it may take as long as it needs to begin.
        arguments: before the number.
        hung_seconds: after so long a silence it is killed, and started again.
        ended: called once for each process that died, with its number.

    Attributes:
        arguments: of the next start.
        started_with: of the last start.
    """

    def __init__(
        self,
        name: str,
        target: Callable[..., None],
        arguments: tuple[Any, ...],
        hung_seconds: float,
        ended: Callable[[int], None] | None = None,
    ) -> None:
        self.name = name
        self._beat = _SPAWN.Value("Q", 0, lock=False)
        self._target = target
        self.arguments = self.started_with = arguments
        self._told_of_end = ended
        self._process: multiprocessing.process.BaseProcess | None = None
        self._began = 0.0
        self._pause = _FIRST_PAUSE
        self._again_at = 0.0
        self._most_silent = int(hung_seconds / TICK)
        self._seen = self._silent = 0

    def start(self) -> None:
        """Begin."""
        self._beat.value = self._seen = self._silent = 0
        self.started_with = self.arguments
        self._process = _SPAWN.Process(target=self._target, args=(*self.arguments, self._beat), name=self.name)
        self._process.start()
        self._began = time.monotonic()
        log.info("%s is process %d", self.name, self._process.pid)

    def keep_alive(self) -> None:
        """Start it again if it died, once its pause is over; kill it if it hangs."""
        process, now = self._process, time.monotonic()
        if process is not None and process.is_alive():
            self._listen(process)
        elif process is not None:
            self._pause = _FIRST_PAUSE if now - self._began > _STEADY else min(self._pause * 2, _LONGEST_PAUSE)
            self._again_at = now + self._pause
            log.error("%s ended with %s, starts again in %.1f s", self.name, process.exitcode, self._pause)
            self._let_go(process)
        elif now >= self._again_at:
            self.start()

    def _listen(self, process: multiprocessing.process.BaseProcess) -> None:
        """Silence is counted in the parent's own turns: a machine that stood still as a whole says nothing."""
        beat = self._beat.value
        self._silent = self._silent + 1 if beat and beat == self._seen else 0
        self._seen = beat
        if self._silent > self._most_silent:
            log.error("%s does not turn any more and is killed", self.name)
            self._silent = 0
            process.kill()

    def _let_go(self, process: multiprocessing.process.BaseProcess) -> None:
        if self._told_of_end is not None and process.pid is not None:
            self._told_of_end(process.pid)
        process.close()
        self._process = None

    def terminate(self) -> None:
        """Ask it to end; ``keep_alive`` starts it again."""
        if self._process is not None:
            self._process.terminate()

    def join(self, until: float) -> None:
        """Wait for its end until a moment, then kill it."""
        if self._process is None:
            return
        self._process.join(max(until - time.monotonic(), 0.0))
        if self._process.is_alive():
            log.error("%s did not end in time and is killed", self.name)
            self._process.kill()
            self._process.join()


def stop_all(children: Sequence[Child], seconds: float) -> None:
    """End them together; those that have not after so long are killed."""
    until = time.monotonic() + seconds
    for child in children:
        child.terminate()
    for child in children:
        child.join(until)
