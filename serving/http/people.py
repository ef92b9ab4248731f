"""The route that answers candidates for a posting. It needs a scope of its own: it tells of people, not of postings."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from recsys.errors import RequestError
from recsys.mutual import Match
from serving.http.answers import PeopleAnswer
from serving.http.desk import Desk, answer, versions_of
from serving.http.documents import MOST_K
from serving.http.exchange import exchange_of
from serving.http.lists import Position, now_of
from serving.http.operation import Operation, path_id, query_of
from serving.http.port import State
from serving.http.problem import Problem


class PeopleQuery(BaseModel):
    """Of a posting's list of candidates."""

    model_config = ConfigDict(extra="forbid")

    k: int = Field(10, ge=1, le=MOST_K, description="at most so many candidates")
    min_position: Position | None = Field(None, description="wait until the state obeys the log up to here")


async def candidates(desk: Desk, request: Request) -> Response:
    """Whom to show a vacancy."""
    posting, query = path_id(request), query_of(request, PeopleQuery)
    waited = await desk.state(query.min_position)

    def work() -> tuple[State, float, list[Match]]:
        state, at = now_of(desk, waited)
        try:
            return state, at, state.candidates_for(posting, query.k, at)
        except RequestError as error:
            raise Problem(404, "unknown", str(error)) from None

    state, at, lines = await desk.lanes.engine.run(work)
    return answer(versions_of(exchange_of(request), state, at) | {"posting_id": posting, "candidates": lines})


OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/postings/{id}/candidates",
        "people",
        "Whom to show a posting: stored candidates who would apply and bring what it asks",
        candidates,
        PeopleAnswer,
        query=PeopleQuery,
        statuses=(404, 503),
    ),
)
