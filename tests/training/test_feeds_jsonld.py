"""schema.org JobPosting, in all the forms in which it is met."""

import gzip
import json

import pytest
from feed_writing import WELDER, jsonld, page
from hypothesis import given, settings
from hypothesis import strategies as st
from sources_reading import ANY, read, write

from recsys.documents import posting_documents
from training.sources.jsonld import Document, posting_of
from training.sources.texts import tidy_long, tidy_short

COOK = {"posting_id": "c", "title": "Cook", "company": "Diner", "locations": [{"city": "Reno", "region": "NV"}]}


def documents(folder, **sources):
    """What a folder's only table of postings holds, as documents."""
    tables, summary, rejected = read(folder, **sources)
    return list(posting_documents(tables.postings, tables.locations)), rejected


FORMS = {
    "array": json.dumps([jsonld(WELDER), jsonld(COOK)]),
    "graph": json.dumps(
        {"@context": "https://schema.org", "@graph": [{"@type": "WebPage"}, jsonld(WELDER), jsonld(COOK)]}
    ),
    "item list": json.dumps(
        {
            "@type": "ItemList",
            "itemListElement": [{"@type": "ListItem", "item": jsonld(one)} for one in (WELDER, COOK)],
        }
    ),
    "one after the other": json.dumps(jsonld(WELDER)) + "\n" + json.dumps(jsonld(COOK), indent=1),
    "page": page(jsonld(WELDER), {"@type": "BreadcrumbList"}, jsonld(COOK)),
    "page with lists": page([jsonld(WELDER), [jsonld(COOK)]]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_gives_the_same_postings(tmp_path, form, packed):
    data = FORMS[form].encode()
    name = "postings.jsonld.gz" if packed else "postings.jsonld"
    (tmp_path / name).write_bytes(gzip.compress(data) if packed else data)
    found, rejected = documents(tmp_path, tables={"postings": {"path": name}}, **ANY)
    assert found == [WELDER, COOK]
    assert rejected.empty


def test_json_lines_with_a_bad_one_between(tmp_path):
    lines = [json.dumps(jsonld(WELDER)), "{", json.dumps({"@type": "WebPage"}), "", json.dumps(jsonld(COOK))]
    write(tmp_path, jobs_jsonl="\n".join(lines))
    found, rejected = documents(tmp_path, tables={"postings": {"path": "jobs.jsonl", "format": "jsonld"}}, **ANY)
    assert found == [WELDER, COOK]
    assert rejected[["row", "reason"]].values.tolist() == [[2, "line is not JSON"], [3, "no JobPosting in it"]]


def test_a_folder_of_pages(tmp_path):
    for at, one in enumerate((WELDER, COOK)):
        (tmp_path / "pages" / str(at)).mkdir(parents=True)
        (tmp_path / "pages" / str(at) / "index.html").write_text(page(jsonld(one)))
    (tmp_path / "pages" / "about.html").write_text("<p>About us")
    (tmp_path / "pages" / "notes.txt").write_text("not a page")
    found, rejected = documents(tmp_path, tables={"postings": {"path": "pages", "format": "jsonld"}}, **ANY)
    assert found == [WELDER, COOK]
    assert rejected[["file", "reason"]].values.tolist() == [["pages/about.html", "no JobPosting on the page"]]


def test_one_bad_script_costs_only_itself(tmp_path):
    hidden = "<!--\n" + json.dumps(jsonld(COOK)) + "\n-->"
    text = page('{"@type": "JobPosting",', hidden, "//<![CDATA[\n" + json.dumps(jsonld(WELDER)) + "\n//]]>")
    write(tmp_path, postings_html=text + f"<!-- {page(jsonld({'posting_id': 'gone', 'title': 'Out'}))} -->")
    found, rejected = documents(tmp_path, **ANY)
    assert found == [COOK, WELDER]
    assert rejected["reason"].str.startswith("script is not JSON").tolist() == [True]


def test_line_ends_in_texts_as_pages_write_them(tmp_path):
    write(tmp_path, postings_html=page('{"@type": "JobPosting", "@id": "https://a.b/1", "title": "Cook\nand more"}'))
    assert documents(tmp_path)[0][0]["title"] == "Cook and more"


def test_a_node_elsewhere_on_the_page_is_followed(tmp_path):
    posting = {
        "@type": ["Thing", "http://schema.org/JobPosting"],
        "schema:title": {"@value": "Cook", "@language": "en"},
        "http://schema.org/hiringOrganization": {"@id": "#org"},
        "identifier": 7,
        "jobLocation": {"@id": "#place"},
    }
    organisation = {"@type": "Organization", "@id": "#org", "name": "Diner", "founder": {"@id": "#org"}}
    kitchen = {"@type": "Place", "@id": "#place", "address": "Austin, TX, United States"}
    write(tmp_path, postings_html=page({"@graph": [organisation, posting]}, kitchen))
    place = {"city": "Austin", "region": "TX", "country": "US"}
    assert documents(tmp_path)[0] == [{"posting_id": "7", "title": "Cook", "company": "Diner", "locations": [place]}]


def fields(**node):
    """The columns of one node."""
    node = {"@type": "JobPosting"} | node
    return posting_of(node, Document(node))


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"identifier": "a"}, {"posting_id": "a"}),
        ({"identifier": [{"value": "b"}, "c"]}, {"posting_id": "b"}),
        ({"@id": "https://x.y/1", "url": "https://x.y/2"}, {"posting_id": "https://x.y/1", "url": "https://x.y/2"}),
        ({"@id": "#1", "url": "https://x.y/2"}, {"posting_id": "https://x.y/2", "url": "https://x.y/2"}),
        ({"hiringOrganization": "Diner"}, {"company": "Diner"}),
        ({"hiringOrganization": [{"legalName": "Diner Ltd"}]}, {"company": "Diner Ltd"}),
        ({"jobLocationType": "TELECOMMUTE"}, {"remote": True}),
        ({"jobLocationType": "https://schema.org/TELECOMMUTE"}, {"remote": True}),
        ({"jobLocationType": "On-site"}, {"remote": False}),
        ({"applicantLocationRequirements": [{"name": "USA"}, "Canada"]}, {"remote_countries": ["US", "CA"]}),
        ({"applicantLocationRequirements": {"@type": "State", "name": "Texas, USA"}}, {"remote_countries": ["US"]}),
        ({"employmentType": "full-time"}, {"employment_type": "FULL_TIME"}),
        ({"employmentType": ["PART_TIME", "Intern"]}, {"employment_type": "PART_TIME, INTERN"}),
        ({"employmentType": "https://schema.org/CONTRACTOR"}, {"employment_type": "CONTRACTOR"}),
        ({"employmentType": "Saisonkraft"}, {"employment_type": "Saisonkraft"}),
        (
            {"baseSalary": 50000, "salaryCurrency": "EUR"},
            {"salary_min": "50000", "salary_max": "50000", "salary_currency": "EUR"},
        ),
        (
            {"baseSalary": {"currency": "USD", "value": {"value": 20, "unitText": "HOUR"}}},
            {"salary_min": "20", "salary_max": "20", "salary_currency": "USD", "salary_period": "HOUR"},
        ),
        (
            {"baseSalary": {"currency": "USD", "minValue": "1,000", "maxValue": 2000.5, "value": {"unitCode": "MON"}}},
            {"salary_min": "1,000", "salary_max": "2000.5", "salary_currency": "USD", "salary_period": "MONTH"},
        ),
        (
            {"baseSalary": "$20 - $25 per hour"},
            {"salary_min": 20.0, "salary_max": 25.0, "salary_currency": "USD", "salary_period": "HOUR"},
        ),
        ({"baseSalary": {"value": {"minValue": 5}}}, {"salary_min": "5"}),
        ({"estimatedSalary": 5}, {}),
        ({"skills": "a, b"}, {"skills": "a, b"}),
        ({"skills": [{"@type": "DefinedTerm", "name": "a"}, "b"]}, {"skills": ["a", "b"]}),
        ({"directApply": "true"}, {"extra": {"direct_apply": True}}),
        ({"experienceRequirements": {"monthsOfExperience": 24}}, {"extra": {"months_of_experience": 24.0}}),
        (
            {"educationRequirements": {"credentialCategory": "bachelor degree"}},
            {"extra": {"education": "bachelor degree"}},
        ),
        ({"description": "a b", "responsibilities": "b", "qualifications": "c"}, {"description": "a b\n\nc"}),
        ({"jobLocation": {"address": {"addressCountry": {"name": "Peru"}}}}, {"locations": [{"country": "Peru"}]}),
        (
            {"jobLocation": {"geo": {"latitude": "1.5", "longitude": 2}}},
            {"locations": [{"latitude": 1.5, "longitude": 2.0}]},
        ),
        ({"jobLocation": "Austin, TX"}, {"locations": [{"city": "Austin", "region": "TX", "country": "US"}]}),
        ({"title": {"deep": {"er": 1}}, "skills": [[["x"]]], "jobLocation": [5], "baseSalary": True}, {}),
    ],
)
def test_what_each_property_becomes(node, said):
    assert fields(**node) == said


def test_a_config_may_map_single_columns_itself(tmp_path):
    write(tmp_path, jobs_jsonld=json.dumps([jsonld(WELDER), jsonld(COOK)]))
    columns = {
        "posting_id": {"columns": ["hiringOrganization.name", "identifier.value"], "join": "/"},
        "industry": {"constant": "Any"},
        "title": {"column": "title", "convert": {"remove": " .*"}},
    }
    found, _ = documents(tmp_path, tables={"postings": {"path": "jobs.jsonld", "columns": columns}})
    assert [one["posting_id"] for one in found] == ["Stahl & Söhne/W-1/é", "Diner/c"]
    assert [(one["title"], one["industry"]) for one in found] == [("Welder", "Any"), ("Cook", "Any")]
    assert found[0]["salary_min"] == 20.5


LETTERS = st.characters(
    blacklist_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"], blacklist_characters="<>&;|,"
)
WORD = st.text(LETTERS | st.sampled_from(" "), min_size=1, max_size=20).map(tidy_short).filter(bool)
PLACE = st.fixed_dictionaries(
    {"city": WORD},
    optional={"region": WORD, "country": WORD},
)
POSTING = st.fixed_dictionaries(
    {"posting_id": WORD, "title": WORD},
    optional={
        "description": st.text(LETTERS | st.sampled_from(" \n<>&"), min_size=1, max_size=80)
        .map(tidy_long)
        .filter(bool),
        "company": WORD,
        "remote": st.just(True),
        "locations": st.lists(PLACE, min_size=1, max_size=3, unique_by=lambda one: tuple(one.items())),
        "employment_type": st.sampled_from(["FULL_TIME", "PART_TIME, INTERN", "TEMPORARY"]),
        "salary_min": st.integers(1, 10**6).map(float),
        "skills": st.lists(WORD, min_size=2, max_size=4, unique=True),
        "date_posted": st.integers(0, 2 * 10**9).map(float),
        "url": st.just("https://example.org/1"),
    },
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(POSTING, min_size=1, max_size=4, unique_by=lambda one: one["posting_id"]),
    st.sampled_from(["page", "json"]),
)
def test_a_posting_written_as_json_ld_comes_back(tmp_path_factory, postings, form):
    folder = tmp_path_factory.mktemp("round")
    nodes = [jsonld(one) for one in postings]
    text = page(json.dumps(nodes).replace("</", "<\\/")) if form == "page" else json.dumps(nodes)
    write(folder, postings_jsonld=text)
    found, rejected = documents(folder)
    assert found == postings
    assert rejected.empty


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["@id", "@type", "@value", "@list", "name", "value", "address", "geo", "minValue", "#a"]),
            inner,
        )
    ),
    max_leaves=12,
)
NAMES = (
    "identifier", "title", "description", "hiringOrganization", "jobLocation", "baseSalary", "employmentType", "skills",
    "applicantLocationRequirements", "jobLocationType", "educationRequirements", "experienceRequirements",
    "directApply", "datePosted", "industry", "occupationalCategory", "url", "@id",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON), JSON)
def test_no_node_of_any_shape_is_an_error(node, beside):
    node = {**node, "@type": "JobPosting"}
    document = Document([node, beside])
    assert node in document.postings
    found = posting_of(node, document)
    assert all(value is not None for value in found.values())
    assert all(isinstance(place, dict) for place in found.get("locations", []))


def test_markup_in_a_description_becomes_lines(tmp_path):
    markup = "<h2>Tasks</h2><ul><li>One &amp; two</li><li>Three</li></ul><script>alert(1)</script>"
    write(tmp_path, postings_jsonld=json.dumps(jsonld(WELDER) | {"description": markup}))
    assert documents(tmp_path)[0][0]["description"].split() == ["Tasks", "-", "One", "&", "two", "-", "Three"]
