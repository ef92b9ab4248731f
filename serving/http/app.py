"""The app: routes from the table, wrapped in the edge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from serving.http import alerts, bulk, health, lists, mutes, people, search, stored, surfaces
from serving.http.desk import Desk
from serving.http.edge import Edge
from serving.http.exchange import exchange_of
from serving.http.operation import Operation, endpoint_of
from serving.http.paper import DESCRIPTION, components, paper_of
from serving.http.port import Decisions, Service
from serving.http.problem import Problem
from serving.http.settings import HttpSettings


def create_app(service: Service, settings: HttpSettings, decisions: Decisions | None = None) -> FastAPI:
    """The service over HTTP, for any ASGI server.

    Args:
        service: what answers, see ``serving.http.port``; closed by whoever made it.
        settings: limits.
        decisions: where lists are written down; None: nowhere.
    """
    desk = Desk(service, settings, decisions)
    rooms = (bulk, lists, mutes, stored, alerts, surfaces, search, people)
    routes = [one for room in rooms for one in room.OPERATIONS]
    operations = (*routes, *health.operations(settings.open_metrics))
    app = FastAPI(
        title="jobrec",
        version=_version(),
        description=DESCRIPTION,
        redirect_slashes=False,
        redoc_url=None,
        lifespan=_lifespan(desk),
    )
    app.state.desk = desk
    for one in operations:
        add_operation(app, desk, one)
    app.openapi = _openapi(app, operations)  # type: ignore[method-assign]
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_middleware(Edge, settings=settings, metrics=desk.metrics)
    return app


def stop_asking(app: FastAPI) -> None:
    """/health/ready answers 503 from now on: call it when SIGTERM comes, before the server drains."""
    app.state.desk.stopping = True


def add_operation(app: FastAPI, desk: Desk, operation: Operation) -> None:
    """Give an application one more route."""
    app.add_api_route(
        operation.path,
        endpoint_of(desk, operation),
        methods=[operation.method],
        summary=operation.summary,
        description=" ",
        response_class=Response,
        response_model=None,
        openapi_extra=paper_of(operation),
    )


def _openapi(app: FastAPI, operations: tuple[Operation, ...]) -> Any:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            app.openapi_schema = schema | {"components": components(operations)}
        return app.openapi_schema

    return openapi


async def _http_problem(request: Request, error: Exception) -> Response:
    """What the router raises: no such path, or another method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = {
            method
            for route in request.app.router.routes
            if route.matches(request.scope)[0] is not Match.NONE
            for method in route.methods
        }
        problem = Problem(
            405, "method", "this path takes other methods: see Allow", {"Allow": ", ".join(sorted(allowed))}
        )
    elif error.status_code == 404:
        problem = Problem(404, "path", "no such path: see /docs")
    else:
        problem = Problem(error.status_code, "http", error.detail, error.headers)
    return problem.response(exchange_of(request).request_id)


def _lifespan(desk: Desk) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        refreshing = asyncio.create_task(_refresh(desk))
        try:
            yield
        finally:
            desk.stopping = True
            refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await refreshing
            desk.lanes.close()

    return lifespan


async def _refresh(desk: Desk) -> None:
    """Keep this worker's gauges fresh for a scrape that another worker answers."""
    while True:
        desk.refresh()
        await asyncio.sleep(desk.settings.refresh_seconds)


def _version() -> str:
    try:
        return version("jobrec")
    except PackageNotFoundError:  # run from its folder
        return "0"
