"""A text vector as the store keeps it, and the key it is kept under.

A blob of 4 + d bytes: the scale as little-endian float32, then d codes of int8, both as ``recsys.codes.Codes`` makes
them. A text on which the encoder fails has a blob, too: scale 0 and codes of -128, which no vector has. The key is the
128-bit BLAKE2b of the normalised text in UTF-8, as in ``recsys.vectors``.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.codes import Codes
from recsys.errors import StoreError
from recsys.text import normalise


def digest_of(text: str) -> bytes | None:
    """The key of a text, 16 bytes; None where it has no content, and so no vector."""
    cleaned = normalise(text)
    return hashlib.blake2b(cleaned.encode(), digest_size=16).digest() if cleaned else None


def to_blobs(vectors: NDArray[np.floating]) -> list[bytes]:
    """N vectors (N, d) as N blobs of 4 + d bytes."""
    codes = Codes.from_vectors(vectors)
    scale = codes.scale.astype("<f4")[:, None].view(np.int8)
    whole = np.ascontiguousarray(np.concatenate([scale, codes.codes], axis=1))
    return [row.tobytes() for row in whole]


def refusal(dimension: int) -> bytes:
    """The blob of a text on which the encoder fails: nothing is said of it, as of a text without content."""
    return bytes(4) + b"\x80" * dimension


def is_refusal(blob: bytes) -> bool:
    """Whether a blob stands for a text on which the encoder fails."""
    return blob[:5] == b"\0\0\0\0\x80"


def from_blobs(blobs: Sequence[bytes], dimension: int) -> Codes:
    """The codes of N blobs, (N, d); equal to those of ``Codes.from_vectors`` over the same vectors, 0 for refusals.

    Raises:
        StoreError: a blob is not of ``dimension`` numbers.
    """
    wrong = next((len(blob) for blob in blobs if len(blob) != 4 + dimension), None)
    if wrong is not None:
        raise StoreError(
            f"a vector in the store has {wrong} bytes, {4 + dimension} belong to {dimension} numbers: "
            "it was not made by this encoder; remove the encoder's vectors from the store, they are made again"
        )
    whole = np.frombuffer(b"".join(blobs), np.int8).reshape(len(blobs), 4 + dimension)
    scale = np.ascontiguousarray(whole[:, :4]).view("<f4")[:, 0]
    return Codes(np.where(scale[:, None] == 0, np.int8(0), whole[:, 4:]), scale.astype(np.float32))
