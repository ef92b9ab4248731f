"""Bootstrap of many figures at once: all columns are resampled by the same draws of queries, in one matrix product."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REPEATS = 1000
_BLOCK = 2_000_000  # draws at once


def resampled_means(values: Floats, repeats: int = REPEATS, seed: int = 0) -> Floats:
    """Means of ``repeats`` resamples of queries with replacement.

    The draws are those of ``recsys.metrics.bootstrap_interval`` with the same seed, so that both agree.

    Args:
        values: float64 (Q, M), one column a figure; NaN where a query says nothing about it.
        repeats: how many resamples.
        seed: of the draws.

    Returns:
        float64 (repeats, M); NaN where a resample knows nothing.
    """
    queries = len(values)
    if not queries:
        return np.full((repeats, values.shape[1]), np.nan)
    known = ~np.isnan(values)
    filled = np.where(known, values, 0)
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // queries)
    parts = []
    for done in range(0, repeats, step):
        size = min(step, repeats - done)
        drawn = rng.integers(0, queries, (size, queries)) + queries * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * queries).reshape(size, queries).astype(np.float64)
        number = np.full((size, values.shape[1]), float(queries)) if known.all() else counts @ known
        with np.errstate(invalid="ignore"):
            parts.append(counts @ filled / number)
    return np.concatenate(parts)


def means(values: Floats) -> Floats:
    """Mean of each column's known values, float64 (M,); NaN where there are none."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=0) / known.sum(axis=0))


def percentile_intervals(mean: Floats, resampled: Floats) -> Floats:
    """Mean, low and high end of the 95 % percentile interval: float64 (3, M)."""
    out = np.full((3, len(mean)), np.nan)
    fine = ~np.isnan(resampled).all(axis=0)
    if fine.any():
        out[1:, fine] = np.nanpercentile(resampled[:, fine], [2.5, 97.5], axis=0)
    out[0] = mean
    return out


def p_values(mean: Floats, resampled: Floats) -> Floats:
    """Two-sided p of "the mean difference is 0", as ``recsys.metrics.paired_bootstrap`` defines it: float64 (M,)."""
    as_far = np.abs(resampled - mean) >= np.abs(mean) * (1 - 1e-12)
    return np.where(np.isnan(mean), np.nan, (1 + as_far.sum(axis=0)) / (1 + len(resampled)))
