"""A worker's process: the application behind the socket that all workers share."""

import resource
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from serving.figures import join
from serving.job import ServeJob
from serving.parent import when_parent_ends


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
    when_parent_ends(lambda: server.handle_exit(signal.SIGTERM, None), job.longest_end)
    server.run(sockets=[listening])
    if not server.started:
        sys.exit(3)  # the application could not start; uvicorn has said why


def _allow_connections() -> None:
    """As many open files as this user may have: a connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
