"""Postings, candidates and events as customers send them, and the canonical form in which they are stored."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from recsys.filters import MOST_INTERESTS, MOST_MUTED, Filters
from recsys.mutes import MUTED
from recsys.request import Explain
from serving.http.fields import (
    Extra,
    Id,
    Kilometres,
    Latitude,
    Line,
    Longitude,
    Moment,
    Money,
    Name,
    Strict,
    Text,
    Title,
    Url,
    Word,
)

MOST_K: Final = 500
MOST_EVENTS: Final = 1_000
MOST_SCORED: Final = 1_000
PERSONAL: Final = (
    "false: neither profile nor history orders anything; what was answered, dismissed and muted stays hidden"
)

Explained = Annotated[
    Explain, Field(description="with reasons; full: and with what each signal adds to the scores of the first 50")
]
Words = Annotated[list[Word], Field(max_length=200)]
EventType = Literal["impression", "view", "save", "apply", "dismiss", "hire", "undo"]


class Location(Strict):
    """A place of work."""

    city: Name | None = None
    region: Name | None = None
    country: Name | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class Job(Strict):
    """One piece of experience."""

    title: Name | None = None
    company: Name | None = None
    city: Name | None = None
    region: Name | None = None
    country: Name | None = None
    description: Text | None = None
    start: Moment | None = None
    end: Moment | None = None


class Posting(Strict):
    """A posting; where it is put by its id, posting_id may be left out."""

    posting_id: Id | None = None
    title: Title
    description: Text | None = None
    company: Name | None = None
    employment_type: Name | None = None
    seniority: Name | None = None
    occupation: Name | None = None
    industry: Name | None = None
    salary_min: Money | None = None
    salary_max: Money | None = None
    salary_currency: Name | None = None
    salary_period: Literal["HOUR", "DAY", "WEEK", "MONTH", "YEAR"] | None = None
    language: Name | None = None
    url: Url | None = None
    locations: Annotated[list[Location], Field(max_length=200)] | None = None
    remote: bool | None = None
    remote_countries: Words | None = None
    skills: Words | None = None
    permit_needed: bool | None = Field(None, description="only who has a permit to work there may apply")
    date_posted: Moment | None = None
    valid_through: Moment | None = None
    extra: Extra | None = None


class Profile(Strict):
    """What a candidate says of themselves."""

    headline: Name | None = None
    summary: Text | None = None
    text: Text | None = Field(None, description="a whole CV")
    city: Name | None = None
    region: Name | None = None
    country: Name | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    max_distance_km: Kilometres | None = None
    desired_salary_min: Money | None = None
    seniority: Name | None = None
    remote_ok: bool | None = None
    skills: Words | None = None
    desired_titles: Words | None = Field(None, description="the most important first")
    experience: Annotated[list[Job], Field(max_length=200)] | None = Field(None, description="latest first")
    findable: bool | None = Field(None, description="false: never listed among the candidates for a posting")
    extra: Extra | None = None
    muted_postings: Annotated[list[Line], Field(max_length=MOST_MUTED)] | None = Field(
        None, description="ids; what is muted stays as it is where a document does not name it"
    )
    muted_employers: Annotated[list[Line], Field(max_length=MOST_MUTED)] | None = Field(
        None, description="names, however they are spaced and capitalised"
    )
    muted_interests: Annotated[list[Line], Field(max_length=MOST_INTERESTS)] | None = Field(
        None, description="titles: what is alike is not listed and not searched for"
    )


class Candidate(Profile):
    """A candidate; where it is put by its id, candidate_id may be left out."""

    candidate_id: Id | None = None


class Interaction(Strict):
    """What a person who is not stored did."""

    posting_id: Id
    type: EventType
    timestamp: Moment
    value: Annotated[float, Field(ge=0, le=1e6)] | None = None


class Event(Interaction):
    """What a candidate did. The same event_id is stored once; an undo takes back the latest earlier event."""

    event_id: Id
    candidate_id: Id
    request_id: Id | None = Field(None, description="of the answer in which the posting was shown")
    rank: Annotated[int, Field(ge=1, le=32_767)] | None = None
    surface: Name | None = None


class EventBatch(Strict):
    """Stored in one transaction."""

    events: Annotated[list[Event], Field(min_length=1, max_length=MOST_EVENTS)]


class ListRequest(Strict):
    """Somebody who is not stored asks for a list."""

    candidate: Candidate = Candidate()
    events: Annotated[list[Interaction], Field(max_length=MOST_EVENTS)] = Field(default_factory=list)
    filters: Filters | None = None
    personal: bool = Field(True, description=PERSONAL)
    k: int = Field(10, ge=1, le=MOST_K)
    explain: Explained = True
    min_position: int | None = Field(None, ge=0, le=2**53)
    surface: Name = ""


class FilteredRequest(Strict):
    """A stored candidate asks for a list with all that filters can say."""

    filters: Filters | None = None
    personal: bool = Field(True, description=PERSONAL)
    k: int = Field(10, ge=1, le=MOST_K)
    explain: Explained = True
    min_position: int | None = Field(None, ge=0, le=2**53)
    surface: Name = ""


class ScoreRequest(Strict):
    """Named postings for a stored candidate or for a profile: exactly one of candidate_id and profile."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["candidate_id"]}, {"required": ["profile"]}]})

    candidate_id: Id | None = None
    profile: Candidate | None = None
    posting_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_SCORED)]
    personal: bool = Field(True, description=PERSONAL)
    min_position: int | None = Field(None, ge=0, le=2**53)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.candidate_id is None) == (self.profile is None):
            raise ValueError("name either candidate_id or profile")
        return self


def canonical(document: Strict) -> dict[str, Any]:
    """The stored form: keys without a value (null, empty text, empty list) are left out, times are seconds.

    An empty list of what is muted is kept: it says that nothing is.
    """
    return _without_nothing(document.model_dump(exclude_none=True))


def _without_nothing(document: dict[str, Any]) -> dict[str, Any]:
    out = {}
    for key, value in document.items():
        if key != "extra" and isinstance(value, list):
            kept = [_without_nothing(one) if isinstance(one, dict) else one for one in value]
            value = [one for one in kept if one != {}]
        if value not in ("", [], {}) or key in MUTED:
            out[key] = value
    return out
