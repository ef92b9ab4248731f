"""Routes of search by words."""

from dataclasses import asdict
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from recsys.filters import Filters
from serving.decisions import OWN
from serving.filter_query import FilterQuery
from serving.http.answers import Versions
from serving.http.bodies import parse, read_body
from serving.http.desk import Desk, answer, versions_of
from serving.http.documents import MOST_K
from serving.http.exchange import exchange_of
from serving.http.fields import Id, Strict
from serving.http.lists import Position, now_of
from serving.http.operation import Operation, query_of
from serving.http.port import State
from serving.http.problem import invalid
from serving.live.pages import Searched, Viewer, as_lines, search_page

MOST_CHARACTERS: Final = 500
_TYPED: Final[dict[str, Any]] = {"min_length": 1, "max_length": MOST_CHARACTERS, "pattern": r"^[^\x00]*$"}
_PERSONAL: Final = "false: relevance to the words alone, without profile and history"


class SearchQuery(FilterQuery):
    """Of a search; filters as for lists."""

    q: str = Field(**_TYPED, description="words; slips are corrected, and the last may be the beginning of one")
    candidate: Id | None = Field(None, description="who asks; left out: nobody who is known")
    k: int = Field(10, ge=1, le=MOST_K, description="at most so many postings")
    personal: bool = Field(True, description=_PERSONAL)
    explain: bool = Field(True, description="with reasons")
    min_position: Position | None = Field(None, description="wait until the state obeys the log up to here")


class SearchRequest(Strict):
    """A search with all that filters can say."""

    q: str = Field(**_TYPED)
    candidate: Id | None = None
    filters: Filters | None = None
    k: int = Field(10, ge=1, le=MOST_K)
    personal: bool = Field(True, description=_PERSONAL)
    explain: bool = Field(True, description="with reasons")
    min_position: int | None = Field(None, ge=0, le=2**53)


class HitLine(BaseModel):
    """A posting."""

    model_config = ConfigDict(extra="forbid")

    posting_id: str
    rank: int = Field(ge=1)
    relevance: float = Field(description="to the words alone; the order may differ for a candidate")
    words: bool = Field(description="it holds one of the words")
    reasons: list[str] = Field(description="which words it says, and what moved it for the candidate")


class CountLine(BaseModel):
    """So many matching postings say this."""

    model_config = ConfigDict(extra="forbid")

    value: str
    count: int = Field(ge=1)


class SearchAnswer(Versions):
    """What is found."""

    candidate_id: str | None
    known: bool = Field(description="false: nothing is known of the candidate")
    searched_for: str = Field(description="the text with known words in the place of slips")
    corrected: dict[str, str] = Field(description="words that no posting uses, and those that stand for them")
    unknown: list[str] = Field(description="words that no posting uses, and none is near")
    by_meaning: bool = Field(description="false: the encoder is away, and words decide alone")
    matching: int = Field(ge=0, description="postings that hold enough of the words and pass the filters")
    filter_costs: dict[str, int] | None = Field(description="as of a list, over the whole board")
    results: list[HitLine]
    facets: dict[str, list[CountLine]] = Field(
        description="of what matches, by region, employment, seniority, employer and pay (the band's lower end a "
        "year); the filter on employment, seniority or pay is lifted while that facet is counted"
    )


async def search_by_query(desk: Desk, request: Request) -> Response:
    """Filters in the query."""
    asked = query_of(request, SearchQuery)
    try:
        filters = asked.filters()
    except ValidationError as error:
        raise invalid(error, Filters) from None
    return await _search(desk, request, asked, filters)


async def search_by_body(desk: Desk, request: Request) -> Response:
    """Filters in the body."""
    raw = await read_body(request, desk.settings.request_bytes, desk.settings.body_seconds)
    asked = await desk.parse(desk.lanes.texts, raw, parse, raw, SearchRequest, desk.settings.json_depth)
    return await _search(desk, request, asked, asked.filters)


async def _search(
    desk: Desk, request: Request, asked: SearchQuery | SearchRequest, filters: Filters | None
) -> Response:
    waited, who = await desk.state(asked.min_position), asked.candidate

    def work() -> tuple[State, float, Searched]:
        state, at = now_of(desk, waited)
        return state, at, search_page(state, Viewer(who, at, asked.personal, asked.explain), asked.q, asked.k, filters)

    state, at, done = await desk.lane_for(True).run(work)
    exchange, about = exchange_of(request), {"q": asked.q, "by_meaning": done.by_meaning}
    lines = as_lines(done.found)
    desk.decide(exchange, state, at, who, asked.k, f"{OWN}search", lines, filters, asked.personal, about)
    named = {
        "candidate_id": who,
        "known": who is not None and state.knows(who),
        "searched_for": done.asked.text,
        "corrected": done.asked.corrected,
        "unknown": done.asked.unknown,
        "by_meaning": done.by_meaning,
        "matching": done.found.matching,
        "filter_costs": done.costs,
        "results": [asdict(one) for one in done.found.hits],
        "facets": {name: [asdict(one) for one in some] for name, some in done.found.facets.items()},
    }
    return answer(versions_of(exchange, state, at) | named)


_STATUSES: Final = (503,)
OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/search",
        "read",
        "Postings by words and filters, in a candidate's order",
        search_by_query,
        SearchAnswer,
        query=SearchQuery,
        statuses=_STATUSES,
    ),
    Operation(
        "POST",
        "/v1/search",
        "read",
        "The same, with all that filters can say",
        search_by_body,
        SearchAnswer,
        body=SearchRequest,
        statuses=_STATUSES,
    ),
)
