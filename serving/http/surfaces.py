"""Routes of the home page, of browsing, and of postings that go with a posting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from recsys.browse import Category
from recsys.filters import Filters
from recsys.home import NamedShelf
from recsys.request import Recommendation
from serving.decisions import OWN
from serving.filter_query import FilterQuery
from serving.http.answers import BrowseAnswer, HomeAnswer, RelatedAnswer
from serving.http.desk import Desk, answer, versions_of
from serving.http.documents import MOST_K
from serving.http.exchange import exchange_of
from serving.http.fields import Id, Name
from serving.http.lists import Position, filters_of, now_of
from serving.http.operation import Operation, path_id, query_of
from serving.http.port import State
from serving.live import pages
from serving.live.pages import Viewer

_K: Final = Field(10, ge=1, le=MOST_K, description="at most so many postings")
_CANDIDATE: Final = Field(None, description="who looks; left out: somebody of whom nothing is known")


class HomeQuery(BaseModel):
    """Of a home page."""

    model_config = ConfigDict(extra="forbid")

    personal: bool = Field(True, description="false: as for somebody of whom nothing is known")
    explain: bool = Field(True, description="with reasons")
    min_position: Position | None = Field(None, description="wait until the state obeys the log up to here")


class RelatedQuery(FilterQuery):
    """Of what goes with a posting."""

    candidate: Id | None = _CANDIDATE
    k: int = _K
    personal: bool = Field(True, description="false: the candidate's profile and history do not count")
    explain: bool = Field(True, description="with reasons")
    min_position: Position | None = Field(None, description="wait until the state obeys the log up to here")


class BrowseQuery(RelatedQuery):
    """Of a category: one part of it, or a place by latitude, longitude and within_km, has to be named."""

    industry: Name | None = Field(None, description="as the board names it, in any capitals")
    occupation: Name | None = Field(None, description="likewise")
    employer: Name | None = Field(None, description="likewise")
    region: Name | None = Field(None, description="of a posting's first place")

    def category(self) -> Category:
        """What is browsed."""
        return Category(self.industry, self.occupation, self.employer, self.region)


@dataclass(frozen=True)
class Shown:
    """What one state shows; ``known``: something was known of who asked; ``costs``: of filters that leave it short."""

    state: State
    viewer: Viewer
    known: bool
    lines: list[Recommendation]
    shelves: list[NamedShelf]
    costs: dict[str, int] | None = None


async def home_page(desk: Desk, request: Request) -> Response:
    """A candidate's home page."""
    candidate, asked = path_id(request), query_of(request, HomeQuery)
    shown = await _work(desk, asked, candidate, lambda state, viewer: ([], pages.home_page(state, viewer), None))
    exchange, state, at = exchange_of(request), shown.state, shown.viewer.at
    length = state.engine.settings.home.length
    for number, one in enumerate(shown.shelves, 1):  # of several shelves of one kind each is a surface of its own
        surface, about = f"{OWN}home/{number}/{one.kind}", {"name": one.name}
        desk.decide(
            exchange, state, at, candidate, length, surface, one.recommendations, None, asked.personal, about=about
        )
    shelves = [{"kind": one.kind, "name": one.name, "recommendations": one.recommendations} for one in shown.shelves]
    named = {"candidate_id": candidate, "known": shown.known, "shelves": shelves}
    return answer(versions_of(exchange, state, at) | named)


async def related_postings(desk: Desk, request: Request) -> Response:
    """What goes with a posting, which may be gone."""
    posting, asked = path_id(request), query_of(request, RelatedQuery)
    filters = filters_of(asked)

    def work(state: State, viewer: Viewer) -> _Made:
        lines, costs = pages.related_page(state, viewer, posting, asked.k, filters), None
        if filters is not None and len(lines) < asked.k:
            costs = pages.related_cost(state, viewer, posting, filters)
        return lines, [], costs

    shown = await _work(desk, asked, asked.candidate, work)
    about = {"posting_id": posting}
    return _list(desk, request, asked, shown, "related", filters, about, about)


async def browse_postings(desk: Desk, request: Request) -> Response:
    """A category in the candidate's order."""
    asked = query_of(request, BrowseQuery)
    filters, category = filters_of(asked), asked.category()

    def work(state: State, viewer: Viewer) -> _Made:
        lines, costs = pages.browse_page(state, viewer, category, asked.k, filters), None
        if filters is not None and len(lines) < asked.k:
            costs = pages.browse_cost(state, viewer, category, filters)
        return lines, [], costs

    shown = await _work(desk, asked, asked.candidate, work)
    return _list(desk, request, asked, shown, "browse", filters, category.said(), {})


#: Lines of a list, or the shelves of a page, and what filters cost that leave it short.
_Made = tuple[list[Recommendation], list[NamedShelf], dict[str, int] | None]


async def _work(
    desk: Desk, asked: HomeQuery | RelatedQuery, who: str | None, work: Callable[[State, Viewer], _Made]
) -> Shown:
    """What is shown, made in a thread of the engine's lane."""
    waited = await desk.state(asked.min_position)

    def run() -> Shown:
        state, at = now_of(desk, waited)
        viewer = Viewer(who, at, asked.personal, asked.explain)
        return Shown(state, viewer, who is not None and state.knows(who), *work(state, viewer))

    return await desk.lanes.engine.run(run)


def _list(
    desk: Desk,
    request: Request,
    asked: RelatedQuery,
    shown: Shown,
    surface: str,
    filters: Filters | None,
    about: dict[str, Any],
    named: dict[str, Any],
) -> Response:
    """The answer of a list; ``about`` is written down, ``named`` is in the answer."""
    exchange, state, at, who = exchange_of(request), shown.state, shown.viewer.at, asked.candidate
    desk.decide(exchange, state, at, who, asked.k, OWN + surface, shown.lines, filters, asked.personal, about)
    said = {"candidate_id": who, "known": shown.known, "recommendations": shown.lines, "filter_costs": shown.costs}
    return answer(versions_of(exchange, state, at) | named | said)


_MAY: Final = (404, 503)
OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/candidates/{id}/home",
        "read",
        "Named shelves of postings for a candidate's home page",
        home_page,
        HomeAnswer,
        query=HomeQuery,
        statuses=_MAY,
    ),
    Operation(
        "GET",
        "/v1/browse",
        "read",
        "An industry, an occupation, an employer, a region or a place, in the candidate's order",
        browse_postings,
        BrowseAnswer,
        query=BrowseQuery,
        statuses=_MAY,
    ),
    Operation(
        "GET",
        "/v1/postings/{id}/related",
        "read",
        "Postings that go with a posting, which may be expired or gone",
        related_postings,
        RelatedAnswer,
        query=RelatedQuery,
        statuses=_MAY,
    ),
)
