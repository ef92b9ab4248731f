"""Titles as boards write them: what stands around the name of the work, known to anybody who has read some."""

from typing import Final

import numpy as np

_BEFORE: Final = ("Senior", "Junior", "Sr.", "Lead", "Trainee", "Experienced", "Entry Level", "Temporary", "Part Time")
_AFTER: Final = (
    "(m/f)", "- Part Time", "- Full Time", "(Full-time)", "- Night Shift", "- Days", "- Weekends", "- Permanent",
    "- Contract", "(Remote)", "- 6 Month Contract", "- Immediate Start", "I", "II", "III", "- Entry Level",
)  # fmt: skip
_CITIES: Final = (
    "London", "Manchester", "Birmingham", "Leeds", "Dublin", "New York", "Chicago", "Dallas", "Atlanta", "Toronto",
    "Sydney", "Boston",
)  # fmt: skip


def roughen(title: str, rng: np.random.Generator) -> str:
    """The title with one or two of: other case, a level, hours or a contract, a city, a word left out."""
    for _ in range(1 + int(rng.random() < 0.3)):
        title = _once(title, int(rng.integers(0, 5)), rng)
    return title


def _once(title: str, way: int, rng: np.random.Generator) -> str:
    if way == 0:
        return (title.lower(), title.upper(), title.title())[int(rng.integers(0, 3))]
    if way == 1:
        return f"{_BEFORE[int(rng.integers(0, len(_BEFORE)))]} {title}"
    if way == 2:
        return f"{title} {_AFTER[int(rng.integers(0, len(_AFTER)))]}"
    if way == 3:
        city = _CITIES[int(rng.integers(0, len(_CITIES)))]
        return (f"{title} - {city}", f"{title}, {city}", f"{title} {city}")[int(rng.integers(0, 3))]
    words = title.split()
    if len(words) > 2:
        del words[int(rng.integers(0, len(words)))]
    return " ".join(words)
