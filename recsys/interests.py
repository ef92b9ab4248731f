"""What and where a candidate is searching: a few vectors and places, clustered from history and profile."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.config import RetrieveSettings
from recsys.leaders import leaders, take
from recsys.queries import VIEWED, WANTED, Queries
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


def interests_of(catalogue: Catalogue, queries: Queries, most: int) -> NDArray[np.int32]:
    """Which distinct interest each title of history and profile belongs to, the latest being 0.

    Args:
        catalogue: the postings.
        queries: B requests.
        most: interests that are told apart.

    Returns:
        int32 (B, VIEWED + WANTED + PAST), of the postings viewed last, desired titles and titles held; -1 where there
        is none, or where it is like none of the ``most``.
    """
    viewed = queries.history[:, :VIEWED]
    titles = catalogue.title.vectors(viewed)
    texts = np.concatenate([titles, queries.wanted, queries.past], axis=1)
    known = [(viewed >= 0) & titles.any(axis=2), queries.wanted_known, queries.past_known]
    there = np.concatenate(known, axis=1) & ~alike_to_unwanted(queries, texts, catalogue.rules.muted_alike)
    chosen = leaders(texts, there, most, _INTEREST_ALIKE)
    alike = np.matmul(texts, take(texts, chosen).transpose(0, 2, 1))
    alike[np.broadcast_to((chosen < 0)[:, None], alike.shape)] = -1
    best = np.argmax(alike, axis=2)
    belongs = there & (np.take_along_axis(alike, best[..., None], 2)[..., 0] >= _INTEREST_ALIKE)
    return np.where(belongs, best, -1).astype(np.int32)


def only_interest(queries: Queries, number: NDArray[np.int32], one: int) -> Queries:
    """The same requests as if the candidates had but one of their interests.

    Args:
        queries: B requests.
        number: of ``interests_of``.
        one: which of them.
    """
    belongs = number == one
    viewed, wanted, past = np.split(belongs, [VIEWED, VIEWED + WANTED], axis=1)
    kept = np.zeros(queries.history.shape, bool)
    kept[:, :VIEWED] = viewed
    order = np.argsort(~kept, axis=1, kind="stable")
    still = np.take_along_axis(kept, order, 1)
    said = np.concatenate([wanted, past, np.zeros((len(queries), 1), bool)], axis=1)[..., None]
    return replace(
        queries,
        history=np.where(still, np.take_along_axis(queries.history, order, 1), np.int32(-1)),
        weight=np.where(still, np.take_along_axis(queries.weight, order, 1), np.float32(0)),
        time=np.where(still, np.take_along_axis(queries.time, order, 1), np.nan),
        deed=np.where(still, np.take_along_axis(queries.deed, order, 1), np.uint8(0)),
        wanted=np.where(wanted[..., None], queries.wanted, np.float32(0)),
        wanted_known=queries.wanted_known & wanted,
        past=np.where(past[..., None], queries.past, np.float32(0)),
        past_known=queries.past_known & past,
        whole=np.zeros_like(queries.whole),
        whole_known=np.zeros_like(queries.whole_known),
        words=np.where(said, queries.words, np.uint16(0)),
        word_weights=np.where(said, queries.word_weights, np.float32(0)),
    )
