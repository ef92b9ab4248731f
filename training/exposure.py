"""What lists show: how popular the postings are, and how far from the candidate's places."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.geo import chord_to_km, squared_chords
from recsys.queries import VIEWED, Queries

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]


def popularity_percentiles(catalogue: Catalogue) -> Numbers:
    """The share of the open postings that are less popular than each posting, ties counted half: float32 (P,)."""
    popularity = catalogue.behaviour.popularity
    among = np.sort(popularity[catalogue.open])
    below, upto = np.searchsorted(among, popularity, "left"), np.searchsorted(among, popularity, "right")
    return np.asarray((below + upto) / (2 * max(len(among), 1)), np.float32)


def mean_percentile(percentiles: Numbers, lists: Rows) -> Numbers:
    """Mean percentile over each list (Q, k): float32 (Q,), NaN for an empty one."""
    there = lists >= 0
    total = np.where(there, percentiles[np.maximum(lists, 0)], 0).sum(axis=1)
    number = there.sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan).astype(np.float32)


def nearest_km(catalogue: Catalogue, queries: Queries, rows: Rows) -> Numbers:
    """Kilometres from each posting's nearest place to the candidate's nearest known place.

    A candidate's places are where the postings viewed last are, the home, and the places of past work.

    Args:
        catalogue: the postings.
        queries: Q candidates.
        rows: int32 (Q, n), -1 padded.

    Returns:
        float32 (Q, n), NaN where either has no known place, or the work is remote.
    """
    viewed = queries.history[:, :VIEWED]
    looked = np.where((viewed >= 0)[..., None], catalogue.place[np.maximum(viewed, 0), 0], np.float32(np.nan))
    mine = np.concatenate([looked, queries.home[:, None], queries.worked], axis=1)
    theirs = catalogue.place[np.maximum(rows, 0)]
    chords = np.fmin.reduce([squared_chords(theirs[:, :, one], mine) for one in range(theirs.shape[2])])
    km = chord_to_km(np.sqrt(np.fmin.reduce(chords, axis=2)))
    counts = (rows >= 0) & (catalogue.attributes.remote[np.maximum(rows, 0)] != 1)
    return np.where(counts, km, np.float32(np.nan)).astype(np.float32)
