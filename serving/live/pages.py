"""What is shown beside a candidate's list, from one state: a home page, a category, what goes with a posting, a search.

The service answers from here, and whoever makes an answer again makes it from here, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.browse import Category, browse, browse_costs
from recsys.discover import week_began
from recsys.engine import Engine
from recsys.errors import EncoderError
from recsys.filters import Filters
from recsys.home import NamedShelf, home, pages
from recsys.meaning import meanings
from recsys.queries import Queries
from recsys.related import related, related_costs, row_of
from recsys.request import Recommendation
from recsys.search import Found, Wording, search, wording


class Asked(Protocol):
    """What is needed of a state."""

    @property
    def engine(self) -> Engine: ...  # noqa: D102

    def knows(self, candidate_id: str, /) -> bool:
        """Whether a profile or an event of the candidate is there."""

    def queries(
        self,
        who: str | dict[str, Any] | None,
        events: Any = (),
        now: float | None = None,
        personal: bool = True,
        before: float | None = None,
    ) -> Queries:
        """What somebody brings, see ``serving.live.state.State.queries``."""


@dataclass(frozen=True)
class Viewer:
    """Who looks, and when.

    Attributes:
        candidate_id: None: somebody of whom nothing is known.
        at: seconds since 1970.
        personal: whether profile and history order anything.
        explain: with reasons.
    """

    candidate_id: str | None
    at: float
    personal: bool = True
    explain: bool = True


@dataclass(frozen=True)
class Listed:
    """A list.

    Attributes:
        lines: the best first.
        costs: how many postings of what is asked about each filter alone takes away, where they leave fewer than were
            wanted.
    """

    lines: list[Recommendation]
    costs: dict[str, int] | None = None


@dataclass(frozen=True)
class Searched:
    """The answer to a search.

    Attributes:
        asked: as it was searched for.
        by_meaning: False: there was no vector, and words decided alone.
        found: the answer.
        costs: how many postings of the board each filter alone takes away, where fewer are found than were wanted.
    """

    asked: Wording
    by_meaning: bool
    found: Found
    costs: dict[str, int] | None = None


def home_page(state: Asked, viewer: Viewer) -> list[NamedShelf]:
    """The shelves of a candidate's home page, without empty ones."""
    queries = _queries(state, viewer)
    began = float(week_began(queries.now)[0])
    week = state.queries(viewer.candidate_id, now=began, personal=viewer.personal, before=began)
    engine = state.engine
    return pages(engine, home(engine, queries, week, [viewer.candidate_id or ""], viewer.explain), 1)[0]


def browse_page(state: Asked, viewer: Viewer, category: Category, k: int, filters: Filters | None) -> Listed:
    """A category in the viewer's order; errors as ``recsys.browse.browse``."""
    engine, queries = state.engine, _queries(state, viewer)
    lines = engine.recommendations(browse(engine, queries, category, k, viewer.explain, filters))[0]
    if filters is None or len(lines) >= k:
        return Listed(lines)
    return Listed(lines, browse_costs(engine, queries, category, filters)[0])


def related_page(state: Asked, viewer: Viewer, posting_id: str, k: int, filters: Filters | None) -> Listed:
    """What goes with a posting, which may be gone.

    Raises:
        UnknownError: no posting of this id was ever there.
        RequestError: the filters name what the board does not know.
    """
    engine, queries = state.engine, _queries(state, viewer)
    rows = np.array([row_of(engine.catalogue, posting_id)], np.int32)
    lines = engine.recommendations(related(engine, queries, rows, k, viewer.explain, filters))[0]
    if filters is None or len(lines) >= k:
        return Listed(lines)
    return Listed(lines, related_costs(engine, queries, rows, filters)[0])


def search_page(
    state: Asked, viewer: Viewer, words: str, k: int, filters: Filters | None, by_meaning: bool = True
) -> Searched:
    """Postings by words and filters, in the viewer's order.

    Args:
        state: that answers.
        viewer: who asks.
        words: as they were typed.
        k: postings wanted.
        filters: that hold.
        by_meaning: False: without the encoder, even if it is there.

    Raises:
        RequestError: no word is there, or the filters name what the board does not know.
    """
    known = viewer.candidate_id is not None and state.knows(viewer.candidate_id)
    read = wording(state.engine.catalogue, words)
    vectors = vectors_of(state, read.text, viewer.at) if by_meaning else None
    queries = state.queries(viewer.candidate_id if known else None, now=viewer.at, personal=viewer.personal)
    found = search(state.engine, queries, [read], vectors, k, filters, known and viewer.personal, viewer.explain)[0]
    costs = None
    if filters is not None and len(found.hits) < k:
        costs = state.engine.filter_costs(queries, filters)[0]
    return Searched(read, vectors is not None, found, costs)


def vectors_of(state: Asked, text: str, at: float) -> NDArray[np.float32] | None:
    """The vector (1, d) of a search, by the encoder that reads profiles; None where that is away."""

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.concatenate([state.queries({"text": one}, now=at).whole for one in texts])

    try:
        found = meanings([text], encode)
    except EncoderError:
        return None
    return found if found.any() else None


def as_lines(found: Found) -> list[Recommendation]:
    """What a search found as lines of a list, scored by relevance."""
    return [Recommendation(hit.posting_id, hit.rank, hit.relevance, hit.reasons) for hit in found.hits]


def _queries(state: Asked, viewer: Viewer) -> Queries:
    return state.queries(viewer.candidate_id, now=viewer.at, personal=viewer.personal)
