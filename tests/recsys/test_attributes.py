import numpy as np
import pandas as pd
import pytest

from recsys.attributes import number_or_nan, seniority_levels, skill_codes, skill_key, yearly

NAN = float("nan")


@pytest.mark.parametrize(
    ("words", "level"),
    [
        ("Internship", 0), ("intern", 0), ("Trainee", 0), ("Apprentice electrician", 0),
        ("Entry level", 1), ("Junior", 1), ("Jr. Developer", 1), ("Graduate", 1),
        ("Mid", 2), ("mid-level", 2), ("Intermediate", 2), ("Associate", 2),
        ("Senior", 3), ("Sr. Accountant", 3), ("Mid-Senior level", 3), ("Experienced", 3),
        ("Team lead", 4), ("Director", 4), ("Head of Sales", 4), ("Principal Engineer", 4), ("Managerial", 4),
        ("Executive", 5), ("CTO", 5), ("CEO", 5), ("Vice President of Engineering", 5), ("VP", 5), ("C-level: CFO", 5),
        ("Senior Director", 4), ("Junior manager", 4), ("not applicable", NAN), ("", NAN), (None, NAN),
        ("Internal auditor", NAN), ("International buyer", NAN), ("Account Executive", NAN),
    ],
)  # fmt: skip
def test_levels(words, level):
    found = seniority_levels(pd.Series([words], dtype="str"))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.float32([level]))


@pytest.mark.parametrize("title", ["Carpentry worker", "Servicio al cliente", "Pyramid guide", "Misled reader"])
def test_a_word_of_level_inside_another_word_says_nothing(title):
    assert np.isnan(seniority_levels(pd.Series([title], dtype="str"))).all()


def test_levels_of_a_column_of_nothing():
    np.testing.assert_array_equal(seniority_levels(pd.Series([None, None], dtype="str")), [np.nan, np.nan])
    assert seniority_levels(pd.Series([], dtype="str")).shape == (0,)


@pytest.mark.parametrize(
    ("amount", "period", "expected"),
    [
        (20, "HOUR", 41_600), (100, "DAY", 26_000), (800, "WEEK", 41_600), (3000, "MONTH", 36_000),
        (50_000, "YEAR", 50_000), (150, "YEAR", 150), (20, None, 41_600), (199.9, None, 199.9 * 2080),
        (200, None, 2400), (11_999, None, 143_988), (12_000, None, 12_000), (NAN, "HOUR", NAN), (NAN, None, NAN),
    ],
)  # fmt: skip
def test_pay_a_year(amount, period, expected):
    found = yearly(pd.Series([amount], dtype="float64"), pd.Series([period], dtype="str"))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_skills_are_compared_without_case_and_space():
    assert skill_key("  Machine\tLearning ") == skill_key("machine learning")


def test_skill_codes_keep_order_drop_repeats_and_the_unknown_and_are_padded():
    vocabulary = {"java": 4, "sql": 0, "excel": 9}
    lists = [["SQL", "cobol", "Java ", "sql"], [], ["excel", "java", "sql"]]
    found = skill_codes(lists, vocabulary, 2)
    assert found.dtype == np.int32
    assert found.tolist() == [[0, 4], [-1, -1], [9, 4]]
    assert skill_codes([], vocabulary, 3).shape == (0, 3)


def test_a_number_or_nan():
    assert number_or_nan(3) == 3.0
    assert np.isnan(number_or_nan(None))
