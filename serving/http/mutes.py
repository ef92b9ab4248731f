"""Routes by which a candidate mutes postings, employers and interests one by one, and takes that back."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from recsys.filters import MOST_INTERESTS, MOST_MUTED
from serving.http.answers import WriteAnswer
from serving.http.bodies import parse, read_body
from serving.http.desk import Desk, answer
from serving.http.exchange import exchange_of
from serving.http.fields import Line, Strict
from serving.http.operation import Handler, Operation, path_id
from serving.http.problem import Problem
from serving.store.writes import Write

_PREFIX: Final = "muted_"  # of the same fields in a candidate's document
_FULL: Final = (
    f"more would be muted than {MOST_MUTED:,} postings, {MOST_MUTED:,} employers and {MOST_INTERESTS} interests"
)


class Mutes(Strict):
    """What is muted, or not any more."""

    postings: Annotated[list[Line], Field(max_length=MOST_MUTED)] = Field(
        default_factory=list, description="ids; neither they nor their copies are listed"
    )
    employers: Annotated[list[Line], Field(max_length=MOST_MUTED)] = Field(
        default_factory=list, description="names, however they are spaced and capitalised"
    )
    interests: Annotated[list[Line], Field(max_length=MOST_INTERESTS)] = Field(
        default_factory=list, description="titles: what is alike is not listed and not searched for"
    )


class MutesAnswer(BaseModel):
    """All that a candidate mutes."""

    model_config = ConfigDict(extra="forbid")

    request_id: str
    candidate_id: str
    postings: list[str]
    employers: list[str]
    interests: list[str]


def change(way: Literal["add", "take_away"]) -> Handler:
    """Mutes something more, or something less."""

    async def handler(desk: Desk, request: Request) -> Response:
        key = path_id(request)
        raw = await read_body(request, desk.settings.request_bytes, desk.settings.body_seconds)
        asked = await desk.parse(desk.lanes.store, raw, parse, raw, Mutes, desk.settings.json_depth)
        lists = {f"{_PREFIX}{name}": some for name, some in asked.model_dump().items() if some}
        write = Write("mutes", key, {"candidate_id": key, way: lists})
        receipt = await desk.lanes.store.run(desk.service.write, [write])
        outcome = receipt.outcomes[0]
        if outcome == "full":
            raise Problem(422, "invalid", _FULL)
        named: dict[str, Any] = {"id": key, "outcome": outcome, "position": receipt.position}
        return answer({"request_id": exchange_of(request).request_id} | named)

    handler.__name__ = f"{way}_mutes"
    return handler


async def mutes(desk: Desk, request: Request) -> Response:
    """All that a candidate mutes; nothing of one who is not known."""
    key = path_id(request)
    stored = await desk.lanes.store.run(desk.service.document, "mutes", key) or {}
    lists = {name: stored.get(f"{_PREFIX}{name}", []) for name in Mutes.model_fields}
    return answer({"request_id": exchange_of(request).request_id, "candidate_id": key} | lists)


_PATH: Final = "/v1/candidates/{id}/mutes"
OPERATIONS: Final = (
    Operation("GET", _PATH, "read", "All that a candidate mutes", mutes, MutesAnswer, statuses=(503,)),
    Operation("POST", _PATH, "write", "Mute something more", change("add"), WriteAnswer, body=Mutes, statuses=(503,)),
    Operation(
        "DELETE", _PATH, "write", "Mute something less", change("take_away"), WriteAnswer, body=Mutes, statuses=(503,)
    ),
)
