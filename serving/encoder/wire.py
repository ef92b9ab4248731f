"""What the encoder's process and its clients say to each other: a header in JSON, then raw float32; no pickle.

message   length of the header, 4 bytes little-endian | header, JSON in ASCII | numbers, little-endian float32

question  {"texts": [...], "bulk": bool, "seconds": how long the client waits}
answer    {"rows": n, "columns": d, "encoder": its name} and n x d numbers, or {"error": "busy"|"failed", "why": line}
"""

import json
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsys.errors import EncoderError

#: Longest message that is read, bytes.
LONGEST: Final = 64 << 20
#: Most texts of one question: their vectors fit into a message, up to 1,024 numbers each.
MOST_TEXTS: Final = 16_000
_LENGTH: Final = struct.Struct("<I")


def pack(header: dict[str, Any], numbers: NDArray[np.float32] | None = None) -> bytes:
    """A message."""
    head = json.dumps(header).encode("ascii")  # other letters are escaped, lone surrogates too
    body = b"" if numbers is None else np.ascontiguousarray(numbers, "<f4").tobytes()
    return _LENGTH.pack(len(head)) + head + body


def unpack(message: bytes) -> tuple[dict[str, Any], memoryview]:
    """Header and numbers of a message.

    Raises:
        EncoderError: it is not one.
    """
    try:
        (length,) = _LENGTH.unpack_from(message)
        header = json.loads(message[4 : 4 + length])
    except (struct.error, ValueError):
        raise EncoderError("what came over the encoder's socket is no message of this version of jobrec") from None
    if not isinstance(header, dict):
        raise EncoderError("what came over the encoder's socket is no message of this version of jobrec")
    return header, memoryview(message)[4 + length :]
