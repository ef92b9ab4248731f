"""What and where a candidate is searching: a few vectors and places, clustered from history and profile."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.config import RetrieveSettings
from recsys.leaders import leaders, take
from recsys.queries import VIEWED, Queries
from recsys.unwanted import alike_to_unwanted

Numbers = NDArray[np.float32]

_INTEREST_ALIKE = 0.7  # cosine above which two titles are one interest
_PLACES = 2  # places around which is searched
_SAME_PLACE = float(np.cos(40 / 6371.0))  # cosine of the angle of two places 40 km apart


@dataclass(frozen=True)
class Interests:
    """What and where B candidates are searching.

    Attributes:
        vectors: float32 (B, I, d), zeros where fewer.
        places: float32 (B, A, 3), NaN where fewer.
        factors: float32 (B, f), NaN rows for those without usable history.
        expected: float32 (B, d), see ``recsys.next_title``, zeros where nothing is expected.
    """

    vectors: Numbers
    places: Numbers
    factors: Numbers
    expected: Numbers

    def part(self, at: int, to: int) -> "Interests":
        """Requests ``at`` to ``to`` - 1."""
        return Interests(*(getattr(self, field.name)[at:to] for field in fields(self)))

    def take(self, rows: NDArray[np.intp]) -> "Interests":
        """The requests at ``rows``."""
        return Interests(*(getattr(self, field.name)[rows] for field in fields(self)))


def find_interests(catalogue: Catalogue, queries: Queries, settings: RetrieveSettings) -> Interests:
    """Cluster what a candidate viewed, wants and did into a few interests and places, the latest first."""
    viewed = queries.history[:, :VIEWED]
    vectors = sought(catalogue, queries, settings.interests)
    looked = np.where((viewed >= 0)[..., None], catalogue.place[np.maximum(viewed, 0), 0], np.float32(np.nan))
    all_places = np.concatenate([looked, queries.home[:, None], queries.worked], axis=1)
    there = ~np.isnan(all_places[..., 0])
    anchors = leaders(all_places, there, _PLACES, _SAME_PLACE)
    places = np.where((anchors >= 0)[..., None], take(all_places, anchors), np.float32(np.nan))
    behaviour = catalogue.behaviour
    factors = behaviour.factors.fold_in(queries.history, queries.weight)
    return Interests(vectors, places, factors, behaviour.next_title.expected(catalogue.title, queries))


def sought(catalogue: Catalogue, queries: Queries, most: int) -> Numbers:
    """What a candidate viewed, wants and did as at most ``most`` vectors, the latest first: (B, most, d), 0 padded.

    What is alike to an interest that the candidate muted is none.
    """
    viewed = queries.history[:, :VIEWED]
    titles = catalogue.title.vectors(viewed)
    texts = [titles, queries.wanted, queries.past, queries.whole[:, None]]
    known = [(viewed >= 0) & titles.any(axis=2), queries.wanted_known, queries.past_known, queries.whole_known[:, None]]
    all_texts = np.concatenate(texts, axis=1)
    searched = np.concatenate(known, axis=1) & ~alike_to_unwanted(queries, all_texts, catalogue.rules.muted_alike)
    return take(all_texts, leaders(all_texts, searched, most, _INTEREST_ALIKE))
