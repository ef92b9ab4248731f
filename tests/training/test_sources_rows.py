"""Which rows are kept, joined, rejected and counted."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources_reading import ANY, read, write

from recsys.errors import DataError
from recsys.schema import CANDIDATE_COLUMNS, EXPERIENCE_COLUMNS, PLACE_COLUMNS, POSTING_COLUMNS
from training.sources.rejects import MAX_RAW_CHARS
from training.sources.values import MAX_ID_BYTES


def test_columns_and_dtypes_are_those_of_the_schema(tmp_path):
    write(tmp_path, postings_csv="posting_id,title,city\n1,a,Oslo\n", candidates_csv="candidate_id\nc\n")
    tables, _, _ = read(tmp_path)
    kinds = {"text": "str", "words": "str", "number": "float64", "time": "float64", "flag": "int8"}
    for frame, columns in (
        (tables.postings, POSTING_COLUMNS),
        (tables.locations, {"posting": "int32", **PLACE_COLUMNS}),
        (tables.candidates, CANDIDATE_COLUMNS),
        (tables.experience, {"candidate": "int32", **EXPERIENCE_COLUMNS}),
    ):
        assert list(frame.columns) == list(columns)
        assert [str(dtype) for dtype in frame.dtypes] == [kinds.get(kind, kind) for kind in columns.values()]
        assert frame.index.equals(pd.RangeIndex(len(frame)))
    assert tables.postings["remote"].tolist() == [-1]
    assert len(tables.events) == 0


def test_odd_ids_are_kept_as_they_stand_and_bad_ones_rejected(tmp_path):
    good = ["a/b c", 'it\'s "q"', "🙂", "10001", "007", "NaN", "x" * MAX_ID_BYTES, " lead", "a,b\nc"]
    bad = ["", "   ", "n\0ul", "x" * (MAX_ID_BYTES + 1), "é" * (MAX_ID_BYTES // 2 + 1), None]
    rows = [{"posting_id": value, "title": "t"} for value in [*good, *bad]]
    write(tmp_path, postings_json=json.dumps(rows))
    tables, summary, rejected = read(tmp_path, **ANY)
    assert tables.postings["posting_id"].tolist() == good
    assert sorted(rejected["row"]) == [*range(len(good) + 1, len(good) + len(bad) + 1)]
    assert summary.tables["postings"].rejected == {
        "id is missing": 3,
        "id contains a NUL character": 1,
        f"id is longer than {MAX_ID_BYTES:,} bytes": 2,
    }
    assert rejected["value"].dropna().str.len().max() <= MAX_RAW_CHARS


@settings(max_examples=60, deadline=None)
@given(ids=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=12))
def test_ids_come_back_as_they_were(tmp_path_factory, ids):
    folder = tmp_path_factory.mktemp("ids")
    pd.DataFrame({"posting_id": ["anchor", *ids], "title": "t"}).to_parquet(folder / "postings.parquet")
    tables, summary, rejected = read(folder, **ANY)
    expected = list(dict.fromkeys(value for value in ["anchor", *ids] if value.strip() and "\0" not in value))
    assert tables.postings["posting_id"].tolist() == expected
    assert len(rejected) == 1 + len(ids) - len(expected)
    assert summary.tables["postings"].kept == len(expected)


def test_duplicates_and_missing_titles(tmp_path):
    text = "posting_id,title\n1,\n1,first\n2,two\n1,first\n1,other\n3,  \n2,<p> </p>\n"
    write(tmp_path, postings_csv=text)
    tables, _, rejected = read(tmp_path, **ANY)
    assert tables.postings[["posting_id", "title"]].values.tolist() == [["1", "first"], ["2", "two"]]
    assert rejected[["row", "column", "action"]].values.tolist() == [
        [1, "title", "row rejected"],
        [6, "title", "row rejected"],
        [7, "title", "row rejected"],
        [4, "posting_id", "row rejected"],
        [5, "posting_id", "row rejected"],
    ]


def test_the_share_of_rejected_rows_stops_the_run_and_the_file_is_there(tmp_path):
    write(tmp_path, postings_csv="posting_id,title\n1,a\n1,b\n1,c\n2,\n3,x\n")
    with pytest.raises(DataError, match=r"3 of 5 rows rejected \(60\.0%\).*duplicate id.*\(2 rows\)"):
        read(tmp_path, max_rejected_share=0.59)
    assert len(pd.read_parquet(tmp_path / "out" / "rejected.parquet")) == 3
    tables, summary, _ = read(tmp_path, max_rejected_share=0.6)
    assert len(tables.postings) == 2
    lines = "\n".join(summary.lines())
    assert "postings: 5 rows read, 2 kept, 3 rejected" in lines
    assert "2 x duplicate id" in lines
    assert str(tmp_path / "out" / "rejected.parquet") in lines


def test_dropped_values_do_not_count_as_rejected_rows(tmp_path):
    write(tmp_path, postings_csv="posting_id,title,salary_min\n1,a,NaN\n2,b,many\n3,c,-5\n4,d,100\n5,e,\n")
    tables, summary, rejected = read(tmp_path, max_rejected_share=0.0)
    assert tables.postings["salary_min"].fillna(-1).tolist() == [-1, -1, -1, 100, -1]
    assert rejected[["row", "value", "action"]].values.tolist() == [
        [1, "NaN", "value dropped"],
        [2, "many", "value dropped"],
        [3, "-5", "value dropped"],
    ]
    assert summary.tables["postings"].kept == 5


def test_values_of_rejected_rows_are_not_reported_as_well(tmp_path):
    write(tmp_path, postings_csv="posting_id,title,salary_min\n1,a,1\n,b,many\n")
    _, _, rejected = read(tmp_path, **ANY)
    assert rejected["column"].tolist() == ["posting_id"]


def test_candidates_are_joined_from_several_files(tmp_path):
    write(
        tmp_path,
        postings_csv="posting_id,title\n1,a\n",
        people_csv="id,head,town,remote\nc1,Cook,,yes\nc2,,Bergen,\nc1,Twice,Oslo,no\n",
        towns_csv="id,town,head\nc1,Oslo,Baker\nc3,Rome,\n",
        wants_csv="id,want\nc2,Chef\nc2,Baker\nc2,Chef\nc4,Nurse\n",
    )
    candidates = [
        {
            "path": "people.csv",
            "columns": {"candidate_id": "id", "headline": "head", "city": "town", "remote_ok": "remote"},
        },
        {"path": "towns.csv", "columns": {"candidate_id": "id", "headline": "head", "city": "town"}},
        {"path": "wants.csv", "columns": {"candidate_id": "id", "desired_titles": "want"}},
    ]
    tables, summary, rejected = read(
        tmp_path, tables={"postings": {"path": "postings.csv"}, "candidates": candidates}, **ANY
    )
    columns = ["candidate_id", "headline", "city", "remote_ok", "desired_titles"]
    assert tables.candidates[columns].fillna("-").values.tolist() == [
        ["c1", "Cook", "Oslo", 1, "-"],
        ["c2", "-", "Bergen", -1, "Chef\nBaker"],
        ["c3", "-", "Rome", -1, "-"],
        ["c4", "-", "-", -1, "Nurse"],
    ]
    assert rejected[["file", "row", "column"]].values.tolist() == [["people.csv", 3, "candidate_id"]]
    assert summary.tables["candidates"].read == 9
    candidates[0]["repeated_ids"] = "merge"
    _, _, rejected = read(tmp_path, tables={"postings": {"path": "postings.csv"}, "candidates": candidates})
    assert rejected.empty


def test_postings_take_skills_and_locations_from_other_files(tmp_path):
    write(
        tmp_path,
        skills_csv="job,skill\n2,SQL\n1,Cooking\n2,Python\n9,Lost\n",
        sites_csv="job,town\n1,Oslo\n1,Bergen\n",
        jobs_csv="job,title,town\n1,Cook,Oslo\n2,Dev,\n",
    )
    postings = [
        {"path": "skills.csv", "columns": {"posting_id": "job", "skills": "skill"}},
        {"path": "sites.csv", "columns": {"posting_id": "job", "city": "town"}},
        {"path": "jobs.csv", "columns": {"posting_id": "job", "title": "title", "city": "town"}},
    ]
    tables, _, rejected = read(tmp_path, tables={"postings": postings}, **ANY)
    assert tables.postings[["posting_id", "skills"]].values.tolist() == [["1", "Cooking"], ["2", "SQL\nPython"]]
    assert tables.locations[["posting", "city"]].values.tolist() == [[0, "Oslo"], [0, "Bergen"]]
    assert rejected[["file", "row", "reason"]].values.tolist() == [["skills.csv", 4, "no posting has this id"]]


def test_experience_is_latest_first_and_names_new_candidates(tmp_path):
    write(
        tmp_path,
        postings_csv="posting_id,title\n1,a\n",
        candidates_csv="candidate_id\nc1\n",
        experience_csv=(
            "candidate_id,title,start,end\nc2,undated,,\nc2,old,1968-02-01,1969-01-01\nc2,now,2001-01-01,\n"
            "c2,mid,1990,2005-06-01\nc1,x,2010,2009\nc2,odd,0004-01-01,\n,nobody,,\n"
        ),
    )
    tables, summary, rejected = read(tmp_path, **ANY)
    assert tables.candidates["candidate_id"].tolist() == ["c1", "c2"]
    mine = tables.experience[tables.experience["candidate"] == 1]
    assert mine["title"].tolist() == ["now", "mid", "old", "undated", "odd"]
    assert tables.experience["title"].tolist()[0] == "x"
    assert rejected[["row", "column", "action"]].values.tolist() == [
        [7, "candidate_id", "row rejected"],
        [6, "start", "value dropped"],
        [5, "start", "value dropped"],
    ]
    assert "1 further candidates" in "\n".join(summary.lines())


def test_locations_as_structures_and_as_words(tmp_path):
    sites = [{"city": "Oslo", "latitude": 59.9, "longitude": 10.7}, {"city": "X", "latitude": 200.0, "longitude": 1.0}]
    rows = [{"posting_id": "1", "title": "a", "locations": sites}, {"posting_id": "2", "title": "b", "locations": None}]
    pd.DataFrame(rows).to_parquet(tmp_path / "postings.parquet")
    tables, _, rejected = read(tmp_path)
    assert tables.locations["posting"].tolist() == [0, 0]
    assert tables.locations["city"].tolist() == ["Oslo", "X"]
    np.testing.assert_array_equal(tables.locations["latitude"], [59.9, np.nan])
    assert rejected[["column", "row", "action"]].values.tolist() == [["locations", 1, "value dropped"]]
    rows = [{"posting_id": "1", "title": "a", "locations": ["Austin, TX", "Oslo, Norway"]}]
    write(tmp_path, p_json=json.dumps(rows))
    tables, _, _ = read(tmp_path, tables={"postings": {"path": "p.json"}})
    assert tables.locations[["city", "country"]].values.tolist() == [["Austin", "US"], ["Oslo", "NO"]]


def test_the_simulated_form_needs_no_config(tmp_path):
    pd.DataFrame(
        {
            "posting_id": ["p1", "p2"],
            "title": ["Cook", "Dev"],
            "remote": pd.array([True, None], "boolean"),
            "remote_countries": [["US", "CA"], []],
            "skills": [["SQL", "SQL", "Go"], None],
            "date_posted": pd.to_datetime(["2024-01-01", None]),
            "valid_through": pd.to_datetime(["2024-02-01", None]).tz_localize("America/New_York"),
        }
    ).to_parquet(tmp_path / "postings.parquet")
    pd.DataFrame(
        {
            "candidate_id": [1, 2],
            "posting_id": ["p1", "p2"],
            "type": ["view", "apply"],
            "timestamp": pd.to_datetime(["2024-01-02 03:04:05.5", "2024-01-03 00:00:00.0"]),
            "rank": pd.array([None, 3], "Int64"),
        }
    ).to_parquet(tmp_path / "events.parquet")
    tables, _, rejected = read(tmp_path)
    assert rejected.empty
    assert tables.postings["remote"].tolist() == [1, -1]
    assert tables.postings["remote_countries"].fillna("-").tolist() == ["US\nCA", "-"]
    assert tables.postings["skills"].fillna("-").tolist() == ["SQL\nGo", "-"]
    assert tables.postings["date_posted"][0] == pd.Timestamp("2024-01-01").timestamp()
    assert tables.postings["valid_through"][0] == pd.Timestamp("2024-02-01 05:00").timestamp()
    assert tables.candidates["candidate_id"].tolist() == ["1", "2"]
    assert tables.events.time[0] == pd.Timestamp("2024-01-02 03:04:05.5").timestamp()
    assert tables.events.rank.tolist() == [-1, 3]
