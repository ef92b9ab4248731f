"""The words of the market: occupations with their titles, skills, tasks and pay, read from the package's YAML files."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

LEVELS = ("junior", "mid", "senior", "lead")
#: Interest of a person in an occupation that is neither theirs nor related to it.
STRANGE = 0.02


class _Entry(BaseModel):
    """One occupation as the YAML files write it; ``pay`` is thousands of dollars a year, lowest and highest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    weight: float
    industries: list[str]
    pay: tuple[float, float]
    hourly: bool
    remote: float = 0.0
    part_time: float = 0.0
    setting: str
    titles: list[str]
    junior: list[str] = []
    senior: list[str] = []
    lead: list[str]
    people: list[str]
    related: dict[str, float]
    skills: list[str]
    tasks: list[str]


@dataclass(frozen=True)
class Occupation:
    """One occupation, ready for drawing.

    Attributes:
        key: name in the YAML files.
        label: name that a board's category list would use.
        weight: share of postings and people, not normalised.
        industries: names of the industries that employ it.
        pay: lowest (junior) and highest (lead) pay in US dollars a year.
        hourly: whether pay is quoted by the hour.
        remote: share of postings that can be done from home.
        part_time: share of part-time postings.
        setting: kind of working conditions.
        titles: one tuple of wordings for each of ``LEVELS``.
        people: what people who do it call themselves.
        skills: rows of ``Vocabulary.skills``.
        tasks: (posting's wording, other wording, as told in a CV).
    """

    key: str
    label: str
    weight: float
    industries: tuple[str, ...]
    pay: tuple[float, float]
    hourly: bool
    remote: float
    part_time: float
    setting: str
    titles: tuple[tuple[str, ...], ...]
    people: tuple[str, ...]
    skills: tuple[int, ...]
    tasks: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Vocabulary:
    """All occupations (O of them) and skills (S), and the other phrases.

    Attributes:
        occupations: O occupations in a fixed order.
        skills: S tuples of wordings; the first is the usual one of postings.
        transition: float32 (O, O), interest of a person of the row's occupation in a job of the column's: 1 for the
            own one, ``STRANGE`` where nothing relates the two; not symmetric.
        phrases: the content of ``words/market.yaml``.
    """

    occupations: tuple[Occupation, ...]
    skills: tuple[tuple[str, ...], ...]
    transition: NDArray[np.float32]
    phrases: dict[str, Any]

    @property
    def skill_words(self) -> int:
        """Number of uint64 that hold one bit for each skill."""
        return (len(self.skills) + 63) // 64

    def related_shares(self) -> NDArray[np.float64]:
        """Cumulated shares (O, O) of the occupations related to the row's, itself left out."""
        share = np.maximum(self.transition.astype(np.float64) - STRANGE, 1e-4)
        np.fill_diagonal(share, 0)
        shares: NDArray[np.float64] = np.cumsum(share, axis=1) / share.sum(axis=1, keepdims=True)
        return shares


@cache
def load_vocabulary() -> Vocabulary:
    """Read the package's files once.

    Raises:
        ValueError: a file is inconsistent (an unknown related occupation, a task without its three wordings).
    """
    folder = files("training.market") / "words"
    phrases = yaml.safe_load((folder / "market.yaml").read_text("utf-8"))
    entries: dict[str, _Entry] = {}
    for path in sorted((folder / "occupations").iterdir(), key=lambda path: path.name):
        raw = yaml.safe_load(path.read_text("utf-8"))
        entries.update({key: _Entry.model_validate(value) for key, value in raw.items()})
    wordings = _skill_wordings(entries)
    rows = {name: row for row, name in enumerate(wordings)}
    occupations = tuple(_occupation(key, entry, rows, phrases) for key, entry in entries.items())
    return Vocabulary(occupations, tuple(wordings.values()), _transition(entries), phrases)


def _skill_wordings(entries: dict[str, _Entry]) -> dict[str, tuple[str, ...]]:
    """Every skill under its usual name; a skill of several occupations has its other wordings at one of them."""
    wordings: dict[str, tuple[str, ...]] = {}
    for entry in entries.values():
        for text in entry.skills:
            names = tuple(text.split(" | "))
            if len(names) > len(wordings.get(names[0], ())):
                wordings[names[0]] = names
    return wordings


def _occupation(key: str, entry: _Entry, rows: dict[str, int], phrases: dict[str, Any]) -> Occupation:
    tasks = tuple(tuple(task.split(" | ")) for task in entry.tasks)
    if any(len(task) != 3 for task in tasks):
        raise ValueError(f"occupation {key}: each task needs three wordings, separated by ' | '")
    prefixed = {
        level: [f"{prefix} {title}" for prefix in phrases["title_prefix"][level] for title in entry.titles]
        for level in ("junior", "senior")
    }
    titles = (
        tuple(entry.junior or [*entry.titles, *prefixed["junior"]]),
        tuple(entry.titles),
        tuple(entry.senior or [*prefixed["senior"]]),
        tuple(entry.lead),
    )
    return Occupation(
        key=key,
        label=entry.label,
        weight=entry.weight,
        industries=tuple(entry.industries),
        pay=(entry.pay[0] * 1000, entry.pay[1] * 1000),
        hourly=entry.hourly,
        remote=entry.remote,
        part_time=entry.part_time,
        setting=entry.setting,
        titles=titles,
        people=tuple(entry.people),
        skills=tuple(rows[text.split(" | ")[0]] for text in entry.skills),
        tasks=tasks,
    )


def _transition(entries: dict[str, _Entry]) -> NDArray[np.float32]:
    numbers = {key: number for number, key in enumerate(entries)}
    matrix = np.full((len(entries), len(entries)), STRANGE, np.float32)
    for key, entry in entries.items():
        for other, share in entry.related.items():
            if other not in numbers:
                raise ValueError(f"occupation {key}: related occupation {other!r} is not in the files")
            matrix[numbers[key], numbers[other]] = share
    np.fill_diagonal(matrix, 1.0)
    return matrix
