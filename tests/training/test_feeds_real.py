"""Real postings written as feeds and read again (where the environment names their folder)."""

import json
import os
from pathlib import Path

import pytest
import yaml
from feed_writing import feed, job, jsonld, page, rfc822
from sources_reading import ANY, read

from recsys.documents import posting_documents
from training.sources import SourcesConfig, read_tables

CONFIGS = Path(__file__).parents[2] / "configs"
#: What JSON-LD has a word for, and what comes back the same whatever a board writes.
SAME = (
    "posting_id", "title", "description", "company", "remote_countries", "employment_type", "industry", "occupation",
    "salary_min", "salary_max", "salary_currency", "salary_period", "date_posted", "valid_through", "language", "url",
    "locations",
)  # fmt: skip


@pytest.fixture(params=["google", "glassdoor", "indeed", "nyc", "armenia", "open_jobs"])
def documents(request, tmp_path):
    folder = os.environ.get("JOBREC_DATA")
    if not folder:
        pytest.skip("JOBREC_DATA names no folder with the public files")
    config = SourcesConfig(**yaml.safe_load((CONFIGS / f"{request.param}.yaml").read_text())["sources"])
    tables, _ = read_tables(config, Path(folder) / "postings", tmp_path / "rejected.parquet")
    return list(posting_documents(tables.postings, tables.locations))


#: Three postings whose boards write two kinds in one word; a feed gives them as two.
TWO_KINDS = {
    "Full time/Part time": "FULL_TIME, PART_TIME",
    "Full time/ Part-time": "FULL_TIME, PART_TIME",
    "Part-time/ Full-time": "PART_TIME, FULL_TIME",
}


def kept(document, names=SAME):
    return {name: document[name] for name in names if name in document}


def expected(document):
    said = kept(document)
    kind = said.get("employment_type")
    return said | ({"employment_type": TWO_KINDS[kind]} if kind in TWO_KINDS else {})


@pytest.mark.parametrize("form", ["postings.jsonld", "postings.html"])
def test_json_ld(documents, tmp_path, form):
    nodes = [jsonld(one) for one in documents]
    if form.endswith("html"):  # pages of a hundred
        for at in range(0, len(nodes), 100):
            text = json.dumps(nodes[at : at + 100]).replace("</", "<\\/")
            (tmp_path / f"{at:05}.html").write_text(page(text))
        tables, _, rejected = read(tmp_path, tables={"postings": {"path": "*.html"}}, **ANY)
    else:
        (tmp_path / form).write_text(json.dumps(nodes))
        tables, _, rejected = read(tmp_path, **ANY)
    found = list(posting_documents(tables.postings, tables.locations))
    assert [kept(one) for one in found] == [expected(one) for one in documents]
    assert rejected.empty


def test_xml(documents, tmp_path):
    jobs = []
    for one in documents:
        fields = {"referencenumber": one["posting_id"], "title": one["title"], "company": one.get("company")}
        fields["description"] = one.get("description")
        fields["date"] = rfc822(one["date_posted"]) if "date_posted" in one else None
        jobs.append(job(**{name: text for name, text in fields.items() if text is not None}))
    (tmp_path / "postings.xml").write_bytes(feed(*jobs))
    tables, _, rejected = read(tmp_path, **ANY)
    found = list(posting_documents(tables.postings, tables.locations))
    names = ("posting_id", "title", "company", "description", "date_posted")
    said = [kept(one, names) for one in documents]
    for one in said:
        one |= {"date_posted": float(int(one["date_posted"]))} if "date_posted" in one else {}  # RFC 822 has no more
    assert [kept(one) for one in found] == said
    assert rejected.empty
