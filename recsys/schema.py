"""The tables that everything starts from: their columns, and their form in memory.

Times are float64 seconds since 1970 (UTC), NaN where unknown. Lists of words in one cell (skills,
desired titles) are joined by newlines. A yes/no that may be unknown is int8: 1, 0, or -1.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

EVENT_TYPES: Final = ("impression", "view", "save", "apply", "dismiss", "hire", "undo")
IMPRESSION, VIEW, SAVE, APPLY, DISMISS, HIRE, UNDO = range(len(EVENT_TYPES))

#: Kind of value in a column: "text", "words" (newline-joined list), "number", "time", "flag" (int8).
POSTING_COLUMNS: Final[dict[str, str]] = {
    "posting_id": "text", "title": "text", "description": "text", "company": "text", "remote": "flag",
    "remote_countries": "words", "employment_type": "text", "seniority": "text", "occupation": "text",
    "industry": "text", "salary_min": "number", "salary_max": "number", "salary_currency": "text",
    "salary_period": "text", "skills": "words", "date_posted": "time", "valid_through": "time",
    "language": "text", "permit_needed": "flag", "url": "text", "extra": "text",
}  # fmt: skip
PLACE_COLUMNS: Final[dict[str, str]] = {
    "city": "text", "region": "text", "country": "text", "latitude": "number", "longitude": "number",
}  # fmt: skip
CANDIDATE_COLUMNS: Final[dict[str, str]] = {
    "candidate_id": "text", "headline": "text", "summary": "text", "text": "text", "skills": "words",
    **PLACE_COLUMNS, "max_distance_km": "number", "remote_ok": "flag", "desired_titles": "words",
    "desired_salary_min": "number", "seniority": "text", "findable": "flag", "extra": "text",
    "muted_postings": "words", "muted_employers": "words", "muted_interests": "words",
}  # fmt: skip
EXPERIENCE_COLUMNS: Final[dict[str, str]] = {
    "title": "text", "company": "text", "city": "text", "region": "text", "country": "text",
    "start": "time", "end": "time", "description": "text",
}  # fmt: skip


@dataclass(frozen=True)
class Events:
    """What candidates did, as compact arrays of equal length E, sorted by candidate, then time, then file order.

    Attributes:
        candidate: int32 (E,), row in ``Tables.candidates``.
        posting: int32 (E,), row in ``Tables.postings``.
        kind: uint8 (E,), index into ``EVENT_TYPES``; never UNDO (already resolved).
        time: float64 (E,), seconds since 1970 UTC, NaN where unknown.
        value: float32 (E,), the customer's own weight of the event, NaN where none.
        rank: int16 (E,), position at which the posting was shown (1 = first), -1 where unknown.
        page: int32 (E,), equal for events of one candidate that belong to one shown list: from the request's id;
            for an impression without one from its time; -1 where neither is known.
    """

    candidate: NDArray[np.int32]
    posting: NDArray[np.int32]
    kind: NDArray[np.uint8]
    time: NDArray[np.float64]
    value: NDArray[np.float32]
    rank: NDArray[np.int16]
    page: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.candidate)

    @classmethod
    def empty(cls) -> "Events":
        """Events of a board that has none yet."""
        dtypes = ("int32", "int32", "uint8", "float64", "float32", "int16", "int32")
        return cls(*(np.empty(0, dtype) for dtype in dtypes))

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Events":
        """The events at ``rows`` (a boolean mask or an index array), in that order."""
        return Events(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Tables:
    """Checked input: what training starts from. Row numbers are positions in ``postings`` and ``candidates``.

    Attributes:
        postings: P rows, the columns of ``POSTING_COLUMNS``, posting_id unique.
        locations: any number of rows a posting: ``posting`` (int32 row) and the columns of ``PLACE_COLUMNS``.
        candidates: C rows, the columns of ``CANDIDATE_COLUMNS``, candidate_id unique; holds every candidate
            that any table names.
        experience: ``candidate`` (int32 row) and the columns of ``EXPERIENCE_COLUMNS``; by candidate, latest first.
        events: see ``Events``.
    """

    postings: pd.DataFrame
    locations: pd.DataFrame
    candidates: pd.DataFrame
    experience: pd.DataFrame
    events: Events
