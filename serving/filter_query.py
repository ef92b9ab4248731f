"""Filters as single words: parameters of a query, or ``NAME=VALUE`` on the command line."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recsys.config import Currency
from recsys.errors import RequestError
from recsys.filters import Filters, Kind, Level, Period

_LISTS: Final = ("employment", "seniority", "language")


def _one_or_more(words: str) -> str:
    return rf"^(?:{words})(?:,(?:{words}))*$"


def _words_of(kind: Any) -> str:
    return "|".join(kind.__args__)


class FilterQuery(BaseModel):
    """The filters that are single numbers and words; lists have commas between their items.

    What is muted and the board's own fields are said in a body.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    latitude: float | None = Field(
        None, ge=-90, le=90, description="with longitude and within_km: a place of work near"
    )
    longitude: float | None = Field(None, ge=-180, le=180)
    within_km: float | None = Field(None, ge=0, le=20_040)
    or_remote: bool = Field(False, description="with a place: remote work passes wherever it is")
    remote: bool | None = Field(None, description="true: only what says that it is remote; false: only what does not")
    employment: str | None = Field(None, max_length=80, pattern=_one_or_more(_words_of(Kind)))
    seniority: str | None = Field(None, max_length=60, pattern=_one_or_more(_words_of(Level)))
    seniority_known: bool = False
    pay_least: float | None = Field(None, ge=0, le=1e12, description="the posting's highest pay reaches this")
    pay_currency: Currency | None = None
    pay_period: Period = "YEAR"
    pay_known: bool = False
    language: str | None = Field(None, max_length=120, pattern=_one_or_more("[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})?"))
    posted_after: float | None = Field(None, ge=-1e11, le=1e12, description="seconds since 1970; only dated postings")
    no_permit: bool = Field(False, description="without postings for which a permit to work there is needed already")

    def filters(self) -> Filters | None:
        """As filters; None where nothing is asked.

        Raises:
            ValidationError: they do not fit together.
        """
        said = {name: getattr(self, name) for name in FilterQuery.model_fields if name in self.model_fields_set}
        said = {name: value for name, value in said.items() if value is not None}
        said |= {name: tuple(said[name].split(",")) for name in _LISTS if name in said}
        asked = Filters.model_validate(said)
        return None if asked == Filters() else asked


def filters_of_words(words: Sequence[str]) -> Filters | None:
    """Filters from a command line: ``NAME=VALUE`` each, or one JSON object with everything that filters can say.

    Raises:
        RequestError: a name is not known, or a value cannot be.
    """
    try:
        if len(words) == 1 and words[0].lstrip().startswith("{"):
            return Filters.model_validate_json(words[0])
        pairs = [word.partition("=") for word in words]
        lame = next((name for name, sign, _ in pairs if not sign), None)
        if lame is not None:
            raise RequestError(f"--filter {lame!r} is not NAME=VALUE")
        return FilterQuery.model_validate({name: value for name, _, value in pairs}).filters()
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"]))
        raise RequestError(f"--filter {at}: {first['msg']}" if at else f"--filter: {first['msg']}") from None
