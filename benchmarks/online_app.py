"""The worker's application with two more routes, so that the path's own cost can be told from what surrounds it."""

from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from serving import worker
from serving.http.app import add_operation
from serving.http.desk import Desk, answer
from serving.http.operation import Operation

_TEN = {"recommendations": [{"posting_id": f"p{rank:07d}", "rank": rank, "score": 1.0} for rank in range(1, 11)]}


async def constant(desk: Desk, request: Request) -> Response:
    """A list that costs nothing, through the same door, guard and lane."""
    return answer(await desk.lanes.engine.run(lambda: _TEN))


async def search(desk: Desk, request: Request) -> Response:
    """A bare search of the text index: ten rows, nothing else."""

    def work() -> dict[str, Any]:
        catalogue = desk.service.state().engine.catalogue  # type: ignore[attr-defined]
        at = np.random.default_rng().integers(len(catalogue), size=1)
        rows = catalogue.by_text.search(catalogue.title.vectors(at), 10)[0]
        return {"recommendations": [{"posting_id": one} for one in catalogue.ids.names(rows)]}

    return answer(await desk.lanes.engine.run(work))


def create() -> Any:
    """The application, for uvicorn's ``factory``."""
    app = worker.create()
    for path, handler in (("/bench/constant", constant), ("/bench/search", search)):
        add_operation(app, app.state.desk, Operation("GET", path, "read", "measured", handler))
    return app
