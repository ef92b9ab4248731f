"""JSON Resume documents (jsonresume.org): one a file, an array, or JSON lines.

Name, mail, telephone, picture and street are not read: nothing here needs them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from recsys.errors import DataError
from training.sources.feed_file import Record, feed_pieces, open_feed, open_text
from training.sources.job_words import without_nothing
from training.sources.json_file import Walker
from training.sources.piece import Piece, Refuse, Wanted
from training.sources.places import parse_place

Resume = dict[str, Any]

#: Bytes of one line.
MOST_LINE: Final = 16 << 20
_LINES: Final = frozenset({".jsonl", ".ndjson"})
_NOW: Final = frozenset({"present", "now", "current", "today", "ongoing"})
_SECTIONS: Final = {
    "education": ("studyType", "area", "institution"),
    "certificates": ("name", "issuer"),
    "projects": ("name", "description", "highlights", "keywords"),
    "volunteer": ("position", "organization", "summary", "highlights"),
    "awards": ("title", "awarder"),
    "publications": ("name", "summary"),
    "interests": ("name", "keywords"),
}
_MOST: Final = 200  # entries of one section


def resume_pieces(path: Path, file: str, encoding: str | None, wanted: Wanted, refuse: Refuse) -> Iterator[Piece]:
    """The candidates of a file, or, where columns of experience are wanted, a row for each position.

    A file of one document gives its name as the id, unless the document has one.

    Raises:
        DataError: the file is no JSON, or in another encoding.
    """
    whole = "headline" in wanted.names

    def records() -> Iterator[Record]:
        for row, resume, name in _resumes(path, file, encoding, refuse if whole else _nobody):
            who = _identity(resume) or name
            if whole:
                yield Record(row, candidate_of(resume) | without_nothing({"candidate_id": who}), resume)
            else:
                for position in positions_of(resume):
                    yield Record(row, {**position, "candidate_id": who}, resume)

    return feed_pieces(records(), "candidates" if whole else "experience", wanted)


def _nobody(row: int, column: str, reason: str, value: str | None, lines: int = 1) -> None:
    """Takes what was refused before, when the candidates of the same file were read."""


def _resumes(path: Path, file: str, encoding: str | None, refuse: Refuse) -> Iterator[tuple[int, Resume, str | None]]:
    """Row, document, and the id that the file gives it."""
    stem = path.name.split(".")[0]
    if Path(path.name.removesuffix(".gz")).suffix.lower() in _LINES:
        found: Iterator[tuple[int, Any, str | None]] = (
            (row, one, None) for row, one in _of_lines(path, file, encoding or "utf-8", refuse)
        )
    else:
        found = _of_json(path, file, encoding, refuse, stem)
    for row, one, name in found:
        if isinstance(one, dict) and ("basics" in one or "work" in one or "skills" in one):
            yield row, one, name
        elif one is not None:
            refuse(row, "", "no JSON Resume: it has neither basics nor work nor skills", None)


def _of_json(
    path: Path, file: str, encoding: str | None, refuse: Refuse, stem: str
) -> Iterator[tuple[int, Any, str | None]]:
    with open_text(path, file, encoding) as stream:
        walker = Walker(stream, file)
        if walker.begins_with("["):
            yield from ((row, value, None) for row, value in enumerate(walker.documents(), start=1))
            return
        try:
            value = next(walker.documents(), None)
        except DataError as error:  # one file of many
            refuse(1, "", str(error).removeprefix(f"{file} "), None)
            return
        yield 1, value, stem


def _of_lines(path: Path, file: str, encoding: str, refuse: Refuse) -> Iterator[tuple[int, Any]]:
    with open_feed(path, file) as stream:
        row = 0
        while line := stream.readline(MOST_LINE + 1):
            row += 1
            if len(line) > MOST_LINE:
                raise DataError(f"{file}: line {row:,} is longer than {MOST_LINE >> 20} MB; is it JSON lines?")
            if not line.strip():
                continue
            try:
                yield row, json.loads(line.decode(encoding).removeprefix("\ufeff"))
            except UnicodeDecodeError:
                refuse(row, "", f"line is not {encoding} (is `encoding` of the source right?)", None)
            except (ValueError, RecursionError):
                refuse(row, "", "line is not JSON", line[:400].decode("utf-8", "backslashreplace"))


def _identity(resume: Resume) -> str | None:
    """An id that the document holds: JSON Resume has no field for it, boards add one."""
    meta = resume.get("meta")
    for value in (resume.get("candidate_id"), resume.get("id"), meta.get("id") if isinstance(meta, dict) else None):
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return None


def candidate_of(resume: Resume) -> dict[str, Any]:
    """The columns of a candidate; docs/feeds.md has the table."""
    basics = _object(resume.get("basics"))
    place = _object(basics.get("location"))
    languages = [": ".join(_texts(one, ("language", "fluency"))) for one in _objects(resume, "languages")]
    skills = [text for one in _objects(resume, "skills") for text in _texts(one, ("name", "keywords"))]
    lines = [", ".join(_texts(one, names)) for section, names in _SECTIONS.items() for one in _objects(resume, section)]
    return without_nothing(
        {
            "headline": _text(basics.get("label")),
            "summary": _text(basics.get("summary")),
            "text": "\n".join(line for line in [*lines, *languages] if line),
            "skills": list(dict.fromkeys(skills)),
            "city": _text(place.get("city")),
            "region": _text(place.get("region")),
            "country": _text(place.get("countryCode")) or _text(place.get("country")),
            "extra": without_nothing({"languages": [one for one in languages if one]}),
        }
    )


def positions_of(resume: Resume) -> Iterator[dict[str, Any]]:
    """The columns of each position."""
    for one in _objects(resume, "work"):
        place = one.get("location")
        named = vars(parse_place(place)) if isinstance(place, str) else {}
        end = _text(one.get("endDate"))
        yield without_nothing(
            {
                "title": _text(one.get("position")),
                "company": _text(one.get("name")) or _text(one.get("company")),
                **named,
                "start": _text(one.get("startDate")),
                "end": None if end is None or end.casefold() in _NOW else end,
                "description": "\n".join(_texts(one, ("summary", "highlights"))),
            }
        )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(resume: Resume, section: str) -> list[dict[str, Any]]:
    found = resume.get(section)
    if not isinstance(found, list):
        return []
    return [one if isinstance(one, dict) else {"name": one} for one in found[:_MOST]]


def _texts(one: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """The texts of several fields, each a text or a list of texts."""
    values = [value for name in names for value in (one[name] if isinstance(one.get(name), list) else [one.get(name)])]
    return [text for value in values[:_MOST] if (text := _text(value))]


def _text(value: Any) -> str | None:
    known = isinstance(value, str | int | float) and not isinstance(value, bool)
    return (str(value).strip() or None) if known else None
