"""What a list may hold at all, as whoever asks for it says."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator

from recsys.config import Currency, FieldName, Settings

MOST_MUTED: Final = 1_000  #: postings, and employers
MOST_INTERESTS: Final = 50  #: that one candidate may mute
_ANY: Final = r"^[^\x00]*$"

Kind = Literal["FULL_TIME", "PART_TIME", "CONTRACTOR", "TEMPORARY", "INTERN", "VOLUNTEER", "PER_DIEM", "OTHER"]
Level = Literal["intern", "junior", "mid", "senior", "lead", "executive"]
Period = Literal["HOUR", "DAY", "WEEK", "MONTH", "YEAR"]
Text = Annotated[str, Field(min_length=1, max_length=512, pattern=_ANY)]
Language = Annotated[str, Field(min_length=1, max_length=60, pattern=_ANY)]
_PLACE: Final = ("latitude", "longitude", "within_km")
Kinds = Annotated[tuple[Kind, ...], Field(strict=False, max_length=8)]
Levels = Annotated[tuple[Level, ...], Field(strict=False, max_length=6)]
Languages = Annotated[tuple[Language, ...], Field(strict=False, max_length=20)]
Muted = Annotated[tuple[Text, ...], Field(strict=False, max_length=MOST_MUTED)]
Values = Annotated[tuple[Text, ...], Field(strict=False, max_length=50)]
Number = Annotated[float, Field(ge=-1e15, le=1e15)]


class SingleFilters(Settings):
    """Those that are one number or word each: what a body and what the parameters of a query say alike."""

    model_config = ConfigDict(allow_inf_nan=False)

    latitude: float | None = Field(
        None, ge=-90, le=90, description="with longitude and within_km: a place of work near"
    )
    longitude: float | None = Field(None, ge=-180, le=180)
    within_km: float | None = Field(None, ge=0, le=20_040)
    or_remote: bool = Field(False, description="with a place: remote work passes wherever it is")
    remote: bool | None = Field(None, description="true: only what says that it is remote; false: only what does not")
    seniority_known: bool = Field(False, description="only postings of a known level")
    pay_least: float | None = Field(None, ge=0, le=1e12, description="the posting's highest pay reaches this")
    pay_currency: Currency | None = Field(None, description="of pay_least; the board's own where it is left out")
    pay_period: Period = Field("YEAR", description="of pay_least; an hour's pay is 1/2080 of a year's")
    pay_known: bool = Field(False, description="only postings that name their pay, in a currency with a known rate")
    posted_after: float | None = Field(None, ge=-1e11, le=1e12, description="seconds since 1970; only dated postings")
    no_permit: bool = Field(False, description="without postings for which a permit to work there is needed already")


class Filters(SingleFilters):
    """A posting is listed only if it passes all that is said here; what is left out lets everything pass.

    Of a posting that does not say what is asked: place, remote, employment, date and the customer's own fields let it
    not pass, all others do.
    """

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"dependentRequired": {one: [o for o in _PLACE if o != one] for one in _PLACE}},
    )

    employment: Kinds = Field((), description="one of these kinds")
    seniority: Levels = Field((), description="one of these levels; a posting of no known level passes")
    language: Languages = Field((), description="one of these, as en or en-US; a posting of no known language passes")
    muted_postings: Muted = Field((), description="ids")
    muted_employers: Muted = Field((), description="names, however they are spaced and capitalised")
    extra: dict[FieldName, Values] = Field(
        {}, max_length=20, description="of the board's own fields one of these words"
    )
    extra_least: dict[FieldName, Number] = Field({}, max_length=20, description="own numbers that are no less")
    extra_most: dict[FieldName, Number] = Field({}, max_length=20, description="own numbers that are no more")

    @model_validator(mode="after")
    def _whole_place(self) -> Self:
        named = [name for name in _PLACE if name in self.model_fields_set]  # a null does not stand for a number
        given = [name for name in named if getattr(self, name) is not None]
        if len(named) not in (0, len(_PLACE)) or len(given) not in (0, len(_PLACE)):
            raise ValueError("a place needs latitude, longitude and within_km")
        return self

    @property
    def key(self) -> str:
        """Equal for equal filters."""
        return self.model_dump_json(exclude_defaults=True)


def grouped(
    filters: Sequence[Filters | None] | Filters | None, count: int
) -> list[tuple[Filters | None, NDArray[np.intp]]]:
    """Requests (rows, ascending) that ask with equal filters; one group at least."""
    if filters is None or isinstance(filters, Filters) or len(filters) == 0:
        return [(None if filters is None or not isinstance(filters, Filters) else filters, np.arange(count))]
    keys = ["" if one is None else one.key for one in filters]
    return [(filters[keys.index(key)], np.flatnonzero([one == key for one in keys])) for key in dict.fromkeys(keys)]
