"""Postings and candidates as JSON documents, one at a time: how they arrive between two trainings.

A document holds the columns of ``recsys.schema`` that have a value: texts, numbers, times as seconds since 1970,
yes/no, lists of texts, ``locations`` (a list of places) and ``experience`` (a list of positions). Turned into the
tables of the schema it gives what training reads from files, so that the same posting is the same in both.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from recsys.schema import CANDIDATE_COLUMNS, EXPERIENCE_COLUMNS, PLACE_COLUMNS, POSTING_COLUMNS
from recsys.text import candidate_texts, normalise, posting_texts, posting_titles, split_words

Document = Mapping[str, Any]
_PIECE: Final = 20_000  # rows whose cells are Python objects at a time
_PLACE_NAMES: Final = ("city", "region", "country")


def posting_frames(documents: Sequence[Document]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables ``postings`` and ``locations`` of ``recsys.schema.Tables``, rows in the order of ``documents``."""
    places = [(row, place) for row, one in enumerate(documents) for place in one.get("locations", ())]
    locations = _frame([place for _, place in places], PLACE_COLUMNS)
    locations.insert(0, "posting", np.array([row for row, _ in places], np.int32))
    return _frame(documents, POSTING_COLUMNS), locations.drop_duplicates(ignore_index=True)


def candidate_frames(documents: Sequence[Document]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables ``candidates`` and ``experience`` of ``recsys.schema.Tables``."""
    held = [(row, one) for row, document in enumerate(documents) for one in _latest_first(document)]
    experience = _frame([one for _, one in held], EXPERIENCE_COLUMNS)
    experience.insert(0, "candidate", np.array([row for row, _ in held], np.int32))
    return _frame(documents, CANDIDATE_COLUMNS), experience


def posting_documents(postings: pd.DataFrame, locations: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The other way round: a document for each row of a table."""
    return _rows(postings, POSTING_COLUMNS, locations, PLACE_COLUMNS, "posting", "locations")


def candidate_documents(candidates: pd.DataFrame, experience: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The same of candidates."""
    return _rows(candidates, CANDIDATE_COLUMNS, experience, EXPERIENCE_COLUMNS, "candidate", "experience")


def _rows(
    main: pd.DataFrame,
    kinds: Mapping[str, str],
    part: pd.DataFrame,
    part_kinds: Mapping[str, str],
    column: str,
    name: str,
) -> Iterator[dict[str, Any]]:
    """One document a row of ``main``, with the rows of ``part`` that belong to it as the list ``name``."""
    order = np.argsort(part[column].to_numpy(), kind="stable")
    part = part.iloc[order]
    ends = np.searchsorted(part[column].to_numpy(), np.arange(len(main) + 1))
    for start in range(0, len(main), _PIECE):
        stop = min(start + _PIECE, len(main))
        inner = _documents(part.iloc[ends[start] : ends[stop]], part_kinds)
        for row, document in enumerate(_documents(main.iloc[start:stop], kinds), start):
            own = inner[ends[row] - ends[start] : ends[row + 1] - ends[start]]
            yield document | ({name: own} if own else {})


def _documents(frame: pd.DataFrame, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = [{} for _ in range(len(frame))]
    for name, kind in kinds.items():
        cells = frame[name].to_numpy(np.int8 if kind == "flag" else object if kind in ("text", "words") else np.float64)
        known = cells >= 0 if kind == "flag" else frame[name].notna().to_numpy()
        for row, cell in zip(np.flatnonzero(known).tolist(), cells[known].tolist(), strict=True):
            documents[row][name] = _value(name, kind, cell)
    return documents


def _value(name: str, kind: str, cell: Any) -> Any:
    if kind == "flag":
        return bool(cell)
    if kind == "words":
        return cell.split("\n")
    if name == "extra":
        try:
            inner = json.loads(cell)
        except json.JSONDecodeError:
            return cell
        return inner if isinstance(inner, dict) else cell
    return cell


def posting_texts_of(document: Document) -> tuple[str, str]:
    """What is encoded of a posting: its title, and its title, skills and description together."""
    return posting_texts_of_all([document])[0]


def candidate_texts_of(document: Document) -> list[str]:
    """What is encoded of a candidate: the whole profile, the desired titles, the titles held; no text twice."""
    return candidate_texts_of_all([document])[0]


def posting_texts_of_all(documents: Sequence[Document]) -> list[tuple[str, str]]:
    """As ``posting_texts_of``, of many at once: a hundred times as fast for each."""
    postings, _ = posting_frames(documents)
    return list(zip(posting_titles(postings), posting_texts(postings), strict=True))


def candidate_texts_of_all(documents: Sequence[Document]) -> list[list[str]]:
    """As ``candidate_texts_of``, of many at once."""
    candidates, experience = candidate_frames(documents)
    said = [split_words(cell) for cell in candidates["desired_titles"].fillna("").tolist()]
    titled = experience[experience["title"].notna()]
    for row, title in zip(titled["candidate"].tolist(), titled["title"].tolist(), strict=True):
        said[row].append(title)
    wholes = candidate_texts(candidates, experience)
    texts = [[whole, *map(normalise, titles)] for whole, titles in zip(wholes, said, strict=True)]
    return [[text for text in dict.fromkeys(some) if text] for some in texts]


def muted_texts_of(document: Document) -> list[str]:
    """What is encoded of what a candidate muted: the titles of interests."""
    return [text for text in dict.fromkeys(map(normalise, document.get("muted_interests", ()))) if text]


def place_names_of(document: Document) -> list[tuple[str, str, str]]:
    """Names of the places that a document gives no coordinates for: city, region, country, "" where not said."""
    places = [document, *document.get("locations", ()), *document.get("experience", ())]
    named = [
        tuple(str(place.get(name, "")).strip() for name in _PLACE_NAMES) for place in places if "latitude" not in place
    ]
    return [(one[0], one[1], one[2]) for one in dict.fromkeys(named) if any(one)]


def _latest_first(document: Document) -> list[Document]:
    """Positions, the one that goes on or ended last first; those without dates last, in their own order."""

    def ended(position: Document) -> tuple[float, float]:
        start = position.get("start", -np.inf)
        return position.get("end", np.inf if "start" in position else -np.inf), start

    return sorted(document.get("experience", ()), key=ended, reverse=True)


def _frame(documents: Sequence[Document], columns: Mapping[str, str]) -> pd.DataFrame:
    values = {name: [one.get(name) for one in documents] for name in columns}
    return pd.DataFrame({name: _column(kind, values[name]) for name, kind in columns.items()})


def _column(kind: str, cells: list[Any]) -> Any:
    if kind in ("number", "time"):
        return np.array([np.nan if cell is None else cell for cell in cells], np.float64)
    if kind == "flag":
        return np.array([-1 if cell is None else int(cell) for cell in cells], np.int8)
    if kind == "words":
        return pd.Series([None if not cell else "\n".join(map(_one_line, cell)) for cell in cells], dtype="str")
    return pd.Series([_text(cell) for cell in cells], dtype="str")


def _one_line(word: str) -> str:
    return " ".join(word.split("\n"))


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell or None
    return json.dumps(cell, ensure_ascii=False, sort_keys=True)
