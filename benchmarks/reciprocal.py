"""What counting both sides is worth, and what it costs: writes ``docs/reciprocal-figures.md``.

    python -m benchmarks.reciprocal --work DIR --out docs/reciprocal-figures.md

Markets of several seeds are simulated and trained. The truth of a pair is the chance that the person applies to the
posting once they look at it, times the chance that the employer would invite them (``training.market.needs``): no
column shows the noise in either. The form of each side and of the mean is chosen on some seeds, reported on others.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reciprocal_cost import costs
from benchmarks.reciprocal_page import CUT, Board, Grid, chosen, reported
from recsys.encode import EncoderConfig
from recsys.interests import find_interests
from recsys.mutual import score_pairs
from recsys.reciprocal import apply, brings, measure, yardstick
from recsys.signals import compute
from serving.score import Scorer
from training.config import TrainConfig
from training.market.behaviour import chances_inside
from training.market.truth import Truth
from training.simulate import SimulateConfig, simulate
from training.train import train

CHOOSING, REPORTED = (21, 22), (31, 32, 33, 41, 42, 43, 44, 45)
POSTINGS, CANDIDATES, ASKED = 1500, 3000, 150
OWN, ODDS, PRIORS = (0.0, 0.25, 0.5, 1.0), (30.0, 1000.0), (0.0, 1.0, 3.0)


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def market(work: Path, seed: int) -> tuple[Scorer, Truth]:
    """A simulated market and the bundle trained on it, made once."""
    data, bundle = work / f"m{seed}" / "data", work / f"m{seed}" / "bundle"
    if not bundle.exists():
        simulate(SimulateConfig(candidates=CANDIDATES, postings=POSTINGS, seed=seed, cities=12), data)
        config = TrainConfig(encoder=EncoderConfig(encoder="static"))
        train(config, data, bundle, work / "cache", say)
    return Scorer(bundle), Truth.load(data)


def board(scorer: Scorer, truth: Truth, seed: int) -> Board:
    """Everything about one market."""
    engine, people = scorer.engine, scorer.candidates
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(np.sort(engine.catalogue.by_text.rows), ASKED, replace=False)).astype(np.int32)
    who, what = truth.rows(people.ids.names().astype(str), engine.catalogue.ids.names(rows).astype(str))
    pairs = np.tile(who, ASKED), np.repeat(what, len(who))
    gain = chances_inside(truth.utility(*pairs))[1] * truth.chance(*pairs)
    parts = [_forms(scorer, np.arange(at, min(at + 64, len(people))), rows) for at in range(0, len(people), 64)]
    forms = {name: np.concatenate([part[name] for part in parts]).T for name in parts[0]}
    number, candidate = np.repeat(np.arange(ASKED), len(people)), np.tile(np.arange(len(people)), ASKED)
    level = float(scorer.finders.level[0])
    both, allowed = score_pairs(engine, people, level, candidate, rows[number], scorer.as_of)
    allowed &= ~np.isnan(both.brings)  # of whom nothing is known, nobody is listed in any order
    shape = (ASKED, len(people))
    whole = np.where(allowed, np.nan_to_num(both.together, nan=-1), -1).reshape(shape)
    kept = _kept(scorer, rows, whole)
    applies = {name[6:]: values for name, values in forms.items() if name.startswith("apply ")}
    brought = {name[7:]: values for name, values in forms.items() if name.startswith("brings ")}
    return Board(gain.reshape(shape).astype(np.float32), allowed.reshape(shape), applies, brought, forms["score"], kept)


def _forms(scorer: Scorer, who: NDArray[np.intp], rows: NDArray[np.int32]) -> dict[str, Grid]:
    """Forms of both sides for some candidates, each (B, n)."""
    engine, settings = scorer.engine, scorer.engine.settings
    catalogue, ranker = engine.catalogue, engine.ranker
    queries = scorer.candidates.queries(who, scorer.as_of, settings.events)
    interests = find_interests(catalogue, queries, settings.retrieve)
    usual = measure(catalogue, ranker, queries, interests, yardstick(catalogue, settings.reciprocal.rivals))
    signals = compute(catalogue, queries, interests, np.tile(rows, (len(who), 1)))
    score = ranker.score(signals)
    pool = engine.pool(queries, interests, CUT)
    own = np.where(pool.rows >= 0, ranker.score(compute(catalogue, queries, interests, pool.rows)), -np.inf)
    top = np.maximum(own.max(axis=1, keepdims=True), score.max(axis=1, keepdims=True)).astype(np.float64)
    share = np.exp(score - top) / (np.exp(own - top).sum(axis=1, keepdims=True) + np.exp(score - top))
    spread = [(score - own.mean(axis=1, keepdims=True)) / own.std(axis=1, keepdims=True)]
    found = {"score": score, "apply share of the own pool": share}
    found["apply percentile in the own pool"] = (own[:, None] < score[..., None]).mean(axis=2)
    found["apply standardised in the own pool"] = 1 / (1 + np.exp(-spread[0]))
    if engine.calibration is not None:
        found["apply calibrated probability"] = engine.calibration.of(score)
    found["apply half of the own pool's level"] = np.exp(
        score - top / 2 - np.log(np.exp(own - top).sum(1)[:, None]) / 2
    )
    level = float(scorer.finders.level[0])
    for part in OWN:
        for odds in ODDS:
            asked = settings.reciprocal.model_copy(update={"own": part, "odds": odds})
            found[f"apply {_named(part, odds)}"] = apply(score, usual, level, asked)
    found |= {f"brings prior {prior:g}": brings(signals, usual, prior) for prior in PRIORS}
    return found


def _named(own: float, odds: float) -> str:
    return f"yardstick, own {own:g}, odds {odds:g}"


def _kept(scorer: Scorer, rows: NDArray[np.int32], whole: Grid) -> float:
    """Share of the ten best of all candidates that stand in the answer."""
    k = CUT
    lists = scorer.matches(rows, k, scorer.as_of)
    best = np.argsort(-whole, axis=1, kind="stable")[:, :k]
    hits = sum(np.isin(best[at], lists.candidate[lists.posting == at]).sum() for at in range(len(rows)))
    return float(hits / best.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cost", nargs=2, type=int, metavar=("CANDIDATES", "POSTINGS"), help="of a larger board")
    args = parser.parse_args()
    boards = {}
    for seed in (*CHOOSING, *REPORTED):
        boards[seed] = board(*market(args.work, seed), seed)
        say(f"seed {seed}: kept {boards[seed].kept:.3f}")
    table, best = chosen([boards[seed] for seed in CHOOSING])
    settings = Scorer(args.work / f"m{REPORTED[0]}" / "bundle").engine.settings.reciprocal
    a, b = _named(settings.own, settings.odds), f"prior {settings.prior:g}"
    shown = [boards[seed] for seed in REPORTED]
    lines = [
        "# What counting both sides is worth",
        "",
        f"Made by `python -m benchmarks.reciprocal`. Markets of {POSTINGS:,} postings and {CANDIDATES:,} people, "
        f"static encoder, {ASKED} postings of each asked for; all stored candidates with a profile compete. Gain of a "
        "candidate: the true chance that they apply, times the true chance that the employer invites them. The market "
        "is simulated: these figures say nothing about a real board.",
        "",
        f"## Chosen on the seeds {', '.join(map(str, CHOOSING))}",
        "",
        'nDCG of the first ten, for each form of "would they apply" and each mean, with the best prior:',
        "",
        *table,
        "",
        f"Best of all: {best[0]}, {best[1]}, {best[2]}. Served: {a}, {b}, geometric, weight {settings.weight:g}.",
        "",
        f"## Reported on the seeds {', '.join(map(str, REPORTED))}",
        "",
        "nDCG of the first ten with 95 % intervals of a bootstrap over postings; the last column is paired:",
        "",
        *reported(shown, REPORTED, best, a, b, settings.weight),
        "",
        "Of the ten best by everything over all candidates the finders keep "
        + ", ".join(f"{one.kept:.3f}" for one in shown)
        + " (by seed).",
        *(costs(args.work, *args.cost, say) if args.cost else []),
    ]
    args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
