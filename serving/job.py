"""What the parent of a host's processes is told to run."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_TO_THE_POINT: Final = 1.0  # seconds beyond the time to drain, before a worker is killed


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
        hung_seconds: a worker whose event loop stands still for so long, or an encoder that does not get on (see
            ``serving.encoder.pulse``), is killed and started again.
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

    @property
    def longest_end(self) -> float:
        """Seconds after SIGTERM, when a worker that has not ended is killed."""
        return self.notice_seconds + self.drain_seconds + _TO_THE_POINT
