"""The connection below the app: a head that comes too slowly or grows too long is not waited for."""

import asyncio
import uuid
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.http.problem import Problem
from serving.http.settings import HttpSettings

_SLACK: Final = 16_384  # bytes; a head that is little too long reaches the app, which says so with a request id


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with limits on heads. Made by ``server_options``."""

    head_seconds: float
    head_bytes: int
    _timer: asyncio.TimerHandle | None = None
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there, and has to say what it wants."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The next bytes."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        answered = self.cycle is not None and self.cycle.response_complete
        if self._timer is None and answered and self.timeout_keep_alive_task is None:
            self._expect_head()  # bytes that begin no request stopped the timer of an idle connection
        if self._timer is not None:
            self._received += len(data)
            if self._received > self.head_bytes:
                self._refuse(Problem(431, "headers-too-long", "the head of the request is too long"))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._stop_timer()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self._refuse(Problem(400, "http", "this is no HTTP request"))

    def _expect_head(self) -> None:
        self._stop_timer()
        self._received = 0
        self._timer = self.loop.call_later(self.head_seconds, self._too_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._refuse(Problem(408, "head-too-slow", "the request did not arrive in time"))

    def _refuse(self, problem: Problem) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        answer = problem.response(uuid.uuid4().hex)
        headers = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        self.transport.write(STATUS_LINE[problem.status] + headers + b"connection: close\r\n\r\n" + bytes(answer.body))
        self.transport.close()


def server_options(settings: HttpSettings) -> dict[str, Any]:
    """What ``uvicorn.Config`` is given beside the app, its sockets and its logs."""
    limits = {"head_seconds": settings.head_seconds, "head_bytes": settings.header_bytes + settings.url_bytes + _SLACK}
    return {
        "host": settings.host,
        "port": settings.port,
        "http": type("Protocol", (PatientProtocol,), limits),
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": settings.keep_alive_seconds,
        "timeout_graceful_shutdown": settings.drain_seconds,
        "limit_concurrency": settings.connections,
    }
