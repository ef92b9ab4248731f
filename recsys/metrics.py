"""How good ranked lists are: recall, hit, nDCG, reciprocal rank; coverage and Gini of a catalogue; bootstrap intervals.

Q lists are ``rows``: int (Q, K), best first, -1 where a list is shorter than K. What is relevant to each query is a
CSR pair: ``items[start[q]:start[q + 1]]``, distinct within a query. A query to which nothing is relevant has no
recall, hit, nDCG or rank: NaN, which the bootstrap drops. Wrong arguments raise ValueError.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
#: How many numbers a block of the bootstrap draws at once (8 bytes each, about three such arrays alive).
_BLOCK = 2_000_000


def relevant_counts(start: Integers) -> NDArray[np.int64]:
    """How many items are relevant to each query: int64 (Q,) from ``start`` (Q+1,)."""
    ends = np.asarray(start, np.int64)
    return ends[1:] - ends[:-1]


def hits(rows: Integers, start: Integers, items: Integers) -> NDArray[np.bool_]:
    """Which places of the lists hold a relevant item: bool (Q, K).

    An item that a list repeats counts at its first place only.

    Args:
        rows: int (Q, K), -1 padded.
        start: int (Q+1,), where each query's relevant items start.
        items: int (start[-1],), the relevant items.
    """
    rows, items = np.asarray(rows, np.int64), np.asarray(items, np.int64)
    counts = relevant_counts(start)
    if rows.ndim != 2 or len(counts) != len(rows) or start[0] != 0 or counts.sum() != len(items) or (counts < 0).any():
        raise ValueError(f"{rows.shape} lists, {len(counts)} sets of {start[-1]} relevant items and {len(items)} items")
    size = 1 + max(rows.max(initial=-1), items.max(initial=-1))
    wanted = np.repeat(np.arange(len(counts)), counts) * size + items
    keys = np.arange(len(rows))[:, None] * size + rows
    flat = (np.isin(keys, wanted) & (rows >= 0)).ravel()
    found = np.flatnonzero(flat)
    first = np.unique(keys.ravel()[found], return_index=True)[1]
    flat[:] = False
    flat[found[first]] = True
    return flat.reshape(rows.shape)


def _known(values: NDArray[np.generic], n_relevant: Integers) -> Floats:
    return np.where(np.asarray(n_relevant) > 0, values.astype(np.float64), np.nan)


def _checked(hit: NDArray[np.bool_], n_relevant: Integers, k: int) -> NDArray[np.bool_]:
    if k < 1 or hit.ndim != 2 or len(hit) != len(n_relevant):
        raise ValueError(f"k is {k}, hits are {hit.shape}, relevant counts are {len(n_relevant)}")
    return hit[:, :k]


def recall_at(hit: NDArray[np.bool_], n_relevant: Integers, k: int) -> Floats:
    """Share of the relevant items among the first k: float64 (Q,)."""
    top = _checked(hit, n_relevant, k)
    return _known(top.sum(1) / np.maximum(n_relevant, 1), n_relevant)


def hit_at(hit: NDArray[np.bool_], n_relevant: Integers, k: int) -> Floats:
    """1 where any of the first k is relevant, else 0: float64 (Q,)."""
    return _known(np.asarray(_checked(hit, n_relevant, k).any(1)), n_relevant)


def ndcg_at(hit: NDArray[np.bool_], n_relevant: Integers, k: int) -> Floats:
    """Normalised discounted cumulative gain of the first k: float64 (Q,).

    Gain 1 for a relevant item, discount 1 / log2(rank + 1), divided by that of a list with all min(n_relevant, k)
    first (Järvelin and Kekäläinen, 2002, in the form of binary gains).
    """
    top = _checked(hit, n_relevant, k)
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(n_relevant, k)]
    return _known(top @ discount[: top.shape[1]] / np.maximum(ideal, discount[0]), n_relevant)


def reciprocal_rank(hit: NDArray[np.bool_], n_relevant: Integers, k: int | None = None) -> Floats:
    """1 / rank of the first relevant item among the first k (all when None), 0 where there is none: float64 (Q,)."""
    top = _checked(hit, n_relevant, max(hit.shape[1], 1) if k is None else k)
    if not top.shape[1]:
        return _known(np.zeros(len(top)), n_relevant)
    return _known(np.where(top.any(1), 1 / (top.argmax(1) + 1), 0.0), n_relevant)


def exposure(rows: Integers, n_postings: int, k: int) -> NDArray[np.int64]:
    """How often each posting of the catalogue is among the first k of a list: int64 (n_postings,)."""
    if k < 1 or n_postings < 1:
        raise ValueError(f"k is {k}, n_postings is {n_postings}; both must be 1 or more")
    shown = np.asarray(rows)[:, :k]
    shown = shown[shown >= 0]
    if shown.max(initial=-1) >= n_postings:
        raise ValueError(f"a list holds posting {shown.max()} of a catalogue of {n_postings}")
    return np.bincount(shown, minlength=n_postings)


def coverage(rows: Integers, n_postings: int, k: int) -> float:
    """Share of the catalogue that is among the first k of at least one list."""
    return float(np.count_nonzero(exposure(rows, n_postings, k)) / n_postings)


def gini(rows: Integers, n_postings: int, k: int) -> float:
    """Gini coefficient of exposure over the whole catalogue: 0 all shown alike, near 1 one posting takes all.

    The mean absolute difference of two postings' counts divided by twice the mean count, computed from the sorted
    counts x_1 <= ... <= x_n as ``sum((2 i - n - 1) x_i) / (n sum(x))`` (Damgaard and Weiner, 2000, "Describing
    inequality in plant size or fecundity", Ecology 81, without their correction for samples: the catalogue is the
    population). NaN when nothing is shown.
    """
    counts = np.sort(exposure(rows, n_postings, k)).astype(np.float64)
    if counts[-1] == 0:
        return float("nan")
    return float((2 * np.arange(1, n_postings + 1) - n_postings - 1) @ counts / (n_postings * counts.sum()))


def served_share(rows: Integers) -> float:
    """Share of the lists that hold at least one posting; NaN when there is no list."""
    served = np.asarray((np.asarray(rows) >= 0).any(1))
    return float(served.mean()) if len(served) else float("nan")


def _resampled_means(values: Floats, repeats: int, seed: int) -> Floats:
    """Means of ``repeats`` resamples with replacement: float64 (repeats,), in blocks of bounded memory."""
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(values))
    sizes = [min(block, repeats - done) for done in range(0, repeats, block)]
    return np.concatenate([values[rng.integers(0, len(values), (size, len(values)))].mean(1) for size in sizes])


def _checked_repeats(repeats: int) -> None:
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}, must be 1 or more")


def bootstrap_interval(values: Floats, repeats: int = 1000, seed: int = 0) -> tuple[float, float, float]:
    """Mean of per-query values with its 95 % percentile bootstrap interval (Efron and Tibshirani, 1993, ch. 13).

    Args:
        values: float (Q,); NaN are left out.
        repeats: how many resamples.
        seed: of the resampling; the same seed gives the same interval.

    Returns:
        mean, low, high; three NaN when no value is known.
    """
    _checked_repeats(repeats)
    values = np.asarray(values, np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    low, high = np.percentile(_resampled_means(values, repeats, seed), [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def paired_bootstrap(a: Floats, b: Floats, repeats: int = 1000, seed: int = 0) -> tuple[float, float, float, float]:
    """Does ``a`` differ from ``b`` on the same queries?

    The p value is two-sided, of the hypothesis that the mean difference is 0: the resampled differences are moved
    to mean 0 and those at least as far out as the one seen are counted, the seen one among them, so that p is
    never 0 (Efron and Tibshirani, 1993, section 16.4).

    Args:
        a: float (Q,), one measure of one system.
        b: float (Q,), the same of another; queries where either is NaN are left out.
        repeats: how many resamples of queries.
        seed: of the resampling.

    Returns:
        mean of a - b, low and high of its 95 % interval, p; four NaN when no query is known in both.
    """
    _checked_repeats(repeats)
    if np.shape(a) != np.shape(b):
        raise ValueError(f"paired values must be of one shape, not {np.shape(a)} and {np.shape(b)}")
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    difference = difference[~np.isnan(difference)]
    if not len(difference):
        return float("nan"), float("nan"), float("nan"), float("nan")
    seen = float(difference.mean())
    means = _resampled_means(difference, repeats, seed)
    low, high = np.percentile(means, [2.5, 97.5])
    # Rounding in the mean must not turn "just as far" into "nearer".
    as_far = np.abs(means - seen) >= abs(seen) * (1 - 1e-12)
    return seen, float(low), float(high), float((1 + as_far.sum()) / (1 + repeats))


def calibration_error(
    predicted: Floats,
    observed: Floats,
    weight: Floats | None = None,
    group: Integers | None = None,
    bins: int = 15,
    repeats: int = 500,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Expected calibration error with its 95 % bootstrap interval.

    The predictions are sorted and cut into bins of equal count; the error is the mean over bins, by their weight, of
    the gap between mean prediction and mean outcome (Naeini, Cooper, Hauskrecht, AAAI 2015; bins of equal count as in
    Nixon et al., "Measuring calibration in deep learning", 2019). Chance alone makes it positive: its size grows as
    bins hold fewer outcomes, which the interval, made from resampled groups, shares.

    Args:
        predicted: float (N,), probabilities.
        observed: float (N,), outcomes 0 or 1, or such divided by the chance of being looked at.
        weight: float (N,), of each; None: all alike.
        group: int (N,), what is drawn as a whole, e.g. the list an impression stood in; None: each by itself.
        bins: at most so many; equal predictions stay in one bin.
        repeats: how many resamples.
        seed: of the resampling.

    Returns:
        the error, low and high end; three NaN where there is no prediction.
    """
    _checked_repeats(repeats)
    predicted, observed = np.asarray(predicted, np.float64), np.asarray(observed, np.float64)
    weight = np.ones(len(predicted)) if weight is None else np.asarray(weight, np.float64)
    if not len(predicted) == len(observed) == len(weight) or bins < 1:
        raise ValueError(f"{len(predicted)} predictions, {len(observed)} outcomes, {len(weight)} weights, {bins} bins")
    if not len(predicted):
        return float("nan"), float("nan"), float("nan")
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, predicted, side="right")
    whole = np.arange(len(predicted)) if group is None else np.unique(group, return_inverse=True)[1]
    key, cells = whole * (len(edges) + 1) + place, (int(whole.max()) + 1) * (len(edges) + 1)
    gap = np.bincount(key, weight * (predicted - observed), cells).reshape(-1, len(edges) + 1)
    mass = np.bincount(key, weight, cells).sum()
    error = float(np.abs(gap.sum(axis=0)).sum() / mass)
    per_group = np.bincount(whole, weight)
    rng = np.random.default_rng(seed)
    drawn = np.empty(repeats)
    for one in range(repeats):
        times = np.bincount(rng.integers(0, len(gap), len(gap)), minlength=len(gap))
        drawn[one] = np.abs(times @ gap).sum() / max(float(times @ per_group), 1e-12)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return error, float(low), float(high)
