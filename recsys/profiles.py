"""From tables of candidates to arrays: what they say of themselves. The same for a whole board and for one newcomer."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.attributes import seniority_levels, skill_codes
from recsys.candidates import Profiles
from recsys.codes import Codes
from recsys.geo import unit_vectors
from recsys.intake import SKILLS, in_words
from recsys.mutes import MUTED, Mutes
from recsys.postings import words_of
from recsys.queries import PAST, WANTED, WORKED
from recsys.terms import Lexicon
from recsys.text import candidate_texts, normalise

Rows = NDArray[np.int32]
Degrees = NDArray[np.float32]


def profiles_of(
    candidates: pd.DataFrame,
    experience: pd.DataFrame,
    home: Degrees,
    work: Degrees,
    encode: Callable[[Sequence[str]], Codes],
    lexicon: Lexicon,
    skills: dict[str, int],
) -> Profiles:
    """What C candidates say.

    Args:
        candidates: C rows, as in ``recsys.schema.Tables``.
        experience: X positions, as there.
        home: float32 (C, 2) degrees, NaN where not known.
        work: float32 (X, 2), of each position.
        encode: distinct texts to their vectors, zeros where there is none.
        lexicon: of the catalogue.
        skills: code of each skill.
    """
    count = len(candidates)
    wanted, past = words_of(candidates["desired_titles"]), _titles_held(experience, count)
    whole = candidate_texts(candidates, experience)
    texts, pointers = _distinct([wanted, past, [[one] if one else [] for one in whole]], (WANTED, PAST, 1))
    vectors = encode(texts)
    there = np.append(vectors.scale > 0, False)  # nothing is known of a text without a vector; the last is for -1
    pointers = [np.where(there[one], one, np.int32(-1)) for one in pointers]
    own_skills = words_of(candidates["skills"])
    terms, spoken, named = in_words(wanted, past, whole, own_skills, lexicon)
    return Profiles(
        vectors=vectors,
        wanted=pointers[0],
        past=pointers[1],
        whole=pointers[2][:, 0],
        home=unit_vectors(home),
        worked=_worked(experience, work, count),
        reach_km=candidates["max_distance_km"].to_numpy(np.float32),
        remote_ok=candidates["remote_ok"].to_numpy(np.int8),
        findable=candidates["findable"].to_numpy(np.int8),
        seniority=seniority_levels(candidates["seniority"]),
        pay=candidates["desired_salary_min"].to_numpy(np.float32),
        skills=skill_codes(own_skills, skills, SKILLS),
        terms=terms,
        texts=spoken,
        named=named,
    )


def mutes_of(candidates: pd.DataFrame, encode: Callable[[Sequence[str]], Codes]) -> Mutes:
    """What C candidates muted; of more than they may mute, the first count.

    Args:
        candidates: as in ``profiles_of``.
        encode: likewise.
    """
    said = [[some[:most] for some in words_of(candidates[name])] for name, most in MUTED.items()]
    numbers: dict[str, int] = {}
    interests = [[numbers.setdefault(one, len(numbers)) for one in map(normalise, titles) if one] for titles in said[2]]
    return Mutes.of(said[0], said[1], interests, encode(list(numbers)))


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


def _worked(experience: pd.DataFrame, latlon: Degrees, count: int) -> NDArray[np.float32]:
    """Places of past work (C, WORKED, 3), latest first; experience is sorted so."""
    known = np.flatnonzero(~np.isnan(latlon[:, 0]))
    candidate = experience["candidate"].to_numpy(np.int64)[known]
    slot = np.arange(len(known)) - np.searchsorted(candidate, candidate)
    kept = slot < WORKED
    worked = np.full((count, WORKED, 2), np.nan, np.float32)
    worked[candidate[kept], slot[kept]] = latlon[known[kept]]
    return unit_vectors(worked)
