"""What is wrong with settings, filters or a document, in words for whoever wrote them."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from recsys.spelling import nearest_name

_MOST_NAMES: Final = 30  # more known names are no help in one line
_MOST_LETTERS: Final = 400  # likewise
_LONGEST: Final = 80  # characters of a key that somebody sent


def faults(error: ValidationError, model: type[BaseModel]) -> list[tuple[str, str]]:
    """Where and what, one by one; where is "" for the whole. Keys are named, values never repeated.

    Args:
        error: of a validation.
        model: what it was validated as.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [(".".join(map(_clip, one["loc"])), _words(one["type"], one["loc"], one["msg"], model)) for one in found]


def first_fault(error: ValidationError, model: type[BaseModel]) -> str:
    """The first of them in a line, and how many more there are."""
    (at, what), *rest = faults(error, model)
    more = f" (and {len(rest)} more)" if rest else ""
    return f"{at}: {what}{more}" if at else what + more


def _clip(part: object) -> str:
    return str(part).encode(errors="replace").decode()[:_LONGEST]


def _words(kind: str, loc: tuple[int | str, ...], message: str, model: type[BaseModel]) -> str:
    if kind != "extra_forbidden":
        return message.removeprefix("Value error, ")
    names = known_names(model, loc[:-1])
    near = nearest_name(str(loc[-1]), names)
    if near is not None:
        return f"no such name; did you mean {near}?"
    listed = ", ".join(names)
    few = 0 < len(names) <= _MOST_NAMES and len(listed) <= _MOST_LETTERS
    return f"no such name; known are {listed}" if few else "no such name"


def known_names(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The names that may stand at a place of a document; parts of ``loc`` that name a union's choice are passed."""
    here: list[Any] = [model]
    for part in loc:
        here = [inner for one in here for inner in _inside(one, part)] or here
    return list(dict.fromkeys(name for one in here for name in _fields(one)))


def _fields(kind: Any) -> dict[str, Any]:
    """The fields of a model by the names that a document gives them; of any other kind none."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return {}
    return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}


def _inside(kind: Any, part: int | str) -> Iterator[Any]:
    """The kinds that may stand under a key or number of a value of some kind."""
    fields = _fields(kind)
    for inner in [fields[str(part)]] if part in fields else get_args(kind):
        yield from _choices(inner)


def _choices(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (Union, UnionType, Annotated):
        for argument in get_args(annotation):
            yield from _choices(argument)
    else:
        yield annotation
