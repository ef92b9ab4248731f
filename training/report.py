"""The evaluation as tables: for the terminal, as Markdown, as JSON. The HTML page is drawn by ``training.page``."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recsys.errors import DataError
from training.summary import ENOUGH, JUDGED, MEASURES, Interval, Learned, Row, Summary

Cells = Sequence[str]

NO_IMPRESSIONS = "No impressions in the data: no probabilities."
NO_PROBABILITIES = "There are impressions in the data, but no probabilities of a response."
TITLES = {"hit@10": "hit@10", "ndcg@10": "nDCG@10", "mrr": "MRR", "hit@50": "hit@50", "hit@100": "hit@100",
          "ndcg@50": "nDCG@50", "ndcg@100": "nDCG@100"}  # fmt: skip
_SIGNALS_IN_TERMINAL = 12


@dataclass(frozen=True)
class Report:
    """A summary in words."""

    summary: Summary

    def text(self) -> str:
        """Short tables for a terminal, also valid Markdown."""
        return "\n".join(self._lines(short_row, short=True))

    def markdown(self) -> str:
        """All tables with all intervals."""
        return "\n".join(["# Evaluation", "", *self._lines(full_row)]) + "\n"

    def document(self) -> dict[str, Any]:
        """Everything as JSON values; what is not known is null."""
        known: dict[str, Any] = _known(asdict(self.summary))
        return known

    def write(self, folder: Path) -> None:
        """Write ``evaluation.md``, ``evaluation.json`` and ``report.html``.

        Raises:
            DataError: the folder cannot be written.
        """
        from training.page import page  # draws figures: not needed where nothing is written

        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "evaluation.md").write_text(self.markdown(), encoding="utf-8")
            (folder / "evaluation.json").write_text(json.dumps(self.document(), indent=1) + "\n", encoding="utf-8")
            (folder / "report.html").write_text(page(self), encoding="utf-8")
        except OSError as error:
            raise DataError(f"{folder} cannot be written: {error.strerror}") from None

    def head(self) -> str:
        """What was asked, in a sentence or two."""
        rule = "" if self.summary.dated else " Postings carry no dates: seen ones are ranked among seen, new among new."
        return (
            f"{self.summary.postings} postings, the whole catalogue is asked. Recall and hit are one number. "
            f"Brackets: 95 % bootstrap intervals over queries.{rule}"
        )

    def _lines(self, columns: Callable[[Row | None], Cells], short: bool = False) -> list[str]:
        lines = [self.head()]
        for at, (name, rows) in enumerate(self.summary.tables.items()):
            shown = foremost(rows) if short and at else ordered(rows)
            lines += ["", f"## {name}", "", *table(columns(None), map(columns, shown))]
        for title, note, (head, body) in self.sections(_SIGNALS_IN_TERMINAL if short else None):
            lines += ["", f"## {title}", "", note, *(["", *table(head, body)] if body else [])]
        return lines

    def sections(self, most_signals: int | None = None) -> "list[Section]":
        """What follows the tables of systems: title, note, and a table's head and body; an empty body is left out."""
        summary = self.summary
        return [
            ("The engine against others", f"Its order: {summary.order}. {PAIRED}", comparisons(summary)),
            ("Slices", SLICES, slices(summary)),
            ("Where answers were lost", LOSSES, losses(summary)),
            ("Popularity", POPULARITY, popularity(summary)),
            ("Distance", DISTANCE, distances(summary)),
            *([("Diversity", DIVERSITY, diversity(summary))] if summary.diversity else []),
            *((f"What {one.ranker} learned", LEARNED[one.kind], learned(one, most_signals)) for one in summary.learned),
            ("Probabilities", *reliability(summary)),
        ]


Table = tuple[Cells, Sequence[Cells]]
Section = tuple[str, str, Table]

PAIRED = "Differences query by query; p is that of no difference."
SLICES = (
    f"The engine minus the single signal that is best in that very slice by the measure. Below {ENOUGH} queries there "
    "is no verdict."
)
LOSSES = (
    "What became of the answers in a list of ten. Caps: the order alone had it among ten. Mix: it is among the first "
    "ten of its kind, seen or new, but both share the ten places."
)
MISSED = "not retrieved, but in the whole order's ten"
POPULARITY = (
    "Mean percentile of popularity on the board: of the first ten, and minus that of the posting chosen. Where "
    "postings carry no dates, of queries whose answer had been seen: new postings have no popularity at all."
)
DISTANCE = (
    "Km from the candidate's nearest known place: of the first ten, and of the posting chosen; remote work aside."
)
DIVERSITY = (
    "The same pools and scores arranged with several values of `arrange.diversity`: what it costs in nDCG, how many "
    "postings stand in some first ten, and how like those of one list are, as the mean cosine of two."
)
LEARNED = {
    "weight": "Weight times the spread of the signal, mean of the folds and each fold.",
    "gain": "Share of the gain of all splits, mean of the folds and each fold.",
}


def table(head: Cells, body: Iterable[Cells]) -> list[str]:
    """A Markdown table whose columns are as wide as their longest cell."""
    cells = [head, *body]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def ordered(rows: Iterable[Row]) -> list[Row]:
    """The engine, rankers, what they are without something, single signals and baselines, each the best first."""
    kinds = ("engine", "ranker", "ablation", "single", "baseline")
    return sorted(rows, key=lambda row: (kinds.index(row.kind), -row.figures["ndcg@10"][0]))


def foremost(rows: Iterable[Row], singles: int = 3) -> list[Row]:
    """The same without the systems that lack something, and with the best few single signals only."""
    shown = [row for row in ordered(rows) if row.kind != "ablation"]
    best = [row for row in shown if row.kind == "single"][:singles]
    return [row for row in shown if row.kind != "single" or row in best]


def number(value: float, digits: int = 3) -> str:
    """A figure; "-" where it is not known."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def interval(figure: Interval, digits: int = 3, sign: str = "") -> str:
    """A figure with its interval."""
    mean, low, high = figure
    return "-" if math.isnan(mean) else f"{mean:{sign}.{digits}f} [{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"


def short_row(row: Row | None) -> Cells:
    """A system in a terminal's width; None gives the head."""
    if row is None:
        return ("order by", "hit@10", "nDCG@10", "hit@50", "hit@100", "MRR", "coverage")
    rest = (number(row.figures[measure][0]) for measure in ("hit@50", "hit@100", "mrr"))
    return (row.name, *(interval(row.figures[one]) for one in JUDGED), *rest, number(row.coverage))


def full_row(row: Row | None) -> Cells:
    """A system with every figure and interval; None gives the head."""
    if row is None:
        return ("order by", *TITLES.values(), "coverage@10", "Gini@10", "served")
    figures = (interval(row.figures[measure]) for measure in MEASURES)
    return (row.name, *figures, number(row.coverage), number(row.gini), number(row.served))


def comparisons(summary: Summary) -> Table:
    """The engine minus others."""
    measures = list(summary.comparisons[0].differences) if summary.comparisons else []
    head = ("against", "as", *(TITLES[measure] for measure in measures), "p (nDCG@10)")
    body = [
        (one.against, one.why, *(interval(one.differences[m][:3], sign="+") for m in measures),
         number(one.differences["ndcg@10"][3]))
        for one in summary.comparisons
    ]  # fmt: skip
    return head, body


def slices(summary: Summary) -> Table:
    """The engine and the best single signal in each slice."""
    head = ["slice", "queries"]
    for measure in JUDGED:
        head += [TITLES[measure], "best single", "difference"]
    body = []
    for one in summary.slices:
        line = [f"{one.family}: {one.name}", str(one.queries)]
        for measure in JUDGED:
            name, figure = one.single[measure]
            difference = interval(one.differences[measure][:3], sign="+")
            line += [number(one.engine[measure]), f"{name} {number(figure)}", difference]
        body.append((*line, one.verdict.upper() if one.verdict == "below" else one.verdict))
    return (*head, "engine is"), body


def losses(summary: Summary) -> Table:
    """Counts and shares of the answers by what became of them."""
    stages = list(summary.losses[0].counts) if summary.losses else []
    body = []
    for stage in stages:
        cells = []
        for part in summary.losses:
            total = sum(part.counts.values())
            cells.append(f"{part.counts[stage]} ({part.counts[stage] / total:.1%})")
        body.append((stage, *cells))
    if body:
        body.append((MISSED, *(str(part.missed) for part in summary.losses)))
    return ("what became of it", *(part.name for part in summary.losses)), body


def popularity(summary: Summary) -> Table:
    """Percentiles of popularity."""
    body = [
        (one.name, interval(one.percentile), "" if one.difference is None else interval(one.difference[:3], sign="+"))
        for one in summary.popularity
    ]
    return ("postings of", "mean percentile", "minus chosen"), body


def distances(summary: Summary) -> Table:
    """Quantiles of kilometres, and shares within some."""
    if not summary.distances:
        return ("postings of",), []
    first = summary.distances[0]
    head = (
        "postings of",
        "known",
        *(_quantile(one) for one in first.quantiles),
        *(f"<= {far} km" for far in first.within),
    )
    body = [
        (one.name, str(one.known), *(number(km, 1) for km in one.quantiles.values()), *map(number, one.within.values()))
        for one in summary.distances
    ]
    return head, body


def diversity(summary: Summary) -> Table:
    """What each value of the setting costs and brings."""
    head = ("diversity", "nDCG@10", "coverage@10", "distinct postings", "likeness within a list")
    body = [
        (f"{one.diversity:g}", interval(one.ndcg), number(one.coverage), str(one.distinct), interval(one.alike))
        for one in summary.diversity
    ]
    return head, body


def _quantile(per_cent: str) -> str:
    return "median km" if per_cent == "50" else f"{per_cent} % km"


def learned(one: Learned, most: int | None) -> Table:
    """Signals by what they weigh, the heaviest first."""
    means = {name: sum(values) / len(values) for name, values in one.values.items()}
    names = sorted((name for name in means if means[name]), key=lambda name: -abs(means[name]))
    folds = max((len(values) for values in one.values.values()), default=0)
    head = ("signal", one.kind, *(f"fold {fold + 1}" for fold in range(folds)))
    body = [(name, f"{means[name]:+.3f}", *(f"{value:+.3f}" for value in one.values[name])) for name in names[:most]]
    return head, body


def reliability(summary: Summary) -> tuple[str, Table]:
    """A note, and predicted against observed shares."""
    head = ("predicted", "observed", "number")
    found = summary.reliability
    if found is None or not found.counts:
        return NO_PROBABILITIES if summary.impressions else NO_IMPRESSIONS, (head, [])
    note = f"Expected calibration error {found.ece:.4f} over bins of equal number, Brier score {found.brier:.4f}."
    rows = zip(found.predicted, found.observed, found.counts, strict=True)
    return note, (head, [(number(p, 4), interval(o, 4), str(count)) for p, o, count in rows])


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_known(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
