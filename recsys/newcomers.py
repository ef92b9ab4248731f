"""Postings that arrive after training, described by what the bundle learned."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.catalogue import Attributes
from recsys.codebook import Numbering
from recsys.codes import Codes
from recsys.config import FilterSettings, PlaceSettings
from recsys.documents import Document, posting_frames
from recsys.postings import attributes, posting_places, regions
from recsys.sketch import Sketches, place_numbers, sketches
from recsys.terms import Lexicon, Terms
from recsys.text import posting_texts, posting_titles
from recsys.wordindex import counted_words, fingerprint

_TUPLES: Final = ("ids", "titles", "companies", "regions", "counted")


@dataclass(frozen=True)
class Newcomers:
    """R postings as arrays, in the order in which they arrived.

    Attributes:
        ids, titles, companies, regions: as the customer writes them.
        counted: how often each word of a posting counts in a search.
        said: uint64 (R,), fingerprints of the words.
        title, text: vectors.
        title_words, text_words: the same as words of the bundle's vocabulary.
        latlon: float32 (R, L, 2) degrees, NaN padded.
        attributes: coded by the bundle's codebooks.
        sketches: by which copies are found.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    companies: tuple[str, ...]
    regions: tuple[str, ...]
    counted: tuple[Counter[str], ...]
    said: NDArray[np.uint64]
    title: Codes
    text: Codes
    title_words: Terms
    text_words: Terms
    latlon: NDArray[np.float32]
    attributes: Attributes
    sketches: Sketches

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, at: NDArray[np.intp]) -> "Newcomers":
        """Those at ``at``, in that order."""
        parts = ("title", "text", "title_words", "text_words", "attributes", "sketches")
        changed: dict[str, Any] = {name: _taken(getattr(self, name), at) for name in parts}
        changed |= {name: tuple(getattr(self, name)[i] for i in at) for name in _TUPLES}
        return Newcomers(latlon=self.latlon[at], said=self.said[at], **changed)


def _taken(value: Any, at: NDArray[np.intp]) -> Any:
    return replace(value, **{field.name: getattr(value, field.name)[at] for field in fields(value)})


class Describer:
    """Describes newcomers.

    Args:
        lexicon: of the catalogue.
        skills: code of each skill.
        numbering: of the catalogue; employers and the like that training did not know get a number in it.
        rules: of the catalogue.
        encode: texts to vectors.
        locate: places (R rows with the columns of ``PLACE_COLUMNS``) to degrees (R, 2), NaN where not known.
        cell_degrees: edge of the bundle's grid cells.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        skills: dict[str, int],
        numbering: Numbering,
        rules: FilterSettings,
        encode: Callable[[Sequence[str]], Codes],
        locate: Callable[[pd.DataFrame], NDArray[np.float32]],
        cell_degrees: float = PlaceSettings().cell_degrees,
    ) -> None:
        self._lexicon, self._skills, self._numbering, self._rules = lexicon, skills, numbering, rules
        self._encode, self._locate = encode, locate
        self._edge = cell_degrees

    def describe(self, documents: Sequence[Document]) -> Newcomers:
        """Arrays of posting documents."""
        postings, locations = posting_frames(documents)
        row_of = np.arange(len(documents), dtype=np.int32)
        postings["region"] = regions(locations, row_of)
        titles, texts = posting_titles(postings), posting_texts(postings)
        lexicon, points = self._lexicon, self._locate(locations)
        told = attributes(postings, locations, row_of, self._skills, self._numbering.add, self._rules)
        places = place_numbers(locations, points, row_of, told.remote, self._edge)
        words = list(counted_words(postings))
        return Newcomers(
            ids=tuple(postings["posting_id"].tolist()),
            titles=tuple(postings["title"].fillna("").tolist()),
            companies=tuple(postings["company"].fillna("").tolist()),
            regions=tuple(postings["region"].fillna("").tolist()),
            counted=tuple(map(Counter, words)),
            said=np.array(list(map(fingerprint, words)), np.uint64),
            title=self._encode(titles),
            text=self._encode(texts),
            title_words=lexicon.vocabulary.terms(titles, lexicon.title.codes.shape[1]),
            text_words=lexicon.vocabulary.terms(texts, 0 if lexicon.text is None else lexicon.text.codes.shape[1]),
            latlon=posting_places(locations, points, row_of),
            attributes=told,
            sketches=sketches(postings, titles, texts, places),
        )
