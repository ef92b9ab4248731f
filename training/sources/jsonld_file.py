"""Files that hold JSON-LD: JSON documents, JSON lines, and HTML pages with it in their scripts."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lxml import etree

from recsys.errors import DataError
from training.sources.feed_file import Record, by_mark, decoded, encoding_of, feed_pieces, open_feed, open_text
from training.sources.json_file import Walker
from training.sources.jsonld import Document, posting_of
from training.sources.piece import Piece, Refuse, Wanted

#: Bytes of one page, and of one line.
MOST_PAGE: Final = 16 << 20
_LINES: Final = frozenset({".jsonl", ".ndjson"})
_SCRIPT: Final = "application/ld+json"


def jsonld_pieces(path: Path, file: str, encoding: str | None, wanted: Wanted, refuse: Refuse) -> Iterator[Piece]:
    """The ``JobPosting`` nodes of a file.

    An array is read element by element; any other document is held whole. On a page, a script that is not JSON is
    refused alone, and so is a page without a posting.

    Args:
        path: where it is; .jsonl and .ndjson are JSON lines, other files are told apart by how they begin.
        file: its name in messages.
        encoding: instead of what a byte order mark or the page says.
        wanted: the columns to read.
        refuse: takes lines, scripts and pages that cannot be used.

    Raises:
        DataError: the file is no JSON, or in another encoding.
    """
    if Path(path.name.removesuffix(".gz")).suffix.lower() in _LINES:
        documents = _of_lines(path, file, encoding, refuse)
    elif _is_page(path, file):
        documents = _of_page(path, file, encoding, refuse)
    else:
        documents = _of_json(path, file, encoding, refuse)
    return feed_pieces(_records(documents), "postings", wanted)


def _records(documents: Iterator[Document]) -> Iterator[Record]:
    row = 0
    for document in documents:
        for node in document.postings:
            row += 1
            yield Record(row, posting_of(node, document), node)


def _is_page(path: Path, file: str) -> bool:
    """Whether the first sign of the file is that of markup."""
    with open_feed(path, file) as stream:
        start = stream.read(4096)
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        start = start.removeprefix(mark)
    return start.lstrip(b" \t\r\n\x00").startswith(b"<")


def _of_json(path: Path, file: str, encoding: str | None, refuse: Refuse) -> Iterator[Document]:
    with open_text(path, file, encoding) as stream:
        for at, value in enumerate(Walker(stream, file).documents(), start=1):
            document = Document(value)
            if not document.postings:
                refuse(at, "", "no JobPosting in it", None)
            yield document


def _of_lines(path: Path, file: str, encoding: str | None, refuse: Refuse) -> Iterator[Document]:
    """A line that is no JSON, or holds no posting, is refused alone."""
    with open_feed(path, file) as stream:
        row = 0
        while line := stream.readline(MOST_PAGE + 1):
            row += 1
            if len(line) > MOST_PAGE:
                raise DataError(f"{file}: line {row:,} is longer than {MOST_PAGE >> 20} MB; is it JSON lines?")
            if line.strip():
                yield _of_line(line, row, encoding or "utf-8", refuse)


def _of_line(line: bytes, row: int, encoding: str, refuse: Refuse) -> Document:
    try:
        document = Document(json.loads(line.decode(encoding).removeprefix("\ufeff")))
        reason = None if document.postings else "no JobPosting in it"
    except UnicodeDecodeError:
        document, reason = Document(), f"line is not {encoding} (is `encoding` of the source right?)"
    except (ValueError, RecursionError):
        document, reason = Document(), "line is not JSON"
    if reason:
        refuse(row, "", reason, line[:400].decode("utf-8", "backslashreplace"))
    return document


def _of_page(path: Path, file: str, encoding: str | None, refuse: Refuse) -> Iterator[Document]:
    """All scripts of a page as one document: a node may refer to one of another script."""
    values = []
    try:
        scripts = list(_scripts(_page(path, file, encoding), file))
    except DataError as error:  # one page of many
        refuse(1, "", str(error).removeprefix(f"{file} "), None)
        return
    for row, script in enumerate(scripts, start=1):
        try:
            # Line ends in texts are no JSON, and common.
            values.append(json.loads(_bare(script), strict=False))
        except (ValueError, RecursionError) as error:
            refuse(row, "", f"script is not JSON: {str(error)[:80]}", script[:200])
    document = Document(*values)
    if not document.postings:
        refuse(1, "", "no JobPosting on the page", None)
    yield document


def _page(path: Path, file: str, encoding: str | None) -> str:
    with open_feed(path, file) as stream:
        data = stream.read(MOST_PAGE + 1)
    if len(data) > MOST_PAGE:
        raise DataError(f"{file} is larger than {MOST_PAGE >> 20} MB, as no page is; is its `format` right?")
    stated = encoding or (_declared(data) if by_mark(data) is None else None)
    return decoded(data, file, encoding_of(data[:4], stated))


def _declared(data: bytes) -> str | None:
    """The encoding that a page names in its head; None where it names none, or one that is not known."""
    for node in _parsed(data[:4096].decode("latin-1"))[0].iter("meta"):
        kind = node.get("charset") or node.get("content", "").lower().partition("charset=")[2]
        try:
            name = str(kind).strip().strip("\"';")
            if name:
                "".encode(name)
                return name
        except LookupError:
            continue
    return None


def _scripts(page: str, file: str) -> Iterator[str]:
    tree, whole = _parsed(page)
    if not whole:
        raise DataError(f"{file} nests elements deeper than any page does: fetch it again, or take it out")
    for node in tree.iter("script"):
        if node.get("type", "").partition(";")[0].strip().lower() == _SCRIPT and node.text:
            yield node.text


def _parsed(page: str) -> tuple[Any, bool]:
    """The tree of a page, and whether the parser came to its end."""
    # More than 2,000 elements in each other are given up even so; 256, without it, some real pages have.
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True)
    data = page.replace("\x00", " ").encode("utf-8", "replace")
    try:
        tree = etree.parse(io.BytesIO(data or b" "), parser).getroot()
    except etree.XMLSyntaxError:
        tree = None
    whole = not any(error.type_name == "ERR_RESOURCE_LIMIT" for error in parser.error_log)
    return tree if tree is not None else etree.Element("html"), whole


def _bare(script: str) -> str:
    """A script without what once hid it from old browsers."""
    text = script.strip()
    for begin, end in (("<!--", "-->"), ("//<![CDATA[", "//]]>"), ("/*<![CDATA[*/", "/*]]>*/"), ("<![CDATA[", "]]>")):
        text = text.removeprefix(begin).removesuffix(end).strip()
    return text.rstrip(";")
