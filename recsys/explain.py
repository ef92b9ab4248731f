"""Reasons in words, named after the signals that really decided.

A signal counts by what it adds to the posting's score beyond what it adds to an average posting of the same pool.
Signals that speak of the same evidence are summed, and the largest sums are put into words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.arrange import Order
from recsys.catalogue import Catalogue
from recsys.queries import VIEWED, Queries
from recsys.rank import Ranker
from recsys.signals import COLUMN, NAMES
from recsys.signals_lexical import shared_skills, shared_words
from recsys.terms import Lexicon

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

REASONS = 3  #: at most this many for a posting
_FRESH = -np.log1p(30 / 7)  # the signal of a posting of 30 days: an older one is not news
_NOISE = 1e-6  # of adding up in float32
_LEAST_SHARE = 0.1  # of all that speaks for the posting; less is not worth a word

#: Evidence, the signals that speak of it, and its words; {n} is a whole number, {title} and {company} are texts,
#: {pair} is one or two shared words or skills.
_EVIDENCE: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    ("viewed", ("title_viewed", "title_viewed_mean", "title_last", "text_viewed", "words_title_viewed",
      "words_text_viewed", "occupation_met", "industry_met"),
     "like “{title}” in your history"),
    ("wanted", ("title_wanted", "title_wanted_mean", "words_title_wanted"), "close to a title you want"),
    ("past", ("title_past", "title_past_last", "words_title_past"), "close to work you have done"),
    ("profile", ("title_profile", "text_profile"), "fits your profile as a whole"),
    ("looked", ("near_viewed_log", "near_viewed_20", "near_viewed_80", "near_last_log", "near_last_20", "near_last_80"),
     "{n} km from where you looked"),
    ("home", ("near_home_log", "near_home_20", "near_home_80", "in_reach"), "{n} km from home"),
    ("worked", ("near_worked_log", "near_worked_20", "near_worked_80"), "{n} km from where you worked"),
    ("remote", ("remote_fit",), "the place of work suits you"),
    ("others", ("factors", "factors_score", "factors_new", "cooccur"), "chosen by people who chose what you chose"),
    ("next", ("title_next", "industry_cooccur", "occupation_cooccur"), "work that people like you go on to"),
    ("popular", ("popularity", "title_popularity", "employer_popularity", "place_popularity"), "much asked for now"),
    ("employer", ("employer_met",), "at {company}, as others in your history"),
    ("level", ("seniority_gap",), "at your level"),
    ("pay", ("pay_fit",), "pays what you ask"),
    ("skills", ("skills_met",), "you bring {n} % of the skills it names"),
    ("asks", ("words_skills",), "asks for {pair} in your profile"),
    ("words", ("words_text_profile",), "speaks of {pair} in your profile"),
    ("fresh", ("freshness",), "posted {n} days ago"),
)  # fmt: skip
_KINDS: Final = {name: at for at, (name, _, _) in enumerate(_EVIDENCE)}
_PAIRS: Final = (_KINDS["asks"], _KINDS["words"])
_HALF: Final = 28  # bits of each number of a pair


def _grouping() -> NDArray[np.float32]:
    groups = np.zeros((len(NAMES), len(_EVIDENCE)), np.float32)
    for at, (_, signals, _) in enumerate(_EVIDENCE):
        groups[[COLUMN[name] for name in signals], at] = 1
    return groups


_GROUPS: Final = _grouping()


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
        keys: int64 (B, k, REASONS): kind << 56 | number << 32 | row, -1 where fewer. ``number`` is km, per cent or
            days; ``row`` is the posting that is named. Where a pair is named, its two numbers (1 + skill, or code of a
            word; 0: no second) stand in the lower 56 bits instead.
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
        return {
            key: _EVIDENCE[key >> 56][2].format(
                n=(key >> 32) & 0xFFFFFF, title=title, company=company, pair=self._pair(key)
            )
            for key, title, company in zip(distinct, titles, companies, strict=True)
        }

    def _pair(self, key: int) -> str:
        """The skills or words that a key names, "" where it names none."""
        if key >> 56 not in _PAIRS:
            return ""
        names = self.lexicon.skills if key >> 56 == _KINDS["asks"] else self.lexicon.vocabulary.words
        first, second = (key >> _HALF) & (1 << _HALF) - 1, key & (1 << _HALF) - 1
        return f"{names[first - 1]} and {names[second - 1]}, both" if second else f"{names[first - 1]}, which is"

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
        chosen, share = np.take_along_axis(signals, at[..., None], 1), ranker.beyond(signals, pool >= 0, at)
        gain = np.matmul(share, _GROUPS)
        _hand_out_joint(gain, share, chosen)
        _keep_true(gain, chosen, np.isnan(queries.home[:, :1]))
        number, named = _details(catalogue, queries, chosen, rows)
        for kind in _PAIRS:
            gain[..., kind][named[..., kind] + number[..., kind] == 0] = 0  # nothing can be named
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


def _keep_true(gain: Numbers, signals: Numbers, no_home: NDArray[np.bool_]) -> None:
    """Take away evidence whose words would not be true: unknown, old, paid less, or from a home that is a guess."""
    home, worked, pay = _KINDS["home"], _KINDS["worked"], _KINDS["pay"]
    gain[..., _KINDS["fresh"]][signals[..., COLUMN["freshness"]] < _FRESH] = 0
    gain[..., worked] += np.where(no_home, gain[..., home], 0)
    gain[..., home][np.broadcast_to(no_home, gain.shape[:2])] = 0
    known = np.matmul((~np.isnan(signals)).astype(np.float32), _GROUPS) > 0
    gain[~known] = 0
    gain[..., pay][signals[..., COLUMN["pay_fit"]] < 0] = 0
    gain[..., _KINDS["employer"]][~(signals[..., COLUMN["employer_met"]] > 0)] = 0


def _hand_out_joint(gain: Numbers, share: Numbers, signals: Numbers) -> None:
    """Give what the joint signals add to the evidence that they were made of."""
    title_of = [_KINDS["viewed"], _KINDS["wanted"], _KINDS["past"]]
    place_of = [_KINDS["looked"], _KINDS["home"], _KINDS["worked"]]
    titles = signals[..., [COLUMN["title_viewed"], COLUMN["title_wanted"], COLUMN["title_past"]]]
    places = signals[..., [COLUMN["near_viewed_log"], COLUMN["near_home_log"], COLUMN["near_worked_log"]]]
    for values, kinds, names in ((titles, title_of, ("title_any",)), (places, place_of, ("near_any", "title_near"))):
        winner = np.argmax(np.where(np.isnan(values), -np.inf, values), axis=2)
        extra = share[..., [COLUMN[name] for name in names]].sum(axis=2)
        for at, kind in enumerate(kinds):
            gain[..., kind] += np.where((winner == at) & ~np.isnan(values).all(axis=2), extra, 0)


def _details(
    catalogue: Catalogue, queries: Queries, signals: Numbers, rows: Rows
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number and the posting row that each kind of evidence may name, both int64 (B, k, kinds)."""
    number = np.zeros((*rows.shape, len(_EVIDENCE)), np.int64)
    named = np.zeros_like(number)

    def put(kind: str, value: Numbers) -> None:
        number[..., _KINDS[kind]] = np.clip(np.rint(np.nan_to_num(value)), 0, 0xFFFFFF)

    with np.errstate(over="ignore"):
        for kind, name in (("looked", "near_viewed_log"), ("home", "near_home_log"), ("worked", "near_worked_log")):
            put(kind, 10 * np.expm1(-signals[..., COLUMN[name]]))
    put("skills", 100 * signals[..., COLUMN["skills_met"]])
    put("fresh", 7 * np.expm1(-signals[..., COLUMN["freshness"]]))
    viewed = queries.history[:, :VIEWED]
    slots = np.ascontiguousarray(catalogue.title.vectors(viewed).transpose(0, 2, 1))
    alike = catalogue.title.similarity(np.maximum(rows, 0), slots)
    most = np.argmax(np.where((viewed >= 0)[:, None], alike, -np.inf), axis=2)
    named[..., _KINDS["viewed"]] = np.maximum(np.take_along_axis(viewed, most, 1), 0)
    named[..., _KINDS["employer"]] = np.maximum(rows, 0)
    for at, pair in zip(_PAIRS, (shared_skills, shared_words), strict=True):
        first, second = np.moveaxis(pair(catalogue, queries, np.maximum(rows, 0)), 2, 0)
        number[..., at], named[..., at] = np.divmod(first << _HALF | second, 1 << 32)
    return number, named
