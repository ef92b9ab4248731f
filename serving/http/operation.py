"""One table entry for each route: what it needs, what guards it, what it answers. Routes are made from nothing else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from serving.http.auth import Scope, admit
from serving.http.desk import Desk
from serving.http.exchange import exchange_of
from serving.http.fields import ID_LENGTH
from serving.http.problem import Problem, invalid

Q = TypeVar("Q", bound=BaseModel)
Handler = Callable[[Desk, Request], Awaitable[Response]]
_MOST_FIELDS: Final = 32


@dataclass(frozen=True)
class Operation:
    """A route.

    Attributes:
        method, path: of HTTP.
        scope: what a key must be allowed; None: no key is needed.
        summary: for the page of the API.
        handler: answers, or raises a Problem.
        answer: model of the answer 200; None: see ``media_type``.
        query: model of the query string.
        body: model of the JSON body; a line of it where ``lines``.
        lines: the body is JSON lines.
        media_type: of the answer 200.
        statuses: further ones that it may answer.
    """

    method: str
    path: str
    scope: Scope | None
    summary: str
    handler: Handler
    answer: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    lines: bool = False
    media_type: str = "application/json"
    statuses: tuple[int, ...] = ()

    @property
    def has_id(self) -> bool:
        """Whether an id is part of the path."""
        return "{id}" in self.path


def endpoint_of(desk: Desk, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    """The route's function: the key first, then the rate, then the handler reads."""

    async def endpoint(request: Request) -> Response:
        exchange = exchange_of(request)
        exchange.route = operation.path
        if operation.scope is not None:
            exchange.key_id = admit(desk.service, desk.settings, request.scope, operation.scope)
            exchange.headers.update(desk.buckets.take(exchange.key_id))
        if operation.query is None and request.scope["query_string"]:
            raise Problem(422, "invalid", "query: this route takes no parameters")
        return await operation.handler(desk, request)

    endpoint.__name__ = operation.handler.__name__
    return endpoint


def path_id(request: Request) -> str:
    """The id in the path, decoded by us: see ``serving.http.edge.route_by_raw_path``.

    Raises:
        Problem: 422, it is no id.
    """
    try:
        found = unquote_to_bytes(request.path_params["id"]).decode()
    except UnicodeDecodeError:
        raise Problem(422, "invalid", "path.id: not UTF-8 in percent-encoding") from None
    check_id(found, "path.id")
    return found


def check_id(found: str, at: str) -> None:
    """Refuse what no id can be.

    Raises:
        Problem: 422.
    """
    if not found or len(found) > ID_LENGTH or "\x00" in found:
        raise Problem(422, "invalid", f"{at}: an id has 1 to {ID_LENGTH} characters and no NUL")


def query_of(request: Request, model: type[Q]) -> Q:
    """The query string, checked: every name known, and given once.

    Raises:
        Problem: 422.
    """
    raw: bytes = request.scope["query_string"]
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", encoding="utf-8", max_num_fields=_MOST_FIELDS
        )
        given: dict[str, Any] = dict(pairs)
        if len(given) < len(pairs):
            raise Problem(422, "invalid", "query: a parameter is given twice")
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid(error, model) from None
    except UnicodeDecodeError:
        raise Problem(422, "invalid", "query: not UTF-8 in percent-encoding") from None
    except ValueError:
        raise Problem(422, "invalid", f"query: more than {_MOST_FIELDS} parameters") from None
