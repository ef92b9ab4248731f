"""API keys: made once, shown once, stored as a hash."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from recsys.errors import RequestError

SCOPES: Final = ("read", "write", "admin", "people")
_NOBODY: Final = "0" * 64  # compared with where the key is unknown, so that the answer takes as long


@dataclass(frozen=True)
class Key:
    """What is known of a key.

    Attributes:
        key_id: names it in lists, logs and revocations; no secret.
        scopes: of ``SCOPES``.
        digest: SHA-256 of the secret, 64 hexadecimal digits. The secret has 256 random bits, so that a slow hash,
            which guards words that people choose, would add nothing.
        created: seconds since 1970.
        name: a note of whose it is.
    """

    key_id: str
    scopes: tuple[str, ...]
    digest: str
    created: float
    name: str = ""

    def document(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {
            "key_id": self.key_id,
            "scopes": list(self.scopes),
            "digest": self.digest,
            "created": self.created,
            "name": self.name,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Key":
        """The reverse of ``document``."""
        return cls(
            document["key_id"],
            tuple(document["scopes"]),
            document["digest"],
            document["created"],
            document.get("name", ""),
        )


def make_key(scopes: Sequence[str], name: str = "") -> tuple[str, Key]:
    """A new key: the token to hand out, which is stored nowhere, and what is stored.

    Raises:
        RequestError: a scope is unknown, or none is given.
    """
    wrong = sorted(set(scopes) - set(SCOPES))
    if wrong or not scopes:
        raise RequestError(
            f"the scopes of a key are one or more of {', '.join(SCOPES)}, not {', '.join(wrong) or 'none'}"
        )
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    chosen = tuple(scope for scope in SCOPES if scope in scopes)
    return f"jr_{key_id}_{secret}", Key(key_id, chosen, _digest(secret), time.time(), name)


def verify(token: str, keys: Mapping[str, Key]) -> Key | None:
    """The key of a token, None where it is not valid. Takes as long for an unknown key as for a wrong secret.

    Args:
        token: as it was handed out.
        keys: by key id.
    """
    prefix, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    key = keys.get(key_id)
    same = hmac.compare_digest(_digest(secret), key.digest if key else _NOBODY)
    return key if same and prefix == "jr" else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
