"""What an evaluation says, as immutable values: the summary that is rendered as text, Markdown, JSON and HTML."""

from collections.abc import Mapping
from dataclasses import dataclass

Interval = tuple[float, float, float]  #: mean, low and high end of a 95 % bootstrap interval
Difference = tuple[float, float, float, float]  #: the same of a paired difference, and its p

#: hit@k is recall@k too, since every query has one answer; mrr is 1 / place within the first 100.
MEASURES = ("hit@10", "ndcg@10", "mrr", "hit@50", "hit@100", "ndcg@50", "ndcg@100")
#: A slice gets a verdict from these, if it has so many queries.
JUDGED, ENOUGH = ("hit@10", "ndcg@10"), 100
KINDS = ("engine", "ranker", "ablation", "single", "baseline")


@dataclass(frozen=True)
class Row:
    """One system on one part of the queries.

    Attributes:
        name: of the system.
        kind: one of ``KINDS``.
        figures: by measure.
        coverage: share of the catalogue that stands in the first 10 of some list.
        gini: of how often postings stand in the first 10: 0 even, 1 all on one.
        served: share of the queries that got a list.
    """

    name: str
    kind: str
    figures: Mapping[str, Interval]
    coverage: float
    gini: float
    served: float


@dataclass(frozen=True)
class Comparison:
    """The engine minus another system, query by query.

    Attributes:
        against: the other system.
        why: what it is: "best single signal", "best baseline", ...
        differences: by measure.
    """

    against: str
    why: str
    differences: Mapping[str, Difference]


@dataclass(frozen=True)
class Slice:
    """The engine and the best single signal on a part of the queries.

    Attributes:
        family: what the queries are divided by.
        name: of the part.
        queries: how many.
        engine: by measure of ``JUDGED``.
        single: the signal that is best here by each measure, and its figure.
        differences: engine minus that signal.
        verdict: "below" or "above" if a measure is beyond noise, else "level"; "too few" below ``ENOUGH`` queries.
    """

    family: str
    name: str
    queries: int
    engine: Mapping[str, float]
    single: Mapping[str, tuple[str, float]]
    differences: Mapping[str, Difference]
    verdict: str


@dataclass(frozen=True)
class Losses:
    """What became of the answers of a part of the queries.

    Attributes:
        name: of the part.
        counts: answers by stage, in the order of ``STAGES``.
        missed: of those not retrieved, how many the same order has in its first ten of the whole catalogue.
    """

    name: str
    counts: Mapping[str, int]
    missed: int


@dataclass(frozen=True)
class Bias:
    """How popular the first ten of a system are: mean percentile, and minus that of the chosen postings.

    ``difference`` is None for the chosen postings themselves.
    """

    name: str
    percentile: Interval
    difference: Difference | None


@dataclass(frozen=True)
class Distance:
    """Kilometres from the candidate's nearest known place.

    Attributes:
        name: whose postings: the first ten of a system, or those chosen.
        known: how many distances are known.
        quantiles: km by quantile: 10, 25, 50, 75, 90 per cent.
        within: share by km.
    """

    name: str
    known: int
    quantiles: Mapping[str, float]
    within: Mapping[str, float]


@dataclass(frozen=True)
class Learned:
    """What a learned ranker holds of each signal.

    Attributes:
        ranker: its name.
        kind: "weight": weight times the spread of the signal; "gain": share of the gain of the trees' splits.
        values: of each fold's ranker, by signal.
    """

    ranker: str
    kind: str
    values: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Reliability:
    """Predicted probabilities against what happened, in bins of equal number.

    Attributes:
        predicted, observed: means of each bin; ``observed`` with its interval.
        counts: of each bin.
        ece: expected calibration error: mean over all of |predicted - observed| of their bin.
        brier: mean squared error of the probabilities.
    """

    predicted: tuple[float, ...]
    observed: tuple[Interval, ...]
    counts: tuple[int, ...]
    ece: float
    brier: float


@dataclass(frozen=True)
class Spread:
    """Lists of ten as they would be with a value of ``arrange.diversity``.

    Attributes:
        diversity: the value.
        ndcg: nDCG@10.
        coverage: share of the catalogue that stands in the first 10 of some list.
        distinct: how many postings that is.
        alike: mean cosine between the postings of a list.
    """

    diversity: float
    ndcg: Interval
    coverage: float
    distinct: int
    alike: Interval


@dataclass(frozen=True)
class Summary:
    """Everything that an evaluation says.

    Attributes:
        postings: size of the catalogue.
        dated: postings carry dates; where they do not, seen postings were ranked among seen ones and new among new.
        queries: how many were asked.
        order: the ranker that the engine uses.
        tables: rows by part of the queries.
        comparisons, slices, losses, popularity, distances, learned: see there.
        reliability: None where there are no probabilities.
        impressions: the data tells what was shown.
        diversity: by ascending value; empty where it was not measured.
    """

    postings: int
    dated: bool
    queries: int
    order: str
    tables: Mapping[str, tuple[Row, ...]]
    comparisons: tuple[Comparison, ...]
    slices: tuple[Slice, ...]
    losses: tuple[Losses, ...]
    popularity: tuple[Bias, ...]
    distances: tuple[Distance, ...]
    learned: tuple[Learned, ...]
    reliability: Reliability | None
    impressions: bool
    diversity: tuple[Spread, ...] = ()
