"""The outermost layer, plain ASGI: request ids, limits on the head, ids in paths, problems, metrics, one log line."""

import time
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsys.errors import JobrecError
from serving.http.bodies import ClientGone
from serving.http.exchange import KEY, Exchange
from serving.http.logs import log_failure, log_request
from serving.http.metrics import Metrics
from serving.http.problem import Problem, of_error
from serving.http.settings import HttpSettings

_METHODS: Final = frozenset(("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH"))


class Edge:
    """Around the whole app."""

    def __init__(self, app: ASGIApp, settings: HttpSettings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing is raised."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope[KEY] = exchange = Exchange.of(scope)

        async def forward(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                headers["X-Request-Id"] = exchange.request_id
                headers.setdefault("Cache-Control", "no-store")  # nearly every answer is about somebody
                for name, value in exchange.headers.items():
                    headers[name] = value
            await send(message)

        try:
            self._check_head(scope)
            await self.app(route_by_raw_path(scope), receive, forward)
        except ClientGone:
            exchange.status = 499
        except Exception as error:
            problem = self._problem(exchange, error)
            if exchange.status != 499:  # the answer has begun: cut it short, so that nobody takes it for whole
                raise
            await problem.response(exchange.request_id)(scope, receive, forward)
        finally:
            self._close(exchange)

    def _check_head(self, scope: Scope) -> None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > self.settings.url_bytes:
            raise Problem(414, "url-too-long", f"the URL is longer than {self.settings.url_bytes} bytes")
        if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > self.settings.header_bytes:
            raise Problem(431, "headers-too-long", f"the headers are longer than {self.settings.header_bytes} bytes")

    def _problem(self, exchange: Exchange, error: Exception) -> Problem:
        if isinstance(error, Problem):
            return error
        if isinstance(error, JobrecError):
            return of_error(error, self.settings.retry_seconds)
        log_failure(exchange, error)
        return Problem(500, "defect", f"a defect of the service: report the request id {exchange.request_id}")

    def _close(self, exchange: Exchange) -> None:
        seconds = time.perf_counter() - exchange.began
        method = exchange.method if exchange.method in _METHODS else "other"
        self.metrics.observe(method, exchange.route, exchange.status, seconds)
        log_request(exchange, 1000 * seconds)


def route_by_raw_path(scope: Scope) -> Scope:
    """Let the router see the path as it was sent.

    Servers decode the path before routing, and an id that holds ``%2F`` falls apart. Here each segment stays encoded;
    the routes decode their ids (``serving.http.operation.path_id``). Everything else in our paths is plain ASCII.
    """
    scope["path"] = scope["raw_path"].decode("latin-1")
    return scope
