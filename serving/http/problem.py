"""Every answer that is not what was asked for: RFC 9457 problem documents, one clear line each."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from recsys.errors import Behind, EncoderError, JobrecError, RequestError, StoreError, UnknownError
from recsys.faults import faults, first_fault

MEDIA_TYPE: Final = "application/problem+json"
_MOST_ERRORS: Final = 10
_MOST_DETAIL: Final = 500


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    at: str = Field(description="where: keys and places in lists, joined by dots")
    detail: str


class ProblemDocument(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="urn:jobrec:problem: and a name; the same kind of problem has the same name")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="one line: what is wrong, and what to do")
    instance: str = Field(description="urn:jobrec:request: and the request's id")
    request_id: str
    errors: list[Fault] | None = Field(None, max_length=_MOST_ERRORS)


class Problem(Exception):
    """Ends a request with a problem document.

    Args:
        status: of HTTP.
        name: the kind of problem, last part of ``type``.
        detail: one line.
        headers: to be sent with it.
        errors: where and what, one by one.
    """

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.name, self.detail = status, name, " ".join(detail.split())[:_MOST_DETAIL]
        self.headers, self.errors = dict(headers or {}), errors[:_MOST_ERRORS]

    def response(self, request_id: str) -> Response:
        """As it is sent."""
        document: dict[str, Any] = {
            "type": f"urn:jobrec:problem:{self.name}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:jobrec:request:{request_id}",
            "request_id": request_id,
        }
        if self.errors:
            document["errors"] = [{"at": at, "detail": detail} for at, detail in self.errors]
        return Response(orjson.dumps(document), self.status, self.headers, MEDIA_TYPE)


def invalid(error: ValidationError, model: type[BaseModel]) -> Problem:
    """A document or query that breaks its schema, ``model``."""
    return Problem(422, "invalid", first_fault(error, model), errors=faults(error, model))


def of_error(error: JobrecError, retry_seconds: int) -> Problem:
    """The problem that an error of the engine, the store or the encoder is for a client."""
    if isinstance(error, UnknownError):
        return Problem(404, "unknown", str(error))
    if isinstance(error, RequestError):
        return Problem(422, "invalid", str(error))
    names: tuple[tuple[type[JobrecError], str], ...] = (
        (Behind, "behind"),
        (StoreError, "store"),
        (EncoderError, "encoder"),
    )
    name = next((name for kind, name in names if isinstance(error, kind)), "unavailable")
    return Problem(503, name, str(error), {"Retry-After": str(retry_seconds)})
