"""JSON Resume documents."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources_reading import ANY, read

from recsys.documents import candidate_documents
from recsys.errors import DataError
from training.sources.resume_file import candidate_of, positions_of

RESUME = {
    "$schema": "https://raw.githubusercontent.com/jsonresume/resume-schema/v1.0.0/schema.json",
    "basics": {
        "name": "Ada Example",
        "label": "Welder",
        "email": "ada@example.org",
        "phone": "+1 555 0100",
        "summary": "Eight years in <b>steel</b> plants.",
        "location": {
            "address": "1 Main St",
            "postalCode": "78701",
            "city": "Austin",
            "countryCode": "US",
            "region": "TX",
        },
        "profiles": [{"network": "X", "username": "ada"}],
    },
    "work": [
        {"name": "Old Mill", "position": "Helper", "startDate": "2010", "endDate": "2014-06"},
        {
            "name": "Steel Works",
            "location": "Houston, TX",
            "position": "Welder",
            "startDate": "2014-07-01",
            "endDate": "Present",
            "summary": "Welds frames.",
            "highlights": ["Led a team", "No accident"],
        },
    ],
    "education": [{"institution": "College", "area": "Metal", "studyType": "Certificate", "startDate": "2008"}],
    "skills": [{"name": "Welding", "level": "Master", "keywords": ["MIG", "TIG"]}, {"name": "MIG"}],
    "languages": [{"language": "English", "fluency": "Native"}, {"language": "German"}],
    "references": [{"name": "Bob", "reference": "Good."}],
}
SAID = {
    "candidate_id": "ada",
    "headline": "Welder",
    "summary": "Eight years in steel plants.",
    "text": "Certificate, Metal, College\nEnglish: Native\nGerman",
    "skills": ["Welding", "MIG", "TIG"],
    "city": "Austin",
    "region": "TX",
    "country": "US",
    "extra": {"languages": ["English: Native", "German"]},
    "experience": [
        {
            "title": "Welder",
            "company": "Steel Works",
            "city": "Houston",
            "region": "TX",
            "country": "US",
            "start": 1_404_172_800.0,
            "description": "Welds frames.\nLed a team\nNo accident",
        },
        {"title": "Helper", "company": "Old Mill", "start": 1_262_304_000.0, "end": 1_401_580_800.0},
    ],
}


def documents(folder, **source):
    (folder / "postings.csv").write_text("posting_id,title\n1,Cook\n")
    given = {"postings": {"path": "postings.csv"}, "candidates": {"format": "jsonresume"} | source}
    tables, _, rejected = read(folder, tables=given, **ANY)
    return list(candidate_documents(tables.candidates, tables.experience)), rejected


def test_one_file_each_in_a_folder(tmp_path):
    (tmp_path / "cvs" / "b").mkdir(parents=True)
    (tmp_path / "cvs" / "ada.json").write_text(json.dumps(RESUME))
    (tmp_path / "cvs" / "b" / "bob.json").write_text(json.dumps({"basics": {"label": "Cook"}}))
    (tmp_path / "cvs" / "broken.json").write_text('{"basics": {')
    (tmp_path / "cvs" / "other.json").write_text('{"title": "no resume"}')
    found, rejected = documents(tmp_path, path="cvs")
    assert found == [SAID, {"candidate_id": "bob", "headline": "Cook"}]
    assert rejected["file"].tolist() == ["cvs/broken.json", "cvs/other.json"]
    assert rejected["reason"].str.contains("not JSON near|no JSON Resume").all()


@pytest.mark.parametrize("form", ["array", "lines", "one file"])
def test_ids_that_the_documents_hold(tmp_path, form):
    resumes = [RESUME | {"id": "ada"}, {"meta": {"id": 7}, "basics": {"label": "Cook"}}]
    text = "\n".join(map(json.dumps, resumes)) if form == "lines" else json.dumps(resumes)
    if form == "one file":
        resumes, text = resumes[:1], json.dumps(resumes[0])
    (tmp_path / ("x.jsonl" if form == "lines" else "x.json")).write_text(text)
    found, rejected = documents(tmp_path, path="x.json*")
    assert found == [SAID, {"candidate_id": "7", "headline": "Cook"}][: len(resumes)]
    assert rejected.empty


def test_ids_by_the_config(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps([RESUME]))
    found, _ = documents(
        tmp_path, path="x.json", columns={"candidate_id": "basics.email", "seniority": {"constant": "senior"}}
    )
    assert found == [SAID | {"candidate_id": "ada@example.org", "seniority": "senior"}]


def test_without_an_id_it_is_set_aside(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps([RESUME, RESUME | {"id": "ada"}]))
    found, rejected = documents(tmp_path, path="x.json")
    assert found == [SAID]
    lost = [["candidates", 1], ["experience", 1], ["experience", 1]]
    assert rejected[["table", "row"]].values.tolist() == lost
    assert set(rejected["reason"]) == {"id is missing"}


def test_nobody_is_named(tmp_path):
    (tmp_path / "ada.json").write_text(json.dumps(RESUME))
    found, _ = documents(tmp_path, path="ada.json")
    text = json.dumps(found)
    assert not [one for one in ("Ada Example", "ada@", "0100", "Main St", "Bob") if one in text]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'[{"basics": {}}, ', "not JSON near"),
        ('[{"basics": {"label": "é"}}]'.encode("latin-1"), "see `encoding`"),
    ],
)
def test_a_damaged_list_is_one_line(tmp_path, data, said):
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(DataError, match=said):
        documents(tmp_path, path="x.json")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "location", "position"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["basics", "work", "skills", "languages", "education", "meta", "id"]), ANYTHING))
def test_no_document_of_any_shape_is_an_error(resume):
    assert all(value for value in candidate_of(resume).values())
    assert all(isinstance(one, dict) for one in positions_of(resume))
