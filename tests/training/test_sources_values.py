"""Texts, lists, numbers, times and flags, one column at a time."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources_reading import ANY, read, write

from training.sources.money import Money, parse_money
from training.sources.steps import parse_flag
from training.sources.texts import html_to_text, tidy_long
from training.sources.times import numbers_to_seconds, parse_times


def column(folder, name, values, spec=None, table_columns=None):
    """The values of one column of postings, and the rejected file."""
    rows = [{"posting_id": str(at), "title": "t", "v": value} for at, value in enumerate(values)]
    write(folder, p_json=json.dumps(rows))
    columns = {"posting_id": "posting_id", "title": "title", name: spec or "v"}
    tables, _, rejected = read(folder, tables={"postings": {"path": "p.json", "columns": columns}}, **ANY)
    return tables, rejected


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-31", datetime(2024, 5, 31, tzinfo=UTC)),
        ("2024-05-31 10:20:30 UTC", datetime(2024, 5, 31, 10, 20, 30, tzinfo=UTC)),
        ("2024-05-31T10:20:30.250Z", datetime(2024, 5, 31, 10, 20, 30, 250000, tzinfo=UTC)),
        ("2024-05-31T10:20:30-04:00", datetime(2024, 5, 31, 14, 20, 30, tzinfo=UTC)),
        ("2024/5/3 10:00 GMT", datetime(2024, 5, 3, 10, tzinfo=UTC)),
        ("2024-05-31 UTC", datetime(2024, 5, 31, tzinfo=UTC)),
        ("2024/5/3 00:00:00", datetime(2024, 5, 3, tzinfo=UTC)),
        ("2024-05", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("20240531", datetime(2024, 5, 31, tzinfo=UTC)),
        ("1717150830", datetime(2024, 5, 31, 10, 20, 30, tzinfo=UTC)),
        ("1717150830.5", datetime(2024, 5, 31, 10, 20, 30, 500000, tzinfo=UTC)),
        ("1717150830000", datetime(2024, 5, 31, 10, 20, 30, tzinfo=UTC)),
        ("1717150830000000", datetime(2024, 5, 31, 10, 20, 30, tzinfo=UTC)),
    ],
)
def test_times(text, moment):
    seconds, refused = parse_times(pd.Series([text, None], dtype="str"))
    assert seconds[0] == moment.timestamp()
    assert np.isnan(seconds[1])
    assert not any(mask.any() for mask in refused.values())


def test_times_that_are_none(tmp_path):
    values = [
        "0004-01-01",
        "soon",
        "31/05/2024",
        "2101-01-01",
        "2024-02-30",
        "1969-12-31",
        "NaN",
        "  ",
        "2024-02-29",
        "today",
        "now",
        "1e999",
    ]
    tables, rejected = column(tmp_path, "date_posted", values)
    assert tables.postings["date_posted"].notna().tolist() == [False] * 8 + [True] + [False] * 3
    assert dict(zip(rejected["row"], rejected["reason"].str[:10], strict=True)) == {
        1: "year not i", 2: "not a date", 3: "not a date", 4: "year not i", 5: "not a date", 6: "year not i",
        7: "not a date", 10: "not a date", 11: "not a date", 12: "not a date",
    }  # fmt: skip
    assert set(rejected["action"]) == {"value dropped"}


def test_stated_date_formats_come_first(tmp_path):
    spec = {"column": "v", "convert": {"dates": ["%d/%m/%Y", "%d %B %Y, %I:%M %p"]}}
    tables, rejected = column(tmp_path, "valid_through", ["03/05/2024", "3 May 2024, 5:00 PM", "2024-05-04"], spec)
    hours = (tables.postings["valid_through"] - datetime(2024, 5, 3, tzinfo=UTC).timestamp()) / 3600
    assert hours.tolist() == [0, 17, 24]
    assert rejected.empty


@given(st.floats(0, 4e9, allow_nan=False))
def test_units_of_numeric_times_agree(seconds):
    values = np.array([seconds, seconds * 1e3, seconds * 1e6])
    plain = seconds > 1e9
    if plain:
        np.testing.assert_allclose(numbers_to_seconds(values), seconds, rtol=1e-12)


def test_numbers(tmp_path):
    values = ["1,234.5", " 7 ", 12, 1e3, "12k", "inf", "NaN", None, True]
    tables, rejected = column(tmp_path, "salary_min", values)
    np.testing.assert_array_equal(tables.postings["salary_min"], [1234.5, 7, 12, 1000, *[np.nan] * 5])
    assert rejected["row"].tolist() == [5, 6, 7, 9]


def test_contradicting_pairs_are_dropped_together(tmp_path):
    text = (
        "posting_id,title,salary_min,salary_max,latitude,longitude\n1,a,9,5,200,10\n2,b,5,9,50,\n"
        "3,c,5,,-90,180\n4,d,5,5,91,181\n"
    )
    write(tmp_path, postings_csv=text)
    tables, _, rejected = read(tmp_path)
    np.testing.assert_array_equal(tables.postings["salary_min"], [np.nan, 5, 5, 5])
    np.testing.assert_array_equal(tables.postings["salary_max"], [np.nan, 9, np.nan, 5])
    assert tables.locations[["posting", "latitude", "longitude"]].values.tolist() == [[2, -90, 180]]
    assert rejected[rejected["reason"] == "salary_min above salary_max"]["value"].tolist() == ["9 / 5"]
    assert set(rejected["action"]) == {"value dropped"}


def test_flags(tmp_path):
    tables, rejected = column(tmp_path, "remote", [True, False, "YES", "n", 1, "0", None, "", "maybe"])
    assert tables.postings["remote"].tolist() == [1, 0, 1, 0, 1, 0, -1, -1, -1]
    assert rejected["row"].tolist() == [9]
    assert parse_flag("maybe") is None


def test_salary_periods(tmp_path):
    tables, rejected = column(
        tmp_path, "salary_period", ["Annual", "HOUR", "daily", "per month", "Weekly", "fortnight"]
    )
    assert tables.postings["salary_period"].fillna("-").tolist() == ["YEAR", "HOUR", "DAY", "MONTH", "WEEK", "-"]
    assert rejected["value"].tolist() == ["fortnight"]


def test_words(tmp_path):
    values = [["SQL", " R  lang ", "SQL", None], "a; b;a", "a|b", "a, b", "x\ny", "", [], "Manager"]
    expected = ["SQL\nR lang", "a\nb", "a\nb", "a\nb", "x\ny", "-", "-", "Manager"]
    tables, _ = column(tmp_path, "skills", values)
    assert tables.postings["skills"].fillna("-").tolist() == expected
    spec = {"column": "v", "convert": {"split": "/"}}
    tables, _ = column(tmp_path, "skills", ["a/ b /a", "c, d"], spec)
    assert tables.postings["skills"].tolist() == ["a\nb", "c\nd"]


def test_long_lists_and_addresses_are_recorded(tmp_path):
    tables, rejected = column(tmp_path, "skills", [[f"s{at}" for at in range(600)], ["x" * 300], ["fine"]])
    assert tables.postings["skills"].str.count("\n").tolist() == [499, 0, 0]
    assert rejected["row"].tolist() == [1, 2]
    tables, rejected = column(tmp_path, "url", ["https://a.b/" + "c" * 3000, " https://a.b "])
    assert tables.postings["url"].fillna("-").tolist() == ["-", "https://a.b"]
    assert rejected["row"].tolist() == [1]


def test_html_becomes_text_and_other_text_stays(tmp_path):
    page = "<div><h2>Duties</h2><ul><li>Cook &amp; clean</li><li>Serve</li></ul><script>x()</script>a<br/>b</div>"
    values = [page, "&lt;p&gt;Hi&lt;/p&gt;", "a < b and c > d", "R&amp;D", "List<T> & more", "<!-- only a comment -->"]
    tables, _ = column(tmp_path, "description", values)
    assert tables.postings["description"].fillna("-").tolist() == [
        "Duties\n\n- Cook & clean\n\n- Serve\n\na\nb",
        "Hi",
        "a < b and c > d",
        "R&D",
        "List<T> & more",
        "-",
    ]
    assert tidy_long(html_to_text("<div>" * 20_000 + "deep" + "</div>" * 20_000)) == "deep"


@given(st.text())
def test_html_to_text_never_fails(text):
    assert isinstance(html_to_text("<p>" + text), str)
    assert isinstance(html_to_text(text), str)


def test_very_long_texts_are_cut_and_recorded(tmp_path):
    text = "posting_id,title,description\n1,a," + "word " * 2_200_000 + "\n2,b,short\n"
    write(tmp_path, postings_csv=text)
    tables, _, rejected = read(tmp_path)
    assert tables.postings["description"].str.len().tolist() == [100_000, 5]
    assert rejected[["row", "column", "reason"]].values.tolist() == [
        [1, "description", "text cut to 100,000 characters"]
    ]
    assert len(rejected["value"][0]) == 200


@pytest.mark.parametrize(
    ("text", "money"),
    [
        ("$53K-$91K (Glassdoor est.)", Money(53_000, 91_000, "USD", "YEAR")),
        ("Employer Provided Salary:$25-$28 Per Hour", Money(25, 28, "USD", "HOUR")),
        ("300,000 - 500,000 AMD. Based on skills", Money(300_000, 500_000, "AMD", None)),
        ("Starting from 170.000 AMD.", Money(170_000, None, "AMD", None)),
        ("up to 5000 EUR/month", Money(None, 5000, "EUR", "MONTH")),
        ("53-91K", Money(53_000, 91_000, None, "YEAR")),
        ("$75,000.50 to $80,000 a year", Money(75_000.5, 80_000, "USD", "YEAR")),
        ("150$ per month", Money(150, 150, "USD", "MONTH")),
        ("$800+", Money(800, None, "USD", None)),
        ("1500-2500 Euros", Money(1500, 2500, "EUR", None)),
        ("Competitive, with a 13th salary after 2 years, 10% bonus", None),
    ],
)
def test_money(text, money):
    assert parse_money(text) == money


def test_conversions(tmp_path):
    def converted(values, name, *steps):
        tables, rejected = column(tmp_path, name, values, {"column": "v", "convert": list(steps)})
        return tables.postings[name].astype(object).fillna("-").tolist(), rejected["reason"].tolist()

    mapped = converted(["F", "P", "X", None], "employment_type", {"map": {"F": "FULL_TIME", "P": None}})
    assert mapped == (["FULL_TIME", "-", "-", "-"], ["not in the map"])
    kept = converted(["F", "X", None], "employment_type", {"map_or_keep": {"F": "FULL"}}, {"default": "?"})
    assert kept == (["FULL", "X", "?"], [])
    assert converted(["id_7.html", "no"], "extra", {"extract": r"_(\d+)"})[0] == ["7", "-"]
    assert converted(["Cook - Oslo", "Cook"], "extra", {"remove": r"\s-\s.*$"})[0] == ["Cook", "Cook"]
    assert converted(["a1b22"], "extra", {"replace": {"find": r"(\d+)", "with": r"<\1>"}})[0] == ["a<1>b<22>"]
    assert converted(["2", "x"], "salary_min", {"multiply": 1000}) == ([2000.0, "-"], ["not a number"])
    assert converted(["Workâ€™s cafÃ© Ã\u00a0 x — naïve Â£5"], "extra", {"mojibake": True})[0] == [
        "Work’s café à x — naïve £5"
    ]
    low = converted(["$5-$6 per hour", "Attractive", None], "salary_min", {"money": "low"})
    assert low == ([5.0, "-", "-"], ["no amount in the text"])


def test_several_columns_into_one(tmp_path):
    write(tmp_path, p_csv="id,a,b,c\n1,x,,z\n2,,NA,\n3,NA,y,w\n")
    columns = {
        "posting_id": "id",
        "title": {"constant": "t"},
        "description": {"columns": ["a", "b", "c"], "join": " + "},
        "extra": {"columns": ["a", "b", "c"], "first": True},
    }
    source = {"path": "p.csv", "columns": columns, "na_values": ["", "NA"]}
    tables, _, _ = read(tmp_path, tables={"postings": source})
    assert tables.postings["description"].fillna("-").tolist() == ["x + z", "-", "y + w"]
    assert tables.postings["extra"].fillna("-").tolist() == ["x", "-", "y"]
