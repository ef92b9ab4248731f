"""From tables to arrays: everything about postings and candidates that does not depend on the moment."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.attributes import codes, seniority_levels, skill_codes, skill_key, yearly
from recsys.candidates import Candidates, Histories, Profiles
from recsys.catalogue import Attributes
from recsys.codes import Codes
from recsys.config import WordSettings
from recsys.encode import Encoder
from recsys.geo import CITY, is_remote, locate, unit_vectors
from recsys.ids import Ids
from recsys.intake import SKILLS, in_words
from recsys.queries import PAST, WANTED, WORKED
from recsys.schema import Tables
from recsys.terms import Lexicon, Vocabulary
from recsys.text import candidate_texts, normalise, posting_texts, posting_titles, split_words
from recsys.vectors import VectorCache

Rows = NDArray[np.int32]

_PLACES = 4  # places of a posting that count; more are rare and cost every request
_POSTING_SKILLS = 12


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
        skills: code of each skill.
        candidates: everybody, with all events.
    """

    postings: pd.DataFrame
    ids: Ids
    title: Codes
    text: Codes | None
    lexicon: Lexicon
    latlon: NDArray[np.float32]
    attributes: Attributes
    skills: dict[str, int]
    candidates: Candidates


def prepare(
    tables: Tables,
    encoder: Encoder,
    cache: VectorCache,
    progress: bool = False,
    words: WordSettings = WordSettings(),  # noqa: B008 (frozen)
) -> Prepared:
    """Encode, locate and clean the tables."""
    order = np.argsort(tables.postings["posting_id"].to_numpy(dtype=object), kind="stable")
    row_of = np.empty(len(order), np.int32)
    row_of[order] = np.arange(len(order), dtype=np.int32)
    postings = tables.postings.iloc[order].reset_index(drop=True)
    postings["region"] = _regions(tables.locations, row_of)
    titles, texts = posting_titles(postings), posting_texts(postings)
    title = Codes.from_vectors(cache.encode(titles, encoder, progress))
    text = None if texts == titles else Codes.from_vectors(cache.encode(texts, encoder, progress))
    skills = _skill_vocabulary(postings["skills"])
    lexicon = _lexicon(titles, texts, skills, words)
    latlon = _posting_places(tables.locations, row_of)
    return Prepared(
        postings=postings,
        ids=Ids(postings["posting_id"], "posting"),
        title=title,
        text=text,
        lexicon=lexicon,
        latlon=latlon,
        attributes=_attributes(postings, tables.locations, row_of, skills),
        skills=skills,
        candidates=_candidates(tables, row_of, lexicon, skills, encoder, cache, progress),
    )


def _points(frame: pd.DataFrame) -> NDArray[np.float32]:
    """Degrees (R, 2) of places known as a city or better.

    The centre of a state is left out: it may be 300 km off, and two such centres would be 0 km apart.
    """
    places = locate(frame)
    return np.where((places.precision >= CITY)[:, None], places.latlon, np.float32(np.nan))


def _regions(locations: pd.DataFrame, row_of: Rows) -> NDArray[np.object_]:
    """The region of each posting's first place that names one, as it is written: object (P,), "" where none does."""
    regions = np.full(len(row_of), "", object)
    named = locations[locations["region"].notna()].drop_duplicates("posting")
    regions[row_of[named["posting"].to_numpy(np.int64)]] = named["region"].str.strip().to_numpy(object)
    return regions


def _words(cells: pd.Series) -> list[list[str]]:
    return [split_words(cell) if isinstance(cell, str) else [] for cell in cells.to_numpy(dtype=object)]


def _skill_vocabulary(cells: pd.Series) -> dict[str, int]:
    """Skills that at least two postings name, the commonest first."""
    counts = Counter(key for skills in _words(cells) for key in set(map(skill_key, skills)))
    return {skill: at for at, (skill, count) in enumerate(counts.most_common()) if count >= 2}


def _lexicon(titles: list[str], texts: list[str], skills: dict[str, int], settings: WordSettings) -> Lexicon:
    vocabulary = Vocabulary.learn(texts, settings.vocabulary)
    return Lexicon(
        vocabulary=vocabulary,
        title=vocabulary.terms(titles, settings.title),
        text=None if texts == titles else vocabulary.terms(texts, settings.text),
        skills=np.array(list(skills), dtype=object),
    )


def _posting_places(locations: pd.DataFrame, row_of: Rows) -> NDArray[np.float32]:
    """Known places of each posting (P, L, 2), L as many as the posting with the most has, at least 1."""
    latlon = _points(locations)
    known = ~np.isnan(latlon[:, 0])
    row, latlon = row_of[locations["posting"].to_numpy(np.int64)[known]], latlon[known]
    order = np.argsort(row, kind="stable")
    row, latlon = row[order], latlon[order]
    slot = np.arange(len(row)) - np.searchsorted(row, row)
    width = int(min(max(slot.max(initial=0) + 1, 1), _PLACES))
    places = np.full((len(row_of), width, 2), np.nan, np.float32)
    kept = slot < width
    places[row[kept], slot[kept]] = latlon[kept]
    return places


def _attributes(postings: pd.DataFrame, locations: pd.DataFrame, row_of: Rows, skills: dict[str, int]) -> Attributes:
    stated = seniority_levels(postings["seniority"])
    from_title = seniority_levels(postings["title"])
    period = postings["salary_period"]
    low, high = (yearly(postings[name], period) for name in ("salary_min", "salary_max"))
    return Attributes(
        company=codes(postings["company"]),
        industry=codes(postings["industry"]),
        occupation=codes(postings["occupation"]),
        seniority=np.where(np.isnan(stated), from_title, stated),
        pay_low=low,
        pay_high=np.fmax(low, high),
        remote=_remote(postings, locations, row_of),
        skills=skill_codes(_words(postings["skills"]), skills, _POSTING_SKILLS),
        posted=postings["date_posted"].to_numpy(np.float64),
        until=postings["valid_through"].to_numpy(np.float64),
    )


def _remote(postings: pd.DataFrame, locations: pd.DataFrame, row_of: Rows) -> NDArray[np.int8]:
    """As stated; where nothing is stated, what the title or a place's name says."""
    stated = postings["remote"].to_numpy(np.int8)
    said = is_remote(postings["title"]) == 1
    place = locations["city"].fillna("") + " " + locations["region"].fillna("") + " " + locations["country"].fillna("")
    said[row_of[locations["posting"].to_numpy(np.int64)[is_remote(place) == 1]]] = True
    return np.where((stated < 0) & said, np.int8(1), stated).astype(np.int8)


def _candidates(
    tables: Tables,
    row_of: Rows,
    lexicon: Lexicon,
    skills: dict[str, int],
    encoder: Encoder,
    cache: VectorCache,
    progress: bool,
) -> Candidates:
    frame, count = tables.candidates, len(tables.candidates)
    wanted = _words(frame["desired_titles"])
    past = _titles_held(tables.experience, count)
    whole = candidate_texts(frame, tables.experience)
    texts, pointers = _distinct([wanted, past, [[one] if one else [] for one in whole]], (WANTED, PAST, 1))
    own_skills = _words(frame["skills"])
    terms, spoken, named = in_words(wanted, past, whole, own_skills, lexicon)
    places = unit_vectors(_points(frame))
    return Candidates(
        Ids(frame["candidate_id"], "candidate"),
        Profiles(
            vectors=Codes.from_vectors(cache.encode(texts, encoder, progress)),
            wanted=pointers[0],
            past=pointers[1],
            whole=pointers[2][:, 0],
            home=places,
            worked=_worked(tables.experience, count),
            reach_km=frame["max_distance_km"].to_numpy(np.float32),
            remote_ok=frame["remote_ok"].to_numpy(np.int8),
            seniority=seniority_levels(frame["seniority"]),
            pay=frame["desired_salary_min"].to_numpy(np.float32),
            skills=skill_codes(own_skills, skills, SKILLS),
            terms=terms,
            texts=spoken,
            named=named,
        ),
        _histories(tables, row_of, count),
    )


def _titles_held(experience: pd.DataFrame, count: int) -> list[list[str]]:
    held: list[list[str]] = [[] for _ in range(count)]
    for candidate, title in zip(experience["candidate"].to_numpy(), experience["title"].to_numpy(object), strict=True):
        if isinstance(title, str) and len(held[candidate]) < PAST:
            held[candidate].append(title)
    return held


def _distinct(columns: list[list[list[str]]], widths: tuple[int, ...]) -> tuple[list[str], list[Rows]]:
    """All texts once, and for each column (C lists) the numbers of its texts (C, width), -1 padded."""
    numbers: dict[str, int] = {}
    pointers = []
    for lists, width in zip(columns, widths, strict=True):
        out = np.full((len(lists), width), -1, np.int32)
        for row, texts in enumerate(lists):
            clean = [one for one in map(normalise, texts[:width]) if one]
            out[row, : len(clean)] = [numbers.setdefault(one, len(numbers)) for one in clean]
        pointers.append(out)
    return list(numbers), pointers


def _worked(experience: pd.DataFrame, count: int) -> NDArray[np.float32]:
    """Places of past work (C, WORKED, 3), latest first; experience is sorted so."""
    latlon = _points(experience)
    known = np.flatnonzero(~np.isnan(latlon[:, 0]))
    candidate = experience["candidate"].to_numpy(np.int64)[known]
    slot = np.arange(len(known)) - np.searchsorted(candidate, candidate)
    kept = slot < WORKED
    worked = np.full((count, WORKED, 2), np.nan, np.float32)
    worked[candidate[kept], slot[kept]] = latlon[known[kept]]
    return unit_vectors(worked)


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
