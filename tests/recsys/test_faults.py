"""What is wrong with a document is said in words that help to mend it."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from recsys.faults import faults, first_fault, known_names
from recsys.spelling import nearest_name


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Town(Closed):
    city: str
    as_written: str = Field("", alias="as")


class Person(Closed):
    homes: list[Town] = []
    work: dict[str, Annotated[Town | None, Field()]] = {}
    kind: Literal["a", "b"] = "a"
    choice: Town | bool | None = None
    age: int = 0

    @field_validator("age")
    @classmethod
    def _old(cls, age):
        if age > 200:
            raise ValueError("nobody is so old")
        return age


def broken(document, model=Person):
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document)
    return caught.value


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"kin": "a"}, "kin: no such name; did you mean kind?"),
        ({"salary": 1}, "salary: no such name; known are homes, work, kind, choice, age"),
        ({"homes": [{"city": "x"}, {"city": "x", "town": 1}]}, "homes.1.town: no such name; known are city, as"),
        ({"work": {"first": {"city": "x", "citi": 1}}}, "work.first.citi: no such name; did you mean city?"),
        ({"age": 300}, "age: nobody is so old"),
        ({"age": 300, "kin": 1}, "age: nobody is so old (and 1 more)"),
        ([], "Input should be a valid dictionary or instance of Person"),
    ],
)
def test_the_first_fault_in_a_line(document, line):
    assert first_fault(broken(document), Person) == line


def test_each_choice_of_a_union_knows_its_own_names():
    found = dict(faults(broken({"choice": {"city": "x", "citi": 1}}), Person))
    assert found["choice.Town.citi"] == "no such name; did you mean city?"


def test_too_many_names_are_not_listed():
    wide = create_model("Wide", __base__=Closed, **{f"field_number_{n}": (int, 0) for n in range(31)})
    assert first_fault(broken({"zzz": 1}, wide), wide) == "zzz: no such name"


def test_a_long_key_is_cut():
    ((at, _),) = faults(broken({"x" * 500: 1}), Person)
    assert at == "x" * 80


def test_values_are_never_repeated():
    assert "secret" not in str(faults(broken({"age": "secret", "kind": "secret", "choice": ["secret"]}), Person))


def test_names_where_none_can_stand():
    assert known_names(Person, ("age",)) == []


@pytest.mark.parametrize(
    ("word", "name"),
    [("remot", "remote"), ("Remote", "remote"), ("or-remote", "or_remote"), ("wage", None), ("q", None), ("", None)],
)
def test_the_nearest_name(word, name):
    assert nearest_name(word, ("k", "remote", "or_remote", "language")) == name
