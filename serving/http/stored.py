"""Routes that store postings, candidates and events, and give documents back."""

from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from serving.http.answers import EventsAnswer, WriteAnswer
from serving.http.bodies import parse, read_body
from serving.http.desk import Desk, answer
from serving.http.documents import Candidate, EventBatch, Posting, canonical
from serving.http.exchange import exchange_of
from serving.http.operation import Handler, Operation, path_id
from serving.http.port import Document
from serving.http.problem import Problem
from serving.store.writes import Write

DocumentKind = Literal["posting", "candidate"]
MODELS: Final[dict[DocumentKind, type[Posting] | type[Candidate]]] = {"posting": Posting, "candidate": Candidate}


def document_of(kind: DocumentKind, raw: bytes, depth: int, key: str | None) -> tuple[str, Document]:
    """A body or line as its id and its canonical document.

    Args:
        kind: what it is.
        raw: JSON.
        depth: limit on brackets.
        key: the id in the path; None: the document has to name its own.

    Raises:
        Problem: 422.
    """
    document = canonical(parse(raw, MODELS[kind], depth))
    name = f"{kind}_id"
    inside = document.get(name)
    if key is None and inside is None:
        raise Problem(422, "invalid", f"{name}: Field required")
    if key is not None and inside not in (None, key):
        raise Problem(422, "invalid", f"{name}: not the id in the path")
    found: str = key if key is not None else inside  # type: ignore[assignment]
    return found, {name: found} | document


def put(kind: DocumentKind) -> Handler:
    """Stores a document under the id in the path."""

    async def handler(desk: Desk, request: Request) -> Response:
        key = path_id(request)
        raw = await read_body(request, desk.settings.document_bytes, desk.settings.body_seconds)
        read = (kind, raw, desk.settings.json_depth, key)
        _, document = await desk.parse(desk.lanes.store, raw, document_of, *read)
        return await _write(desk, request, Write(kind, key, document))

    handler.__name__ = f"put_{kind}"
    return handler


def get(kind: DocumentKind) -> Handler:
    """The document as it was stored."""

    async def handler(desk: Desk, request: Request) -> Response:
        key = path_id(request)
        document = await desk.lanes.store.run(desk.service.document, kind, key)
        if document is None:
            raise Problem(404, "unknown", f"no {kind} with this id is stored")
        return answer(document)

    handler.__name__ = f"get_{kind}"
    return handler


def delete(kind: DocumentKind) -> Handler:
    """Takes a document away; its events stay."""

    async def handler(desk: Desk, request: Request) -> Response:
        key = path_id(request)
        gone: Literal["posting_gone", "candidate_gone"] = "posting_gone" if kind == "posting" else "candidate_gone"
        return await _write(desk, request, Write(gone, key))

    handler.__name__ = f"delete_{kind}"
    return handler


async def _write(desk: Desk, request: Request, write: Write) -> Response:
    receipt = await desk.lanes.store.run(desk.service.write, [write])
    outcome = receipt.outcomes[0]
    if outcome == "missing":
        raise Problem(404, "unknown", f"no {write.kind.removesuffix('_gone')} with this id is stored")
    named: dict[str, Any] = {"id": write.key, "outcome": outcome, "position": receipt.position}
    return answer({"request_id": exchange_of(request).request_id} | named)


async def events(desk: Desk, request: Request) -> Response:
    """Stores a batch of events, all in one transaction."""
    raw = await read_body(request, desk.settings.request_bytes, desk.settings.body_seconds)
    writes = await desk.parse(desk.lanes.store, raw, _writes, raw, desk.settings.json_depth)
    receipt = await desk.lanes.store.run(desk.service.write, writes)
    lines = [
        {"event_id": write.key, "outcome": outcome} for write, outcome in zip(writes, receipt.outcomes, strict=True)
    ]
    request_id = exchange_of(request).request_id
    return answer({"request_id": request_id, "position": receipt.position, "outcomes": lines})


def _writes(raw: bytes, depth: int) -> list[Write]:
    return [Write("event", one.event_id, canonical(one)) for one in parse(raw, EventBatch, depth).events]


def _operations(kind: DocumentKind) -> tuple[Operation, ...]:
    path, model = f"/v1/{kind}s/{{id}}", MODELS[kind]
    return (
        Operation("PUT", path, "write", f"Store a {kind}", put(kind), WriteAnswer, body=model, statuses=(503,)),
        Operation("GET", path, "read", f"A {kind} as stored", get(kind), model, statuses=(404, 503)),
        Operation("DELETE", path, "write", f"Take a {kind} away", delete(kind), WriteAnswer, statuses=(404, 503)),
    )


OPERATIONS: Final = (
    *_operations("posting"),
    *_operations("candidate"),
    Operation("POST", "/v1/events", "write", "Store events", events, EventsAnswer, body=EventBatch, statuses=(503,)),
)
