"""The evaluation as tables: for the terminal, as Markdown, as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recsys.errors import DataError
from training.calibration import Calibrated, probability_line

Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Row:
    """One system on one slice of the queries.

    Attributes:
        name: of the system.
        figures: mean, low and high end of a 95 % bootstrap interval, by measure.
        coverage: share of the catalogue that stands in the first 10 of some list.
        gini: of how often postings stand in the first 10, 0 even, 1 all on one.
        served: share of the queries that got a list.
    """

    name: str
    figures: dict[str, Interval]
    coverage: float
    gini: float
    served: float


@dataclass(frozen=True)
class Report:
    """Tables by slice.

    Attributes:
        tables: rows by the slice's name.
        dated: postings carry dates; where they do not, seen postings were ranked among seen ones and new among new.
        postings: size of the catalogue.
        calibrated: how good the probabilities are; None where the data allow none.
    """

    tables: dict[str, list[Row]]
    dated: bool
    postings: int
    calibrated: Calibrated | None = None

    def text(self) -> str:
        """Tables for a terminal, also valid Markdown."""
        rule = "" if self.dated else " Postings carry no dates: seen ones are ranked among seen, new among new."
        lines = [f"{self.postings} postings, the whole catalogue is asked. 95 % bootstrap intervals in brackets.{rule}"]
        for name, rows in self.tables.items():
            lines += ["", f"## {name}", "", *_table(rows)]
        return "\n".join([*lines, "", probability_line(self.calibrated)])

    def document(self) -> dict[str, Any]:
        """Everything as JSON values."""
        tables = {name: [asdict(row) for row in rows] for name, rows in self.tables.items()}
        figures = None if self.calibrated is None else self.calibrated.figures
        return {"postings": self.postings, "dated": self.dated, "tables": tables, "calibration": figures}

    def write(self, folder: Path) -> None:
        """Write ``evaluation.md`` and ``evaluation.json``.

        Raises:
            DataError: the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "evaluation.md").write_text(f"# Evaluation\n\n{self.text()}\n", encoding="utf-8")
            (folder / "evaluation.json").write_text(json.dumps(self.document(), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise DataError(f"{folder} cannot be written: {error.strerror}") from None


_HEAD = (
    "order by", "recall = hit@10", "recall = hit@50", "recall = hit@100", "nDCG@10", "nDCG@50", "nDCG@100",
    "coverage@10", "Gini@10", "served",
)  # fmt: skip


def _table(rows: list[Row]) -> list[str]:
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _cells(row: Row) -> tuple[str, ...]:
    measured = [f"{measure}@{k}" for measure in ("hit", "ndcg") for k in (10, 50, 100)]
    figures = [f"{mean:.3f} [{low:.3f}, {high:.3f}]" for mean, low, high in (row.figures[one] for one in measured)]
    return (row.name, *figures, f"{row.coverage:.3f}", f"{row.gini:.3f}", f"{row.served:.3f}")
