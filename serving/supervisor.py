"""The parent of a host's processes: an encoder and N workers that share a listening socket.

It answers nothing itself. Where the bundle that becomes active has another encoder, a second encoder process is
started, and the first ends some time later. What dies is started again, the sooner the longer it had lived. On SIGTERM
or SIGINT the workers finish what they have begun, then the encoder ends, all within a bound. If the parent is killed,
its children see the end of a pipe and stop by themselves.
"""

import fcntl
import logging
import multiprocessing
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from recsys.errors import ConfigError, JobrecError
from serving.encoder.process import EncoderJob
from serving.encoder.process import run as run_encoder
from serving.figures import empty_folder, join, leave
from serving.parent import when_parent_ends

log = logging.getLogger(__name__)

_SPAWN = multiprocessing.get_context("spawn")
#: Which encoder processes are wanted now.
Encoders = Callable[[], Sequence[EncoderJob]]

_TICK, _ASK_EVERY = 0.1, 1.0  # seconds
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0  # seconds before something that died is started again
_STEADY: Final = 30.0  # what lived so long starts again at once
_TO_THE_POINT: Final = 1.0  # seconds beyond the time to drain, before a child is killed


@dataclass(frozen=True)
class ServeJob:
    """What is to run.

    Attributes:
        run: folder of the sockets and the board; one supervisor at a time.
        app: factory of the ASGI application as "module:function", called in each worker.
        workers: how many.
        host, port: where to listen; port 0 takes a free one.
        linger_seconds: an encoder that is not wanted any more, since another bundle is active, stays for so long.
        notice_seconds: after SIGTERM, workers say by ``draining`` that they end, and close their door so much later.
        drain_seconds: then requests that were begun are finished within so long.
        hung_seconds: a worker whose event loop stands still for so long is killed and started again.
        backlog: connections that may wait to be accepted.
        uvicorn: further settings of ``uvicorn.Config``.
        options: "module:function" that gives more of them, called in each worker.
        draining: "module:function", called in a worker when it is told to end, before it drains.
    """

    run: Path
    app: str = "serving.worker:create"
    workers: int = 1
    host: str = "127.0.0.1"
    port: int = 8000
    linger_seconds: float = 600.0
    notice_seconds: float = 0.0
    drain_seconds: float = 10.0
    hung_seconds: float = 30.0
    backlog: int = 1024
    uvicorn: dict[str, Any] = field(default_factory=dict)
    options: str | None = None
    draining: str | None = None


def serve(job: ServeJob, encoders: Encoders, ready: Callable[[str, int], None] | None = None) -> None:
    """Run everything until SIGTERM or SIGINT; called from the main thread.

    Args:
        job: what is to run.
        encoders: asked each second which encoder processes are wanted; told apart by their address. Where it raises a
            JobrecError after the start, those that are there stay.
        ready: called with the address once it is listened at.

    Raises:
        ConfigError: the address or the run folder is in use, or cannot be made.
        JobrecError: of ``encoders``, at the start.
    """
    lock = _take(job.run)
    try:
        figures, wanted, listening = empty_folder(job.run), encoders(), _bind(job)
    except BaseException:
        lock.close()
        raise
    ended = threading.Event()
    before = {one: signal.signal(one, lambda *_: ended.set()) for one in (signal.SIGTERM, signal.SIGINT)}
    helpers = _Encoders(encoders, job.linger_seconds)
    workers = [_Worker(job, listening, figures, at) for at in range(job.workers)]
    try:
        helpers.want(wanted)
        for worker in workers:
            worker.start()
        if ready is not None:
            ready(*listening.getsockname()[:2])
        while not ended.wait(_TICK):
            helpers.keep_alive()
            for worker in workers:
                worker.keep_alive()
    finally:
        listening.close()
        _stop(workers, _bound(job))
        helpers.stop()
        for one, handler in before.items():
            signal.signal(one, handler)
        lock.close()


def _bound(job: ServeJob) -> float:
    return job.notice_seconds + job.drain_seconds + _TO_THE_POINT


def run_worker(job: ServeJob, listening: socket.socket, figures: Path, beat: Any) -> None:
    """One worker: the application behind the shared socket, until SIGTERM or the end of the parent.

    Args:
        job: what is to run.
        listening: the socket.
        figures: folder that all workers count in.
        beat: a shared number that rises as long as the event loop turns.
    """
    join(figures)
    import uvicorn
    from uvicorn.importer import import_from_string

    class Server(uvicorn.Server):
        """Shows that it lives, and says that it ends before it does."""

        async def on_tick(self, counter: int) -> bool:
            beat.value += 1
            return await super().on_tick(counter)

        def handle_exit(self, sig: int, frame: Any) -> None:
            if job.draining is not None:
                import_from_string(job.draining)()
            if job.notice_seconds and self.started and not self.should_exit:
                later = threading.Timer(job.notice_seconds, super().handle_exit, (sig, frame))
                later.daemon = True
                later.start()
            else:
                super().handle_exit(sig, frame)

    settings: dict[str, Any] = {
        "access_log": False,
        "timeout_graceful_shutdown": max(int(job.drain_seconds), 1),
    }
    settings |= job.uvicorn | ({} if job.options is None else import_from_string(job.options)())
    config = uvicorn.Config(job.app, factory=True, lifespan="on", backlog=job.backlog, **settings)
    server = Server(config)
    _allow_connections()
    when_parent_ends(lambda: server.handle_exit(signal.SIGTERM, None), _bound(job))
    server.run(sockets=[listening])
    if not server.started:
        sys.exit(3)  # the application could not start; uvicorn has said why


class _Child:
    """One process that is kept alive."""

    def __init__(self, name: str, target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.name = name
        self._target, self._arguments = target, arguments
        self._process: multiprocessing.process.BaseProcess | None = None
        self._began = 0.0
        self._pause = _FIRST_PAUSE
        self._again_at = 0.0

    def start(self) -> None:
        self._process = _SPAWN.Process(target=self._target, args=self._arguments, name=self.name)
        self._process.start()
        self._began = time.monotonic()
        log.info("%s is process %d", self.name, self._process.pid)

    def keep_alive(self) -> None:
        """Start it again if it died, once its pause is over."""
        process, now = self._process, time.monotonic()
        if process is not None and process.is_alive():
            return
        if process is not None:
            self._pause = _FIRST_PAUSE if now - self._began > _STEADY else min(self._pause * 2, _LONGEST_PAUSE)
            self._again_at = now + self._pause
            log.error("%s ended with %s, starts again in %.1f s", self.name, process.exitcode, self._pause)
            self.ended(process.pid or 0)
            process.close()
            self._process = None
        elif now >= self._again_at:
            self.start()

    def ended(self, process: int) -> None:
        """Called once for each process that died, with its number."""

    def terminate(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """At once; ``keep_alive`` starts it again."""
        if self._process is not None:
            self._process.kill()

    def join(self, until: float) -> None:
        """Wait for its end until a moment, then kill it."""
        if self._process is None:
            return
        self._process.join(max(until - time.monotonic(), 0.0))
        if self._process.is_alive():
            log.error("%s did not end in time and is killed", self.name)
            self._process.kill()
            self._process.join()


class _Worker(_Child):
    """A worker; one whose event loop stands still is killed, so that it starts again."""

    def __init__(self, job: ServeJob, listening: socket.socket, figures: Path, number: int) -> None:
        self._beat = _SPAWN.Value("Q", 0, lock=False)
        super().__init__(f"worker {number}", run_worker, (job, listening, figures, self._beat))
        self._figures = figures
        self._most_silent = int(job.hung_seconds / _TICK)
        self._seen = self._silent = 0

    def start(self) -> None:
        """From now on it may take as long as it needs to begin."""
        self._beat.value = self._seen = self._silent = 0
        super().start()

    def ended(self, process: int) -> None:
        """Its gauges speak of nothing any more."""
        leave(self._figures, process)

    def keep_alive(self) -> None:
        """Silence is counted in the parent's own turns: a machine that stood still as a whole says nothing."""
        super().keep_alive()
        beat = self._beat.value
        self._silent = self._silent + 1 if beat and beat == self._seen else 0
        self._seen = beat
        if self._silent > self._most_silent:
            log.error("%s does not turn any more and is killed", self.name)
            self._silent = 0
            self.kill()


class _Encoders:
    """The encoder processes, by address."""

    def __init__(self, wanted: Encoders, linger_seconds: float) -> None:
        self._wanted, self._linger_seconds = wanted, linger_seconds
        self._children: dict[Path, _Child] = {}
        self._unwanted_since: dict[Path, float] = {}
        self._drain_seconds = 0.0
        self._asked_at = time.monotonic()

    def want(self, jobs: Sequence[EncoderJob]) -> None:
        """Start those that are missing, end those that were not wanted for long."""
        now = time.monotonic()
        for job in jobs:
            self._unwanted_since.pop(job.address, None)
            self._drain_seconds = max(self._drain_seconds, job.drain_seconds)
            if job.address not in self._children:
                child = self._children[job.address] = _Child(f"encoder {job.address.name}", _run_encoder, (job,))
                child.start()
        for address in self._children.keys() - {job.address for job in jobs}:
            if now - self._unwanted_since.setdefault(address, now) >= self._linger_seconds:
                del self._unwanted_since[address]
                _stop([self._children.pop(address)], self._drain_seconds + _TO_THE_POINT)

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
        _stop(list(self._children.values()), self._drain_seconds + _TO_THE_POINT)


def _run_encoder(job: EncoderJob) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run_encoder(job)


def _stop(children: Sequence[_Child], seconds: float) -> None:
    until = time.monotonic() + seconds
    for child in children:
        child.terminate()
    for child in children:
        child.join(until)


def _take(run: Path) -> IO[bytes]:
    """The run folder, for this process alone, without what an earlier one left: a board may be of another store."""
    try:
        run.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (run / "lock").open("ab")
    except OSError as error:
        raise ConfigError(f"the run folder {run} cannot be made: {error.strerror}; give another") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise ConfigError(f"{run} is in use by another `jobrec serve`; stop it, or give another run folder") from None
    for remains in [*run.glob("board*"), *run.glob("*.sock")]:
        remains.unlink(missing_ok=True)
    return lock


def _allow_connections() -> None:
    """As many open files as this user may have: a connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _bind(job: ServeJob) -> socket.socket:
    family = socket.AF_INET6 if ":" in job.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((job.host, job.port))
        listening.listen(job.backlog)
    except OSError as error:
        listening.close()
        raise ConfigError(f"cannot listen at {job.host}:{job.port}: {error.strerror}; give another port") from error
    listening.setblocking(False)
    return listening
