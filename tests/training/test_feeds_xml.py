"""XML job feeds."""

import gzip

import pytest
from feed_writing import feed, job, rfc822
from hypothesis import given, settings
from hypothesis import strategies as st
from sources_reading import ANY, read

from recsys.documents import posting_documents
from recsys.errors import DataError
from training.sources import feed_file, xml_file
from training.sources.texts import tidy_long, tidy_short
from training.sources.xml_jobs import moment, posting_of

SALES = {
    "title": "Sales <Executive>",
    "date": "Fri, 19 Dec 2014 22:49:39 GMT",
    "referencenumber": "unique123131",
    "url": "http://www.example.org/job?id=1&ref=2",
    "company": "ABC & Söhne",
    "city": "Phoenix",
    "state": "AZ",
    "country": "US",
    "postalcode": "85003",
    "description": "<p>Sell.</p><ul><li>A &amp; B</li></ul>",
    "salary": "$50K per year",
    "education": "Bachelors",
    "jobtype": "fulltime, parttime",
    "category": "Sales",
    "experience": "5+ years",
    "expirationdate": "2015-01-31",
    "remotetype": "Fully remote",
}
SAID = {
    "posting_id": "unique123131",
    "title": "Sales <Executive>",
    "description": "Sell.\n\n- A & B",
    "company": "ABC & Söhne",
    "remote": True,
    "employment_type": "FULL_TIME, PART_TIME",
    "industry": "Sales",
    "salary_min": 50_000.0,
    "salary_max": 50_000.0,
    "salary_currency": "USD",
    "salary_period": "YEAR",
    "date_posted": 1_419_029_379.0,
    "valid_through": 1_422_662_400.0,
    "url": "http://www.example.org/job?id=1&ref=2",
    "extra": {"education": "Bachelors", "experience": "5+ years", "postal_code": "85003"},
    "locations": [{"city": "Phoenix", "region": "AZ", "country": "US"}],
}


def documents(folder, data, name="postings.xml", **source):
    (folder / name).write_bytes(data)
    given = {"tables": {"postings": {"path": name} | source}} if source else {}
    tables, _, rejected = read(folder, **given, **ANY)
    return list(posting_documents(tables.postings, tables.locations)), rejected


def test_every_field(tmp_path):
    found, rejected = documents(tmp_path, feed(job(**SALES)))
    assert found == [SAID]
    assert rejected.empty


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
def test_encodings_that_the_file_declares(tmp_path, encoding):
    assert documents(tmp_path, feed(job(**SALES), encoding=encoding))[0] == [SAID]


def test_an_encoding_that_only_the_config_knows(tmp_path):
    data = feed(job(**SALES)).decode().encode("cp1252")  # declares UTF-8
    with pytest.raises(DataError, match=r"postings.xml cannot be read as XML at line 2.*set `encoding`"):
        documents(tmp_path, data)
    assert documents(tmp_path, data, encoding="cp1252")[0] == [SAID]
    with pytest.raises(DataError, match=r"postings.xml is not ascii at byte \d+; set `encoding`"):
        documents(tmp_path, data, encoding="ascii")


def test_a_byte_order_mark_and_a_packed_file(tmp_path):
    data = b"\xef\xbb\xbf" + feed(job(**SALES))
    assert documents(tmp_path, data)[0] == [SAID]
    (tmp_path / "postings.xml").unlink()
    assert documents(tmp_path, gzip.compress(data), "postings.xml.gz")[0] == [SAID]


def test_names_with_prefixes_capitals_and_another_element(tmp_path):
    text = (
        '<n:rss xmlns:n="urn:x"><channel><n:Item><n:Title>Cook</n:Title><GUID>1</GUID><link>u</link>'
        "<location><City>Reno</City><Region>NV</Region></location></n:Item></channel></n:rss>"
    )
    with pytest.raises(DataError, match="no element <job>; set `records`"):
        documents(tmp_path, text.encode())
    found, _ = documents(tmp_path, text.encode(), records="item")
    place = {"city": "Reno", "region": "NV"}
    assert found == [{"posting_id": "1", "title": "Cook", "url": "u", "locations": [place]}]


def test_markup_that_is_not_in_cdata_keeps_its_lines(tmp_path):
    text = (
        "<s><job><id>1</id><title>A <b>good</b> cook</title><description><p>One</p><p>Two</p></description></job></s>"
    )
    found, _ = documents(tmp_path, text.encode())
    assert found == [{"posting_id": "1", "title": "A good cook", "description": "One\n\nTwo"}]


def test_repeated_fields_and_columns_of_the_config(tmp_path):
    text = (
        "<s><job><id>1</id><title>t</title><category>a</category><category>b</category><own><no>7</no></own></job></s>"
    )
    columns = {"posting_id": "own.no", "occupation": "category"}
    found, _ = documents(tmp_path, text.encode(), columns=columns)
    assert found == [{"posting_id": "7", "title": "t", "industry": "a, b", "occupation": "a b"}]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"remotetype": "Hybrid remote"}, {"remote": False}),
        ({"remotetype": "Remote"}, {"remote": True}),
        ({"remote": "no"}, {"remote": False}),
        ({"jobtype": "Temp"}, {"employment_type": "TEMPORARY"}),
        ({"salary": "negotiable"}, {}),
        (
            {"salary": "€20 - €25 per hour"},
            {"salary_min": 20.0, "salary_max": 25.0, "salary_currency": "EUR", "salary_period": "HOUR"},
        ),
        ({"location": ["Austin, TX"]}, {"locations": [{"city": "Austin", "region": "TX", "country": "US"}]}),
        (
            {"latitude": "1.5", "longitude": "2", "city": "X"},
            {"locations": [{"city": "X", "latitude": "1.5", "longitude": "2"}]},
        ),
        ({"url": "u"}, {"posting_id": "u", "url": "u"}),
        ({"description": ["a", "b"]}, {"description": "a\n\nb"}),
    ],
)  # fmt: skip
def test_what_each_field_becomes(fields, said):
    assert posting_of(fields) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Fri, 19 Dec 2014 22:49:39 GMT", "2014-12-19T22:49:39+00:00"),
        ("Fri, 19 Dec 2014 17:49:39 -0500", "2014-12-19T17:49:39-05:00"),
        ("19 Dec 2014", "2014-12-19T00:00:00"),
        ("2014-12-19T22:49:39Z", "2014-12-19T22:49:39Z"),
        ("soon", "soon"),
        ("31 Foo 2014 10:00", "31 Foo 2014 10:00"),
    ],
)
def test_dates(text, said):
    assert moment(text) == said


def test_a_posting_that_is_too_large_is_set_aside_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(xml_file, "MOST_CHARS", 1000)
    monkeypatch.setattr(xml_file, "MOST_ELEMENTS", 50)
    wide = "<job><id>w</id>" + "<a>1</a>" * 51 + "</job>"
    jobs = [job(id="1", title="a"), job(id="2", title="x" * 1001), wide, job(id="3", title="b")]
    found, rejected = documents(tmp_path, feed(*jobs))
    assert [one["posting_id"] for one in found] == ["1", "3"]
    assert rejected["row"].tolist() == [2, 3]


def test_a_feed_is_handed_on_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(feed_file, "ROWS", 7)
    found, _ = documents(tmp_path, feed(*(job(id=str(at), title=f"t{at}") for at in range(50))))
    assert [one["posting_id"] for one in found] == [str(at) for at in range(50)]


TEXT = (
    st.text(
        st.characters(blacklist_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"], blacklist_characters="<>&")
        | st.sampled_from(" "),
        min_size=1,
        max_size=30,
    )
    .map(tidy_short)
    .filter(bool)
)
JOB = st.fixed_dictionaries(
    {"referencenumber": TEXT, "title": TEXT},
    optional={
        "company": TEXT,
        "city": TEXT,
        "category": TEXT,
        "description": st.text("ab<>&] \n", min_size=1).map(tidy_long).filter(lambda text: text and "<" not in text),
        "seconds": st.integers(0, 2 * 10**9),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(JOB, min_size=1, max_size=4, unique_by=lambda one: one["referencenumber"]), st.integers(1, 200))
def test_what_is_written_is_read(tmp_path_factory, jobs, chunk):
    xml_file_chunk, xml_file._CHUNK = xml_file._CHUNK, chunk
    try:
        fields = [{**one, **({"date": rfc822(one["seconds"])} if "seconds" in one else {})} for one in jobs]
        found, _ = documents(tmp_path_factory.mktemp("feed"), feed(*(job(**one) for one in fields)))
    finally:
        xml_file._CHUNK = xml_file_chunk
    names = {"referencenumber": "posting_id", "category": "industry", "seconds": "date_posted"}
    for one, other in zip(jobs, found, strict=True):
        said = {names.get(name, name): value for name, value in one.items()}
        assert other == said | ({"locations": [{"city": said.pop("city")}]} if "city" in said else {})
