"""One request on its way through the app: what middleware, routes and logs tell each other of it."""

import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

KEY: Final = "jobrec.exchange"
_SANE: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


@dataclass(slots=True)
class Exchange:
    """What is known of a request.

    Attributes:
        request_id: the client's X-Request-Id where it is sane, else made here.
        method: of HTTP.
        began: on the clock of ``time.perf_counter``.
        route: template of the path; "none" where no route matched, so that metrics stay few.
        key_id: of the API key.
        status: of the answer; 499 where the client hung up.
        headers: sent with the answer, whatever it is.
    """

    request_id: str
    method: str
    began: float = field(default_factory=time.perf_counter)
    route: str = "none"
    key_id: str | None = None
    status: int = 499
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: Scope) -> "Exchange":
        """A new one."""
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        sane = _SANE.fullmatch(given)
        return cls(given.decode() if sane else uuid.uuid4().hex, scope["method"])


def exchange_of(request: Request) -> Exchange:
    """The one that belongs to a request."""
    exchange: Exchange = request.scope[KEY]
    return exchange
