"""What is answered, for the published schema. Hot answers are written straight to JSON and never pass through here."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Outcome = Literal["stored", "unchanged", "duplicate", "conflict", "missing"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Versions(_Answer):
    """Which state answered, and for which moment; the same four give the same answer again: `jobrec replay`."""

    request_id: str
    bundle: str
    position: int = Field(ge=0, description="every change of the log up to here is obeyed")
    indexed: int = Field(ge=0, description="texts of every change up to here can be found")
    at: float = Field(description="the moment that is answered for, seconds since 1970")
    ranker: str
    policy: str


class Line(_Answer):
    """One posting of a list."""

    posting_id: str
    rank: int = Field(ge=1)
    score: float | None
    reasons: list[str]
    sources: list[str]
    probability: float | None
    shares: dict[str, float] | None = Field(
        description="with explain=full: what each signal adds to the score, all of which sum to it"
    )


class ListAnswer(Versions):
    """A list."""

    candidate_id: str | None
    known: bool = Field(description="false: nothing is known of the candidate, who gets what a stranger would")
    recommendations: list[Line]
    filter_costs: dict[str, int] | None = Field(
        description="where filters leave fewer than k: how many postings each of them alone takes away; "
        "left: how many pass all"
    )


class ShelfLine(_Answer):
    """One shelf of a home page."""

    kind: str = Field(description="for_you, because, new, mixes, discover or popular")
    name: str
    recommendations: list[Line]


class HomeAnswer(Versions):
    """A home page: shelves that are not empty, in the order of the board's settings."""

    candidate_id: str
    known: bool = Field(description="false: nothing is known of the candidate, who gets what a stranger would")
    shelves: list[ShelfLine]


class BrowseAnswer(Versions):
    """The postings of a category."""

    candidate_id: str | None
    known: bool
    recommendations: list[Line]
    filter_costs: dict[str, int] | None = Field(description="as of a list")


class RelatedAnswer(BrowseAnswer):
    """Postings that go with a posting."""

    posting_id: str


class PersonLine(_Answer):
    """One candidate of a list for a posting."""

    candidate_id: str
    rank: int = Field(ge=1)
    apply: float = Field(ge=0, le=1, description="whether they would apply; to compare candidates, no probability")
    brings: float = Field(ge=0, le=1, description="whether they have what the posting asks, likewise")
    together: float = Field(ge=0, le=1, description="geometric mean of both, by which the list is ordered")


class PeopleAnswer(Versions):
    """Candidates for a posting."""

    posting_id: str
    candidates: list[PersonLine]


class ScoredLine(_Answer):
    """One posting that was asked for."""

    posting_id: str
    score: float | None
    reasons: list[str]
    status: str = Field(description="ok, or why there is no score")


class ScoreAnswer(Versions):
    """Scores, in the order of the posting ids in the request."""

    candidate_id: str | None
    known: bool
    scores: list[ScoredLine]


class WhyAnswer(Versions):
    """Why a posting is where it is."""

    candidate_id: str
    posting_id: str
    why: str


class WriteAnswer(_Answer):
    """A write, acknowledged after commit."""

    request_id: str
    id: str
    outcome: Outcome
    position: int = Field(ge=0, description="read with min_position = this, and the write is obeyed")


class AlertWriteAnswer(_Answer):
    """An alert, acknowledged after commit."""

    request_id: str
    id: str
    outcome: Literal["stored", "unchanged"]


class AlertAnswer(_Answer):
    """An alert, and how it stands."""

    alert_id: str
    candidate_id: str
    name: str
    address: str | None
    filters: dict[str, Any] | None
    words: str | None
    cadence: Literal["instant", "daily", "weekly"]
    kind: Literal["matches", "discover"]
    active: bool
    why: str = Field(description="why it is not active: unsubscribed, or what the mail server said of its address")
    created: float
    served: float | None = Field(description="when it was last looked after, seconds since 1970")
    feed_token: str = Field(description="of /v1/alerts/{id}/feed.atom")


class AlertsAnswer(_Answer):
    """All alerts of a candidate."""

    candidate_id: str
    alerts: list[AlertAnswer]


class BulkLine(_Answer):
    """One line of a bulk: an outcome or a problem."""

    line: int = Field(ge=1)
    id: str | None
    outcome: Outcome | None = None
    problem: str | None = None


class BulkAnswer(_Answer):
    """What became of every line that was not blank."""

    request_id: str
    position: int = Field(ge=0)
    accepted: int = Field(ge=0)
    refused: int = Field(ge=0)
    lines: list[BulkLine]


class EventOutcome(_Answer):
    """One event."""

    event_id: str
    outcome: Outcome


class EventsAnswer(_Answer):
    """Outcomes in the order of the events: duplicate is an event that was there already, conflict one that differs."""

    request_id: str
    position: int = Field(ge=0)
    outcomes: list[EventOutcome]


class ReadyAnswer(_Answer):
    """Whether requests should come here."""

    ready: bool
    reasons: list[str]
    bundle: str
    position: int
    indexed: int
    head: int


class LiveAnswer(_Answer):
    """The process answers."""

    live: Literal[True]


class OpenApi(BaseModel):
    """An OpenAPI document."""

    openapi: str
    paths: dict[str, Any]
