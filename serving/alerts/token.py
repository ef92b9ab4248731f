"""Tokens of links that need no key: each is good for one alert and one purpose, and cannot be guessed."""

import base64
import hashlib
import hmac
from typing import Literal
from urllib.parse import quote

Purpose = Literal["unsubscribe", "feed"]


def token(secret: bytes, purpose: Purpose, alert_id: str, created: float) -> str:
    """43 letters. An alert that is taken away and put again under its id has others."""
    said = f"{purpose}\0{float(created)!r}\0{alert_id}".encode()
    return base64.urlsafe_b64encode(hmac.digest(secret, said, hashlib.sha256)).rstrip(b"=").decode()


def fits(given: str, secret: bytes, purpose: Purpose, alert_id: str, created: float) -> bool:
    """Whether a token is that of this alert and purpose."""
    return hmac.compare_digest(given.encode(), token(secret, purpose, alert_id, created).encode())


def link(base_url: str, secret: bytes, purpose: Purpose, alert_id: str, created: float) -> str:
    """The address of the page that the token opens."""
    page = {"unsubscribe": "unsubscribe", "feed": "feed.atom"}[purpose]
    mark = token(secret, purpose, alert_id, created)
    return f"{base_url}/v1/alerts/{quote(alert_id, safe='')}/{page}?token={mark}"
