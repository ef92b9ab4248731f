"""The OpenAPI document, from the same table as the routes."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.http.answers import ReadyAnswer
from serving.http.bodies import JSON, NDJSON
from serving.http.fields import ID_LENGTH
from serving.http.health import READY
from serving.http.operation import Operation
from serving.http.problem import MEDIA_TYPE, ProblemDocument

_REF: Final = "#/components/schemas/"
_ID: Final = {"type": "string", "minLength": 1, "maxLength": ID_LENGTH, "pattern": r"^[^\x00]*$"}
_HEADERS: Final[dict[int, tuple[str, ...]]] = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
_LINES: Final = (
    " The items of the body are JSON lines: one document a line, with its id in it, and no brackets or commas around "
    "them. Good lines are stored even where others are bad; where the whole is cut short, what came before is stored."
)
DESCRIPTION: Final = (
    "Ids in paths hold any characters, percent-encoded: a slash is %2F, a path of dots %2E%2E. Every answer carries "
    "X-Request-Id (the request's own, where it is up to 64 letters, digits and . _ : -). Every problem is a document "
    "of RFC 9457. In a JSON body no key may be unknown or stand twice."
)


def paper_of(operation: Operation) -> dict[str, Any]:
    """What FastAPI cannot see of a route: parameters, body, answers."""
    paper: dict[str, Any] = {
        "parameters": [*_path_parameters(operation), *_query_parameters(operation.query)],
        "responses": {str(status): _response(operation, status) for status in _statuses(operation)},
        "security": [] if operation.scope is None else [{"key": []}],
    }
    if operation.scope is not None:
        paper["description"] = f"Needs a key with the scope {operation.scope}."
    if operation.body is not None:
        ref = {"$ref": _REF + operation.body.__name__}
        content = {NDJSON: {"schema": {"type": "array", "items": ref}}} if operation.lines else {JSON: {"schema": ref}}
        paper["requestBody"] = {"required": True, "content": content}
    if operation.lines:
        paper["description"] += _LINES
    return paper


def _statuses(operation: Operation) -> Sequence[int]:
    found = {200, 414, 422, 431, *operation.statuses}
    if operation.scope is not None:
        found |= {401, 403, 429}
    if operation.has_id:
        found.add(404)
    if operation.body is not None:
        found |= {408, 413, 415}
    if operation.path == READY:
        found.add(503)
    return sorted(found)


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [{"name": "id", "in": "path", "required": True, "schema": _ID}] if operation.has_id else []


def _query_parameters(model: type[BaseModel] | None) -> Iterable[dict[str, Any]]:
    if model is None:
        return
    schema = model.model_json_schema()
    for name, one in schema["properties"].items():
        # A query string knows no null: what may be left out is what may be None.
        kind = {**one.pop("anyOf", [{}])[0], **one}
        text = kind.pop("description", None)
        found = {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": kind}
        if kind.get("default", 0) is None:
            del kind["default"]
        yield found | ({} if text is None else {"description": text})


def _response(operation: Operation, status: int) -> dict[str, Any]:
    names = ("X-Request-Id", *_HEADERS.get(status, ()))
    if operation.path == READY:
        names = names[:1]
    headers = {name: {"required": True, "schema": {"type": "string"}} for name in names}
    out = {"description": HTTPStatus(status).phrase, "headers": headers}
    if operation.path == READY and status == 503:
        return out | {"content": {JSON: {"schema": {"$ref": _REF + ReadyAnswer.__name__}}}}
    if status != 200:
        return out | {"content": {MEDIA_TYPE: {"schema": {"$ref": _REF + ProblemDocument.__name__}}}}
    schema = {"type": "string"} if operation.answer is None else {"$ref": _REF + operation.answer.__name__}
    return out | {"content": {operation.media_type: {"schema": schema}}}


def components(operations: Sequence[Operation]) -> dict[str, Any]:
    """Every model that the routes name."""
    models = {model for one in operations for model in (one.body, one.answer) if model is not None}
    ordered = sorted(models | {ProblemDocument}, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF + "{model}")
    return {
        "schemas": schemas["$defs"],
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "jr_<id>_<secret>"}},
    }
