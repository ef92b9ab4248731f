"""The encoder processes of a host, by address: those that are wanted, and for a while those that were."""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from recsys.errors import JobrecError
from serving.child import Child, stop_all
from serving.encoder.process import EncoderJob
from serving.encoder.process import run as run_encoder

log = logging.getLogger(__name__)

#: Which encoder processes are wanted now.
Wanted = Callable[[], Sequence[EncoderJob]]
_ASK_EVERY: Final = 1.0  # seconds
_TO_THE_POINT: Final = 1.0  # seconds beyond the time to drain, before a child is killed


class Encoders:
    """The encoder processes, by address.

    Args:
        wanted: asked each second.
        linger_seconds: one that is not wanted any more stays for so long.
        hung_seconds: one that does not get on for so long is killed and started again.
    """

    def __init__(self, wanted: Wanted, linger_seconds: float, hung_seconds: float) -> None:
        self._wanted, self._linger_seconds, self._hung_seconds = wanted, linger_seconds, hung_seconds
        self._children: dict[Path, Child] = {}
        self._unwanted_since: dict[Path, float] = {}
        self._drain_seconds = 0.0
        self._asked_at = time.monotonic()

    def want(self, jobs: Sequence[EncoderJob]) -> None:
        """Start those that are missing, end those that were not wanted for long.

        One that has to follow the log from an earlier position than it did is started again.
        """
        now = time.monotonic()
        for job in jobs:
            self._unwanted_since.pop(job.address, None)
            self._drain_seconds = max(self._drain_seconds, job.drain_seconds)
            if job.address not in self._children:
                child = Child(f"encoder {job.address.name}", _run_encoder, (job,), self._hung_seconds)
                self._children[job.address] = child
                child.start()
            else:
                child = self._children[job.address]
                child.arguments = (job,)
                if job.position < child.started_with[0].position:
                    log.info("%s starts again, to follow the log from position %d", child.name, job.position)
                    child.terminate()
        for address in self._children.keys() - {job.address for job in jobs}:
            if now - self._unwanted_since.setdefault(address, now) >= self._linger_seconds:
                del self._unwanted_since[address]
                stop_all([self._children.pop(address)], self._drain_seconds + _TO_THE_POINT)

    def keep_alive(self) -> None:
        """Ask what is wanted, and start again what died."""
        if time.monotonic() - self._asked_at >= _ASK_EVERY:
            self._asked_at = time.monotonic()
            try:
                self.want(self._wanted())
            except JobrecError as error:
                log.error("which encoders are wanted is not known, those there are stay: %s", error)
        for child in self._children.values():
            child.keep_alive()

    def stop(self) -> None:
        """End them all."""
        stop_all(list(self._children.values()), self._drain_seconds + _TO_THE_POINT)


def _run_encoder(job: EncoderJob, beat: Any) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def got_on() -> None:
        beat.value += 1

    run_encoder(job, got_on)
