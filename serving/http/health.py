"""Routes for whoever runs the service."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from serving.http.answers import LiveAnswer, ReadyAnswer
from serving.http.desk import Desk, answer
from serving.http.metrics import MEDIA_TYPE
from serving.http.operation import Operation


async def live(desk: Desk, request: Request) -> Response:
    """The process answers."""
    return answer({"live": True})


async def ready(desk: Desk, request: Request) -> Response:
    """Whether requests should come here; 503 with reasons otherwise."""
    found = desk.service.readiness()
    reasons = [*found.reasons, *(["the service is stopping"] if desk.stopping else [])]
    fine = found.ok and not desk.stopping
    named = {"ready": fine, "reasons": reasons, "bundle": found.bundle}
    places = {"position": found.position, "indexed": found.indexed, "head": found.head}
    return answer(named | places, 200 if fine else 503)


async def metrics(desk: Desk, request: Request) -> Response:
    """For Prometheus."""
    desk.refresh()
    return Response(desk.metrics.page(), media_type=MEDIA_TYPE)


def operations(open_metrics: bool) -> tuple[Operation, ...]:
    """The routes; /metrics is read with a key unless it is open."""
    return (
        Operation("GET", "/health/live", None, "The process answers", live, LiveAnswer),
        Operation("GET", "/health/ready", None, "Requests should come here", ready, ReadyAnswer),
        Operation(
            "GET",
            "/metrics",
            None if open_metrics else "read",
            "Figures for Prometheus",
            metrics,
            media_type="text/plain",
        ),
    )


READY: Final = "/health/ready"
