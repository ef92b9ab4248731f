"""Feeds that are broken or mean harm: one clear line, in bounded time and memory, and nothing else is opened."""

import gzip
import json
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from feed_writing import WELDER, feed, job, jsonld, page
from hypothesis import given, settings
from hypothesis import strategies as st
from sources_reading import ANY, read

from recsys.errors import ConfigError, DataError
from training.sources import feed_file, json_file, jsonld_file

ROOT = Path(__file__).parents[2]
GOOD = job(referencenumber="1", title="Cook")
LAUGHS = '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {after} "{f"&{before};" * 10}">' for before, after in zip("abcdefghi", "bcdefghij", strict=True)
)


def bomb(declarations="", text="&j;", outer=""):
    body = f"<source><job><referencenumber>1</referencenumber><title>{text}</title></job></source>"
    return f"<?xml version='1.0'?><!DOCTYPE source {outer} [{declarations}]>{body}".encode()


def line(folder, name, data, **source):
    """What is said of a file that must be refused."""
    (folder / name).write_bytes(data)
    with pytest.raises(DataError) as caught:
        read(folder, tables={"postings": {"path": name} | source}, **ANY)
    said = str(caught.value)
    assert "\n" not in said
    assert name in said or "reason: " in said or "no posting is left" in said
    return said


BOMBS = {
    "laughs": bomb(LAUGHS),
    "laughs in UTF-16": bomb(LAUGHS).decode().encode("utf-16"),
    "quadratic": bomb(f'<!ENTITY j "{"x" * 100_000}">', "&j;" * 10_000),
    "parameter entities": bomb("<!ENTITY % a \"<!ENTITY j 'x'>\"> %a;"),
    "recursive": bomb('<!ENTITY j "&j;">'),
    "harmless": bomb('<!ELEMENT source ANY><!ENTITY j "x">'),
    "in an attribute": bomb(LAUGHS + '<!ATTLIST job id CDATA "&j;">', "x"),
    "only named": b"<!DOCTYPE source><source/>",
    "after a comment": b"<!-- <job> --><!DOCTYPE source [" + LAUGHS.encode() + b"]><source/>",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_document_type_is_refused_before_it_is_read(tmp_path, name):
    assert "document type" in line(tmp_path, "jobs.xml", BOMBS[name])


@pytest.fixture
def listener():
    """A server that notes whether anybody calls."""
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        done = threading.Event()

        def wait():
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                calls.append(1)
                connection.close()

        thread = threading.Thread(target=wait)
        thread.start()
        yield server.getsockname()[1], calls
        done.set()
        thread.join()


@pytest.mark.parametrize("place", ["dtd", "entity", "parameter", "xinclude", "schema", "stylesheet"])
def test_nothing_else_is_opened(tmp_path, listener, place):
    port, calls = listener
    (tmp_path / "secret").write_text("s3cret")
    for address in (f"http://127.0.0.1:{port}/x", (tmp_path / "secret").as_uri()):
        files = {
            "dtd": bomb(outer=f'SYSTEM "{address}"'),
            "entity": bomb(f'<!ENTITY j SYSTEM "{address}">'),
            "parameter": bomb(f'<!ENTITY % p SYSTEM "{address}"> %p;'),
            "xinclude": feed(
                '<job><id>1</id><title>t<x:include xmlns:x="http://www.w3.org/2001/XInclude" parse="text"'
                f' href="{address}"/></title></job>'
            ),
            "schema": feed(GOOD).replace(
                b"<source>",
                f'<source xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="a {address}">'.encode(),
            ),
            "stylesheet": feed(GOOD).replace(b"<source>", f'<?xml-stylesheet href="{address}"?><source>'.encode()),
        }
        if place in ("dtd", "entity", "parameter"):
            assert "s3cret" not in line(tmp_path, "jobs.xml", files[place])
        else:
            (tmp_path / "jobs.xml").write_bytes(files[place])
            tables, _, _ = read(tmp_path, tables={"postings": {"path": "jobs.xml"}})
            assert tables.postings["title"].tolist() in (["Cook"], ["t"])
    assert calls == []


BROKEN = {
    "cut short": (feed(GOOD, GOOD)[:-20], "after 1 postings.*fetch it again"),
    "cut in a tag": (feed(GOOD)[:-3], "fetch it again"),
    "latin-1 that says nothing": ("<source><job><title>é</title></job></source>".encode("latin-1"), "set `encoding`"),
    "bytes of no encoding": (feed(GOOD).replace(b"Cook", b"\xff\xfe\x80"), "set `encoding`"),
    "an unknown encoding": (feed(GOOD).replace(b"utf-8", b"x-klingon"), "set `encoding`"),
    "an unknown entity": (feed("<job><title>&nbsp;</title></job>"), "CDATA"),
    "a NUL": (feed(GOOD).replace(b"Cook", b"\x00"), "damaged"),
    "JSON": (b'{"a": 1}', "damaged"),
    "spaces": (b"   \n ", "cannot be read as XML"),
    "two roots": (feed(GOOD) + b"<source/>", "damaged"),
    "deep nesting": (b"<source><job>" + b"<a>" * 100_000, "nests elements more than 64 deep"),
    "a long name": (b"<source><" + b"x" * 20_000_000, "cannot be read as XML"),
    "a long attribute": (b"<source a='" + b"x" * 20_000_000, "cannot be read as XML"),
    "a long section": (b"<source><job><title><![CDATA[" + b"x" * 20_000_000 + b"]]>", "cannot be read as XML"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_feed_is_one_line(tmp_path, name):
    data, said = BROKEN[name]
    assert re.search(said, line(tmp_path, "jobs.xml", data))


def test_gzip_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(feed_file, "ALWAYS", 1 << 20)
    for name, start in (("jobs.xml.gz", b"<source>"), ("jobs.jsonld.gz", b"[")):
        said = line(tmp_path, name, gzip.compress(start + b" " * (8 << 20)))
        assert "200 times its size" in said
    assert "cannot be unpacked" in line(tmp_path, "jobs.xml.gz", gzip.compress(feed(*[GOOD] * 100))[:-30])
    assert "cannot be unpacked" in line(tmp_path, "jobs.xml.gz", b"no gzip file")


DEEP = "[" * 100_000
JSON_FILES = {
    "deep": (DEEP.encode(), "nested too deeply"),
    "cut short": (json.dumps([jsonld(WELDER), jsonld(WELDER)])[:-9].encode(), "not JSON near"),
    "latin-1": (json.dumps([jsonld(WELDER)], ensure_ascii=False).encode("latin-1"), "see `encoding`"),
    "a huge number": (b'[{"@type": "JobPosting", "value": ' + b"9" * 10_000 + b"}]", "not JSON near"),
    "nothing of ours": (b'{"@type": "WebPage"}', "no JobPosting in it"),
    "text": (b"hello", "not JSON near"),
    "an empty list": (b"[]", "no posting is left"),
}


@pytest.mark.parametrize("name", JSON_FILES)
def test_a_damaged_json_file_is_one_line(tmp_path, name):
    data, said = JSON_FILES[name]
    (tmp_path / "jobs.jsonld").write_bytes(data)
    with pytest.raises(DataError, match=said):
        read(tmp_path, tables={"postings": {"path": "jobs.jsonld"}}, max_rejected_share=0.1)


def test_a_value_without_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(json_file, "MOST_CHARS", 3 << 20)
    said = line(tmp_path, "jobs.jsonld", b'["' + b"x" * (20 << 20))
    assert "more than 3 million characters" in said


PAGES = {
    "deep markup": ("<div>" * 100_000 + page(jsonld(WELDER)), "deeper than any page"),
    "deep script": (page(DEEP), "script is not JSON"),
    "wrong bytes": (page(jsonld(WELDER), head="").encode("latin-1"), "is not utf-8"),
    "nothing": ("<html>", "no JobPosting"),
    "a script without end": ('<script type="application/ld+json">{"@type": "JobPosting"', "no JobPosting|not JSON"),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_bad_page_is_one_row(tmp_path, name):
    text, said = PAGES[name]
    (tmp_path / "bad.html").write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "good.html").write_text(page(jsonld(WELDER)))
    tables, _, rejected = read(tmp_path, tables={"postings": {"path": "*.html"}}, **ANY)
    assert len(tables.postings) == 1
    assert rejected["file"].unique().tolist() == ["bad.html"]
    assert rejected["reason"].str.contains(said).any()


def test_a_page_as_large_as_no_page_is(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonld_file, "MOST_PAGE", 1000)
    (tmp_path / "large.html").write_text(page(jsonld(WELDER)) + " " * 1000)
    (tmp_path / "other.html").write_text(page({"@type": "JobPosting", "@id": "http://a.b", "title": "Cook"}))
    tables, _, rejected = read(tmp_path, tables={"postings": {"path": "*.html"}}, **ANY)
    assert tables.postings["title"].tolist() == ["Cook"]
    assert rejected["reason"].str.startswith("is larger than").tolist() == [True]


def test_pages_say_their_encoding(tmp_path):
    for at, (head, encoding) in enumerate(
        [
            ("<meta charset=iso-8859-1>", "latin-1"),
            ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">', "cp1252"),
            ("", "utf-8-sig"),
            ("", "utf-16"),
        ]
    ):
        (tmp_path / f"{at}.html").write_bytes(
            page(jsonld(WELDER | {"posting_id": str(at)}), head=head).encode(encoding)
        )
    tables, _, rejected = read(tmp_path, tables={"postings": {"path": "*.html"}})
    assert tables.postings["company"].tolist() == ["Stahl & Söhne"] * 4
    assert rejected.empty


def test_nodes_that_refer_to_each_other_cost_nothing(tmp_path):
    ring = [{"@id": f"#{at}", "name": [{"@id": f"#{(at + one) % 20}"} for one in range(20)]} for at in range(20)]
    posting = jsonld(WELDER) | {"hiringOrganization": {"@id": "#0"}, "jobLocation": {"@id": "#1"}}
    (tmp_path / "postings.jsonld").write_text(json.dumps({"@graph": [*ring, posting]}))
    tables, _, _ = read(tmp_path)
    assert tables.postings["company"].isna().all()


def test_half_characters_are_replaced(tmp_path):
    half = json.dumps(
        jsonld(WELDER | {"locations": [{"city": "X\ud800"}]}) | {"educationRequirements": "<p>\ud800</p>"}
    )
    (tmp_path / "postings.jsonld").write_text(half)
    tables, _, _ = read(tmp_path)
    assert tables.locations["city"].tolist() == ["X?"]
    assert '"education": "?"' in tables.postings["extra"][0]


def test_a_feed_among_other_files_is_named(tmp_path):
    (tmp_path / "one.xml").write_bytes(feed(GOOD))
    with pytest.raises(ConfigError, match="set `format: xml`"):
        read(tmp_path, tables={"postings": {"path": "o*"}})
    with pytest.raises(ValueError, match="sources of their own"):
        read(tmp_path, tables={"postings": {"path": ["one.xml", "two.csv"]}})
    with pytest.raises(ValueError, match="xml is a format of postings, not of candidates"):
        read(tmp_path, tables={"candidates": {"path": "one.xml"}})


FEED = feed(job(referencenumber="1", title="Cook"), job(referencenumber="2", title="Söhne"))
PAGE = page(jsonld(WELDER), [jsonld(WELDER | {"posting_id": "x"})]).encode()


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([("postings.xml", FEED), ("postings.jsonld", PAGE)]))
def test_any_damage_is_a_table_or_one_line(tmp_path_factory, data, case):
    name, whole = case
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 40)))
    put = data.draw(
        st.binary(max_size=20) | st.sampled_from([b"<!DOCTYPE a>", b"<![CDATA[", b"]]>", b"\xef\xbb\xbf", b"[" * 20])
    )
    folder = tmp_path_factory.mktemp("damaged")
    (folder / name).write_bytes(whole[:start] + put + whole[end:])
    said, count = "", 0
    try:
        count = len(read(folder, **ANY)[0].postings)
    except DataError as error:
        said = str(error)
    assert "\n" not in said
    assert bool(said) == (count == 0)


MEMORY = """
import resource, sys
sys.path[:0] = [{root!r}]
from pathlib import Path
from training.sources.piece import Wanted
from training.sources.xml_file import xml_pieces
file = Path({file!r})
def refuse(*given): raise AssertionError(given)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(len(piece.rows) for piece in xml_pieces(file, file.name, None, None, Wanted(("title",), True), refuse))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_feed(tmp_path):
    one = job(referencenumber="1", title="Cook", description="x" * 20_000).encode()
    grown = []
    for count in (2_000, 8_000):
        with (tmp_path / "big.xml").open("wb") as stream:
            stream.write(b"<source>")
            for _ in range(count):
                stream.write(one)
            stream.write(b"</source>")
        script = MEMORY.format(root=str(ROOT), file=str(tmp_path / "big.xml"))
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
        rows, kilobytes = map(int, done.stdout.split())
        assert rows == count
        grown.append(kilobytes)
    assert grown[1] < grown[0] + 30_000  # the larger file has 120 MB more
