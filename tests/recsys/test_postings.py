"""What postings say of themselves, as columns that filters compare."""

import numpy as np
import pandas as pd
import pytest
from small_catalogue import make_numbering

from recsys.attributes import EMPLOYMENT, employment_bits, language_key
from recsys.config import FilterSettings
from recsys.documents import posting_frames
from recsys.postings import _own_fields, attributes, regions

RULES = FilterSettings(currency="EUR", rates={"USD": 0.5}, extra={"shift": "words", "grade": "number"})


def columns(*documents, rules=RULES, numbering=None):
    numbering = numbering or make_numbering()
    postings, locations = posting_frames([{"posting_id": str(at), **one} for at, one in enumerate(documents)])
    row_of = np.arange(len(documents), dtype=np.int32)
    postings["region"] = regions(locations, row_of)
    return attributes(postings, locations, row_of, {}, numbering.add, rules)


def kinds(bits):
    return {name for at, name in enumerate(EMPLOYMENT) if bits >> at & 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FULL_TIME", {"FULL_TIME"}),
        ("Full-time, Part time", {"FULL_TIME", "PART_TIME"}),
        ("Internship/Temporary", {"INTERN", "TEMPORARY"}),
        ("on Tuesdays", {"OTHER"}),
        ("", set()),
        (None, set()),
    ],
)
def test_kinds_of_employment(text, expected):
    assert kinds(employment_bits(pd.Series([text], dtype="str"))[0]) == expected


def test_a_language_is_its_first_part():
    assert [language_key(one) for one in ("en", " EN-us", "pt_BR")] == ["en", "en", "pt"]


def test_pay_is_a_years_in_the_boards_currency():
    pay = {"salary_min": 20, "salary_max": 30, "salary_period": "HOUR"}
    a = columns(pay, pay | {"salary_currency": "usd"}, pay | {"salary_currency": "GBP"}, {"salary_min": 24_000}, {})
    np.testing.assert_array_equal(a.worth_low, np.float32([41_600, 20_800, np.nan, 24_000, np.nan]))
    np.testing.assert_array_equal(a.worth_high, np.float32([62_400, 31_200, np.nan, 24_000, np.nan]))
    np.testing.assert_array_equal(a.pay_high, np.float32([62_400, 62_400, 62_400, 24_000, np.nan]))


def test_own_fields_are_kept_as_the_settings_say():
    numbering = make_numbering()
    a = columns(
        {"extra": {"shift": ["Night", "late"], "grade": 3, "other": "x"}},
        {"extra": {"shift": "late", "grade": "3"}},
        {"extra": "shift"},
        {"extra": {"shift": {"no": "text"}, "grade": True}},
        {},
        numbering=numbering,
    )
    late, night = (numbering.find("extra", [f"shift={word}"])[0] for word in ("LATE", "night"))
    assert a.extra_words[:, 0].tolist() == [[night, late, -1, -1], [late, -1, -1, -1], *[[-1] * 4] * 3]
    np.testing.assert_array_equal(a.extra_numbers[:, 0], np.float32([3, *[np.nan] * 4]))


@pytest.mark.parametrize("cell", ['{"grade": 1' + "0" * 400 + "}", '{"grade": ' + "9" * 5000 + "}", '{"a":' * 9000])
def test_own_fields_that_no_number_holds_are_not_known(cell):
    words, numbers = _own_fields(pd.Series([cell]), RULES, lambda name, texts: np.full(len(texts), -1, np.int32))
    assert np.isnan(numbers).all()
    assert (words == -1).all()


def test_permits_and_languages():
    numbering = make_numbering()
    a = columns(
        {"permit_needed": True, "language": "en-US"},
        {"permit_needed": False, "language": "en"},
        {},
        numbering=numbering,
    )
    assert a.permit.tolist() == [1, 0, -1]
    assert a.language.tolist() == [*numbering.find("language", ["en", "en"]), -1]
