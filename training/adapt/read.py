"""From files and a board's own tables to groups of titles."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from recsys.errors import DataError
from recsys.schema import EVENT_TYPES, Tables
from recsys.text import split_words
from training.adapt.config import AdaptConfig, EventTitles, TitleFile
from training.adapt.groups import GroupBuilder, Groups
from training.sources import read_tables
from training.sources.files import find_files, read_pieces
from training.sources.piece import Wanted, as_text

EVENTS: Final = "histories"
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s")
_SENTENCE_CHARACTERS: Final = 200


def read_groups(config: AdaptConfig, data: Path, rejected: Path, say: Callable[[str], None]) -> Groups:
    """All groups that the config names.

    Args:
        config: which files, and whether the board's events count.
        data: folder that the paths are relative to.
        rejected: file for rows of the board's tables that cannot be used; only written where events are used.
        say: takes a line of progress.

    Raises:
        DataError: a file is missing or damaged, lacks a column, or no group is left.
    """
    builder = GroupBuilder()
    for file in config.titles:
        rows, lost = _read_file(file, data, builder)
        say(f"{file.path}: {rows:,} rows" + (f", {lost:,} more cannot be read" if lost else ""))
    if config.events.use:
        tables, summary = read_tables(config.sources, data, rejected)
        for line in summary.lines():
            say(line)
        _add_histories(tables, config.events, builder)
    groups = builder.groups()
    for at, name in enumerate(groups.names):
        mine = groups.kind == at
        say(f"{name}: {int(mine.sum()):,} groups, {int(groups.sizes[mine].sum()):,} titles")
    if not len(groups):
        raise DataError("no two titles belong together: look at the columns named in `titles`")
    return groups


def _read_file(file: TitleFile, data: Path, builder: GroupBuilder) -> tuple[int, int]:
    """Rows read, and rows that could not be."""
    source, name = file.source(), file.name or file.path
    lost = 0

    def refuse(row: int, column: str, reason: str, value: str | None, lines: int = 1) -> None:
        nonlocal lost
        lost += lines

    rows = 0
    for path in find_files(source, data, "titles"):
        for piece in read_pieces(path, path.name, source, Wanted(file.columns), refuse):
            cells = {column: as_text(values).fillna("").tolist() for column, values in piece.columns.items()}
            rows += len(piece.rows)
            for at in range(len(piece.rows)):
                _add_row(file, name, {column: values[at] for column, values in cells.items()}, builder)
    return rows, lost


def _add_row(file: TitleFile, name: str, cells: dict[str, str], builder: GroupBuilder) -> None:
    main = cells[file.title] if file.title else None
    group = cells[file.group or file.title or ""].strip()
    if group:
        more = [title for column in file.also for title in cells[column].split(file.split)]
        about = first_sentence(cells[file.text]) if file.text else None
        builder.add(name, group, more, main, about)


def first_sentence(text: str) -> str:
    """The first sentence, cut at a word's end where it is longer than 200 characters."""
    sentence = _SENTENCE.split(text.strip(), maxsplit=1)[0]
    if len(sentence) <= _SENTENCE_CHARACTERS:
        return sentence
    return sentence[:_SENTENCE_CHARACTERS].rsplit(" ", 1)[0]


def _add_histories(tables: Tables, settings: EventTitles, builder: GroupBuilder) -> None:
    """A group for each candidate: titles of postings, wanted titles, titles held."""
    events = tables.events
    kinds = [EVENT_TYPES.index(kind) for kind in settings.kinds]
    known = np.isfinite(events.time)
    until = np.quantile(events.time[known], settings.earlier_share) if known.any() else np.inf
    # Without a time nobody can say that an event is early; without any, all of them are used.
    early = (events.time <= until) if known.any() else np.ones(len(events), bool)
    titles: dict[int, list[str]] = {}
    posted = tables.postings["title"].fillna("").to_numpy(object)
    for row in np.flatnonzero(early & np.isin(events.kind, kinds)).tolist():
        titles.setdefault(int(events.candidate[row]), []).append(posted[events.posting[row]])
    for candidate, cell in enumerate(tables.candidates["desired_titles"].fillna("").tolist()):
        if cell:
            titles.setdefault(candidate, []).extend(split_words(cell))
    held = tables.experience["title"].fillna("").tolist()
    for candidate, title in zip(tables.experience["candidate"].tolist(), held, strict=True):
        titles.setdefault(int(candidate), []).append(title)
    for candidate, found in titles.items():
        distinct = list({title.casefold(): title for title in found if title.strip()}.values())
        if 2 <= len(distinct) <= settings.most:
            builder.add(EVENTS, candidate, distinct, same_work=False)
