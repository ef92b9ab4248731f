"""Bodies of requests: read with a limit and a deadline, and refused before they can do harm."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from serving.http.problem import Problem, invalid

M = TypeVar("M", bound=BaseModel)

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
_CLOSE: Final = {"Connection": "close"}  # what is still on its way is not waited for
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[\]{}]")


class ClientGone(Exception):
    """The client hung up before its request was whole; nobody is left to answer."""


def check_type(request: Request, wanted: str) -> None:
    """Refuse a body of another content type.

    Raises:
        Problem: 415.
    """
    given = request.headers.get("content-type", "")
    kind, _, parameters = given.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != wanted or charset not in ("", "charset=utf-8", "charset=utf8"):
        raise Problem(415, "content-type", f"the body has to be {wanted} in UTF-8: say so in Content-Type", _CLOSE)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "content-type", "the body must not be compressed", _CLOSE)


async def pieces(request: Request, limit: int, idle: float, whole: float) -> AsyncIterator[bytes]:
    """The body as it comes.

    Args:
        request: not read yet.
        limit: bytes.
        idle: seconds that the next piece may take.
        whole: seconds that everything may take.

    Raises:
        Problem: 413 as soon as the body is longer than ``limit`` or says that it will be, 408 where it is late.
        ClientGone: the client hung up.
    """
    too_long = Problem(413, "body-too-long", f"the body is longer than the limit of {limit} bytes", _CLOSE)
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or len(declared) > 18 or int(declared) > limit:
        raise too_long
    loop, read, more = asyncio.get_running_loop(), 0, True
    until = loop.time() + whole
    while more:
        try:
            async with asyncio.timeout_at(min(until, loop.time() + idle)):
                message = await request.receive()
        except TimeoutError:
            raise Problem(408, "body-too-slow", "the body did not arrive in time", _CLOSE) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        more = message.get("more_body", False)
        read += len(piece)
        if read > limit:
            raise too_long
        if piece:
            yield piece


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """A whole body; see ``pieces``."""
    check_type(request, JSON)
    return b"".join([piece async for piece in pieces(request, limit, seconds, seconds)])


def parse(raw: bytes, model: type[M], depth: int) -> M:
    """JSON to a checked document.

    Raises:
        Problem: 422, with one line that says where and why.
    """
    try:
        return model.model_validate(_load(raw, depth))
    except ValidationError as error:
        raise invalid(error, model) from None
    except (ValueError, RecursionError) as error:
        raise Problem(422, "json", f"the body is not JSON: {error}") from None


def _load(raw: bytes, depth: int) -> Any:
    """Strict JSON. Deep brackets are refused before a parser sees them.

    Raises:
        ValueError: it is something else; also where a key stands twice, which other readers take otherwise.
    """
    if raw.count(b"[") + raw.count(b"{") > depth and _depth(raw) > depth:
        raise ValueError(f"more than {depth} brackets inside one another")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant, parse_int=_parse_int)


def _depth(raw: bytes) -> int:
    deepest = now = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", raw)):
        now += 1 if bracket in b"[{" else -1
        deepest = max(deepest, now)
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {json.dumps(twice[:80])} stands twice in one object")
    return out


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _parse_int(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("an integer has more than 20 digits")
    return int(digits)


async def lines_of(chunks: AsyncIterator[bytes], longest: int) -> AsyncIterator[tuple[int, bytes | None]]:
    """Lines of a stream, numbered from 1; blank ones are left out.

    Holds one piece and one line at a time.

    Args:
        chunks: pieces cut anywhere.
        longest: bytes of a line.

    Yields:
        number and line; None for a line that is longer.
    """
    number, held, skipping = 1, bytearray(), False
    async for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for end in ended:
            line = None if skipping or len(held) + len(end) > longest else bytes(held) + end
            if line is None or line.strip():
                yield number, line
            number, skipping = number + 1, False
            held.clear()
        held += rest
        if len(held) > longest:
            skipping = True
            held.clear()
    if skipping or held.strip():
        yield number, None if skipping else bytes(held)
