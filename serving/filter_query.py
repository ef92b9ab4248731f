"""Filters as single words: parameters of a query, or ``NAME=VALUE`` on the command line."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import Field, ValidationError

from recsys.errors import RequestError
from recsys.filters import Filters, Kind, Level, SingleFilters

_LISTS: Final = ("employment", "seniority", "language", "muted_postings", "muted_employers")
_ITEMS: Final = r"^[^,\x00]+(?:,[^,\x00]+)*$"


def _one_or_more(words: str) -> str:
    return rf"^(?:{words})(?:,(?:{words}))*$"


def _words_of(kind: Any) -> str:
    return "|".join(kind.__args__)


class FilterQuery(SingleFilters):
    """The filters as single numbers and words; lists have commas between their items, which no item can hold then.

    The board's own fields are said in a body.
    """

    employment: str | None = Field(None, max_length=80, pattern=_one_or_more(_words_of(Kind)))
    seniority: str | None = Field(None, max_length=60, pattern=_one_or_more(_words_of(Level)))
    language: str | None = Field(None, max_length=120, pattern=_one_or_more("[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})?"))
    muted_postings: str | None = Field(None, max_length=4_000, pattern=_ITEMS, description="ids")
    muted_employers: str | None = Field(
        None, max_length=4_000, pattern=_ITEMS, description="names, however they are spaced and capitalised"
    )

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
