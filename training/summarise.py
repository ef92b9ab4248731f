"""From what was measured query by query to what is said about it: means, intervals, paired differences, counts."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from recsys import metrics
from training.losses import POOL, STAGES
from training.measured import DEPTH, TOP, Measured, Probabilities
from training.resample import means, p_values, percentile_intervals, resampled_means
from training.summary import (
    ENOUGH,
    JUDGED,
    MEASURES,
    Bias,
    Comparison,
    Difference,
    Distance,
    Interval,
    Learned,
    Losses,
    Reliability,
    Row,
    Slice,
    Spread,
    Summary,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_COMPARED = ("hit@10", "ndcg@10", "mrr", "hit@50", "hit@100")
_QUANTILES = (10, 25, 50, 75, 90)
_WITHIN = (10, 25, 50, 100)  # km
_BINS = 10


def summarise(
    measured: Measured,
    learned: Sequence[Learned] = (),
    probabilities: Probabilities | None = None,
    impressions: bool = False,
    seed: int = 0,
    diversity: Sequence[Spread] = (),
) -> Summary:
    """Everything that a report shows.

    Args:
        measured: query by query.
        learned: what learned rankers hold of the signals.
        probabilities: predicted probabilities and outcomes, where there are any.
        impressions: the data tells what was shown.
        seed: of the bootstrap.
        diversity: what it costs and brings.
    """
    values = {measure: per_query(measured.place, measure) for measure in MEASURES}
    everything = np.ones(len(measured), bool)
    singles, baselines = (measured.systems.of_kind(kind) for kind in ("single", "baseline"))
    shown = [0, *measured.systems.of_kind("ranker"), *_best(values, singles, "ndcg@10", everything), *baselines]
    return Summary(
        postings=measured.postings,
        dated=measured.dated,
        queries=len(measured),
        order=measured.systems.order,
        tables={name: _table(measured, values, strata, seed) for name, strata in _parts(measured)},
        comparisons=_comparisons(measured, values, seed),
        slices=tuple(_slices(measured, values, seed)),
        losses=tuple(_losses(measured)),
        popularity=_popularity(measured, shown, seed),
        distances=_distances(measured, shown),
        learned=tuple(learned),
        reliability=None if probabilities is None else reliability(probabilities, seed=seed),
        impressions=impressions,
        diversity=tuple(diversity),
    )


def per_query(place: NDArray[np.integer], measure: str) -> Floats:
    """A measure of every query from the place of its one answer (0: not listed), float64 of the same shape."""
    name, _, depth = measure.partition("@")
    found = (place > 0) & (place <= (int(depth) if depth else DEPTH))
    safe = np.maximum(place, 1)
    gain = {"hit": np.ones(place.shape), "ndcg": 1 / np.log2(safe + 1.0), "mrr": 1 / safe}[name]
    return np.where(found, gain, 0.0)


def _best(values: dict[str, Floats], among: list[int], measure: str, queries: Flags) -> list[int]:
    """The best of some systems on some queries, as a list of one; empty where there is nothing to choose from."""
    if not among or not queries.any():
        return []
    return [among[int(np.argmax(values[measure][among][:, queries].mean(axis=1)))]]


def _parts(measured: Measured) -> Iterator[tuple[str, list[Flags]]]:
    """Parts of the queries that get a table of all systems; of several strata the mean of their means is told."""
    seen = measured.seen
    yield f"all ({len(measured)} queries)", [np.ones(len(measured), bool)]
    if seen.all() or not seen.any():
        return
    if not measured.dated:
        yield "mean of seen and new postings", [seen, ~seen]
    yield f"seen postings ({int(seen.sum())} queries)", [seen]
    yield f"new postings ({int((~seen).sum())} queries)", [~seen]


def _table(measured: Measured, values: dict[str, Floats], strata: list[Flags], seed: int) -> tuple[Row, ...]:
    systems = len(measured.systems.names)
    if not len(measured):
        return ()
    columns = np.concatenate([values[measure].T for measure in MEASURES], axis=1)  # (Q, measures * S)
    cut = [columns[stratum] for stratum in strata]
    mean = np.mean([means(part) for part in cut], axis=0)
    resampled = np.mean([resampled_means(part, seed=seed) for part in cut], axis=0)
    intervals = percentile_intervals(mean, resampled).reshape(3, len(MEASURES), systems)
    queries = np.any(strata, axis=0)
    rows = []
    for at, (name, kind) in enumerate(zip(measured.systems.names, measured.systems.kinds, strict=True)):
        lists = measured.top[at][queries]
        served = metrics.served_share(lists)
        if served > 0:
            figures = {measure: _triple(intervals[:, row, at]) for row, measure in enumerate(MEASURES)}
            shown = metrics.coverage(lists, measured.postings, TOP), metrics.gini(lists, measured.postings, TOP)
            rows.append(Row(name, kind, figures, *shown, served))
    return tuple(rows)


def _triple(values: Floats) -> Interval:
    return float(values[0]), float(values[1]), float(values[2])


def differences(a: Floats, b: Floats, seed: int) -> list[Difference]:
    """Paired differences of columns (Q, M) with intervals and p, one resampling for all."""
    paired = a - b
    mean, resampled = means(paired), resampled_means(paired, seed=seed)
    table = [*percentile_intervals(mean, resampled), p_values(mean, resampled)]
    return [(float(m), float(low), float(high), float(p)) for m, low, high, p in zip(*table, strict=True)]


def _comparisons(measured: Measured, values: dict[str, Floats], seed: int) -> tuple[Comparison, ...]:
    everything = np.ones(len(measured), bool)
    others = [
        *(
            (at, "best single signal")
            for at in _best(values, measured.systems.of_kind("single"), "ndcg@10", everything)
        ),
        *((at, "best baseline") for at in _best(values, measured.systems.of_kind("baseline"), "ndcg@10", everything)),
        *((at, "order of the whole catalogue") for at in measured.systems.of_kind("ranker")),
    ]
    if not len(measured):
        return ()
    found = []
    for at, why in others:
        engine, other = (np.stack([values[one][row] for one in _COMPARED], axis=1) for row in (0, at))
        by_measure = dict(zip(_COMPARED, differences(engine, other, seed), strict=True))
        found.append(Comparison(measured.systems.names[at], why, by_measure))
    return tuple(found)


def _slices(measured: Measured, values: dict[str, Floats], seed: int) -> Iterator[Slice]:
    singles = measured.systems.of_kind("single")
    for family, name, flags in divisions(measured):
        queries = int(flags.sum())
        best = {measure: _best(values, singles, measure, flags) for measure in JUDGED}
        if not queries or not all(best.values()):
            continue
        engine = np.stack([values[measure][0][flags] for measure in JUDGED], axis=1)
        other = np.stack([values[measure][best[measure][0]][flags] for measure in JUDGED], axis=1)
        found = dict(zip(JUDGED, differences(engine, other, seed), strict=True))
        yield Slice(
            family,
            name,
            queries,
            {measure: float(engine[:, at].mean()) for at, measure in enumerate(JUDGED)},
            {m: (measured.systems.names[best[m][0]], float(other[:, at].mean())) for at, m in enumerate(JUDGED)},
            found,
            verdict(found.values(), queries),
        )


def verdict(found: Iterable[Difference], queries: int) -> str:
    """What differences say beyond noise: "below" if one is, else "above" if one is, else "level"."""
    ends = [(low, high) for _, low, high, _ in found]
    if queries < ENOUGH:
        return "too few"
    if any(high < 0 for _, high in ends):
        return "below"
    return "above" if any(low > 0 for low, _ in ends) else "level"


def divisions(measured: Measured) -> Iterator[tuple[str, str, Flags]]:
    """The slices: family, name and queries (Q,). Regions with fewer than ``ENOUGH`` queries are one slice."""
    some = measured.history > 0
    for name, low, high in (("0", 0, 0), ("1", 1, 1), ("2-4", 2, 4), ("5 or more", 5, np.inf)):
        yield "history", name, (measured.history >= low) & (measured.history <= high)
    yield "posting", "seen", measured.seen
    yield "posting", "new", ~measured.seen
    for history, flags in (("with history", some), ("without history", ~some)):
        yield "posting and history", f"seen, {history}", measured.seen & flags
        yield "posting and history", f"new, {history}", ~measured.seen & flags
    names, counts = np.unique(measured.region.astype(str), return_counts=True)
    large = [str(name) for name, count in zip(names, counts, strict=True) if count >= ENOUGH and name]
    for name in large:
        yield "region", name, measured.region == name
    if set(names) - {""}:
        yield "region", "all others", (measured.region != "") & ~np.isin(measured.region.astype(str), large)
        yield "region", "not known", measured.region == ""


def _losses(measured: Measured) -> Iterator[Losses]:
    parts = {"all": np.ones(len(measured), bool), "seen postings": measured.seen, "new postings": ~measured.seen}
    for name, flags in parts.items():
        if flags.any():
            counts = np.bincount(measured.stage[flags], minlength=len(STAGES))
            whole = measured.place[measured.systems.whole]
            missed = flags & (measured.stage == POOL) & (whole > 0) & (whole <= TOP)
            yield Losses(
                name, {stage: int(count) for stage, count in zip(STAGES, counts, strict=True)}, int(missed.sum())
            )


def _popularity(measured: Measured, shown: list[int], seed: int) -> tuple[Bias, ...]:
    """Where seen are ranked among seen and new among new, of the seen alone: the new all have the same popularity."""
    among = np.ones(len(measured), bool) if measured.dated else measured.seen
    if not among.any():
        return ()
    chosen = measured.chosen_percentile[among].astype(np.float64)
    listed = measured.percentile[shown][:, among].T.astype(np.float64)
    columns = np.column_stack([chosen, listed])
    intervals = percentile_intervals(means(columns), resampled_means(columns, seed=seed)).T
    against = differences(listed, np.repeat(chosen[:, None], len(shown), axis=1), seed)
    rows = [Bias("chosen postings", _triple(intervals[0]), None)]
    for at, row, difference in zip(shown, intervals[1:], against, strict=True):
        rows.append(Bias(measured.systems.names[at], _triple(row), difference))
    return tuple(rows)


def _distances(measured: Measured, shown: list[int]) -> tuple[Distance, ...]:
    """Of the queries whose answer has a known distance, so that lists and choices are of the same candidates."""
    known = ~np.isnan(measured.chosen_km)
    if not known.any():
        return ()
    rows = [("chosen postings", measured.chosen_km[known])]
    rows += [(measured.systems.names[at], measured.km[at][known].ravel()) for at in shown]
    return tuple(_distance(name, km[~np.isnan(km)]) for name, km in rows)


def _distance(name: str, km: NDArray[np.float32]) -> Distance:
    if not len(km):
        nothing = float("nan")
        return Distance(name, 0, {str(q): nothing for q in _QUANTILES}, {str(far): nothing for far in _WITHIN})
    quantiles = {str(q): float(value) for q, value in zip(_QUANTILES, np.percentile(km, _QUANTILES), strict=True)}
    return Distance(name, len(km), quantiles, {str(far): float((km <= far).mean()) for far in _WITHIN})


def reliability(given: Probabilities, bins: int = _BINS, seed: int = 0) -> Reliability:
    """Bins of equal number by predicted probability, the calibration error over them and the Brier score.

    The error is that of Naeini, Cooper and Hauskrecht (AAAI 2015) with bins of equal number, since responses are rare
    and most predictions would fall into one bin of equal width. Equal predictions are kept in one bin.
    """
    predicted, happened = np.asarray(given.predicted, np.float64), np.asarray(given.happened, np.float64)
    if len(predicted) != len(happened):
        raise ValueError(f"{len(predicted)} probabilities and {len(happened)} outcomes")
    if not len(predicted):
        return Reliability((), (), (), float("nan"), float("nan"))
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1]))
    of = np.searchsorted(edges, predicted, side="left")
    used = np.unique(of)
    expected = np.array([predicted[of == one].mean() for one in used])
    observed = [metrics.bootstrap_interval(happened[of == one], seed=seed) for one in used]
    counts = np.array([int((of == one).sum()) for one in used])
    gap = np.abs(expected - np.array([rate for rate, _, _ in observed]))
    return Reliability(
        tuple(map(float, expected)),
        tuple(observed),
        tuple(map(int, counts)),
        float((gap * counts).sum() / counts.sum()),
        float(((predicted - happened) ** 2).mean()),
    )
