"""Reasons in words, named after the signals that really decided.

Evidence counts by what it adds to the posting's score beyond what it adds to an average posting of the same pool
(``recsys.evidence``), and what adds most is put into words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.arrange import Order
from recsys.catalogue import Catalogue
from recsys.eligible import put_off
from recsys.evidence import EVIDENCE, KINDS, gains
from recsys.queries import VIEWED, Queries
from recsys.rank import Ranker
from recsys.schema import APPLY, DISMISS, HIRE, IMPRESSION, SAVE, VIEW
from recsys.signals import COLUMN
from recsys.signals_lexical import shared_skills, shared_words
from recsys.signals_place import only_home
from recsys.terms import Lexicon

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

REASONS = 3  #: at most this many for a posting
_NOISE = 1e-6  # of adding up in float32
_FAR = 100  # km; a distance beyond is no reason, though others in the pool may be farther
_LEAST_SHARE = 0.1  # of all that speaks for the posting; less is not worth a word

#: What is said of a kind of evidence; {n} is a whole number, {title} and {company} are texts, {deed} says what was done
#: with the posting of that title, {pair} is one or two shared words or skills.
_WORDS: Final = {
    "viewed": "like “{title}”, which you {deed}",
    "wanted": "close to a title you want",
    "past": "close to work you have done",
    "profile": "fits your profile as a whole",
    "looked": "{n} km from where you looked",
    "home": "{n} km from home",
    "worked": "{n} km from where you worked",
    "remote": "the place of work suits you",
    "others": "chosen by people who chose what you chose",
    "next": "work that people like you go on to",
    "popular": "much asked for now",
    "employer": "at {company}, as others in your history",
    "level": "at your level",
    "pay": "pays what you ask",
    "skills": "you bring {n} % of the skills it names",
    "asks": "asks for {pair} in your profile",
    "words": "speaks of {pair} in your profile",
    "fresh": "posted {n} days ago",
}
#: The same of a distance of 0 km: most places are known by the middle of their town.
_HERE: Final = {
    KINDS["looked"]: "in a place where you looked",
    KINDS["home"]: "in the place where you live",
    KINDS["worked"]: "in a place where you worked",
}
_PHRASES: Final = tuple(_WORDS[kind] for kind in EVIDENCE)
_AGAIN: Final = "you {deed} it before"  # of the very posting that stands in the history
_DEEDS: Final = {IMPRESSION: "saw", VIEW: "looked at", SAVE: "saved", APPLY: "applied to", HIRE: "were hired for"}
_ITSELF: Final = 1 << 8  # in a key's number, beside the deed
_PAIRS: Final = (KINDS["asks"], KINDS["words"])
_HALF: Final = 28  # bits of each number of a pair


class Texts(Protocol):
    """A column of texts of the postings."""

    def take(self, rows: Sequence[int]) -> list[str]:
        """The texts at ``rows``."""
        ...


@dataclass(frozen=True)
class GrownTexts:
    """A column of texts of a bundle, and of the postings that came later in rows behind.

    Attributes:
        base: of the bundle.
        count: rows of the bundle.
        newer: of the rows behind; may grow.
    """

    base: Texts
    count: int
    newer: Sequence[str]

    def take(self, rows: Sequence[int]) -> list[str]:
        """The texts at ``rows``."""
        texts = self.base.take([row if row < self.count else 0 for row in rows])
        return [
            text if row < self.count else self.newer[row - self.count] for row, text in zip(rows, texts, strict=True)
        ]


@dataclass(frozen=True)
class Reasons:
    """Why each posting of B lists stands there, not yet in words.

    Attributes:
        keys: int64 (B, k, REASONS): kind << 56 | number << 32 | row, -1 where fewer. ``number`` is km, per cent, days
            or what was done; ``row`` is the posting that is named. Where a pair is named, its two numbers (1 + skill,
            or code of a word; 0: no second) stand in the lower 56 bits instead.
        titles, companies: texts of the postings.
        lexicon: names skills and words.
    """

    keys: NDArray[np.int64]
    titles: Texts
    companies: Texts
    lexicon: Lexicon

    def words(self, at: int) -> list[tuple[str, ...]]:
        """The reasons of list ``at``, a tuple for each of its k places."""
        phrases = self._phrases(self.keys[at])
        return [tuple(phrases[key] for key in line if key >= 0) for line in self.keys[at].tolist()]

    def joined(self) -> NDArray[np.object_]:
        """The reasons of every place, joined by "; ": object (B, k)."""
        flat = self.keys.reshape(-1, REASONS)
        distinct, inverse = np.unique(self.keys, return_inverse=True)
        phrases = self._phrases(distinct)
        texts = np.array([phrases.get(int(key), "") for key in distinct], dtype=object)[inverse.reshape(flat.shape)]
        out = texts[:, 0]
        for column in range(1, REASONS):
            out = out + np.where(flat[:, column] >= 0, "; ", "") + texts[:, column]
        joined: NDArray[np.object_] = out.reshape(self.keys.shape[:2])
        return joined

    def _phrases(self, keys: NDArray[np.int64]) -> dict[int, str]:
        distinct = [key for key in np.unique(keys).tolist() if key >= 0]
        rows = [0 if key >> 56 in _PAIRS else key & 0xFFFFFFFF for key in distinct]
        titles, companies = self.titles.take(rows), self.companies.take(rows)
        return {key: self._phrase(key, *named) for key, *named in zip(distinct, titles, companies, strict=True)}

    def _phrase(self, key: int, title: str, company: str) -> str:
        kind, number = key >> 56, (key >> 32) & 0xFFFFFF
        if kind == KINDS["viewed"]:
            words = _AGAIN if number & _ITSELF else _PHRASES[kind]
            return words.format(title=title, deed=_DEEDS[number & _ITSELF - 1])
        if kind in _HERE and number == 0:
            return _HERE[kind]
        return _PHRASES[kind].format(n=number, company=company, pair=self._pair(key))

    def _pair(self, key: int) -> str:
        """The skills or words that a key names, "" where it names none."""
        if key >> 56 not in _PAIRS:
            return ""
        names = self.lexicon.skills if key >> 56 == KINDS["asks"] else self.lexicon.vocabulary.words
        first, second = (key >> _HALF) & (1 << _HALF) - 1, key & (1 << _HALF) - 1
        return f"{names[first - 1]} and {names[second - 1]}, both" if second else f"{names[first - 1]}, which is"

    def later(self, days: NDArray[np.int64], unnamed: NDArray[np.int64]) -> "Reasons":
        """The same reasons as they are said at another moment.

        Args:
            days: int64 (B, k), since each posting was posted.
            unnamed: keys (list << 32 | row) of postings that are not to be named as chosen before.
        """
        kind, row = self.keys >> 56, self.keys & 0xFFFFFFFF
        lists = np.arange(len(row), dtype=np.int64)[:, None, None]
        dated = np.int64(KINDS["fresh"]) << 56 | np.clip(days, 0, 0xFFFFFF)[..., None] << 32 | row
        keys = np.where(kind == KINDS["fresh"], dated, self.keys)
        keys[(kind == KINDS["viewed"]) & np.isin(lists << 32 | row, unnamed)] = -1
        order = np.argsort(keys < 0, axis=2, kind="stable")
        return replace(self, keys=np.take_along_axis(keys, order, 2))

    @classmethod
    def join(cls, parts: "Sequence[Reasons]", k: int) -> "Reasons":
        """One value of the reasons of consecutive requests, for lists of ``k`` places."""
        padded = [np.pad(p.keys, ((0, 0), (0, k - p.keys.shape[1]), (0, 0)), constant_values=-1) for p in parts]
        return cls(np.concatenate(padded), parts[0].titles, parts[0].companies, parts[0].lexicon)


@dataclass(frozen=True)
class Explainer:
    """Finds reasons, with the texts that they name at hand; regions are for facets."""

    titles: Texts
    companies: Texts
    regions: Texts | None = None

    def reasons(
        self, catalogue: Catalogue, ranker: Ranker, queries: Queries, signals: Numbers, order: Order, pool: Rows
    ) -> Reasons:
        """Reasons for lists (B, k).

        Args:
            catalogue: the postings.
            ranker: gives each signal's share of the score.
            queries: B requests.
            signals: float32 (B, n, F) of their pools.
            order: the lists, as positions in the pools.
            pool: int32 (B, n), the pools as catalogue rows, -1 padded.
        """
        rows = order.of(pool, -1)
        at = np.maximum(order.at, 0)
        chosen = np.take_along_axis(signals, at[..., None], 1)
        homes = np.isnan(queries.home[:, 0]), only_home(catalogue, queries)
        gain = gains(ranker, signals, pool >= 0, at, *homes)
        number, named = _details(catalogue, queries, chosen, rows)
        deed = number[..., KINDS["viewed"]] & _ITSELF - 1
        off = put_off(catalogue, queries, named[..., KINDS["viewed"]].astype(np.int32))
        gain[..., KINDS["viewed"]][(deed == DISMISS) | off] = 0  # who does not want to see it is not told of it
        for kind in _PAIRS:
            gain[..., kind][named[..., kind] + number[..., kind] == 0] = 0  # nothing can be named
        for kind in _HERE:
            gain[..., kind][number[..., kind] > _FAR] = 0
        best = np.argsort(-gain, axis=2, kind="stable")[:, :, :REASONS]
        worth = np.take_along_axis(gain, best, 2)
        least = _LEAST_SHARE * np.maximum(gain, 0).sum(axis=2, keepdims=True)
        keys = (
            (best.astype(np.int64) << 56)
            | (np.take_along_axis(number, best, 2) << 32)
            | np.take_along_axis(named, best, 2)
        )
        keys[(worth <= least) | (worth <= _NOISE) | (rows < 0)[..., None]] = -1
        first = np.argsort(keys < 0, axis=2, kind="stable")
        return Reasons(np.take_along_axis(keys, first, 2), self.titles, self.companies, catalogue.lexicon)


def _details(
    catalogue: Catalogue, queries: Queries, signals: Numbers, rows: Rows
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number and the posting row that each kind of evidence may name, both int64 (B, k, kinds)."""
    number = np.zeros((*rows.shape, len(EVIDENCE)), np.int64)
    named = np.zeros_like(number)

    def put(kind: str, value: Numbers) -> None:
        number[..., KINDS[kind]] = np.clip(np.rint(np.nan_to_num(value)), 0, 0xFFFFFF)

    with np.errstate(over="ignore"):
        for kind, name in (("looked", "near_viewed_log"), ("home", "near_home_log"), ("worked", "near_worked_log")):
            put(kind, 10 * np.expm1(-signals[..., COLUMN[name]]))
    put("skills", 100 * signals[..., COLUMN["skills_met"]])
    put("fresh", 7 * np.expm1(-signals[..., COLUMN["freshness"]]))
    viewed = queries.history[:, :VIEWED]
    slots = np.ascontiguousarray(catalogue.title.vectors(viewed).transpose(0, 2, 1))
    alike = catalogue.title.similarity(np.maximum(rows, 0), slots)
    most = np.argmax(np.where((viewed >= 0)[:, None], alike, -np.inf), axis=2)
    like = np.take_along_axis(viewed, most, 1)
    deed = np.take_along_axis(queries.deed[:, :VIEWED], most, 1).astype(np.int64)
    named[..., KINDS["viewed"]] = np.maximum(like, 0)
    number[..., KINDS["viewed"]] = deed | np.where(like == rows, _ITSELF, 0)
    named[..., KINDS["employer"]] = np.maximum(rows, 0)
    for at, pair in zip(_PAIRS, (shared_skills, shared_words), strict=True):
        first, second = np.moveaxis(pair(catalogue, queries, np.maximum(rows, 0)), 2, 0)
        number[..., at], named[..., at] = np.divmod(first << _HALF | second, 1 << 32)
    return number, named
