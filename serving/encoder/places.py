"""Points of places that are given by name, as the store keeps them: found once, in the process that has the gazetteer.

They stand among the vectors under the name ``PLACES``: a blob of 8 bytes, latitude and longitude as little-endian
float32, NaN where the gazetteer knows no city of that name.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.errors import StoreError

PLACES: Final = "places-1"
Names = tuple[str, str, str]  #: city, region, country, "" where not said


def digest_of_place(names: Names) -> bytes:
    """The key of a place, 16 bytes."""
    return hashlib.blake2b("\x1f".join(part.strip() for part in names).encode(), digest_size=16).digest()


def points_of(names: Sequence[Names]) -> dict[bytes, bytes]:
    """Blobs of named places, by key."""
    from recsys.geo import city_points

    found = city_points(pd.DataFrame(names, columns=["city", "region", "country"], dtype="str").replace("", None))
    return {digest_of_place(one): to_point(point) for one, point in zip(names, found, strict=True)}


def to_point(degrees: NDArray[np.floating]) -> bytes:
    """The blob of a latitude and a longitude."""
    return np.asarray(degrees, "<f4").tobytes()


def from_point(blob: bytes) -> NDArray[np.float32]:
    """Latitude and longitude of a blob, float32 (2,).

    Raises:
        StoreError: it is none.
    """
    if len(blob) != 8:
        raise StoreError(f"a place in the store has {len(blob)} bytes, not 8: remove the places, they are found again")
    return np.frombuffer(blob, "<f4").astype(np.float32)
