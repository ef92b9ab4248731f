"""The connection below the app: who sends or reads too slowly is not waited for, and who comes on top is told so."""

import asyncio
import uuid
from typing import Any, Final

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.http.problem import Problem
from serving.http.settings import HttpSettings

_SLACK: Final = 16_384  # bytes; a head that is little too long reaches the app, which says so with a request id


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with limits on heads, on connections, and on readers. Made by ``server_options``."""

    head_seconds: float
    head_bytes: int
    read_seconds: float
    most: int
    retry_seconds: int
    _timer: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None
    _received = 0
    _on_top = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there, and has to say what it wants."""
        super().connection_made(transport)
        self._on_top = len(self.connections) > self.most
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_timer()
        self._stop_reader()
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
        """Its head is whole. A connection that came on top of too many is told so and closed; who was there stays."""
        self._stop_timer()
        app = self.app
        if self._on_top and len(self.connections) > self.most:
            self.app = self._one_too_many
        try:
            super().on_headers_complete()
        finally:
            self.app = app

    async def _one_too_many(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Retry-After": str(self.retry_seconds), "Connection": "close"}
        problem = Problem(503, "busy", "too many connections are open: try again soon", headers)
        await problem.response(uuid.uuid4().hex)(scope, receive, send)

    def pause_writing(self) -> None:
        """The client does not read its answer: it may take a while, no longer."""
        super().pause_writing()
        self._stop_reader()
        self._reader = self.loop.call_later(self.read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._stop_reader()

    def timeout_keep_alive_handler(self) -> None:
        """An idle connection is closed; at once where the last answer still waits to be read."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """The server stops: a client that does not read its answer is given its time, and no more."""
        super().shutdown()
        if self.transport.is_closing() and self.transport.get_write_buffer_size() and self._reader is None:
            self._reader = self.loop.call_later(self.read_seconds, self.transport.abort)

    def _stop_reader(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

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
    limits = {
        "head_seconds": settings.head_seconds,
        "head_bytes": settings.header_bytes + settings.url_bytes + _SLACK,
        "read_seconds": settings.read_seconds,
        "most": settings.connections,
        "retry_seconds": settings.retry_seconds,
    }
    return {
        "host": settings.host,
        "port": settings.port,
        "http": type("Protocol", (PatientProtocol,), limits),
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": settings.keep_alive_seconds,
    }
