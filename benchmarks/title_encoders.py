"""How well encoders tell occupations apart by the title of a vacancy. Writes a page of figures.

    python -m benchmarks.title_encoders --data DIR --out docs/encoder.md [--cache DIR]
        [--adapted NAME=MODEL ...] [--bundle NAME=BUNDLE ...]

``DIR`` holds ``titles/vacancy_titles_esco.csv`` (titles, each with the ESCO occupation that a person gave it) and
``esco/occupations_en.csv``. ``MODEL`` is a folder that ``jobrec adapt-encoder`` wrote, ``BUNDLE`` one that
``jobrec train`` wrote: the page then compares the validation figures of the bundles too.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import title_report
from jobrec import default_cache
from recsys.bundle import read_manifest
from recsys.encode import EncoderConfig, load_encoder
from recsys.vectors import VectorCache
from training.adapt.record import JSON

Floats = NDArray[np.float64]
BLOCK = 512  # queries at once


@dataclass(frozen=True)
class Titles:
    """Vacancy titles and the labels of occupations.

    Attributes:
        queries: Q distinct pairs of title and occupation.
        right: int64 (Q,), the occupation's position.
        labels: L labels, each occupation's together, the preferred one first.
        start: int64 (O,), where each occupation's labels begin.
        rows: titles in the file.
        unknown: titles whose occupation is not in the table.
    """

    queries: list[str]
    right: NDArray[np.int64]
    labels: list[str]
    start: NDArray[np.int64]
    rows: int
    unknown: int


@dataclass(frozen=True)
class Measured:
    """Reciprocal rank of the right occupation for each query, by the preferred label and by the best of all labels.

    A label that several occupations have makes them equal: half of the equals count as better, in ``lenient`` none.
    """

    name: str
    encoder: str
    preferred: Floats
    best: Floats
    lenient: Floats
    record: dict[str, Any] | None
    seconds: float


def read_titles(data: Path) -> Titles:
    """Both files."""
    occupations = pd.read_csv(data / "esco" / "occupations_en.csv", dtype=str, keep_default_na=False)
    vacancies = pd.read_csv(data / "titles" / "vacancy_titles_esco.csv", dtype=str, keep_default_na=False)
    position = {uri: at for at, uri in enumerate(occupations["conceptUri"])}
    known = vacancies[vacancies["conceptUri"].isin(position.keys())]
    asked = known.drop_duplicates(["vacancyTitle", "conceptUri"])
    labels: list[str] = []
    start = []
    for preferred, others in zip(occupations["preferredLabel"], occupations["altLabels"], strict=True):
        start.append(len(labels))
        labels += dict.fromkeys([preferred, *(one for one in others.split("\n") if one.strip())])
    return Titles(
        queries=asked["vacancyTitle"].tolist(),
        right=asked["conceptUri"].map(position).to_numpy(np.int64),
        labels=labels,
        start=np.array(start, np.int64),
        rows=len(vacancies),
        unknown=len(vacancies) - len(known),
    )


def measure(name: str, encoder_name: str, titles: Titles, cache: Path) -> Measured:
    """One encoder on all titles."""
    started = time.perf_counter()
    encoder = load_encoder(EncoderConfig(encoder=encoder_name), cache)
    vectors = VectorCache(cache, encoder.name, encoder.dimension)
    labels = vectors.encode(titles.labels, encoder, progress=True).astype(np.float32)
    queries = vectors.encode(titles.queries, encoder, progress=True).astype(np.float32)
    preferred, best, lenient = (np.empty(len(queries)) for _ in range(3))
    for begin in range(0, len(queries), BLOCK):
        rows = slice(begin, begin + BLOCK)
        scores = queries[rows] @ labels.T
        preferred[rows] = reciprocal(scores[:, titles.start], titles.right[rows])
        highest = np.maximum.reduceat(scores, titles.start, axis=1)
        best[rows] = reciprocal(highest, titles.right[rows])
        lenient[rows] = reciprocal(highest, titles.right[rows], equals=0.0)
    record = Path(encoder_name) / JSON
    known = json.loads(record.read_text("utf-8")) if record.is_file() else None
    say(f"{name}: MRR {preferred.mean():.3f} by preferred labels, {best.mean():.3f} by all labels")
    return Measured(name, encoder.name, preferred, best, lenient, known, time.perf_counter() - started)


def reciprocal(scores: NDArray[np.float32], right: NDArray[np.int64], equals: float = 0.5) -> Floats:
    """1 / rank of the right column of each row; of equal scores the share ``equals`` is counted as better."""
    own = scores[np.arange(len(scores)), right][:, None]
    return 1 / (1 + (scores > own).sum(1) + equals * ((scores == own).sum(1) - 1))


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=FOLDER")
    return name, value


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--adapted", type=named, action="append", default=[], metavar="NAME=MODEL")
    parser.add_argument("--bundle", type=named, action="append", default=[], metavar="NAME=BUNDLE")
    args = parser.parse_args()
    titles = read_titles(args.data)
    found = [
        measure(name, encoder, titles, args.cache)
        for name, encoder in [("MiniLM", "minilm"), ("static", "static"), *args.adapted]
    ]
    validation = {name: read_manifest(Path(bundle))["validation"] for name, bundle in args.bundle}
    args.out.write_text(title_report.page(titles, found, validation), encoding="utf-8")
    say(f"written: {args.out}")


if __name__ == "__main__":
    main()
