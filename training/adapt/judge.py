"""How well an encoder finds the titles of groups that it was not trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.adapt.groups import Groups, folded

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
_BLOCK = 512


@dataclass(frozen=True)
class Question:
    """Q titles are asked for; right are some of P others.

    Attributes:
        name: what the groups come from.
        queries: Q texts.
        pool: P texts.
        start: int64 (Q + 1,), where each query's right answers begin in ``right``.
        right: int64, positions in ``pool``.
        itself: int64 (Q,), position in ``pool`` of the query's own text, which does not compete; -1 if it is not there.
    """

    name: str
    queries: list[str]
    pool: list[str]
    start: NDArray[np.int64]
    right: NDArray[np.int64]
    itself: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.queries)


def questions(groups: Groups, held_out: NDArray[np.bool_], most: int, rng: np.random.Generator) -> list[Question]:
    """A question for each name that has held-out groups.

    Where groups have main titles, the pool is the main titles of all groups, and a title asks for its own groups'.
    Elsewhere the pool is every title, and a title asks for the others of its held-out groups.

    Args:
        groups: all of them.
        held_out: bool (G,).
        most: at most so many queries a name, drawn at random.
        rng: of that draw.
    """
    made = [_question(groups, held_out, at, most, rng) for at in range(len(groups.names))]
    return [one for one in made if len(one)]


def _question(groups: Groups, held_out: NDArray[np.bool_], at: int, most: int, rng: np.random.Generator) -> Question:
    mine = groups.kind == at
    by_main = mine & (groups.main >= 0)
    text = folded(groups.texts)
    owner = groups.owner
    targets = groups.main[by_main] if by_main.any() else groups.member[mine[owner]]
    first: dict[int, int] = {}  # folded text -> row of the pool's text
    for row in targets.tolist():
        first.setdefault(int(text[row]), row)
    position = {one: place for place, one in enumerate(first)}
    asked: dict[int, tuple[int, set[int]]] = {}
    for group in np.flatnonzero(held_out & (by_main if by_main.any() else mine)).tolist():
        members = groups.member[groups.start[group] : groups.start[group + 1]].tolist()
        right = [groups.main[group]] if by_main.any() else members
        for row in members:
            asked.setdefault(int(text[row]), (row, set()))[1].update(position[int(text[one])] for one in right)
    # A title that is itself the main one is found by any encoder: it asks nothing.
    usable = {
        one: (row, sorted(right - {position.get(one, -1)}))
        for one, (row, right) in asked.items()
        if (position.get(one, -1) not in right or not by_main.any()) and right - {position.get(one, -1)}
    }
    drawn = sorted(rng.permutation(len(usable))[:most].tolist())
    kept = [list(usable.items())[place] for place in drawn]
    return Question(
        name=groups.names[at],
        queries=[groups.texts[row] for _, (row, _) in kept],
        pool=[groups.texts[row] for row in first.values()],
        start=np.cumsum([0, *(len(right) for _, (_, right) in kept)]),
        right=np.array([one for _, (_, right) in kept for one in right], np.int64),
        itself=np.array([position.get(one, -1) for one, _ in kept], np.int64),
    )


def reciprocal_ranks(question: Question, encode: Encode) -> NDArray[np.float64]:
    """1 / rank of the best right answer by cosine, (Q,); of equal scores half are counted as better."""
    vectors = encode([*question.pool, *question.queries])
    pool, queries = vectors[: len(question.pool)], vectors[len(question.pool) :]
    out = np.empty(len(question), np.float64)
    owner = np.repeat(np.arange(len(question)), np.diff(question.start))
    for begin in range(0, len(question), _BLOCK):
        rows = np.arange(begin, min(begin + _BLOCK, len(question)))
        scores = queries[rows] @ pool.T
        known = question.itself[rows] >= 0
        scores[np.flatnonzero(known), question.itself[rows][known]] = -np.inf
        inside = (owner >= rows[0]) & (owner <= rows[-1])
        best = np.full(len(rows), -np.inf, np.float32)
        np.maximum.at(best, owner[inside] - begin, scores[owner[inside] - begin, question.right[inside]])
        above = (scores > best[:, None]).sum(1)
        level = (scores == best[:, None]).sum(1) - 1
        out[rows] = 1 / (1 + above + level / 2)
    return out


def figures(asked: Sequence[Question], encode: Encode) -> dict[str, float]:
    """Mean reciprocal rank of each question by its name, and their plain mean as "mean"."""
    found = {one.name: float(reciprocal_ranks(one, encode).mean()) for one in asked}
    return {"mean": float(np.mean(list(found.values()))), **found}
