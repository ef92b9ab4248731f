"""From tables to arrays."""

import numpy as np
import pytest

from recsys.encode import HashEncoder
from recsys.geo import unit_vectors
from recsys.vectors import VectorCache
from training.prepare import Prepared, prepare
from training.sources import SourcesConfig, read_tables

POSTINGS = """posting_id,title,description,company,city,region,country,skills,\
salary_min,salary_period,remote,seniority,date_posted
b,Senior Nurse,Care for people,Clinic,Boston,Massachusetts,US,triage,30,HOUR,,,2026-05-01
a,Cook,Cook food,clinic ,Chicago,Illinois,US,,,,false,,
c,Cook,,Other,,,,triage,60000,YEAR,true,junior,2026-05-02
d,Driver (remote),Drive,,Nowhereville,,US,driving,,,,,
"""
CANDIDATES = """candidate_id,headline,skills,city,region,country,desired_titles,max_distance_km,remote_ok
y,Nurse,Triage,Boston,Massachusetts,US,Nurse,20,true
x,,,,,,,,
"""
EXPERIENCE = """candidate_id,title,city,region,country,start
y,Midwife,Chicago,Illinois,US,2019-01-01
y,Head Nurse,Boston,Massachusetts,US,2022-01-01
z,Cook,,,,
"""
EVENTS = """candidate_id,posting_id,type,timestamp
y,b,view,2026-05-03T10:00
y,a,view,2026-05-02T10:00
w,c,apply,2026-05-04T10:00
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Prepared:
    folder = tmp_path_factory.mktemp("tables")
    for name, text in (
        ("postings", POSTINGS),
        ("candidates", CANDIDATES),
        ("experience", EXPERIENCE),
        ("events", EVENTS),
    ):
        (folder / f"{name}.csv").write_text(text)
    tables, _ = read_tables(SourcesConfig(), folder, folder / "rejected.parquet")
    encoder = HashEncoder()
    return prepare(tables, encoder, VectorCache(folder / "cache", encoder.name, encoder.dimension))


def test_postings_stand_in_the_order_of_their_ids(prepared):
    assert prepared.ids.names().tolist() == ["a", "b", "c", "d"] == prepared.postings["posting_id"].tolist()


def test_vectors_are_those_of_the_texts(prepared):
    expected = HashEncoder().encode(["Cook", "Senior Nurse", "Cook", "Driver (remote)"])
    found = prepared.title.vectors(np.arange(4))
    np.testing.assert_allclose(np.einsum("nd,nd->n", found, expected), 1, atol=0.01)
    np.testing.assert_array_equal(found[0], found[2])
    text = prepared.text.vectors(np.arange(4))
    assert not np.array_equal(text[0], text[2])  # one has a description


def test_words_of_titles_and_texts_and_of_candidates(prepared):
    words = prepared.lexicon.vocabulary.words
    assert {"nurse", "triage", "remote", "nowhereville"} & set(words) == {"nurse", "triage", "remote"}

    def said(terms, row):
        return {words[code - 1] for code in terms.codes[row] if code}

    assert [said(prepared.lexicon.title, row) for row in (0, 1)] == [{"cook"}, {"senior", "nurse"}]
    assert said(prepared.lexicon.text, 1) == {"senior", "nurse", "care", "people", "triage"}
    assert prepared.lexicon.skills.tolist() == list(prepared.skills) == ["triage"]
    profiles = prepared.candidates.profiles
    row = prepared.candidates.ids.row("y")
    assert said(profiles.terms, profiles.texts[row, 0]) == {"nurse"}
    assert said(profiles.terms, profiles.texts[row, -1]) == {"nurse", "triage"}
    assert profiles.named[row, 0] == 0
    assert (profiles.texts[prepared.candidates.ids.row("x")] == -1).all()


def test_places_are_found_and_unknown_ones_are_nan(prepared):
    assert prepared.latlon[0, 0] == pytest.approx([41.88, -87.63], abs=0.1)
    assert prepared.latlon[1, 0] == pytest.approx([42.36, -71.06], abs=0.1)
    assert np.isnan(prepared.latlon[2:]).all()


def test_attributes_are_comparable(prepared):
    attributes = prepared.attributes
    assert attributes.company[0] == attributes.company[1] != attributes.company[2]
    assert attributes.company[3] == -1
    assert attributes.remote.tolist() == [0, -1, 1, 1]  # the last one's title says so
    assert attributes.seniority[1:3].tolist() == [3.0, 1.0]
    assert np.isnan(attributes.seniority[[0, 3]]).all()
    assert attributes.pay_high[1:3].tolist() == [62400.0, 60000.0]
    assert np.isnan(attributes.pay_low[[0, 3]]).all()
    assert np.isnan(attributes.posted[[0, 3]]).all()
    assert attributes.posted[2] - attributes.posted[1] == 86_400


def test_skills_that_one_posting_names_are_left_out(prepared):
    assert prepared.skills == {"triage": 0}
    assert prepared.attributes.skills[:, 0].tolist() == [-1, 0, 0, -1]


def test_everybody_whom_a_table_names_is_a_candidate(prepared):
    people = prepared.candidates
    assert sorted(people.ids.names()) == ["w", "x", "y", "z"]
    w, x, y, z = people.ids.rows(["w", "x", "y", "z"]).tolist()
    profiles = people.profiles
    assert (profiles.wanted[:, 0] >= 0).nonzero()[0].tolist() == [y]
    assert (profiles.whole[[w, x]] == -1).all()
    assert (profiles.whole[[y, z]] >= 0).all()
    assert profiles.skills[y, 0] == 0
    assert profiles.reach_km[y] == 20
    assert profiles.remote_ok[[x, y]].tolist() == [-1, 1]
    np.testing.assert_allclose(profiles.home[y], unit_vectors(np.array([[42.36, -71.06]]))[0], atol=0.002)
    assert np.isnan(profiles.home[x]).all()


def test_work_done_stands_latest_first(prepared):
    y = prepared.candidates.ids.row("y")
    profiles = prepared.candidates.profiles
    held = profiles.vectors.vectors(profiles.past[y, :2]) @ HashEncoder().encode(["Head Nurse", "Midwife"]).T
    assert (np.diag(held) > 0.98).all()
    assert profiles.past[y, 2:].tolist() == [-1, -1]
    boston, chicago = unit_vectors(np.array([[42.36, -71.06], [41.88, -87.63]]))
    np.testing.assert_allclose(profiles.worked[y, :2], [boston, chicago], atol=0.002)


def test_events_name_catalogue_rows_oldest_first(prepared):
    histories = prepared.candidates.histories
    y = prepared.candidates.ids.row("y")
    mine = slice(histories.start[y], histories.start[y + 1])
    assert histories.posting[mine].tolist() == [0, 1]
    assert (np.diff(histories.time[mine]) > 0).all()
    assert histories.lengths.sum() == 3


def test_a_board_of_bare_titles_has_no_texts(tmp_path):
    (tmp_path / "postings.csv").write_text("posting_id,title\n1,Cook\n2,Nurse\n")
    tables, _ = read_tables(SourcesConfig(), tmp_path, tmp_path / "rejected.parquet")
    encoder = HashEncoder()
    bare = prepare(tables, encoder, VectorCache(tmp_path / "cache", encoder.name, encoder.dimension))
    assert bare.text is None
    assert len(bare.candidates) == 0
    assert bare.latlon.shape == (2, 1, 2)
