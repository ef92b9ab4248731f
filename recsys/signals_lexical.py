"""Signals of exact words: cosines of sparse terms, and the posting's skills that stand in the candidate's profile."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.interests import Interests
from recsys.queries import PAST, WANTED, Queries
from recsys.signal import NOTHING, Signal, best
from recsys.terms import Terms

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

SIGNALS = (
    Signal("words_title_wanted", "text", "best cosine of the title's words with those of the desired titles"),
    Signal("words_title_past", "text", "best cosine of the title's words with those of titles held"),
    Signal("words_title_viewed", "text", "cosine of the title's words with those of all titles in the history"),
    Signal("words_text_profile", "text", "cosine of the posting's words with those of the whole profile or CV"),
    Signal("words_text_viewed", "text", "cosine of the posting's words with those of all texts in the history"),
    Signal("words_skills", "text attributes", "share of the posting's skills that stand word for word in the profile"),
)


@dataclass(frozen=True)
class Sought:
    """Words that B requests ask for, each in some slots (a desired title, the history, ...).

    Attributes:
        column: int32 (B, V + 1), from a word's code to the column of that request and word, 0 where not asked for.
        owner: int64 (columns,), the request of each column; column 0 is nobody's and weighs nothing.
        weights: float64 (slots, columns).
    """

    column: Rows
    owner: NDArray[np.int64]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, vocabulary: int, slots: list[tuple[NDArray[np.uint16], Numbers]]) -> "Sought":
        """From codes and weights (B, slots, L) of any L; a word that stands twice in a slot counts twice."""
        requests = len(slots[0][0])
        first = np.arange(requests)[:, None, None] * (vocabulary + 1)  # of each request's words among those of all
        words = [codes + first for codes, _ in slots]
        asked = np.zeros((requests, vocabulary + 1), bool)
        for word in words:
            asked.reshape(-1)[word.ravel()] = True
        asked[:, 0] = False
        distinct = np.flatnonzero(asked)
        column = np.zeros((requests, vocabulary + 1), np.int32)
        column.reshape(-1)[distinct] = np.arange(1, len(distinct) + 1)
        columns = len(distinct) + 1
        tables = []
        for word, (_, weights) in zip(words, slots, strict=True):
            at = column.reshape(-1)[word] + np.arange(word.shape[1])[:, None] * columns
            # bincount adds one by one in the order of the entries: what stands beside a request does not change it
            flat = np.bincount(at.ravel(), weights.ravel(), word.shape[1] * columns)
            tables.append(flat.reshape(word.shape[1], columns))
        together = np.concatenate(tables).astype(np.float64)
        together[:, 0] = 0
        return cls(column, np.concatenate([[0], distinct // (vocabulary + 1)]), together)

    @cached_property
    def length(self) -> NDArray[np.float64]:
        """Length of each slot, float64 (B, slots)."""
        squares = [np.bincount(self.owner, row**2, len(self.column)) for row in self.weights]
        return np.sqrt(np.stack(squares, axis=1))

    def unit(self) -> "Sought":
        """The same, each slot brought to length 1."""
        length = self.length.T[:, self.owner] if len(self.column) else np.zeros_like(self.weights)
        scaled = np.divide(self.weights, length, out=np.zeros_like(self.weights), where=length > 0)
        return Sought(self.column, self.owner, scaled)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a slot asks for anything, bool (B, slots)."""
        return np.asarray(self.length > 0)

    def columns_of(self, codes: NDArray[np.uint16]) -> Rows:
        """The columns of the words (B, n, T) of postings."""
        first = (np.arange(len(codes)) * self.column.shape[1])[:, None, None]
        found: Rows = np.take(self.column, codes + first)
        return found

    def cosines(self, terms: Terms, rows: Rows) -> Numbers:
        """Inner products of the texts at ``rows`` (B, n) with each slot, float32 (B, n, slots); NaN without words."""
        column = self.columns_of(np.take(terms.codes, rows, axis=0)).ravel()
        hit = np.flatnonzero(column != 0)  # of the words of a pool few are asked for
        column = column[hit]
        posting = hit // max(terms.codes.shape[1], 1)
        weight = np.take(terms.weights, rows, axis=0).ravel()[hit].astype(np.float64)
        scale = np.take(terms.scale, rows)
        scale = np.where(scale > 0, scale, NOTHING)
        out = np.empty((*rows.shape, len(self.weights)), np.float32)
        for slot, asked in enumerate(self.weights):
            out[..., slot] = np.bincount(posting, asked[column] * weight, rows.size).reshape(rows.shape) * scale
        return out


def words(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """Cosines of the words of titles and of whole texts."""
    lexicon = catalogue.lexicon
    size = len(lexicon.vocabulary)
    of_titles = slice(WANTED + PAST)
    stated = (queries.words[:, of_titles], queries.word_weights[:, of_titles])
    titles = Sought.of(size, [stated, _history(lexicon.title, queries)]).unit()
    alike = titles.cosines(lexicon.title, rows)
    found = {
        "words_title_wanted": best(alike[..., :WANTED], titles.known[:, :WANTED]),
        "words_title_past": best(alike[..., WANTED : WANTED + PAST], titles.known[:, WANTED : WANTED + PAST]),
        "words_title_viewed": best(alike[..., -1:], titles.known[:, -1:]),
    }
    if lexicon.text is not None:
        texts = Sought.of(size, [whole_profile(queries), _history(lexicon.text, queries)]).unit()
        alike = texts.cosines(lexicon.text, rows)
        found["words_text_profile"] = best(alike[..., :1], texts.known[:, :1])
        found["words_text_viewed"] = best(alike[..., 1:], texts.known[:, 1:])
    return found


def whole_profile(queries: Queries) -> tuple[NDArray[np.uint16], Numbers]:
    """Codes and weights (B, 1, L) of the whole profiles."""
    return queries.words[:, -1:], queries.word_weights[:, -1:]


def _history(terms: Terms, queries: Queries) -> tuple[NDArray[np.uint16], Numbers]:
    """The words of the whole history as one slot, each posting by the weight of its events: (B, 1, H * T)."""
    codes, weights = terms.at(queries.history)
    weights *= queries.weight[..., None]
    shape = (len(queries), 1, codes.shape[1] * codes.shape[2])
    return codes.reshape(shape), weights.reshape(shape)


def skills(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """The posting's skills that the candidate's profile names, whether as a skill or in the middle of a text."""
    asked, named = skills_named(catalogue, queries, rows)
    number = asked.sum(axis=2)
    silent = np.all(queries.word_weights[:, -1] == 0, axis=1) & np.all(queries.named < 0, axis=1)
    unknown = (number == 0) | silent[:, None]
    return {"words_skills": np.where(unknown, NOTHING, named.sum(axis=2) / np.maximum(number, 1)).astype(np.float32)}


def skills_named(catalogue: Catalogue, queries: Queries, rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of the skills (B, n, S) of the postings can be looked for, and which of these the profile names."""
    phrase = catalogue.lexicon.phrase
    theirs = np.take(catalogue.attributes.skills, rows, axis=0)
    if len(phrase) == 0:
        return np.zeros(theirs.shape, bool), np.zeros(theirs.shape, bool)
    wanted = np.where(theirs >= 0, np.take(phrase, np.maximum(theirs, 0)), np.int32(-1))
    has = np.zeros((len(rows), int(phrase.max()) + 2), bool)
    np.put_along_axis(has, queries.named.astype(np.int64), True, axis=1)
    has[:, -1] = False  # where -1 was written to
    request = np.arange(len(rows))[:, None, None]
    return wanted >= 0, has[request, wanted]


def shared_words(catalogue: Catalogue, queries: Queries, rows: Rows) -> NDArray[np.int64]:
    """The two words that add most to ``words_text_profile``: codes (B, n, 2), 0 where fewer; no mere numbers."""
    lexicon = catalogue.lexicon
    if lexicon.text is None:
        return np.zeros((*rows.shape, 2), np.int64)
    codes, weights = lexicon.text.at(rows)
    sought = Sought.of(len(lexicon.vocabulary), [whole_profile(queries)])
    added = weights * sought.weights[0, sought.columns_of(codes)] * lexicon.vocabulary.telling[codes]
    return _first_two(added, codes)


def shared_skills(catalogue: Catalogue, queries: Queries, rows: Rows) -> NDArray[np.int64]:
    """The first two of the posting's skills that the profile names: 1 + skill (B, n, 2), 0 where fewer."""
    _, named = skills_named(catalogue, queries, rows)
    return _first_two(named, np.take(catalogue.attributes.skills, rows, axis=0) + 1)


def _first_two(worth: NDArray[Any], codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """The codes (B, n, T) of the two greatest above 0, 0 where fewer: (B, n, 2)."""
    room = ((0, 0), (0, 0), (0, 2))
    worth, codes = np.pad(worth, room), np.pad(codes.astype(np.int64), room)
    best = np.argsort(-worth.astype(np.float64), axis=2, kind="stable")[..., :2]
    return np.where(np.take_along_axis(worth, best, 2) > 0, np.take_along_axis(codes, best, 2), 0)
