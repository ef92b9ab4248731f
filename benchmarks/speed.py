"""Speed and memory of the whole path beside its bare parts, in one run: writes ``docs/benchmarks.md``.

    python -m benchmarks.speed --work DIR [--postings 50000 1000000] [--out docs/benchmarks.md]

Each ratio compares two things measured in turn, pair by pair, and is the median of the pairs: machines are noisy, a
ratio of neighbours is not.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.market import market_bundle
from benchmarks.peers import implicit_recommender, peak_memory_of_export
from recsys.engine import one_thread_each
from serving.export import export
from serving.score import Scorer

_PAIRS = 5


@dataclass(frozen=True)
class Compared:
    """Seconds of two things, in turn, and the median ratio first / second."""

    first: list[float]
    second: list[float]

    @property
    def ratio(self) -> float:
        """Median over the pairs."""
        return float(np.median(np.array(self.first) / np.array(self.second)))


def in_turn(first: Callable[[], object], second: Callable[[], object], pairs: int = _PAIRS) -> Compared:
    """Time two calls A B A B ..., after one call of each that is not counted."""
    first(), second()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(pairs):
        for call, kept in zip((first, second), seconds, strict=True):
            started = time.perf_counter()
            call()
            kept.append(time.perf_counter() - started)
    return Compared(*seconds)


def export_beside_implicit(scorer: Scorer, work: Path) -> list[str]:
    """Rate of the whole export beside implicit's own recommend on the same matrix, both on all cores."""
    people = len(scorer.candidates)
    recommend = implicit_recommender(scorer, 50)
    plain = in_turn(lambda: export(scorer, work / "export.parquet", 50, reasons=False), recommend, pairs=3)
    worded = in_turn(lambda: export(scorer, work / "export.parquet", 50), recommend, pairs=3)
    implicit = people / float(np.median(plain.second + worded.second))
    lines = ["| what | candidates a second (median) | share of implicit's rate (median of pairs) |", "|---|---|---|"]
    lines.append(f"| implicit `recommend`, the collaborative step alone | {implicit:,.0f} | 1 |")
    for name, compared in (("export without reasons", plain), ("export with reasons", worded)):
        rate = people / float(np.median(compared.first))
        lines.append(f"| {name}, Parquet written | {rate:,.0f} | {1 / compared.ratio:.3f} |")
    return lines


def online_beside_search(scorer: Scorer) -> list[str]:
    """One online call beside a bare compressed FAISS search and a fold-in, all on one thread."""
    catalogue, rng = scorer.engine.catalogue, np.random.default_rng(0)
    active = np.flatnonzero(scorer.candidates.histories.lengths > 0)
    rows = rng.choice(active, 200, replace=False)
    queries = [scorer.candidates.queries(np.array([row]), scorer.as_of, scorer.engine.settings.events) for row in rows]
    vectors = [catalogue.title.vectors(query.history[:, 0]) for query in queries]

    def bare(at: int) -> None:
        catalogue.by_text.search(vectors[at], 200)
        catalogue.behaviour.factors.fold_in(queries[at].history, queries[at].weight)

    whole_times, bare_times = [], []
    with one_thread_each():
        for at in range(len(rows)):
            compared = in_turn(lambda at=at: scorer.engine.answer(queries[at], 10), lambda at=at: bare(at), pairs=3)
            whole_times.append(np.median(compared.first))
            bare_times.append(np.median(compared.second))
    whole, alone = np.array(whole_times) * 1e3, np.array(bare_times) * 1e3
    ratio = float(np.median(whole / alone))
    return [
        "| what | median ms | 95th percentile ms |",
        "|---|---|---|",
        f"| one online call, k = 10 | {np.median(whole):.2f} | {np.quantile(whole, 0.95):.2f} |",
        f"| compressed FAISS search for 200 and fold-in | {np.median(alone):.2f} | {np.quantile(alone, 0.95):.2f} |",
        f"| ratio, median over 200 candidates | {ratio:.2f} | |",
    ]


def batch_beside_single(scorer: Scorer) -> list[str]:
    """A batch of 1,000 beside the same 1,000 candidates one by one."""
    rows = np.random.default_rng(1).choice(len(scorer.candidates), min(1000, len(scorer.candidates)), replace=False)

    def one_by_one() -> None:
        for row in rows:
            scorer.lists(np.array([row]), 10, scorer.as_of)

    compared = in_turn(one_by_one, lambda: scorer.lists(rows, 10, scorer.as_of), pairs=3)
    single, batch = (len(rows) / float(np.median(one)) for one in (compared.first, compared.second))
    return [
        "| what | candidates a second (median) |",
        "|---|---|",
        f"| single calls | {single:,.0f} |",
        f"| a batch of {len(rows)} | {batch:,.0f} |",
        f"| ratio, median of pairs | {compared.ratio:.2f} |",
    ]


def memory(bundle: Path) -> list[str]:
    """Peak memory of an export in a process of its own, beside the bundle's arrays and the libraries' own."""
    measured = peak_memory_of_export(bundle)
    ratio = (measured.export - measured.libraries) / measured.arrays
    return [
        "| what | MB |",
        "|---|---|",
        f"| the bundle's arrays and indices, as files | {measured.arrays / 1e6:,.0f} |",
        f"| a process that has imported the libraries | {measured.libraries / 1e6:,.0f} |",
        f"| peak of the export (k = 50, reasons) | {measured.export / 1e6:,.0f} |",
        f"| (peak - libraries) / arrays | {ratio:.2f} |",
    ]


def origin(module: str) -> str:
    """By what a page was written, when, from which commit, on what."""
    names = ("faiss-cpu", "implicit", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    said = ["DIR" if os.path.isabs(word) else word for word in sys.argv[1:]]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return (
        f"Written by `python -m {' '.join([module, *said])}` on {time.strftime('%Y-%m-%d')}, "
        f"commit {commit.stdout.strip() or 'unknown'}; {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, {versions}."
    )


def head() -> list[str]:
    """What was measured on what."""
    return [
        "# Benchmarks",
        "",
        origin("benchmarks.speed"),
        "",
        "A simulated market; its text vectors are drawn around some thousand centres, not encoded, and all postings",
        "are open. Both sides of a ratio are timed in turn in one run; ratios are medians of the pairs.",
    ]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the markets, kept for the next run")
    parser.add_argument("--postings", type=int, nargs="+", default=[50_000, 1_000_000])
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks.md"))
    args = parser.parse_args()
    lines = head()
    for count in args.postings:
        candidates, cities = (8_000, 300) if count <= 100_000 else (100_000, None)
        folder = args.work / str(count)
        folder.mkdir(parents=True, exist_ok=True)
        bundle = market_bundle(folder, count, candidates, cities)
        scorer = Scorer(bundle, verify=False)
        lines += ["", f"## {count:,} postings, {len(scorer.candidates):,} candidates"]
        if count <= 100_000:
            lines += ["", "### Export beside implicit", "", *export_beside_implicit(scorer, folder)]
        lines += ["", "### One online call, one thread", "", *online_beside_search(scorer)]
        lines += ["", "### A batch beside single calls", "", *batch_beside_single(scorer)]
        if count <= 100_000:
            lines += ["", "### Memory of an export", "", *memory(bundle)]
        print("\n".join(lines), flush=True)
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
