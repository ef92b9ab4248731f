"""Routes of the home page, of browsing, and of postings that go with a posting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from recsys.browse import Category
from recsys.filters import Filters
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
from serving.live.pages import Listed, Viewer

T = TypeVar("T")

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
class Shown(Generic[T]):
    """What one state shows, a list or the shelves of a page; ``known``: something was known of who asked."""

    state: State
    viewer: Viewer
    known: bool
    what: T


async def home_page(desk: Desk, request: Request) -> Response:
    """A candidate's home page."""
    candidate, asked = path_id(request), query_of(request, HomeQuery)
    shown = await _work(desk, asked, candidate, pages.home_page)
    exchange, state, at = exchange_of(request), shown.state, shown.viewer.at
    length = state.engine.settings.home.length
    for number, one in enumerate(shown.what, 1):  # of several shelves of one kind each is a surface of its own
        surface, about = f"{OWN}home/{number}/{one.kind}", {"name": one.name}
        desk.decide(
            exchange, state, at, candidate, length, surface, one.recommendations, None, asked.personal, about=about
        )
    shelves = [{"kind": one.kind, "name": one.name, "recommendations": one.recommendations} for one in shown.what]
    named = {"candidate_id": candidate, "known": shown.known, "shelves": shelves}
    return answer(versions_of(exchange, state, at) | named)


async def related_postings(desk: Desk, request: Request) -> Response:
    """What goes with a posting, which may be gone."""
    posting, asked = path_id(request), query_of(request, RelatedQuery)
    filters = filters_of(asked)

    def work(state: State, viewer: Viewer) -> Listed:
        return pages.related_page(state, viewer, posting, asked.k, filters)

    shown = await _work(desk, asked, asked.candidate, work)
    about = {"posting_id": posting}
    return _list(desk, request, asked, shown, "related", filters, about, about)


async def browse_postings(desk: Desk, request: Request) -> Response:
    """A category in the candidate's order."""
    asked = query_of(request, BrowseQuery)
    filters, category = filters_of(asked), asked.category()

    def work(state: State, viewer: Viewer) -> Listed:
        return pages.browse_page(state, viewer, category, asked.k, filters)

    shown = await _work(desk, asked, asked.candidate, work)
    return _list(desk, request, asked, shown, "browse", filters, category.said(), {})


async def _work(
    desk: Desk, asked: HomeQuery | RelatedQuery, who: str | None, work: Callable[[State, Viewer], T]
) -> Shown[T]:
    """What is shown, made in a thread of the engine's lane."""
    waited = await desk.state(asked.min_position)

    def run() -> Shown[T]:
        state, at = now_of(desk, waited)
        viewer = Viewer(who, at, asked.personal, asked.explain)
        return Shown(state, viewer, who is not None and state.knows(who), work(state, viewer))

    return await desk.lanes.engine.run(run)


def _list(
    desk: Desk,
    request: Request,
    asked: RelatedQuery,
    shown: Shown[Listed],
    surface: str,
    filters: Filters | None,
    about: dict[str, Any],
    named: dict[str, Any],
) -> Response:
    """The answer of a list; ``about`` is written down, ``named`` is in the answer."""
    exchange, state, at, who = exchange_of(request), shown.state, shown.viewer.at, asked.candidate
    desk.decide(exchange, state, at, who, asked.k, OWN + surface, shown.what.lines, filters, asked.personal, about)
    said = {
        "candidate_id": who,
        "known": shown.known,
        "recommendations": shown.what.lines,
        "filter_costs": shown.what.costs,
    }
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
