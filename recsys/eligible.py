"""Who may see what at the moment of the request."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.queries import Queries
from recsys.vetoes import vetoed

#: The conditions, in the order in which ``why`` names them.
CONDITIONS = ("taken down", "not yet posted", "expired", "already answered", "vetoed")


def failures(catalogue: Catalogue, queries: Queries, pool: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of the ``CONDITIONS`` each posting of the pool (B, n) fails: bool (5, B, n); padding fails none."""
    there = pool >= 0
    rows = np.where(there, pool, 0)
    now = queries.now[:, None]
    failed = np.stack(
        [
            catalogue.gone[rows],
            catalogue.attributes.posted[rows] > now,
            catalogue.attributes.until[rows] < now,
            _is_hidden(queries, pool),
            vetoed(catalogue, queries, rows),
        ]
    )
    return failed & there


def eligible(catalogue: Catalogue, queries: Queries, pool: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which postings of the pool (B, n) may be shown: bool (B, n), False for padding."""
    result: NDArray[np.bool_] = (pool >= 0) & ~failures(catalogue, queries, pool).any(axis=0)
    return result


def eligible_rows(catalogue: Catalogue, queries: Queries, at: int) -> NDArray[np.bool_]:
    """Which postings of the whole catalogue request ``at`` may be shown: bool (P,)."""
    everything = np.arange(len(catalogue), dtype=np.int32)
    allowed: NDArray[np.bool_] = (
        catalogue.open[: len(catalogue)] & (eligible(catalogue, queries.part(at, at + 1), everything[None])[0])
    )
    return allowed


def _is_hidden(queries: Queries, pool: NDArray[np.int32]) -> NDArray[np.bool_]:
    if len(queries.hidden) == 0:
        return np.zeros(pool.shape, bool)
    keys = (np.arange(len(pool), dtype=np.int64)[:, None] << 32) | np.maximum(pool, 0)
    at = np.minimum(np.searchsorted(queries.hidden, keys), len(queries.hidden) - 1)
    found: NDArray[np.bool_] = queries.hidden[at] == keys
    return found
