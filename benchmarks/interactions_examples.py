"""The lists of one user, for the eyes of a reader."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.interactions_data import Cut, Films, Papers

Rows = NDArray[np.int64]

_KNOWN, _LISTED, _WORDS = 6, 10, 5


def paper_example(papers: Papers, cut: Cut, first: Rows, second: Rows, other: str) -> list[str]:
    """Papers by the words that say most of them."""
    titles = papers.texts()["title"]
    return _example(cut, first, second, other, lambda at: " ".join(str(titles[at]).split()[:_WORDS]))


def film_example(films: Films, cut: Cut, first: Rows, second: Rows, other: str) -> list[str]:
    """Films by title."""
    titles = films.films["title"]
    return _example(cut, first, second, other, lambda at: str(titles[at]))


def _example(cut: Cut, first: Rows, second: Rows, other: str, name: Callable[[int], str]) -> list[str]:
    """Known items, then two lists side by side; the user is the one in the middle of all askers."""
    at = len(cut.users) // 2
    user = int(cut.users[at])
    known, asked = cut.known[user].indices, set(cut.asked[user].indices.tolist())
    latest = known
    if cut.time is not None:
        times = cut.time[cut.known.indptr[user] : cut.known.indptr[user + 1]]
        latest = known[np.argsort(-times, kind="stable")]
    some = "; ".join(name(int(item)) for item in latest[:_KNOWN])

    def cell(item: int) -> str:
        return f"**{name(item)}**" if item in asked else name(item)

    pairs = zip(first[at, :_LISTED].tolist(), second[at, :_LISTED].tolist(), strict=True)
    table = [f"| | engine | {other} |", "| ---: | --- | --- |"]
    table += [f"| {rank} | {cell(a)} | {cell(b)} |" for rank, (a, b) in enumerate(pairs, 1)]
    order = "the latest first" if cut.time is not None else "some of them"
    intro = (
        f"The user in the middle of all that are asked knows {len(known)} items ({order}: {some}) and asks for "
        f"{len(asked)}. Bold: asked for."
    )
    return [intro, "\n".join(table)]
