"""What a caller wants changed, what the log says of it, and their form in the database: canonical JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal, get_args

from recsys.errors import DataError
from recsys.schema import EVENT_TYPES
from serving.store.mutes import MuteChange, muted_in

Kind = Literal["posting", "posting_gone", "candidate", "candidate_gone", "mutes", "event", "key", "key_gone"]
Outcome = Literal["stored", "unchanged", "duplicate", "conflict", "missing", "full"]
Document = dict[str, Any]

#: The field of a document that holds its own id.
ID_FIELD: Final = {
    "posting": "posting_id",
    "candidate": "candidate_id",
    "mutes": "candidate_id",
    "event": "event_id",
    "key": "key_id",
}
_KINDS: Final = frozenset(get_args(Kind))
_TYPES: Final = frozenset(EVENT_TYPES)
_LONGEST: Final = 1024  # bytes: an index of PostgreSQL holds no entry of more than about 2,700


@dataclass(frozen=True)
class Write:
    """One wanted change.

    Attributes:
        kind: what is put or taken away.
        key: the id: of a posting, candidate, event or API key.
        document: what is put, holding its own id; None for a kind that ends in ``_gone``. Of the kind "mutes" it says
            what changes, see ``serving.store.mutes``; a candidate's may name what the candidate muted, too.
        shown_at: of a kind that ends in ``_gone``: the position of the log at which the service had what is taken away.
            It goes even where the store never held its document, as a posting that only a bundle knows, unless the log
            took it away since.
    """

    kind: Kind
    key: str
    document: Document | None = None
    shown_at: int | None = None


@dataclass(frozen=True)
class Change:
    """One entry of the log.

    Attributes:
        position: its number, from 1, in the order of the commits and without gaps.
        kind, key, document: as written; of the kind "mutes" all that the candidate mutes from now on.
        at: when, in seconds since 1970.
    """

    position: int
    kind: Kind
    key: str
    document: Document | None
    at: float


@dataclass(frozen=True)
class Receipt:
    """What became of some writes.

    Attributes:
        position: an answer from the log up to here obeys all of them.
        outcomes: one a write, in order: "stored"; "unchanged": the same document is there; "duplicate": an event of
            this id and content is there; "conflict": an event of this id and other content is there, and stays;
            "missing": there is nothing to take away; "full": more would be muted than may be, and all stays as it was.
    """

    position: int
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A checked write as the database takes it.

    Attributes:
        kind, key: as wanted.
        text: the document as canonical JSON, None where there is none.
        digest: of ``text``, 16 bytes; equal for equal documents.
        candidate: whose profile, mutes or event it is.
        shown_at: as wanted.
        mutes: what it changes of the candidate's mutes.
    """

    kind: Kind
    key: str
    text: str | None
    digest: bytes
    candidate: str | None
    shown_at: int | None = None
    mutes: MuteChange | None = None


def canonical(document: Document) -> str:
    """The one JSON text of a document: sorted keys, no blanks.

    Raises:
        ValueError, TypeError, RecursionError: it holds a number that is not finite, or what JSON has no word for.
    """
    return json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def text_of(document: Document) -> tuple[str, bytes]:
    """The canonical text of a document, and its digest; errors as in ``canonical``."""
    text = canonical(document)
    return text, blake2b(text.encode(), digest_size=16).digest()


def parsed(text: str) -> Document:
    """The document of a canonical text."""
    document: Document = json.loads(text)
    return document


def checked(writes: Sequence[Write]) -> list[Line]:
    """The writes as the database takes them.

    Raises:
        DataError: an id is empty, too long or no Unicode text, a document is missing, is not JSON, or names another id.
    """
    return [_line(write) for write in writes]


def check_id(text: object, what: str) -> str:
    """The same text, fit for a column of ids.

    NUL is refused although SQLite would take it: PostgreSQL has no room for it.

    Raises:
        DataError: it is not.
    """
    if not isinstance(text, str) or not text:
        raise DataError(f"{what} must be a text that is not empty, not {text!r:.60}")
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise DataError(f"{what} {text!r:.60} holds half a surrogate pair, which is no Unicode text") from None
    if "\0" in text:
        raise DataError(f"{what} {text!r:.60} holds the character NUL, which ids must not")
    if size > _LONGEST:
        raise DataError(f"{what} {text!r:.60}... takes {size:,} bytes, more than {_LONGEST:,}")
    return text


def _line(write: Write) -> Line:
    if write.kind not in _KINDS:
        raise DataError(f"there is no kind of write {write.kind!r}")
    kind = write.kind.removesuffix("_gone")
    check_id(write.key, ID_FIELD[kind])
    if kind != write.kind:
        if write.document is not None:
            raise DataError(f"{write.kind} {write.key!r:.60} must come without a document")
        candidate = write.key if kind == "candidate" else None
        return Line(write.kind, write.key, None, b"", candidate, write.shown_at)
    document = write.document
    if not isinstance(document, dict) or document.get(ID_FIELD[kind]) != write.key:
        raise DataError(f"{kind} {write.key!r:.60}: its document must name the same {ID_FIELD[kind]}")
    mutes: MuteChange | None = None
    if kind == "mutes":
        document, mutes = {"candidate_id": write.key}, MuteChange.from_document(document)
    elif kind == "candidate":
        document, mutes = muted_in(document)
    candidate = _whose(document) if kind == "event" else write.key if kind in ("candidate", "mutes") else None
    try:
        text, digest = text_of(document)
    except UnicodeEncodeError:
        raise DataError(f"{kind} {write.key!r:.60} holds half a surrogate pair, which is no Unicode text") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{kind} {write.key!r:.60} cannot be written as JSON: {error}") from None
    return Line(write.kind, write.key, text, digest, candidate, mutes=mutes)


def _whose(event: Document) -> str:
    """The candidate of an event that the readers of events can work with."""
    name = f"event {event['event_id']!r:.60}"
    check_id(event.get("posting_id"), f"{name}: posting_id")
    if event.get("type") not in _TYPES:
        raise DataError(f"{name}: its type must be one of {', '.join(EVENT_TYPES)}")
    if not isinstance(event.get("timestamp"), int | float) or isinstance(event["timestamp"], bool):
        raise DataError(f"{name}: its timestamp must be a number of seconds since 1970")
    return check_id(event.get("candidate_id"), f"{name}: candidate_id")
