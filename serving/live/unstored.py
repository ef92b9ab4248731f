"""Profiles of people who are not stored, read when they ask."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.bundle import Bundle
from recsys.candidates import Profiles
from recsys.codes import Codes
from recsys.documents import candidate_frames, muted_texts_of
from recsys.profiles import profiles_of
from serving.live.lookup import Lookup, Vectors
from serving.live.state import ReadProfile


class Encodes(Protocol):
    """An encoder, in this process or another.

    Attributes:
        name: of the encoder, which is the bundle's.
    """

    @property
    def name(self) -> str | None: ...  # noqa: D102

    def encode(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        """Unit vectors of n texts, float32 (n, d)."""


def profile_reader(bundle: Bundle, encoder: Encodes, store: Vectors) -> ReadProfile:
    """Reads the profile of somebody who is not stored; where its places are the store knows."""

    def read(document: dict[str, Any]) -> tuple[Profiles, Codes]:
        lookup = Lookup(store, encoder.name or "", bundle.catalogue.title.dimension)
        candidates, experience = candidate_frames([document])

        def encode(texts: Sequence[str]) -> Codes:
            return Codes.from_vectors(encoder.encode(texts)) if texts else lookup.codes([])

        profile = profiles_of(
            candidates,
            experience,
            lookup.points(candidates),
            lookup.points(experience),
            encode,
            bundle.catalogue.lexicon,
            bundle.skills,
        )
        return profile, encode(muted_texts_of(document))

    return read
