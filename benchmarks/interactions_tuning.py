"""How every system is tuned on a validation cut, all with the same number of trials; the engine too."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from benchmarks.interactions_data import Cut
from benchmarks.interactions_systems import Fit, Measured, lists, measure

Chosen = dict[str, Any]
Say = Callable[[str], None]

ALS, BM25, ENGINE = "implicit ALS", "implicit BM25 item-kNN", "engine"

#: What is drawn from for each system.
GRIDS: dict[str, dict[str, Sequence[Any]]] = {
    "implicit ALS": {
        "dimensions": (32, 64, 128, 192),
        "regularisation": (1.0, 10.0, 30.0, 100.0),
        "confidence": (0.3, 1.0, 10.0, 40.0, 100.0)
    },
    "implicit BM25 item-kNN": {
        "neighbours": (50, 200, 1000), "k1": (0.05, 0.2, 0.5, 1.2), "b": (0.0, 0.2, 0.5, 0.75)
    },
    "TF-IDF": {"log": (True, False), "rarity": (0.75, 1.0, 1.5), "length": (0.0, 0.25, 0.5)},
    "encoder": {"read": ("text", "title", "both"), "centred": (True, False), "length": (0.0, 0.25, 0.5)},
}  # fmt: skip


@dataclass(frozen=True)
class Tried:
    """Settings, and what they were worth on the validation cut: recall@50 and ndcg@20."""

    chosen: Chosen
    recall: float
    ndcg: float

    @classmethod
    def of(cls, chosen: Chosen, found: Measured) -> "Tried":
        """The means of what was measured."""
        return cls(chosen, float(found.recall.mean()), float(found.ndcg.mean()))

    @property
    def worth(self) -> float:
        """What is chosen by: the geometric mean of the two."""
        return float(np.sqrt(self.recall * self.ndcg))

    def line(self) -> str:
        """The settings and what they were worth, in words."""
        return f"{in_words(self.chosen)} (recall@50 {self.recall:.4f}, ndcg@20 {self.ndcg:.4f})"


def in_words(chosen: Chosen) -> str:
    """Settings as a list of words."""
    return ", ".join(f"{key} {value}" for key, value in chosen.items())


def best(tried: Sequence[Tried]) -> Tried:
    """The trial of most worth, the first of equals."""
    return max(tried, key=lambda one: one.worth)


def trials(name: str, budget: int, seed: int) -> Iterator[Chosen]:
    """``budget`` different settings of a system, drawn at random from its grid; fewer draws are the first of more."""
    grid = GRIDS[name]
    every = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    order = np.random.default_rng(seed).permutation(len(every))[:budget]
    yield from (every[at] for at in order)


def tune(name: str, fit: Fit, cut: Cut, budget: int, seed: int, say: Say) -> list[Tried]:
    """The trials of a plain system on a validation cut."""
    tried = []
    for chosen in trials(name, budget, seed):
        tried.append(Tried.of(chosen, measure(lists(fit(cut.known, chosen), cut), cut)))
        say(f"{name}: {tried[-1].line()}")
    return tried


@dataclass(frozen=True)
class Shares:
    """How the engine's budget is spent.

    Its factors are ALS and one kind of its neighbours is BM25, so that some trials of those two are trials of its
    parts; the rest trains whole engines.

    Attributes:
        factors, neighbours: of the first trials of ALS and BM25, so many are the engine's.
        whole: what the other trials train, each on top of the best parts.
    """

    factors: int
    neighbours: int
    whole: tuple[Chosen, ...]

    def checked(self, budget: int) -> "Shares":
        """Itself.

        Raises:
            ValueError: it spends more trials than the budget.
        """
        spent = self.factors + self.neighbours + len(self.whole)
        if spent > budget:
            raise ValueError(f"the engine's trials are {spent}, those of the others {budget}")
        return self

    def parts(self, tried: dict[str, list[Tried]]) -> tuple[Chosen, Chosen]:
        """The settings of its factors and its neighbours, from its own share of the trials."""
        return best(tried[ALS][: self.factors]).chosen, best(tried[BM25][: self.neighbours]).chosen
