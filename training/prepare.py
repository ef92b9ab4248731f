"""From tables to arrays: everything about postings and candidates that does not depend on the moment."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.attributes import skill_key
from recsys.candidates import Candidates, Histories
from recsys.catalogue import Attributes
from recsys.codebook import Codebook, Codebooks, Numbering
from recsys.codes import Codes
from recsys.config import EngineSettings, WordSettings
from recsys.copies import groups
from recsys.encode import Encoder
from recsys.geo import city_points
from recsys.ids import Ids
from recsys.mutes import Muted
from recsys.postings import attributes, posting_places, regions, words_of
from recsys.profiles import mutes_of, profiles_of
from recsys.schema import Tables
from recsys.sketch import Sketches, place_numbers, sketches
from recsys.terms import Lexicon, Vocabulary
from recsys.text import posting_texts, posting_titles
from recsys.vectors import VectorCache

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Prepared:
    """Postings sorted by id, and candidates with their whole histories.

    Attributes:
        postings: P rows in catalogue order; with ``region``, where the first place is.
        ids: posting ids.
        title, text: vectors; text is None where no posting has more than a title.
        lexicon: the same titles and texts as words.
        latlon: float32 (P, L, 2) degrees, NaN padded.
        attributes: see there.
        sketches: by which copies are found.
        group: int32 (P,), the lowest row of each posting's copies.
        skills: code of each skill.
        candidates: everybody, with all events.
        books: the numbers of employers and of other words that are compared.
    """

    postings: pd.DataFrame
    ids: Ids
    title: Codes
    text: Codes | None
    lexicon: Lexicon
    latlon: NDArray[np.float32]
    attributes: Attributes
    sketches: Sketches
    group: Rows
    skills: dict[str, int]
    candidates: Candidates
    books: Codebooks


def prepare(
    tables: Tables,
    encoder: Encoder,
    cache: VectorCache,
    progress: bool = False,
    settings: EngineSettings = EngineSettings(),  # noqa: B008 (frozen)
) -> Prepared:
    """Encode, locate and clean the tables."""
    order = np.argsort(tables.postings["posting_id"].to_numpy(dtype=object), kind="stable")
    row_of = np.empty(len(order), np.int32)
    row_of[order] = np.arange(len(order), dtype=np.int32)
    postings = tables.postings.iloc[order].reset_index(drop=True)
    postings["region"] = regions(tables.locations, row_of)
    titles, texts = posting_titles(postings), posting_texts(postings)
    title = Codes.from_vectors(cache.encode(titles, encoder, progress))
    text = None if texts == titles else Codes.from_vectors(cache.encode(texts, encoder, progress))
    skills = _skill_vocabulary(postings["skills"])
    lexicon = _lexicon(titles, texts, skills, settings.words)
    learned: dict[str, Codebook] = {}

    def coder(name: str, values: pd.Series) -> Rows:
        numbers, learned[name] = Codebook.learn(values)
        return numbers

    points = city_points(tables.locations)
    told = attributes(postings, tables.locations, row_of, skills, coder, settings.filters)
    places = place_numbers(tables.locations, points, row_of, told.remote, settings.place.cell_degrees)
    sketched = sketches(postings, titles, texts, places)

    def encode(some: Sequence[str]) -> Codes:
        return Codes.from_vectors(cache.encode(list(some), encoder, progress))

    profiles = profiles_of(
        tables.candidates,
        tables.experience,
        city_points(tables.candidates),
        city_points(tables.experience),
        encode,
        lexicon,
        skills,
    )
    ids, books = Ids(postings["posting_id"], "posting"), Codebooks(**learned)
    return Prepared(
        postings=postings,
        ids=ids,
        title=title,
        text=text,
        lexicon=lexicon,
        latlon=posting_places(tables.locations, points, row_of),
        attributes=told,
        sketches=sketched,
        group=groups(sketched, settings.copies),
        skills=skills,
        candidates=Candidates(
            Ids(tables.candidates["candidate_id"], "candidate"),
            profiles,
            _histories(tables, row_of, len(tables.candidates)),
            Muted(mutes_of(tables.candidates, encode), ids, Numbering(books)),
        ),
        books=books,
    )


def _skill_vocabulary(cells: pd.Series) -> dict[str, int]:
    """Skills that at least two postings name, the commonest first."""
    counts = Counter(key for skills in words_of(cells) for key in set(map(skill_key, skills)))
    return {skill: at for at, (skill, count) in enumerate(counts.most_common()) if count >= 2}


def _lexicon(titles: list[str], texts: list[str], skills: dict[str, int], settings: WordSettings) -> Lexicon:
    vocabulary = Vocabulary.learn(texts, settings.vocabulary)
    return Lexicon(
        vocabulary=vocabulary,
        title=vocabulary.terms(titles, settings.title),
        text=None if texts == titles else vocabulary.terms(texts, settings.text),
        skills=np.array(list(skills), dtype=object),
    )


def _histories(tables: Tables, row_of: Rows, count: int) -> Histories:
    events = tables.events
    return Histories(
        start=np.searchsorted(events.candidate, np.arange(count + 1)).astype(np.int64),
        posting=row_of[events.posting],
        kind=events.kind,
        time=events.time,
        value=events.value,
        rank=events.rank,
        page=events.page,
    )
