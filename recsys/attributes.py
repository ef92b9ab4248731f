"""Cleaning what postings and candidates say of level, pay and skills, so that the two can be compared."""

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
#: How many of each pay period make a year of full-time work.
_PERIODS: Final = {"HOUR": 2080.0, "DAY": 260.0, "WEEK": 52.0, "MONTH": 12.0, "YEAR": 1.0}


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
    said = period.map(_PERIODS).to_numpy(np.float64, na_value=np.nan)
    guessed = np.select([pay < 200, pay < 12_000], [_PERIODS["HOUR"], _PERIODS["MONTH"]], 1.0)
    return (pay * np.where(np.isnan(said), guessed, said)).astype(np.float32)


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
