"""Routes that answer lists, scores and reasons."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from recsys.errors import RequestError
from recsys.filters import Filters
from recsys.request import Recommendation
from serving.filter_query import FilterQuery
from serving.http.answers import ListAnswer, ScoreAnswer, WhyAnswer
from serving.http.bodies import parse, read_body
from serving.http.desk import Desk, answer, versions_of
from serving.http.documents import (
    MOST_K,
    PERSONAL,
    Candidate,
    Explained,
    FilteredRequest,
    Interaction,
    ListRequest,
    ScoreRequest,
    canonical,
)
from serving.http.exchange import exchange_of
from serving.http.fields import Id, Name
from serving.http.operation import Operation, path_id, query_of
from serving.http.port import Document, Scored, State
from serving.http.problem import Problem, invalid

Position = Annotated[int, Field(ge=0, le=2**53)]


class ListQuery(FilterQuery):
    """Of a stored candidate's list."""

    k: int = Field(10, ge=1, le=MOST_K, description="at most so many postings")
    min_position: Position | None = Field(None, description="wait until the state obeys the log up to here")
    explain: Explained = True
    personal: bool = Field(True, description=PERSONAL)
    surface: Name = Field("", description="where the list is shown, for the log of decisions")


class WhyQuery(FilterQuery):
    """Of one posting for one candidate."""

    candidate: Id
    posting: Id
    k: int = Field(10, ge=1, le=MOST_K, description="length of the list that it is compared with")
    min_position: Position | None = None
    personal: bool = Field(True, description=PERSONAL)


@dataclass(frozen=True)
class Listed:
    """A list, and what it was made from; ``known``: something was known of who asked."""

    state: State
    at: float
    known: bool
    lines: list[Recommendation]
    costs: dict[str, int] | None = None


async def recommendations(desk: Desk, request: Request) -> Response:
    """A stored candidate's list."""
    candidate, query = path_id(request), query_of(request, ListQuery)
    return await _of_candidate(desk, request, candidate, query, filters_of(query))


async def filtered_recommendations(desk: Desk, request: Request) -> Response:
    """The same, with all that filters can say."""
    candidate, asked = path_id(request), await _read(desk, request, FilteredRequest)
    return await _of_candidate(desk, request, candidate, asked, asked.filters)


async def _of_candidate(
    desk: Desk, request: Request, candidate: str, asked: ListQuery | FilteredRequest, filters: Filters | None
) -> Response:
    waited = await desk.state(asked.min_position)

    def work() -> Listed:
        state, at = now_of(desk, waited)
        known = state.knows(candidate)
        if known:
            lines = state.recommend(candidate, asked.k, at, asked.explain, filters, asked.personal)
        else:
            lines = state.recommend_profile({}, [], asked.k, at, asked.explain, filters)
        costs = None
        if filters is not None and len(lines) < asked.k:
            costs = state.filter_costs(candidate if known else {}, [], filters, at, asked.personal)
        return Listed(state, at, known, lines, costs)

    return _list(desk, request, candidate, asked, await desk.lanes.engine.run(work), filters)


def filters_of(query: FilterQuery) -> Filters | None:
    """The filters of a query.

    Raises:
        Problem: 422, they do not fit together.
    """
    try:
        return query.filters()
    except ValidationError as error:
        raise invalid(error, Filters) from None


async def recommendations_for_profile(desk: Desk, request: Request) -> Response:
    """The list of somebody who is not stored, and is not stored now."""
    asked = await _read(desk, request, ListRequest)
    profile, events = _profile(asked.candidate), [_event(one) for one in asked.events]
    waited = await desk.state(asked.min_position)

    def work() -> Listed:
        state, at = now_of(desk, waited)
        lines = state.recommend_profile(profile, events, asked.k, at, asked.explain, asked.filters, asked.personal)
        costs = None
        if asked.filters is not None and len(lines) < asked.k:
            costs = state.filter_costs(profile, events, asked.filters, at, asked.personal)
        return Listed(state, at, bool(profile or events), lines, costs)

    return _list(desk, request, None, asked, await desk.lane_for(bool(profile)).run(work), asked.filters)


async def score(desk: Desk, request: Request) -> Response:
    """Named postings, scored."""
    asked = await _read(desk, request, ScoreRequest)
    profile = {} if asked.profile is None else _profile(asked.profile)
    waited = await desk.state(asked.min_position)

    def work() -> tuple[State, float, bool, Sequence[Scored]]:
        state, at = now_of(desk, waited)
        known = bool(profile) if asked.candidate_id is None else state.knows(asked.candidate_id)
        who = asked.candidate_id if known and asked.candidate_id is not None else profile
        return state, at, known, state.score(who, asked.posting_ids, at, asked.personal)

    state, at, known, scored = await desk.lane_for(bool(profile)).run(work)
    lines = [
        {"posting_id": one.posting_id, "score": one.score, "reasons": one.reasons, "status": one.status}
        for one in scored
    ]
    named: dict[str, Any] = {"candidate_id": asked.candidate_id, "known": known, "scores": lines}
    return answer(versions_of(exchange_of(request), state, at) | named)


async def why(desk: Desk, request: Request) -> Response:
    """Why a posting is where it is, in words."""
    query = query_of(request, WhyQuery)
    filters = filters_of(query)
    waited = await desk.state(query.min_position)

    def work() -> tuple[State, float, str]:
        state, at = now_of(desk, waited)
        if not state.knows(query.candidate):
            raise Problem(404, "unknown", "nothing is known of this candidate")
        try:
            return state, at, state.why(query.candidate, query.posting, query.k, at, filters, query.personal)
        except RequestError as error:
            if filters is not None and state.engine.catalogue.ids.find(query.posting) >= 0:
                raise  # the filters name what the board does not know
            raise Problem(404, "unknown", str(error)) from None

    state, at, text = await desk.lanes.engine.run(work)
    named = {"candidate_id": query.candidate, "posting_id": query.posting, "why": text}
    return answer(versions_of(exchange_of(request), state, at) | named)


def now_of(desk: Desk, waited: State | None) -> tuple[State, float]:
    """The state to work on, and the moment that is answered for."""
    return waited or desk.service.state(), time.time()


async def _read(desk: Desk, request: Request, model: Any) -> Any:
    raw = await read_body(request, desk.settings.request_bytes, desk.settings.body_seconds)
    return await desk.parse(desk.lanes.texts, raw, parse, raw, model, desk.settings.json_depth)


def _profile(candidate: Candidate) -> Document:
    """What somebody who is not stored says; an empty list of what is muted says nothing."""
    return {name: value for name, value in canonical(candidate).items() if value != []}


def _event(event: Interaction) -> Document:
    return canonical(event)


def _list(
    desk: Desk,
    request: Request,
    who: str | None,
    asked: ListQuery | ListRequest | FilteredRequest,
    found: Listed,
    filters: Filters | None,
) -> Response:
    exchange = exchange_of(request)
    desk.decide(exchange, found.state, found.at, who, asked.k, asked.surface, found.lines, filters, asked.personal)
    named = {
        "candidate_id": who,
        "known": found.known,
        "recommendations": found.lines,
        "filter_costs": found.costs,
    }
    return answer(versions_of(exchange, found.state, found.at) | named)


_READ: Final = (503,)
OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/candidates/{id}/recommendations",
        "read",
        "The best postings for a candidate",
        recommendations,
        ListAnswer,
        query=ListQuery,
        statuses=_READ,
    ),
    Operation(
        "POST",
        "/v1/candidates/{id}/recommendations",
        "read",
        "The best postings for a candidate, with all that filters can say",
        filtered_recommendations,
        ListAnswer,
        body=FilteredRequest,
        statuses=_READ,
    ),
    Operation(
        "POST",
        "/v1/recommendations",
        "read",
        "The best postings for a profile in the body; nothing is stored",
        recommendations_for_profile,
        ListAnswer,
        body=ListRequest,
        statuses=_READ,
    ),
    Operation(
        "POST", "/v1/score", "read", "Scores of named postings", score, ScoreAnswer, body=ScoreRequest, statuses=_READ
    ),
    Operation(
        "GET",
        "/v1/why",
        "read",
        "Why a posting is where it is",
        why,
        WhyAnswer,
        query=WhyQuery,
        statuses=(404, *_READ),
    ),
)
