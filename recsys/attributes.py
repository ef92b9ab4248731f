"""Cleaning what postings and candidates say of level, pay and skills, so that the two can be compared."""

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Levels of seniority, the words that say them, the highest first: a "senior intern" is rare, a "lead engineer" is not.
_LEVELS: Final[tuple[tuple[float, str], ...]] = (
    (5.0, r"chief|c[teofi]o|vice president|vp|president|executive director|^executive$"),
    (4.0, r"director|head of|principal|lead|manager|managerial|supervisor"),
    (3.0, r"senior|sr|experienced|expert"),
    (0.0, r"intern|internship|trainee|apprentice|student"),
    (1.0, r"junior|jr|entry|graduate|assistant|beginner"),
    (2.0, r"mid|mid-level|middle|intermediate|associate|regular|professional"),
)
#: Names of the levels of seniority.
LEVELS: Final = {"intern": 0.0, "junior": 1.0, "mid": 2.0, "senior": 3.0, "lead": 4.0, "executive": 5.0}
#: Kinds of employment in the words of schema.org's users, by what boards write, letters alone.
EMPLOYMENT: Final = {
    "FULL_TIME": ("fulltime", "full", "permanent", "permanentfulltime", "regular", "vollzeit"),
    "PART_TIME": ("parttime", "part", "teilzeit"),
    "CONTRACTOR": ("contractor", "contract", "freelance", "independentcontractor"),
    "TEMPORARY": ("temporary", "temp", "seasonal", "fixedterm"),
    "INTERN": ("intern", "internship", "trainee"),
    "VOLUNTEER": ("volunteer",),
    "PER_DIEM": ("perdiem", "prn"),
    "OTHER": ("other",),
}
_EMPLOYMENT_OF: Final = {word: kind for kind, words in EMPLOYMENT.items() for word in words}
#: How many of each pay period make a year of full-time work.
PERIODS: Final = {"HOUR": 2080.0, "DAY": 260.0, "WEEK": 52.0, "MONTH": 12.0, "YEAR": 1.0}


def seniority_levels(texts: pd.Series) -> NDArray[np.float32]:
    """Level (N,) float32 from words: 0 intern, 1 junior, 2 mid, 3 senior, 4 lead, 5 executive; NaN for others."""
    words = texts.astype("str").str.casefold()
    levels = np.full(len(texts), np.nan, np.float32)
    for level, pattern in _LEVELS:
        said = words.str.contains(rf"\b(?:{pattern})\b", regex=True, na=False).to_numpy(dtype=bool)
        levels[np.isnan(levels) & said & texts.notna().to_numpy()] = level
    return levels


def yearly(amounts: pd.Series, period: pd.Series) -> NDArray[np.float32]:
    """Pay a year (N,) float32. Where no period is said: under 200 is an hour's pay, under 12,000 a month's."""
    pay = amounts.to_numpy(np.float64)
    said = period.map(PERIODS).to_numpy(np.float64, na_value=np.nan)
    guessed = np.select([pay < 200, pay < 12_000], [PERIODS["HOUR"], PERIODS["MONTH"]], 1.0)
    return (pay * np.where(np.isnan(said), guessed, said)).astype(np.float32)


def employment_kind(word: str) -> str | None:
    """The kind of employment that a word names, one of ``EMPLOYMENT``."""
    return _EMPLOYMENT_OF.get(re.sub(r"[^a-z]", "", word.casefold()))


def employment_bits(texts: pd.Series) -> NDArray[np.uint8]:
    """Kinds of employment (N,) as bits in the order of ``EMPLOYMENT``; 0 where none is said, OTHER for other words."""
    codes, distinct = pd.factorize(texts.astype("str").where(texts.notna()))
    bits = np.zeros(len(distinct) + 1, np.uint8)  # the last is for missing texts, whose code is -1
    names = list(EMPLOYMENT)
    for at, text in enumerate(distinct):
        for word in re.split(r"[,;|/\n]", str(text)):
            if word.strip():
                bits[at] |= 1 << names.index(employment_kind(word) or "OTHER")
    return bits[codes]


def language_key(language: str) -> str:
    """The form in which two writings of a language are compared: "en" of "en-US"."""
    return re.split(r"[-_]", language.strip().casefold())[0]


def skill_key(skill: str) -> str:
    """The form in which two writings of a skill are compared."""
    return " ".join(skill.casefold().split())


def skill_codes(lists: Sequence[Sequence[str]], vocabulary: dict[str, int], width: int) -> NDArray[np.int32]:
    """Codes (N, width) int32 of lists of skills, -1 padded; skills that the vocabulary lacks are left out."""
    out = np.full((len(lists), width), -1, np.int32)
    for row, skills in enumerate(lists):
        known = [vocabulary[key] for key in dict.fromkeys(map(skill_key, skills)) if key in vocabulary]
        out[row, : min(width, len(known))] = known[:width]
    return out


def number_or_nan(value: Any) -> float:
    """A float, NaN for None."""
    return float("nan") if value is None else float(value)
