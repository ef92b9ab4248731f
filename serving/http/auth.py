"""API keys: ``Authorization: Bearer jr_<id>_<secret>``, and what each may do."""

import hashlib
import hmac
from typing import Final, Literal

from starlette.types import Scope as AsgiScope

from serving.http.port import Service
from serving.http.problem import Problem
from serving.http.settings import HttpSettings, is_loopback

Scope = Literal["read", "write", "admin", "people"]
OPEN: Final = "open"
_NOBODY: Final = "0" * 64  # compared with where the id is unknown, so that both take as long
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="jobrec"'}
_HOW: Final = "send Authorization: Bearer jr_<id>_<secret>"


def digest(secret: str) -> str:
    """What is stored of a secret: SHA-256 in hex. Secrets are random and long, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def admit(service: Service, settings: HttpSettings, scope: AsgiScope, wanted: Scope) -> str:
    """The id of the key that a request came with.

    Raises:
        Problem: 401 without a valid key, 403 where the key may not do ``wanted``.
    """
    header: bytes | None = next((value for name, value in scope["headers"] if name == b"authorization"), None)
    if header is None:
        if settings.open and _on_loopback(scope):
            return OPEN
        raise Problem(401, "key-missing", f"no API key: {_HOW}", _CHALLENGE)
    scheme, _, token = header.decode("latin-1").strip().partition(" ")
    prefix, _, rest = token.strip().partition("_")
    key_id, _, secret = rest.partition("_")
    stored, scopes = service.keys().get(key_id, (_NOBODY, ()))
    right = hmac.compare_digest(digest(secret), stored)
    if not right or stored == _NOBODY or scheme.lower() != "bearer" or prefix != "jr":
        raise Problem(401, "key-wrong", f"the API key is not valid: {_HOW}", _CHALLENGE)
    if wanted not in scopes:
        raise Problem(403, "scope", f"the API key lacks the scope {wanted}")
    return key_id


def _on_loopback(scope: AsgiScope) -> bool:
    server = scope.get("server")
    return server is None or server[0].startswith("/") or is_loopback(server[0])  # a path is a Unix socket
