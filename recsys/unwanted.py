"""Work that a candidate does not want to see, by its title: what is alike to an interest that was muted."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.filters import MOST_INTERESTS
from recsys.queries import Queries

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float32]

_AT_ONCE: Final = 16_384  # postings whose titles are widened to float32 at a time


def unwanted(catalogue: Catalogue, queries: Queries, rows: NDArray[np.int32]) -> Flags:
    """Which postings at ``rows`` (B, n), none -1, have a title alike to one that the candidate muted: bool (B, n)."""
    found = np.zeros(rows.shape, bool)
    some, titles = _muted(queries)
    if len(some) == 0 or rows.shape[1] == 0:
        return found
    columns = np.ascontiguousarray(titles.transpose(0, 2, 1))
    width = min(rows.shape[1], _AT_ONCE)
    step = max(1, _AT_ONCE // width)  # requests; the shape of each one's product does not depend on it
    for first in range(0, len(some), step):
        mine = some[first : first + step]
        for at in range(0, rows.shape[1], width):
            alike = catalogue.title.similarity(rows[mine, at : at + width], columns[first : first + step])
            found[mine, at : at + width] = np.any(alike >= catalogue.rules.muted_alike, axis=2)
    return found


def alike_to_unwanted(queries: Queries, vectors: Numbers, bound: float) -> Flags:
    """Which of some vectors (B, S, d) are alike to a title that the candidate muted: bool (B, S)."""
    found = np.zeros(vectors.shape[:2], bool)
    some, titles = _muted(queries)
    if len(some):
        found[some] = np.any(np.matmul(vectors[some], titles.transpose(0, 2, 1)) >= bound, axis=2)
    return found


def _muted(queries: Queries) -> tuple[NDArray[np.int64], Numbers]:
    """The requests (b,) with muted interests, and the titles of each: float32 (b, MOST_INTERESTS, d), zeros padded."""
    some, of = np.unique(queries.unwanted >> 32, return_inverse=True)
    titles = np.zeros((len(some), MOST_INTERESTS, queries.unwanted_titles.shape[1]), np.float32)
    titles[of, queries.unwanted & 0xFFFFFFFF] = queries.unwanted_titles
    return some, titles
