import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recsys.config import FilterSettings
from recsys.expression import ExpressionError, parse

EXTRA = {"shift": "words", "grade": "number"}


@pytest.mark.parametrize(
    "text",
    [
        "posting.seniority >= 4 and candidate.seniority < 2",
        "not posting.remote or posting.km > candidate.reach_km * 2",
        "posting.language not in ('en', 'de')",
        "'INTERN' in posting.employment and known(candidate.seniority)",
        "0 <= posting.extra.grade - 1 < 3",
        "'night' in posting.extra.shift",
        "posting.company == 'Acme'",
        "True",
    ],
)
def test_conditions_are_read(text):
    assert parse(text, EXTRA).text == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("posting.wage > 3", "column 1: posting has no field 'wage'; it has seniority"),
        ("posting.km > 3 and candidate.shoe == 4", "column 20: candidate has no field 'shoe'"),
        ("posting.extra.height > 1", "column 1: posting.extra has no field 'height'; it has shift, grade"),
        ("posting.km > > 1", "column 14: invalid syntax"),
        ("posting.km", "the whole has to be a condition, not a number"),
        ("posting.remote > 1", "column 1: a number is needed here, this is a truth"),
        ("posting.language == posting.company", "column 1: a field of words is compared with a text in quotes"),
        ("posting.language in 'en'", "`in` needs"),
        ("posting.km in ('a',)", "only a field that is one word"),
        ("posting.employment == 'INTERN'", "column 23: a words is needed here"),
        ("__import__('os').system('true')", "column 1: only known"),
        ("known(3)", "known takes one field"),
        ("posting.__class__ == 'x'", "posting has no field '__class__'"),
        ("(lambda: 1)() == 1", "column 1: only known"),
        ("[one for one in posting.km]", "column 1: this is not allowed here"),
        ("posting.km ** 2 > 1", "column 1: this is not allowed here"),
        ("posting.language == ''", "column 21: neither a number"),
        ("posting.km > 1e999", "column 14: neither a number"),
        ("(" * 500 + "posting.remote" + ")" * 500, "."),
        ("", "column 1: invalid syntax"),
        ("posting.remote\x00", "."),
        ("not " * 400 + "posting.remote and " + "x" * 2000, "has 36"),
    ],
)
def test_everything_else_is_refused_where_it_stands(text, message):
    with pytest.raises(ExpressionError, match=message):
        parse(text, EXTRA)


@given(st.text(alphabet="posting.candidate kmremote()[]<>=!+-*/,'\"12 andornoti\n\\{}:@", max_size=60))
def test_any_text_is_a_condition_or_one_error(text):
    with contextlib.suppress(ExpressionError):
        assert parse(text, EXTRA).text == text


def test_settings_name_the_veto_that_cannot_be_read():
    with pytest.raises(ValidationError, match="veto 'far', column 1: posting has no field 'miles'"):
        FilterSettings(vetoes={"far": "posting.miles > 3"})
    assert list(FilterSettings(vetoes={"far": "posting.km > 300"}).conditions()) == ["far"]
