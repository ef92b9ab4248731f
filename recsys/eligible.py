"""Who may see what at the moment of the request."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.queries import Queries
from recsys.schema import DISMISS
from recsys.unwanted import unwanted
from recsys.vetoes import vetoed

#: The conditions, in the order in which ``why`` names them.
CONDITIONS = (
    "taken down",
    "not yet posted",
    "expired",
    "already answered",
    "a copy of it is already answered",
    "vetoed",
    "muted",
    "its employer is muted",
    "its kind of work is muted",
)


def failures(catalogue: Catalogue, queries: Queries, pool: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of the ``CONDITIONS`` each posting of the pool (B, n) fails: bool (9, B, n); padding fails none."""
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
            _has_copy(catalogue, queries.answered, pool) & ~hidden,
            vetoed(catalogue, queries, rows),
            _has_copy(catalogue, queries.muted, pool),
            _of_muted_employer(catalogue, queries, rows),
            unwanted(catalogue, queries, rows),
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


def put_off(catalogue: Catalogue, queries: Queries, pool: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which postings of the pool (B, n) the candidate muted, by themselves or with others: bool (B, n)."""
    rows = np.maximum(pool, 0)
    muted = _has_copy(catalogue, queries.muted, pool) | _of_muted_employer(catalogue, queries, rows)
    found: NDArray[np.bool_] = (pool >= 0) & (muted | unwanted(catalogue, queries, rows))
    return found


def unnamed(catalogue: Catalogue, queries: Queries) -> NDArray[np.bool_]:
    """Which postings of the histories were dismissed or muted since, so that nothing names them: bool (B, H)."""
    history = queries.history
    away: NDArray[np.bool_] = (history >= 0) & (queries.deed == DISMISS)
    return away | put_off(catalogue, queries, history)


def _has_copy(catalogue: Catalogue, keys: NDArray[np.int64], pool: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which postings are those of the keys (request << 32 | row), or copies of them: bool (B, n)."""
    if len(keys) == 0:
        return np.zeros(pool.shape, bool)
    group = catalogue.copies.group
    groups = np.unique(keys >> 32 << 32 | group[(keys & 0xFFFFFFFF).astype(np.int32)])
    return _among(groups, np.where(pool >= 0, group[pool], pool))


def _of_muted_employer(catalogue: Catalogue, queries: Queries, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
    if len(queries.muted_employers) == 0:
        return np.zeros(rows.shape, bool)
    company = catalogue.attributes.company[rows]
    return _among(queries.muted_employers, company) & (company >= 0)


def _among(keys: NDArray[np.int64], pool: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whose key (request << 32 | number) is among ``keys``, sorted: bool (B, n)."""
    if len(keys) == 0:
        return np.zeros(pool.shape, bool)
    wanted = (np.arange(len(pool), dtype=np.int64)[:, None] << 32) | np.maximum(pool, 0)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found: NDArray[np.bool_] = keys[at] == wanted
    return found
