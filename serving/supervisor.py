"""The parent of a host's processes: an encoder and N workers that share a listening socket.

It answers nothing itself. Where the bundle that becomes active has another encoder, a second encoder process is
started, and the first ends some time later. What dies is started again, the sooner the longer it had lived. On SIGTERM
or SIGINT the workers finish what they have begun, then the encoder ends, all within a bound. If the parent is killed,
its children see the end of a pipe and stop by themselves.
"""

import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from serving.answering import run_worker
from serving.child import TICK, Child, stop_all
from serving.encoders import Encoders, Wanted
from serving.figures import empty_folder, leave
from serving.hold import bind, take
from serving.job import ServeJob


def serve(job: ServeJob, encoders: Wanted, ready: Callable[[str, int], None] | None = None) -> None:
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
    lock = take(job.run)
    try:
        figures, wanted, listening = empty_folder(job.run), encoders(), bind(job.host, job.port, job.backlog)
    except BaseException:
        lock.close()
        raise
    ended = threading.Event()
    before = {one: signal.signal(one, lambda *_: ended.set()) for one in (signal.SIGTERM, signal.SIGINT)}
    helpers = Encoders(encoders, job.linger_seconds, job.hung_seconds)
    workers = _workers(job, listening, figures)
    try:
        helpers.want(wanted)
        for worker in workers:
            worker.start()
        if ready is not None:
            ready(*listening.getsockname()[:2])
        while not ended.wait(TICK):
            helpers.keep_alive()
            for worker in workers:
                worker.keep_alive()
    finally:
        listening.close()
        stop_all(workers, job.longest_end)
        helpers.stop()
        for one, handler in before.items():
            signal.signal(one, handler)
        lock.close()


def _workers(job: ServeJob, listening: socket.socket, figures: Path) -> list[Child]:
    arguments = (job, listening, figures)
    gone = partial(leave, figures)
    return [Child(f"worker {at}", run_worker, arguments, job.hung_seconds, gone) for at in range(job.workers)]
