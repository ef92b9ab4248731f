"""Signals of what was shown and passed over, and of what was dismissed: evidence against a posting."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.interests import Interests
from recsys.queries import Queries
from recsys.signal import NOTHING, Signal, best

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

SIGNALS = (
    Signal("shown_unanswered", "shown", "-log(1 + decayed count of times shown to the candidate without an answer)"),
    Signal("employer_dismissed", "shown", "-1 where the candidate dismissed a posting of the same employer, else 0"),
    Signal("title_dismissed", "shown", "minus the best cosine of the title with the titles dismissed last"),
)


def shown(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """What speaks against a posting: the candidate passed it over, or dismissed its like."""
    found = {}
    if len(queries.shown):
        found["shown_unanswered"] = _passed_over(queries, rows)
    known = queries.dismissed >= 0
    if known.any():
        found |= _dismissed(catalogue, queries.dismissed, known, rows)
    return found


def _passed_over(queries: Queries, rows: Rows) -> Numbers:
    request = np.arange(len(rows), dtype=np.int64)[:, None]
    wanted = request << 32 | rows
    at = np.minimum(np.searchsorted(queries.shown, wanted), len(queries.shown) - 1)
    times = np.where(queries.shown[at] == wanted, queries.shown_times[at], np.float32(0))
    anything = np.bincount(queries.shown >> 32, minlength=len(rows)) > 0
    return np.where(anything[:, None], -np.log1p(times), NOTHING)


def _dismissed(catalogue: Catalogue, dismissed: Rows, known: NDArray[np.bool_], rows: Rows) -> dict[str, Numbers]:
    company = catalogue.attributes.company
    mine = np.where(known, company[np.maximum(dismissed, 0)], np.int32(-1))
    theirs = company[rows]
    same = (theirs[..., None] == mine[:, None]).any(axis=2)
    unknown = (theirs < 0) | ~np.any(mine >= 0, axis=1, keepdims=True)
    vectors = catalogue.title.vectors(dismissed)
    titled = known & (catalogue.title.scale[dismissed] > 0)
    alike = catalogue.title.similarity(rows, np.ascontiguousarray(vectors.transpose(0, 2, 1)))
    alike[catalogue.title.scale[rows] == 0] = np.nan
    return {
        "employer_dismissed": np.where(unknown, NOTHING, -same.astype(np.float32)),
        "title_dismissed": -best(alike, titled),
    }
