"""Routes of alerts: stored, listed, taken away; ended by whoever holds the link of a mail; read as a feed."""

import re
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import parse_qsl, quote

import numpy as np
from pydantic import AfterValidator, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from recsys.filters import Filters
from recsys.narrow import conditions
from serving.alerts.address import ADDRESS, LONGEST, check_address
from serving.alerts.atom import MEDIA_TYPE, feed
from serving.alerts.news import part_of
from serving.alerts.render import unsubscribe_page
from serving.alerts.token import Purpose, fits, token
from serving.http.answers import AlertAnswer, AlertsAnswer, AlertWriteAnswer
from serving.http.bodies import parse, pieces, read_body
from serving.http.desk import Desk, answer
from serving.http.exchange import exchange_of
from serving.http.fields import Id, Strict, Word
from serving.http.limits import Lane
from serving.http.operation import Handler, Operation, path_id, query_of
from serving.http.problem import Problem
from serving.store.alerts import Alert

#: Of a body that says "List-Unsubscribe=One-Click", in both forms that RFC 8058 allows.
_LONGEST_BODY: Final = 4_096
_MULTIPART: Final = re.compile(rb'name="?List-Unsubscribe"?\r\n(?:[^\r\n]+\r\n)*\r\nOne-Click\r\n', re.IGNORECASE)
_LONGEST_ID: Final = 600  # percent-encoded: the link of a header, which no mail program finds where it is folded
_MOST_MAILS: Final = 50  # that a feed goes back
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
}


class AlertBody(Strict):
    """What a candidate wants to be told of."""

    candidate_id: Id
    name: Word = Field(description="how the candidate calls it; stands in the subject's place of mails")
    address: Annotated[str, Field(max_length=LONGEST, pattern=ADDRESS), AfterValidator(check_address)] | None = Field(
        None, description="where mails go; without one there is the feed alone"
    )
    filters: Filters | None = None
    words: Word | None = Field(None, description="all of them stand in a posting, or its title is alike")
    cadence: Literal["instant", "daily", "weekly"] = "daily"
    kind: Literal["matches", "discover"] = Field(
        "matches", description="discover: weekly, good and unlike what was chosen so far, not seen yet"
    )
    active: bool | None = Field(None, description="left out: as it was; a new alert is active")

    @model_validator(mode="after")
    def _discover_weekly(self) -> Self:
        if self.kind == "discover" and (self.cadence != "weekly" or self.words):
            raise ValueError("an alert of the kind discover is weekly and has no words")
        return self


class TokenQuery(Strict):
    """Of a link that needs no key."""

    token: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


async def put(desk: Desk, request: Request) -> Response:
    """Stores an alert under the id in the path."""
    alert_id = path_id(request)
    if len(quote(alert_id, safe="")) > _LONGEST_ID:
        raise Problem(422, "invalid", f"path.id: of an alert it takes {_LONGEST_ID} percent-encoded characters at most")
    raw = await read_body(request, desk.settings.document_bytes, desk.settings.body_seconds)
    body = await desk.parse(desk.lanes.store, raw, parse, raw, AlertBody, desk.settings.json_depth)
    document: dict[str, Any] = {"name": body.name, "kind": body.kind}
    document |= {name: value for name in ("address", "words") if (value := getattr(body, name)) is not None}
    if body.filters is not None:
        await desk.lanes.engine.run(_check_filters, desk, body.filters)
        document["filters"] = body.filters.model_dump(mode="json", exclude_defaults=True)
    given = (alert_id, body.candidate_id, document, body.cadence, body.active)
    outcome = await desk.lanes.store.run(desk.service.alerts.put, *given)
    return answer({"request_id": exchange_of(request).request_id, "id": alert_id, "outcome": outcome})


def _check_filters(desk: Desk, filters: Filters) -> None:
    """Refuses what the board does not know, before a run meets it; no posting is looked at."""
    nothing = part_of(desk.service.state().engine.catalogue, np.empty(0, np.int32), [])
    conditions(nothing, filters)


async def get(desk: Desk, request: Request) -> Response:
    """An alert, and how it stands."""
    return answer(_document(*await _found(desk, desk.lanes.store, path_id(request))))


async def delete(desk: Desk, request: Request) -> Response:
    """Takes an alert away, with its ledger."""
    alert_id = path_id(request)
    if not await desk.lanes.store.run(desk.service.alerts.delete, alert_id):
        raise _unknown()
    return answer({"request_id": exchange_of(request).request_id, "id": alert_id, "outcome": "stored"})


async def of_candidate(desk: Desk, request: Request) -> Response:
    """All alerts of a candidate."""
    candidate = path_id(request)
    book = desk.service.alerts
    found, secret = await desk.lanes.store.run(lambda: (book.of(candidate), book.secret))
    return answer({"candidate_id": candidate, "alerts": [_document(one, secret) for one in found]})


async def ask_unsubscribe(desk: Desk, request: Request) -> Response:
    """A page that asks; programs that follow the links of a mail change nothing."""
    alert = await _by_token(desk, request, "unsubscribe")
    return _page(unsubscribe_page(alert.document["name"], done=not alert.active))


async def unsubscribe(desk: Desk, request: Request) -> Response:
    """Ends the mails of an alert, by one click (RFC 8058)."""
    alert = await _by_token(desk, request, "unsubscribe")
    seconds = desk.settings.body_seconds
    body = b"".join([piece async for piece in pieces(request, _LONGEST_BODY, seconds, seconds)])
    form = ("List-Unsubscribe", "One-Click") in parse_qsl(body.decode("latin-1"))
    if not form and not _MULTIPART.search(body):
        raise Problem(422, "invalid", "body: a form that says List-Unsubscribe=One-Click")
    if alert.active:
        await desk.lanes.public.run(desk.service.alerts.stop, alert.alert_id, "unsubscribed")
    return _page(unsubscribe_page(alert.document["name"], done=True))


async def atom(desk: Desk, request: Request) -> Response:
    """What an alert brought, as a feed."""
    alert = await _by_token(desk, request, "feed")

    def work() -> bytes:
        book, catalogue = desk.service.alerts, desk.service.state().engine.catalogue

        def shows(posting_id: str) -> bool:
            row = catalogue.ids.find(posting_id)
            return row >= 0 and not catalogue.gone[row]

        return feed(alert, book.brought(alert.alert_id, _MOST_MAILS), book.store, str(request.url), shows)

    return Response(await desk.lanes.public.run(work), 200, {"Cache-Control": "private"}, MEDIA_TYPE)


async def _found(desk: Desk, lane: Lane, alert_id: str) -> tuple[Alert, bytes]:
    """An alert, and the secret of its links."""
    book = desk.service.alerts
    found, secret = await lane.run(lambda: (book.get(alert_id), book.secret))
    if found is None:
        raise _unknown()
    return found, secret


async def _by_token(desk: Desk, request: Request, purpose: Purpose) -> Alert:
    """The alert of the path, for who holds its token; the answer does not tell which of the two is wrong."""
    alert_id, given = path_id(request), query_of(request, TokenQuery).token
    found, secret = await _found(desk, desk.lanes.public, alert_id)
    if not fits(given, secret, purpose, found.alert_id, found.created):
        raise _unknown()
    return found


def _unknown() -> Problem:
    return Problem(404, "unknown", "there is no such alert, or the link is not of this one")


def _page(text: str) -> Response:
    return Response(text, 200, _HEADERS, "text/html")


def _document(alert: Alert, secret: bytes) -> dict[str, Any]:
    """As it is answered, with the token of its feed."""
    kept = {name: alert.document.get(name) for name in ("name", "address", "filters", "words")}
    return {
        "alert_id": alert.alert_id,
        "candidate_id": alert.candidate_id,
        **kept,
        "cadence": alert.cadence,
        "kind": alert.document.get("kind", "matches"),
        "active": alert.active,
        "why": alert.why,
        "created": alert.created,
        "served": alert.served or None,
        "feed_token": token(secret, "feed", alert.alert_id, alert.created),
    }


def _page_operation(method: str, summary: str, handler: Handler) -> Operation:
    path = f"{_PATH}/unsubscribe"
    return Operation(
        method, path, None, summary, handler, query=TokenQuery, media_type="text/html", statuses=(404, 503)
    )


_PATH: Final = "/v1/alerts/{id}"
_OF: Final = "/v1/candidates/{id}/alerts"
OPERATIONS: Final = (
    Operation("PUT", _PATH, "write", "Store an alert", put, AlertWriteAnswer, body=AlertBody, statuses=(503,)),
    Operation("GET", _PATH, "read", "An alert", get, AlertAnswer, statuses=(404, 503)),
    Operation("DELETE", _PATH, "write", "Take an alert away", delete, AlertWriteAnswer, statuses=(404, 503)),
    Operation("GET", _OF, "read", "Alerts of a candidate", of_candidate, AlertsAnswer, statuses=(503,)),
    _page_operation("GET", "Ask whether an alert is to end", ask_unsubscribe),
    _page_operation("POST", "End an alert by one click (RFC 8058)", unsubscribe),
    Operation(
        "GET",
        f"{_PATH}/feed.atom",
        None,
        "An alert as an Atom feed",
        atom,
        query=TokenQuery,
        media_type=MEDIA_TYPE,
        statuses=(404, 503),
    ),
)
