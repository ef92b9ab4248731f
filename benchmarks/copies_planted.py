"""Copies and near misses planted in real postings, by what people and feeds do to them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Final

import numpy as np


@dataclass(frozen=True)
class Text:
    """What counts of a posting here."""

    title: str
    description: str
    company: str
    city: str


@dataclass(frozen=True)
class Beside:
    """Other postings that an edit may take from: of the same employer, and of any other, None where there is none."""

    own: Text | None
    other: Text


Edit = Callable[[Text, Beside, np.random.Generator], Text | None]

_MONTHS: Final = ("January", "March", "April", "June", "August", "October", "December")
_ADDED: Final = (
    "We are an equal opportunity employer and do not discriminate on any ground that the law protects.",
    "Applicants who need help with the form may call our office on any working day before noon.",
    "Please send your papers as one file; we answer everybody within two weeks of the closing date.",
    "No agencies please: we do not pay for candidates whose papers reach us without our having asked.",
)
_LEVELS: Final = ("Junior", "Senior", "Lead", "Principal")
_COMMON: Final = 0.6  # of the distinct words of two texts; with more, they may well be of one vacancy
_NUMERALS: Final = ("I", "II", "III", "IV")


def _words(text: str) -> list[str]:
    return sorted(re.findall(r"\w+", text.casefold()))


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?;])\s+|\n+", text) if part.strip()]


def _dated(one: Text, _: Beside, rng: np.random.Generator) -> Text:
    day, number = int(rng.integers(1, 29)), int(rng.integers(10**5, 10**7))
    head = f"Posted on {day} {rng.choice(_MONTHS)} {int(rng.integers(2004, 2027))}, reference {number}."
    return replace(one, description=f"{head} {one.description}")


def _added(one: Text, _: Beside, rng: np.random.Generator) -> Text:
    return replace(one, description=f"{one.description} {rng.choice(_ADDED)}")


def _marked_up(one: Text, _: Beside, __: np.random.Generator) -> Text:
    parts = "".join(f"<p>{escape(part)}</p>\n" for part in _sentences(one.description))
    return replace(one, description=f'<div class="job">{parts}</div>')


def _shouted(one: Text, _: Beside, rng: np.random.Generator) -> Text:
    words = one.title.upper().split()
    turned = " ".join([*words[1:], words[0]]) if rng.random() < 0.5 else " ".join(words)
    return replace(one, title=turned, description=one.description.upper())


def _reordered(one: Text, _: Beside, rng: np.random.Generator) -> Text:
    parts = _sentences(one.description)
    return replace(one, description=" ".join(parts[at] for at in rng.permutation(len(parts))))


def _misspelt(one: Text, _: Beside, rng: np.random.Generator) -> Text:
    words = one.description.split()
    for at in np.flatnonzero(rng.random(len(words)) < 0.03):
        word = words[at]
        cut = int(rng.integers(0, len(word)))
        words[at] = word[:cut] + word[cut + 1 :]
    return replace(one, description=" ".join(words))


def _shortened(one: Text, _: Beside, __: np.random.Generator) -> Text:
    words = one.description.split()
    return replace(one, description=" ".join(words[: max(1, len(words) * 4 // 5)]))


def _of_another_form(one: Text, _: Beside, rng: np.random.Generator) -> Text:
    return replace(one, company=f"{one.company.upper()}, {rng.choice(['Inc.', 'LLC', 'Ltd.'])}")


def _of_another_level(one: Text, _: Beside, rng: np.random.Generator) -> Text:
    words = one.title.split()
    for names in (_LEVELS, _NUMERALS):
        for at, word in enumerate(words):
            if word in names:
                others = [name for name in names if name != word]
                return replace(one, title=" ".join([*words[:at], str(rng.choice(others)), *words[at + 1 :]]))
    added = rng.choice([f"Senior {one.title}", f"{one.title} II", f"{one.title} 3"])
    return replace(one, title=str(added))


def _another_title(one: Text, beside: Beside, _: np.random.Generator) -> Text | None:
    others = [other for other in (beside.own, beside.other) if other is not None]
    titles = [other.title for other in others if _words(other.title) != _words(one.title)]
    return replace(one, title=titles[0]) if titles else None


def _another_city(one: Text, _: Beside, rng: np.random.Generator) -> Text:
    cities = [city for city in ("Springfield", "Riverside", "Georgetown") if city != one.city]
    return replace(one, city=str(rng.choice(cities)))


def _another_employer(one: Text, beside: Beside, _: np.random.Generator) -> Text | None:
    if set(_words(one.company)) & set(_words(beside.other.company)):
        return None  # one of the names of the same employer, perhaps
    return replace(one, company=beside.other.company)


def _other_text(one: Text, beside: Beside) -> str | None:
    """A text of the same employer that has less than ``_COMMON`` of its words in common."""
    if beside.own is None:
        return None
    mine, its = set(_words(one.description)), set(_words(beside.own.description))
    return beside.own.description if len(mine & its) < _COMMON * len(mine | its) else None


def _another_job(one: Text, beside: Beside, _: np.random.Generator) -> Text | None:
    other = _other_text(one, beside)
    return None if other is None else replace(one, description=other)


def _half_another_job(one: Text, beside: Beside, _: np.random.Generator) -> Text | None:
    """The frame of the employer's texts stays, the work in the middle is another."""
    text = _other_text(one, beside)
    if text is None:
        return None
    mine, its = one.description.split(), text.split()
    quarter, other = len(mine) // 4, len(its) // 4
    return replace(one, description=" ".join([*mine[:quarter], *its[other : 3 * other], *mine[3 * quarter :]]))


COPIES: Final[Mapping[str, Edit]] = {
    "put up again as it was": lambda one, _, __: one,
    "a date and a reference number in front": _dated,
    "a sentence of boilerplate added": _added,
    "as HTML": _marked_up,
    "title and text in capitals, title words turned round": _shouted,
    "sentences in another order": _reordered,
    "a typing error in 3 % of the words": _misspelt,
    "the last fifth cut off": _shortened,
    "the employer with a legal form, in capitals": _of_another_form,
}
MISSES: Final[Mapping[str, Edit]] = {
    "another level or number in the title": _of_another_level,
    "another title over the same text": _another_title,
    "another city": _another_city,
    "another employer": _another_employer,
    "the same title over another text of the employer": _another_job,
    "the same title, the middle half of the text of another": _half_another_job,
}
