"""The kinds of values that documents hold, each with its limits; JSON Schema states the same."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema

EARLIEST: Final = -62_135_596_800.0  # the years 1 to 9999, which ISO 8601 writes with four digits
LATEST: Final = 253_402_300_799.0
EXACT: Final = 2**53  # integers up to here are the same in every JSON reader
ID_LENGTH: Final = 512
_EXTRA_VALUES: Final = 1_000

#: PostgreSQL stores no NUL. Items of a list of words are joined by newlines in the tables that training reads.
_ANY, _SOME, _LINE = r"^[^\x00]*$", r"^[^\x00]*[^\s\x00][^\x00]*$", r"^[^\x00\r\n]*[^\s\x00][^\x00\r\n]*$"


class Strict(BaseModel):
    """A document from outside: unknown keys, numbers in quotes and numbers that are none are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def parse_moment(value: object) -> object:
    """ISO 8601 to seconds since 1970 (UTC where no zone is named); anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value.strip().upper())
    except ValueError:
        raise ValueError("neither a number of seconds since 1970 nor a time like 2026-05-31T08:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _check_extra(extra: dict[str, Any]) -> dict[str, Any]:
    left: list[Any] = [extra]
    seen = 0
    while left:
        value = left.pop()
        seen += 1
        if isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str):
            _check_text(value)
        elif isinstance(value, int | float) and not abs(value) < float("inf"):
            raise ValueError("NaN and Infinity are no JSON numbers")
        elif isinstance(value, int) and abs(value) > EXACT:
            raise ValueError("an integer beyond 2^53 is not read alike everywhere: write it as text")
        if seen + len(left) > _EXTRA_VALUES:
            raise ValueError(f"holds more than {_EXTRA_VALUES} keys and values")
    return extra


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("a text holds the character NUL")
    if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
        raise ValueError("a text holds half of a surrogate pair")


Id = Annotated[str, Field(min_length=1, max_length=ID_LENGTH, pattern=_ANY)]
Title = Annotated[str, Field(min_length=1, max_length=500, pattern=_SOME)]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=_LINE)]
Line = Annotated[str, Field(min_length=1, max_length=ID_LENGTH, pattern=_LINE)]
Name = Annotated[str, Field(max_length=300, pattern=_ANY)]
Url = Annotated[str, Field(max_length=4_000, pattern=_ANY)]
Text = Annotated[str, Field(max_length=100_000, pattern=_ANY)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Kilometres = Annotated[float, Field(ge=0, le=20_040)]
Money = Annotated[float, Field(ge=0, le=1e12)]
Moment = Annotated[
    float,
    BeforeValidator(parse_moment),
    Field(ge=EARLIEST, le=LATEST),
    WithJsonSchema(
        {
            "description": "seconds since 1970, or ISO 8601 (UTC where no zone is named)",
            "anyOf": [
                {"type": "number", "minimum": EARLIEST, "maximum": LATEST},
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
            ],
        }
    ),
]
Extra = Annotated[
    dict[Annotated[str, Field(max_length=200, pattern=_ANY)], JsonValue],
    Field(max_length=200, description=f"the customer's own: at most {_EXTRA_VALUES} keys and values in all"),
    AfterValidator(_check_extra),
]
