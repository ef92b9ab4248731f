"""XML job feeds: one element a posting, read as a stream.

No tree is built: the parser calls a target for every tag and text, so that memory holds one posting. Any document type
is refused before a single declaration of it is read, and with it all entities but the five of XML itself: neither can
a text grow beyond what stands in the file, nor can the file name others.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from lxml import etree

from recsys.errors import DataError
from training.sources.feed_file import Record, feed_pieces, open_feed, wrong_encoding
from training.sources.piece import Piece, Refuse, Wanted
from training.sources.texts import is_markup
from training.sources.xml_jobs import posting_of

#: The element that holds a posting.
ELEMENT: Final = "job"
MOST_DEPTH: Final = 64
#: Of one posting; the parser itself refuses names, values and CDATA sections of more than 10 million bytes.
MOST_ELEMENTS: Final = 2_000
MOST_CHARS: Final = 4_000_000
_CHUNK: Final = 1 << 16
_LEVELS: Final = 3  # of elements in elements that are fields of their own
_TOO_MUCH: Final = f"posting has more than {MOST_ELEMENTS:,} elements or {MOST_CHARS:,} characters"

Fields = dict[str, Any]


def xml_pieces(
    path: Path, file: str, element: str | None, encoding: str | None, wanted: Wanted, refuse: Refuse
) -> Iterator[Piece]:
    """The postings of an XML feed.

    Args:
        path: where it is.
        file: its name in messages.
        element: local name of the elements that hold a posting; ``ELEMENT`` where None.
        encoding: instead of the one that the file declares.
        wanted: the columns to read.
        refuse: takes postings that are too large.

    Raises:
        DataError: the file is no XML, ends too early, is in another encoding, or has a document type.
    """

    def records() -> Iterator[Record]:
        with open_feed(path, file) as stream:
            for row, fields in _jobs(stream, file, (element or ELEMENT).lower(), encoding):
                if fields is None:
                    refuse(row, "", _TOO_MUCH, None)
                else:
                    yield Record(row, posting_of(fields), fields)

    return feed_pieces(records(), "postings", wanted)


def _jobs(stream: IO[bytes], file: str, element: str, encoding: str | None) -> Iterator[tuple[int, Fields | None]]:
    """The fields of each posting as soon as its element ends; None for one that is too large."""
    target = _Target(file, element)
    parser = etree.XMLParser(
        target=target,
        encoding="utf-8" if encoding else None,
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
    )
    row = 0
    try:
        for chunk in _chunks(stream, file, encoding):
            parser.feed(chunk)
            for fields in target.take():
                row += 1
                yield row, fields
        parser.close()
    except etree.XMLSyntaxError as error:
        raise DataError(_broken(file, error, row, encoding)) from None
    except LookupError:
        raise DataError(f"{file} declares an encoding that is not known; set `encoding` of the source") from None
    if not row and not target.empty:
        raise DataError(f"{file} holds no element <{element}>; set `records` of the source to what a posting is called")


def _chunks(stream: IO[bytes], file: str, encoding: str | None) -> Iterator[bytes]:
    """The file's bytes as the parser shall have them: as they are, or where an encoding is stated, as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)() if encoding else None
    done = 0
    while data := stream.read(_CHUNK):
        try:
            yield data if decoder is None else decoder.decode(data).removeprefix("\ufeff").encode()
        except UnicodeError as error:
            if isinstance(error, UnicodeDecodeError):
                error.start += done
            raise wrong_encoding(file, str(encoding), error) from None
        done += len(data)


def _broken(file: str, error: etree.XMLSyntaxError, jobs: int, encoding: str | None) -> str:
    """One line: what, where, what to do."""
    said = str(error.msg or "it is empty").split("\n")[0].split(", line ")[0].strip()
    line, column = error.position if error.position else (0, 0)
    where = f" at line {line:,}, column {column:,}" if line else ""
    if "ncod" in said or "UTF-8" in said:
        todo = "set `encoding` of the source (cp1252, for instance)"
    elif "ntity" in said:
        todo = "only &lt; &gt; &amp; &quot; &apos; and numbers are known in XML: let the sender put texts into CDATA"
    else:
        todo = "it was cut short or damaged: fetch it again"
    return f"{file} cannot be read as XML{where}, after {jobs:,} postings: {said}; {todo}"


class _Target:
    """Collects the fields of one posting at a time.

    A field is an element below the posting, by its name in lower case without a prefix; elements in it are fields too,
    by a path (``location.city``), and those of HTML stand in its text as markup. A field that comes again makes a list.
    """

    def __init__(self, file: str, element: str) -> None:
        self._file, self._element = file, element
        self._depth = 0
        self._at = 0  # depth of the posting that is open, 0 where none is
        self._done: list[Fields | None] = []
        self.empty = True  #: nothing stands where postings stand: a feed that has none just now

    def take(self) -> list[Fields | None]:
        """What has ended since the last call."""
        done, self._done = self._done, []
        return done

    def doctype(self, name: str | None, public: str | None, system: str | None) -> None:
        """Called before anything in the document type is read."""
        raise DataError(
            f"{self._file} has a document type (<!DOCTYPE>), which may define entities and name other files: it was not"
            " read any further. Feeds need none: let the sender leave it out"
        )

    def start(self, tag: str, attributes: Any) -> None:
        """An element begins."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise DataError(f"{self._file} nests elements more than {MOST_DEPTH} deep, as no feed does: fetch it again")
        name = tag.rpartition("}")[2].lower()
        if self._at:
            self._open(name)
        elif name == self._element:
            self._at, self._count, self._chars = self._depth, 0, 0
            self._fields: Fields = {}
            self._names: list[str] = []
            self._texts: list[list[str]] = []
        elif self._depth > 2:
            self.empty = False

    def _open(self, name: str) -> None:
        self._count += 1
        if self._small():
            self._names.append(name)
            self._texts.append([])

    def data(self, text: str) -> None:
        """Some text of the innermost element."""
        if self._at:
            self._chars += len(text)
            if self._texts and self._small():
                self._texts[-1].append(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._at and self._depth == self._at:
            self._done.append(self._fields if self._small() else None)
            self._at = 0
        elif self._at and self._small():
            self._close()
        self._depth -= 1

    def _close(self) -> None:
        path, name, text = ".".join(self._names), self._names.pop(), "".join(self._texts.pop())
        if self._texts:
            marked = f"<{name}>{text}</{name}>" if text else f"<{name}/>"
            self._texts[-1].append(marked if is_markup(name) else f" {text} ")
        text = text.strip()
        if text and len(self._names) < _LEVELS:
            known = self._fields.get(path)
            self._fields[path] = text if known is None else [*(known if isinstance(known, list) else [known]), text]

    def _small(self) -> bool:
        return self._count <= MOST_ELEMENTS and self._chars <= MOST_CHARS

    def close(self) -> None:
        """The document ends."""
