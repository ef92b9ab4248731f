"""Many documents as JSON lines: stored batch by batch while they arrive, with an answer for each line."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from recsys.errors import JobrecError
from serving.http.answers import BulkAnswer
from serving.http.bodies import NDJSON, check_type, lines_of, pieces
from serving.http.desk import Desk, answer
from serving.http.exchange import exchange_of
from serving.http.operation import Handler, Operation
from serving.http.problem import Problem, of_error
from serving.http.stored import MODELS, DocumentKind, document_of
from serving.store.writes import Write

_BATCH_BYTES: Final = 4_000_000
Lines = list[tuple[int, bytes | None]]


class Bulk:
    """One bulk on its way: lines in, batches to the store, an answer for each line.

    Holds one batch of lines, and what is to be answered: some hundred bytes a line.
    """

    def __init__(self, desk: Desk, kind: DocumentKind) -> None:
        self.desk, self.kind = desk, kind
        self.answers: list[dict[str, Any]] = []
        self.position = self.accepted = 0
        self._batch: Lines = []
        self._bytes = 0

    async def take(self, number: int, line: bytes | None) -> None:
        """The next line; None: it was too long to be held.

        Raises:
            Problem: 413, there are too many lines; 503.
        """
        if len(self.answers) + len(self._batch) >= self.desk.settings.bulk_lines:
            raise Problem(413, "body-too-long", f"more than {self.desk.settings.bulk_lines} lines: send them in parts")
        self._batch.append((number, line))
        self._bytes += len(line or b"")
        if len(self._batch) >= self.desk.settings.bulk_batch or self._bytes >= _BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Store what is held."""
        if self._batch:
            batch, self._batch, self._bytes = self._batch, [], 0
            self.answers += await self.desk.lanes.store.run(self._store, batch)

    def _store(self, lines: Lines) -> list[dict[str, Any]]:
        answers = [self._read(number, line) for number, line in lines]
        good = [one for one in answers if "write" in one]
        if good:
            receipt = self.desk.service.write([one.pop("write") for one in good])
            for one, outcome in zip(good, receipt.outcomes, strict=True):
                one["outcome"] = outcome
            self.position = max(self.position, receipt.position)
            self.accepted += len(good)
        return answers

    def _read(self, number: int, line: bytes | None) -> dict[str, Any]:
        settings = self.desk.settings
        if line is None:
            problem = f"the line is longer than the limit of {settings.document_bytes} bytes"
            return {"line": number, "id": None, "problem": problem}
        try:
            key, document = document_of(self.kind, line, settings.json_depth, None)
        except Problem as error:
            return {"line": number, "id": None, "problem": error.detail.replace("the body is not", "the line is not")}
        return {"line": number, "id": key, "write": Write(self.kind, key, document)}


def bulk(kind: DocumentKind) -> Handler:
    """Stores every good line, whatever the others are."""

    async def handler(desk: Desk, request: Request) -> Response:
        check_type(request, NDJSON)
        settings, work = desk.settings, Bulk(desk, kind)
        chunks = pieces(request, settings.bulk_bytes, settings.body_seconds, settings.bulk_seconds)
        try:
            async for number, line in lines_of(chunks, settings.document_bytes):
                await work.take(number, line)
            await work.flush()
        except (Problem, JobrecError) as error:
            problem = of_error(error, settings.retry_seconds) if isinstance(error, JobrecError) else error
            done = (
                f"{problem.detail} (before that, {len(work.answers)} lines were read, {work.accepted} of them stored)"
            )
            raise Problem(problem.status, problem.name, done, problem.headers) from None
        named = {
            "request_id": exchange_of(request).request_id,
            "position": work.position,
            "accepted": work.accepted,
            "refused": len(work.answers) - work.accepted,
            "lines": work.answers,
        }
        return answer(named)

    handler.__name__ = f"bulk_{kind}"
    return handler


OPERATIONS: Final = tuple(
    Operation(
        "POST",
        f"/v1/{kind}s/bulk",
        "write",
        f"Store many {kind}s, one a line",
        bulk(kind),
        BulkAnswer,
        body=MODELS[kind],
        lines=True,
        statuses=(503,),
    )
    for kind in MODELS
)
