"""Filters as single words: parameters of a query, or ``NAME=VALUE`` on the command line."""

import re
from collections.abc import Sequence
from typing import Any, Final

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from recsys.errors import RequestError
from recsys.faults import faults
from recsys.filters import Filters, Kind, Level, SingleFilters

_KINDS: Final[tuple[str, ...]] = Kind.__args__  # type: ignore[attr-defined]
_LEVELS: Final[tuple[str, ...]] = Level.__args__  # type: ignore[attr-defined]
#: Of each list the expression of an item, and what an item may be in words.
_LISTS: Final = {
    "employment": (f"(?:{'|'.join(_KINDS)})", ", ".join(_KINDS)),
    "seniority": (f"(?:{'|'.join(_LEVELS)})", ", ".join(_LEVELS)),
    "language": ("(?:[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})?)", "codes like en or en-US"),
    "muted_postings": (r"[^,\x00]+", "ids, none of them empty"),
    "muted_employers": (r"[^,\x00]+", "names, none of them empty"),
}


def _pattern(name: str) -> dict[str, Any]:
    """The expression of a whole list, for the schema alone: whoever breaks it is told in words what is allowed."""
    item = _LISTS[name][0]
    return {"pattern": f"^{item}(?:,{item})*$"}


class FilterQuery(SingleFilters):
    """The filters as single numbers and words; lists have commas between their items, which no item can hold then.

    The board's own fields are said in a body.
    """

    employment: str | None = Field(None, max_length=80, json_schema_extra=_pattern("employment"))
    seniority: str | None = Field(None, max_length=60, json_schema_extra=_pattern("seniority"))
    language: str | None = Field(None, max_length=120, json_schema_extra=_pattern("language"))
    muted_postings: str | None = Field(
        None, max_length=4_000, description="ids", json_schema_extra=_pattern("muted_postings")
    )
    muted_employers: str | None = Field(
        None,
        max_length=4_000,
        description="names, however they are spaced and capitalised",
        json_schema_extra=_pattern("muted_employers"),
    )

    @field_validator(*_LISTS)
    @classmethod
    def _allowed(cls, text: str | None, info: ValidationInfo) -> str | None:
        item, words = _LISTS[str(info.field_name)]
        if text is not None and not all(re.fullmatch(item, one) for one in text.split(",")):
            raise ValueError(f"allowed are {words}; several have commas between them")
        return text

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
    whole = len(words) == 1 and words[0].lstrip().startswith("{")
    asked = Filters if whole else FilterQuery
    try:
        if whole:
            return Filters.model_validate_json(words[0])
        pairs = [word.partition("=") for word in words]
        lame = next((name for name, sign, _ in pairs if not sign), None)
        if lame is not None:
            raise RequestError(f"--filter {lame!r} is not NAME=VALUE")
        return FilterQuery.model_validate({name: value for name, _, value in pairs}).filters()
    except ValidationError as error:
        at, what = faults(error, asked)[0]
        raise RequestError(f"--filter {at}: {what}" if at else f"--filter: {what}") from None
