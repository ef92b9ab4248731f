"""What the encoder's process made of texts and names of places, read from the store."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.codes import Codes
from recsys.errors import StoreError
from serving.encoder.blobs import digest_of, from_blobs, is_refusal
from serving.encoder.places import PLACES, digest_of_place, from_point
from serving.live.asking import Asking


class Vectors(Protocol):
    """What is asked of the store."""

    def vectors(self, encoder: str, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """Blobs by digest, of those that are there."""
        ...


class Lookup:
    """Vectors of texts and points of places; of one thread.

    Args:
        store: where they are.
        encoder: name of the encoder that made the bundle.
        dimension: of its vectors.
    """

    def __init__(self, store: Vectors, encoder: str, dimension: int) -> None:
        self._store, self._encoder, self._dimension = store, encoder, dimension
        self._read: dict[bytes, bytes] = {}
        self._refused: set[bytes] = set()  # of these
        self.asking = Asking()  #: the store

    def another(self) -> "Lookup":
        """The same for another thread."""
        return Lookup(self._store, self._encoder, self._dimension)

    def ready(self, texts: Sequence[Sequence[str]]) -> int:
        """How many documents from the first on have vectors of all their texts; those are kept for ``codes``."""
        digests = [[one for text in some if (one := digest_of(text)) is not None] for some in texts]
        wanted = list({one for some in digests for one in some})
        self._read = self._vectors(self._encoder, wanted) if wanted else {}
        self._refused = {one for one, blob in self._read.items() if is_refusal(blob)}
        return next((at for at, some in enumerate(digests) if not all(one in self._read for one in some)), len(texts))

    def refused(self, texts: Sequence[str]) -> bool:
        """Whether the encoder fails on one of some texts that are ``ready``."""
        return bool(self._refused) and any(digest_of(text) in self._refused for text in texts)

    def codes(self, texts: Sequence[str]) -> Codes:
        """Vectors (N, d) of texts that are ``ready``; zeros for one without content or on which the encoder fails.

        Raises:
            StoreError: one has no vector.
        """
        digests = [digest_of(text) for text in texts]
        if any(one is not None and one not in self._read for one in digests):
            raise StoreError(f"a text has no vector of the encoder {self._encoder} yet")
        codes = np.zeros((len(texts), self._dimension), np.int8)
        scale = np.zeros(len(texts), np.float32)
        there = [at for at, one in enumerate(digests) if one is not None]
        read = from_blobs([self._read[one] for one in digests if one is not None], self._dimension)
        codes[there], scale[there] = read.codes, read.scale
        return Codes(codes, scale)

    def _vectors(self, what: str, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        with self.asking:
            return self._store.vectors(what, digests)

    def points(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """Degrees (R, 2) of places, given or by name; NaN where neither is known."""
        given = frame.reindex(columns=["latitude", "longitude"]).to_numpy(np.float32, copy=True).reshape(-1, 2)
        names = frame.reindex(columns=["city", "region", "country"]).fillna("").astype(str)
        lines = list(names.itertuples(index=False, name=None))
        asked = [at for at in np.flatnonzero(np.isnan(given[:, 0])).tolist() if any(lines[at])]
        if asked:
            digests = {at: digest_of_place(lines[at]) for at in asked}
            found = self._vectors(PLACES, list(set(digests.values())))
            for at, digest in digests.items():
                if digest in found:
                    given[at] = from_point(found[digest])
        return given
