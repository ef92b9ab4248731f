"""What a list of candidates costs on a larger board: one answer, all of them, and what the finders keep."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recsys.encode import EncoderConfig
from recsys.mutual import score_pairs
from serving.export_postings import export_postings
from serving.score import Scorer
from training.config import TrainConfig
from training.simulate import SimulateConfig, simulate
from training.train import train

_ASKED, _TIMED, _K = 10, 50, 10


def costs(work: Path, candidates: int, postings: int, say: Callable[[str], None]) -> list[str]:
    """Lines of the page."""
    scorer = Scorer(_bundle(work, candidates, postings, say))
    catalogue, people = scorer.engine.catalogue, scorer.candidates
    rng = np.random.default_rng(1)
    rows = np.sort(rng.choice(catalogue.by_text.rows, _TIMED, replace=False)).astype(np.int32)
    scorer.matches(rows[:1], _K, scorer.as_of)
    taken = []
    for row in rows:
        begun = time.perf_counter()
        scorer.matches(row[None], _K, scorer.as_of)
        taken.append(time.perf_counter() - begun)
    say("single answers timed")
    kept = _kept(scorer, rows[:_ASKED])
    say(f"kept {kept:.3f}")
    begun = time.perf_counter()
    lines = export_postings(scorer, work / "matches.parquet", _K)
    took = time.perf_counter() - begun
    half, most = np.quantile(taken, [0.5, 0.95])
    return [
        "",
        "## What it costs",
        "",
        f"A simulated board of {len(people):,} stored candidates and {len(catalogue.by_text.rows):,} open postings, "
        "static encoder, learned order, two cores beside other work: one answer in "
        f"{1000 * half:.0f} ms (median; 95 %: {1000 * most:.0f} ms), `export --for postings -k {_K}` of all postings "
        f"in {took:.0f} s ({lines:,} lines). Of the ten best by everything over all candidates the finders keep "
        f"{kept:.3f} ({_ASKED} postings).",
    ]


def _bundle(work: Path, candidates: int, postings: int, say: Callable[[str], None]) -> Path:
    """A trained bundle of a market that spreads over all cities, made once; postings are posted in its last 30 days."""
    folder = work / f"b{candidates}"
    if not (folder / "bundle").exists():
        config = SimulateConfig(
            candidates=candidates, postings=postings, seed=7, cities=None, days=30, impressions=False
        )
        simulate(config, folder / "data")
        train(
            TrainConfig(encoder=EncoderConfig(encoder="static")),
            folder / "data",
            folder / "bundle",
            work / "cache",
            say,
        )
    return folder / "bundle"


def _kept(scorer: Scorer, rows: np.ndarray) -> float:
    everybody = np.arange(len(scorer.candidates))
    level = float(scorer.finders.level[0])
    lists, hits = scorer.matches(rows, _K, scorer.as_of), 0
    for at, row in enumerate(rows):
        posting = np.full(len(everybody), row, np.int32)
        both, allowed = score_pairs(scorer.engine, scorer.candidates, level, everybody, posting, scorer.as_of)
        order = np.argsort(np.where(allowed & ~np.isnan(both.together), -both.together, 1), kind="stable")
        hits += np.isin(order[:_K], lists.candidate[lists.posting == at]).sum()
    return float(hits / (_K * len(rows)))
