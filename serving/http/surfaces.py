"""Routes of the home page, of browsing, and of postings that go with a posting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from recsys.browse import Category, in_category
from recsys.discover import week_began
from recsys.filters import Filters
from recsys.home import home, pages
from recsys.related import related, row_of
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
    """Lists by the name of their surface, and what they were made from; ``known``: something was known of who asked."""

    state: State
    at: float
    known: bool
    lists: dict[str, list[Recommendation]]
    shelves: list[dict[str, Any]]


async def home_page(desk: Desk, request: Request) -> Response:
    """A candidate's home page."""
    candidate, asked = path_id(request), query_of(request, HomeQuery)

    def work(state: State, at: float) -> Shown:
        queries = state.queries(candidate, now=at, personal=asked.personal)
        began = float(week_began(queries.now)[0])
        week = state.queries(candidate, now=began, personal=asked.personal, before=began)
        engine = state.engine
        page = pages(engine, home(engine, queries, week, [candidate], asked.explain), 1)[0]
        shelves = [{"kind": one.kind, "name": one.name, "recommendations": one.recommendations} for one in page]
        # of several shelves of one kind each is a surface of its own
        lists = {f"home/{number}/{one.kind}": one.recommendations for number, one in enumerate(page, 1)}
        return Shown(state, at, state.knows(candidate), lists, shelves)

    shown = await _work(desk, asked.min_position, work)
    length = shown.state.engine.settings.home.length
    _decide(desk, request, shown, candidate, length, None, asked.personal)
    named = {"candidate_id": candidate, "known": shown.known, "shelves": shown.shelves}
    return answer(versions_of(exchange_of(request), shown.state, shown.at) | named)


async def related_postings(desk: Desk, request: Request) -> Response:
    """What goes with a posting, which may be gone."""
    posting, asked = path_id(request), query_of(request, RelatedQuery)
    filters = filters_of(asked)

    def work(state: State, at: float) -> Shown:
        engine = state.engine
        row = row_of(engine.catalogue, posting)
        queries = state.queries(asked.candidate, now=at, personal=asked.personal)
        lists = related(engine, queries, np.array([row], np.int32), asked.k, asked.explain, filters)
        return _one(state, at, asked.candidate, "related", engine.recommendations(lists)[0])

    shown = await _work(desk, asked.min_position, work)
    return _list(desk, request, asked, shown, "related", filters, {"posting_id": posting})


async def browse_postings(desk: Desk, request: Request) -> Response:
    """A category in the candidate's order."""
    asked = query_of(request, BrowseQuery)
    filters = filters_of(asked)

    def work(state: State, at: float) -> Shown:
        engine = in_category(state.engine, asked.category(), filters)
        queries = state.queries(asked.candidate, now=at, personal=asked.personal)
        lists = engine.answer(queries, asked.k, asked.explain)
        return _one(state, at, asked.candidate, "browse", engine.recommendations(lists)[0])

    return _list(desk, request, asked, await _work(desk, asked.min_position, work), "browse", filters, {})


async def _work(desk: Desk, min_position: int | None, work: Callable[[State, float], Shown]) -> Shown:
    """What is shown, made in a thread of the engine's lane."""
    waited = await desk.state(min_position)
    return await desk.lanes.engine.run(lambda: work(*now_of(desk, waited)))


def _one(state: State, at: float, who: str | None, surface: str, lines: list[Recommendation]) -> Shown:
    return Shown(state, at, who is not None and state.knows(who), {surface: lines}, [])


def _decide(
    desk: Desk, request: Request, shown: Shown, who: str | None, k: int, filters: Filters | None, personal: bool
) -> None:
    for surface, lines in shown.lists.items():
        desk.decide(exchange_of(request), shown.state, shown.at, who, k, OWN + surface, lines, filters, personal)


def _list(
    desk: Desk,
    request: Request,
    asked: RelatedQuery,
    shown: Shown,
    surface: str,
    filters: Filters | None,
    about: dict[str, Any],
) -> Response:
    _decide(desk, request, shown, asked.candidate, asked.k, filters, asked.personal)
    named = {"candidate_id": asked.candidate, "known": shown.known, "recommendations": shown.lists[surface]}
    return answer(versions_of(exchange_of(request), shown.state, shown.at) | about | named)


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
