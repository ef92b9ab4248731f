"""What the tables of ``benchmarks.reciprocal`` are made of: boards with every form of both sides, and their figures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.reciprocal import together

CUT, WEIGHTS, DRAWS = 10, (0.3, 0.4, 0.5, 0.7), 2000
Grid = NDArray[np.float32]  # (postings, candidates)


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
    found = {f"geometric, weight {weight:g}": together(would, fit, weight) for weight in WEIGHTS}
    with np.errstate(divide="ignore"):
        found |= {f"harmonic, weight {weight:g}": 1 / (weight / would + (1 - weight) / fit) for weight in WEIGHTS}
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
    rows = [
        "| would they apply | " + " | ".join(means(*[np.ones((1, 1))] * 2)) + " |",
        "|---" * (len(WEIGHTS) * 2 + 3) + "|",
    ]
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


def reported(
    boards: list[Board], seeds: tuple[int, ...], best: tuple[str, str, str], a: str, b: str, weight: float
) -> list[str]:
    """Rows of the table of the reported seeds: what is served (forms a and b), and one side alone."""

    def of(order: str) -> list[NDArray[np.float64]]:
        forms = {
            "both (served)": lambda one: together(one.applies[a], one.brought[b], weight),
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
