"""What routes share: the service behind them and everything that guards it."""

from collections.abc import Callable, Sequence
from typing import Any, Final, ParamSpec, TypeVar

import orjson
from starlette.responses import Response

from recsys.filters import Filters
from recsys.request import Recommendation
from serving.decisions import Decision
from serving.http.bodies import JSON
from serving.http.exchange import Exchange
from serving.http.limits import Buckets, Lane, Lanes
from serving.http.metrics import Metrics
from serving.http.port import Decisions, Service, State
from serving.http.settings import HttpSettings

P = ParamSpec("P")
T = TypeVar("T")
_SHORT: Final = 16_384  # bytes; a batch of a hundred events, read in about a millisecond


class Desk:
    """One an app.

    Args:
        service: what answers.
        settings: limits.
        decisions: where lists are written down; None: nowhere.
    """

    def __init__(self, service: Service, settings: HttpSettings, decisions: Decisions | None) -> None:
        self.service, self.settings, self.decisions = service, settings, decisions
        self.lanes, self.buckets, self.metrics = Lanes(settings), Buckets(settings), Metrics()
        self.stopping = False

    def refresh(self) -> None:
        """Bring the gauges up to date."""
        self.metrics.refresh(self.service.readiness(), self.lanes, self.buckets)

    async def state(self, min_position: int | None) -> State | None:
        """The state that a reader waits for, waited for apart from those who work; None: that of the moment."""
        if not min_position:
            return None
        return await self.lanes.waits.run(self.service.state, min_position)

    async def parse(self, lane: Lane, raw: bytes, reader: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``reader`` makes of a body; a long one is read in a thread, so that the others are served meanwhile."""
        if len(raw) <= _SHORT:
            return reader(*args, **kwargs)
        return await lane.run(reader, *args, **kwargs)

    def lane_for(self, profile: bool) -> Lane:
        """Profiles wait for the encoder, so they do not stand before those who need none."""
        return self.lanes.texts if profile else self.lanes.engine

    def decide(
        self,
        exchange: Exchange,
        state: State,
        at: float,
        who: str | None,
        k: int,
        surface: str,
        lines: Sequence[Recommendation],
        filters: Filters | None = None,
        personal: bool = True,
        about: dict[str, Any] | None = None,
    ) -> None:
        """Write a list down, so that it can be made again."""
        if self.decisions is None:
            return
        # Lists are not drawn: whoever asks again gets the same, so each posting stands where it does with certainty.
        versions = (state.bundle, state.position, state.indexed, k, state.ranker, state.policy)
        asked = None if filters is None else filters.model_dump(mode="json", exclude_defaults=True)
        columns = (
            tuple(one.posting_id for one in lines),
            tuple(one.score for one in lines),
            tuple(one.reasons for one in lines),
            (1.0,) * len(lines),
        )
        self.decisions.write(
            Decision(exchange.request_id, at, who, surface, *versions, *columns, asked, personal, about)
        )


def versions_of(exchange: Exchange, state: State, at: float) -> dict[str, Any]:
    """What every answer of a list names."""
    return {
        "request_id": exchange.request_id,
        "bundle": state.bundle,
        "position": state.position,
        "indexed": state.indexed,
        "at": at,
        "ranker": state.ranker,
        "policy": state.policy,
    }


def answer(document: Any, status: int = 200) -> Response:
    """JSON out."""
    return Response(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type=JSON)
