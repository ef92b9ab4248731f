"""Documents give the tables that files give."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.documents import (
    candidate_documents,
    candidate_frames,
    candidate_texts_of,
    place_names_of,
    posting_documents,
    posting_frames,
    posting_texts_of,
)
from recsys.text import candidate_texts, normalise, posting_texts, posting_titles
from training.sources import SourcesConfig, read_tables

POSTINGS = [
    {
        "posting_id": "a", "title": "Senior Nurse", "description": "Care for people", "company": "Clinic",
        "locations": [{"city": "Boston", "region": "Massachusetts", "country": "US"},
                      {"latitude": 41.9, "longitude": -87.6}],
        "remote": False, "skills": ["triage", "first aid"], "salary_min": 30.0, "salary_max": 35.5,
        "salary_currency": "USD", "salary_period": "HOUR", "date_posted": 1_700_000_000.0,
        "valid_through": 1_710_000_000.0, "language": "en",
        "url": "https://example.com/a", "employment_type": "FULL_TIME",
    },
    {"posting_id": "b", "title": "Cook"},
]  # fmt: skip
CANDIDATES = [
    {
        "candidate_id": "y", "headline": "Nurse", "skills": ["Triage"], "city": "Boston", "region": "Massachusetts",
        "country": "US", "desired_titles": ["Nurse", "Head Nurse"], "max_distance_km": 20.0, "remote_ok": True,
        "muted_postings": ["b", "c d"], "muted_employers": ["Acme, Inc."], "muted_interests": ["Cook"],
        "experience": [
            {"title": "Midwife", "city": "Chicago", "start": 1_500_000_000.0, "end": 1_600_000_000.0},
            {"title": "Cook"},
            {"title": "Head Nurse", "start": 1_600_000_000.0},
        ],
    },
    {"candidate_id": "x"},
]  # fmt: skip


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The same documents by way of files."""
    folder = tmp_path_factory.mktemp("documents")
    held = [{"candidate_id": one["candidate_id"], **job} for one in CANDIDATES for job in one.get("experience", ())]
    people = [{name: cell for name, cell in one.items() if name != "experience"} for one in CANDIDATES]
    for name, rows in (("postings", POSTINGS), ("candidates", people), ("experience", held)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_tables(SourcesConfig(), folder, folder / "rejected.parquet")[0]


def test_postings_are_those_of_the_files(tables):
    postings, locations = posting_frames(POSTINGS)
    pd.testing.assert_frame_equal(postings, tables.postings)
    pd.testing.assert_frame_equal(locations, tables.locations)


def test_candidates_are_those_of_the_files(tables):
    candidates, experience = candidate_frames(CANDIDATES)
    pd.testing.assert_frame_equal(candidates, tables.candidates)
    pd.testing.assert_frame_equal(experience, tables.experience)


def test_tables_give_the_documents_again():
    assert list(posting_documents(*posting_frames(POSTINGS))) == POSTINGS
    found = list(candidate_documents(*candidate_frames(CANDIDATES)))
    assert [one | {"experience": None} for one in found] == [one | {"experience": None} for one in CANDIDATES]
    assert [job["title"] for job in found[0]["experience"]] == ["Head Nurse", "Midwife", "Cook"]  # the latest first
    for frame, again in zip(candidate_frames(CANDIDATES), candidate_frames(found), strict=True):
        pd.testing.assert_frame_equal(frame, again)


def test_texts_of_one_document_are_those_of_the_tables():
    postings, _ = posting_frames(POSTINGS)
    texts = list(zip(posting_titles(postings), posting_texts(postings), strict=True))
    assert [posting_texts_of(one) for one in POSTINGS] == texts
    frames = candidate_frames(CANDIDATES)
    assert candidate_texts_of(CANDIDATES[0])[0] == candidate_texts(*frames)[0]
    assert {"Nurse", "Head Nurse", "Midwife", "Cook"} < set(candidate_texts_of(CANDIDATES[0]))
    assert candidate_texts_of(CANDIDATES[1]) == []


def test_places_without_coordinates_are_to_be_looked_up():
    assert place_names_of(POSTINGS[0]) == [("Boston", "Massachusetts", "US")]
    assert place_names_of(CANDIDATES[0]) == [("Boston", "Massachusetts", "US"), ("Chicago", "", "")]
    assert place_names_of({"title": "x"}) == []


def test_no_documents_give_empty_tables_of_the_same_types():
    for frame, full in zip(
        (*posting_frames([]), *candidate_frames([])),
        (*posting_frames(POSTINGS), *candidate_frames(CANDIDATES)),
        strict=True,
    ):
        assert len(frame) == 0
        assert frame.dtypes.equals(full.dtypes)


@settings(max_examples=60)
@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3), st.text(max_size=60))
def test_any_text_is_taken(title, skills, description):
    title_text, whole = posting_texts_of({"title": title, "skills": skills, "description": description})
    assert title_text == normalise(title)[:8000].rstrip()
    assert whole.startswith(title_text)
    assert np.isfinite(posting_frames([{"title": title, "salary_min": 1.0}])[0]["salary_min"]).all()
