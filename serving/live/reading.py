"""Profiles of stored candidates: from documents to arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.bundle import Bundle
from recsys.candidates import Profiles
from recsys.codes import Codes
from recsys.documents import candidate_frames
from recsys.profiles import profiles_of
from serving.live.lookup import Lookup

Document = dict[str, Any]


class ProfileReader:
    """Reads profiles as the postings of one bundle are compared with them; for any thread.

    Args:
        bundle: see above.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._lexicon, self._skills = bundle.catalogue.lexicon, bundle.skills
        self._dimension = bundle.catalogue.title.dimension

    def read(self, document: Document, lookup: Lookup | None) -> Profiles:
        """The arrays of a profile.

        Args:
            document: as written.
            lookup: ``ready`` for its texts; None: vectors are left out, and places that are only named.
        """
        candidates, experience = candidate_frames([document])
        points = given_points if lookup is None else lookup.points
        encode = self._no_vectors if lookup is None else lookup.codes
        where, worked = points(candidates), points(experience)
        return profiles_of(candidates, experience, where, worked, encode, self._lexicon, self._skills)

    def _no_vectors(self, texts: Sequence[str]) -> Codes:
        return Codes(np.zeros((len(texts), self._dimension), np.int8), np.zeros(len(texts), np.float32))


def given_points(frame: Any) -> NDArray[np.float32]:
    """Degrees (R, 2) that a table gives, NaN elsewhere."""
    points: NDArray[np.float32] = frame.reindex(columns=["latitude", "longitude"]).to_numpy(np.float32).reshape(-1, 2)
    return points
