"""What counting both sides is worth, and what it costs: writes ``docs/reciprocal-figures.md``.

    python -m benchmarks.reciprocal --work DIR --out docs/reciprocal-figures.md

Markets of several seeds are simulated and trained. The truth of a pair is the chance that the person applies to the
posting once they look at it, times the chance that the employer would invite them (``training.market.needs``): no
column shows the noise in either. The form of each side and of the mean is chosen on some seeds, reported on others.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reciprocal_cost import costs
from recsys.encode import EncoderConfig
from recsys.interests import find_interests
from recsys.matches import score_pairs
from recsys.reciprocal import apply, brings, measure, together, yardstick
from recsys.signals import compute
from serving.score import Scorer
from training.config import TrainConfig
from training.market.behaviour import chances_inside
from training.market.truth import Truth
from training.simulate import SimulateConfig, simulate
from training.train import train

CHOOSING, REPORTED = (21, 22), (31, 32, 33)
POSTINGS, CANDIDATES, ASKED, CUT = 1500, 3000, 150, 10
ODDS, PRIORS, WEIGHTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0), (0.0, 1.0, 3.0), (0.3, 0.5, 0.7)
DRAWS = 2000
Grid = NDArray[np.float32]  # (postings, candidates)


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Board:
    """All pairs of some postings and all candidates of one market, each (n, C).

    Attributes:
        gain: true chance of both.
        allowed: which pairs may be listed.
        applies: forms of "would they apply", by name.
        brought: forms of "do they bring it", by name.
        score: the engine's own.
        kept: share of the ten best by everything that the finders keep.
    """

    gain: Grid
    allowed: NDArray[np.bool_]
    applies: dict[str, Grid]
    brought: dict[str, Grid]
    score: Grid
    kept: float


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
    both, allowed = score_pairs(engine, people, candidate, rows[number], scorer.as_of)
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
    found |= {f"apply odds {odds:g} of the yardstick": apply(score, usual, odds) for odds in ODDS}
    found |= {f"brings prior {prior:g}": brings(signals, usual, prior) for prior in PRIORS}
    return found


def _kept(scorer: Scorer, rows: NDArray[np.int32], whole: Grid) -> float:
    """Share of the ten best of all candidates that stand in the answer."""
    k = CUT
    lists = scorer.matches(rows, k, scorer.as_of)
    best = np.argsort(-whole, axis=1, kind="stable")[:, :k]
    hits = sum(np.isin(best[at], lists.candidate[lists.posting == at]).sum() for at in range(len(rows)))
    return float(hits / best.size)


def ndcg(order: Grid, one: Board) -> NDArray[np.float64]:
    """NDCG of the first ten for each posting, (n,); what is not known stands last."""
    known = np.where(one.allowed & ~np.isnan(order), order, -np.inf)
    gain = np.where(one.allowed, one.gain, 0).astype(np.float64)
    fall = 1 / np.log2(np.arange(CUT) + 2)
    at = np.argsort(-known, axis=1, kind="stable")[:, :CUT]
    ideal = -np.sort(-gain, axis=1)[:, :CUT] @ fall
    return (np.take_along_axis(gain, at, 1) @ fall) / np.maximum(ideal, 1e-12)


def means(would: Grid, fit: Grid) -> dict[str, Grid]:
    """Ways of putting both sides together."""
    found = {f"harmonic, weight {weight:g}": together(would, fit, weight) for weight in WEIGHTS}
    found["product"] = would * fit
    found["least of both"] = np.minimum(would, fit)
    found["arithmetic"] = (would + fit) / 2
    return found


def chosen(boards: list[Board]) -> tuple[list[str], tuple[str, str, str]]:
    """Rows of a table of all forms on the choosing seeds, and the best of them."""
    figures: dict[tuple[str, str, str], float] = {}
    for a in boards[0].applies:
        for b in boards[0].brought:
            for name in means(boards[0].applies[a][:1], boards[0].brought[b][:1]):
                values = [ndcg(means(one.applies[a], one.brought[b])[name], one).mean() for one in boards]
                figures[a, b, name] = float(np.mean(values))
    best = max(figures, key=figures.__getitem__)
    rows = ["| would they apply | " + " | ".join(means(*[np.ones((1, 1))] * 2)) + " |", "|---" * 7 + "|"]
    for a in boards[0].applies:
        cells = [f"{max(figures[a, b, m] for b in boards[0].brought):.3f}" for m in means(*[np.ones((1, 1))] * 2)]
        rows.append(f"| {a} | " + " | ".join(cells) + " |")
    return rows, best


def interval(values: NDArray[np.float64]) -> str:
    """Mean and 95 % interval of a bootstrap over postings."""
    rng = np.random.default_rng(0)
    drawn = values[rng.integers(0, len(values), (DRAWS, len(values)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def reported(boards: list[Board], seeds: tuple[int, ...], best: tuple[str, str, str], a: str, b: str) -> list[str]:
    """Rows of the table of the reported seeds: what is served, and one side alone."""

    def of(order: str) -> list[NDArray[np.float64]]:
        forms = {
            "both (served)": lambda one: together(one.applies[a], one.brought[b], 0.5),
            "both (best on the choosing seeds)": lambda one: means(one.applies[best[0]], one.brought[best[1]])[best[2]],
            "would apply alone": lambda one: one.applies[a],
            "brings alone": lambda one: one.brought[b],
            "the engine's score": lambda one: one.score,
        }
        return [ndcg(forms[order](one), one) for one in boards]

    names = ["both (served)", "both (best on the choosing seeds)", "would apply alone", "brings alone",
             "the engine's score"]  # fmt: skip
    served = of(names[0])
    rows = ["| order | " + " | ".join(f"seed {seed}" for seed in seeds) + " | all | served less this |"]
    rows.append("|---" * (len(seeds) + 3) + "|")
    for name in names:
        values = of(name)
        less = "" if name == names[0] else interval(np.concatenate(served) - np.concatenate(values))
        cells = [f"{one.mean():.3f}" for one in values]
        rows.append(f"| {name} | " + " | ".join(cells) + f" | {interval(np.concatenate(values))} | {less} |")
    return rows


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
    a, b = f"odds {settings.odds:g} of the yardstick", f"prior {settings.prior:g}"
    shown = [boards[seed] for seed in REPORTED]
    lines = [
        "# What counting both sides is worth",
        "",
        f"Made by `python -m benchmarks.reciprocal`. Markets of {POSTINGS:,} postings and {CANDIDATES:,} people, "
        f"static encoder, {ASKED} postings of each asked for; all stored candidates compete. Gain of a candidate: the "
        "true chance that they apply, times the true chance that the employer invites them. The market is simulated: "
        "these figures say nothing about a real board.",
        "",
        f"## Chosen on the seeds {', '.join(map(str, CHOOSING))}",
        "",
        'nDCG of the first ten, for each form of "would they apply" and each mean, with the best prior:',
        "",
        *table,
        "",
        f"Best of all: {best[0]}, {best[1]}, {best[2]}. Served: {a}, {b}, harmonic, weight {settings.weight:g}.",
        "",
        f"## Reported on the seeds {', '.join(map(str, REPORTED))}",
        "",
        "nDCG of the first ten with 95 % intervals of a bootstrap over postings; the last column is paired:",
        "",
        *reported(shown, REPORTED, best, a, b),
        "",
        "Of the ten best by everything over all candidates the finders keep "
        + ", ".join(f"{one.kept:.3f}" for one in shown)
        + " (by seed).",
        *(costs(args.work, *args.cost, say) if args.cost else []),
    ]
    args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
