"""Who may see what at the moment of the request."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.queries import Queries
from recsys.vetoes import vetoed

#: The conditions, in the order in which ``why`` names them.
CONDITIONS = (
    "taken down",
    "not yet posted",
    "expired",
    "already answered",
    "a copy of it is already answered",
    "vetoed",
)


def failures(catalogue: Catalogue, queries: Queries, pool: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of the ``CONDITIONS`` each posting of the pool (B, n) fails: bool (6, B, n); padding fails none."""
    there = pool >= 0
    rows = np.where(there, pool, 0)
    now = queries.now[:, None]
    hidden = _among(queries.hidden, pool)
    failed = np.stack(
        [
            catalogue.gone[rows],
            catalogue.attributes.posted[rows] > now,
            catalogue.attributes.until[rows] < now,
            hidden,
            _has_answered_copy(catalogue, queries, pool) & ~hidden,
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


def _has_answered_copy(catalogue: Catalogue, queries: Queries, pool: NDArray[np.int32]) -> NDArray[np.bool_]:
    group = catalogue.copies.group
    answered = (queries.answered & 0xFFFFFFFF).astype(np.int32)
    keys = np.unique(queries.answered >> 32 << 32 | group[answered])
    return _among(keys, np.where(pool >= 0, group[pool], pool))


def _among(keys: NDArray[np.int64], pool: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whose key (request << 32 | number) is among ``keys``, sorted: bool (B, n)."""
    if len(keys) == 0:
        return np.zeros(pool.shape, bool)
    wanted = (np.arange(len(pool), dtype=np.int64)[:, None] << 32) | np.maximum(pool, 0)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found: NDArray[np.bool_] = keys[at] == wanted
    return found
