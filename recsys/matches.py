"""Words of a search: how they are read, and which postings hold them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.arrange import arrange, one_of_copies
from recsys.catalogue import Catalogue
from recsys.config import ArrangeSettings
from recsys.eligible import eligible
from recsys.errors import RequestError
from recsys.queries import Queries
from recsys.wordindex import WordIndex
from recsys.wording import replaced, stem, typed_words

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Wording:
    """What was typed, as it is searched for.

    Attributes:
        text: with known words in the place of slips; this is what an encoder reads.
        words: distinct known words.
        corrected: for words that nobody uses, those that were searched for instead.
        unknown: words that nobody uses, and none is near.
    """

    text: str
    words: tuple[str, ...]
    corrected: dict[str, str]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Held:
    """Which postings hold words of one search, may be shown, and pass the filters.

    Attributes:
        rows: int32 (N,), ascending.
        score: float32 (N,), BM25 as a share of what the words could reach.
        share: float32 (N,), of what the words weigh.
        passed: bool (N,), passes all filters.
        by_filter: the same for each filter by its name.
    """

    rows: Rows
    score: Numbers
    share: Numbers
    passed: Flags
    by_filter: dict[str, Flags]

    def scores_of(self, rows: Rows) -> Numbers:
        """Scores (n,) of any rows, 0 for those that hold no word."""
        at, there = _found(rows, self.rows)
        scores = np.zeros(len(rows), np.float32)
        scores[there] = self.score[at[there]]
        return scores


def wording(catalogue: Catalogue, text: str) -> Wording:
    """How a text is searched for; the last word may be the beginning of one.

    Raises:
        RequestError: the text holds no word.
    """
    typed = list(dict.fromkeys(typed_words(text)))
    if not typed:
        raise RequestError("no word is searched for; type at least one that says something")
    index, late, count = catalogue.by_word, catalogue.late_words, len(catalogue)
    stems = [stem(word) for word in typed]
    corrected, unknown, words = {}, [], []
    for word, root, code in zip(typed, stems, index.words.rows(stems).tolist(), strict=True):
        if code >= 0 or (late is not None and len(late.entries(root, count)[0])):
            words.append(root)
            continue
        near = index.speller.nearest(root, word, unfinished=word == typed[-1])
        if near is None:
            unknown.append(word)
        else:
            corrected[word] = near
            words.append(near)
    return Wording(replaced(text, corrected), tuple(dict.fromkeys(words)), corrected, tuple(unknown))


def look_up(catalogue: Catalogue, query: Queries, words: Sequence[str], passed: dict[str, Flags]) -> Held:
    """Words looked up in the index and in what arrived since."""
    index, late, count = catalogue.by_word, catalogue.late_words, len(catalogue)
    score, share, total = np.zeros(count, np.float32), np.zeros(count, np.float32), 0.0
    for word, code in zip(words, index.words.rows(list(words)).tolist(), strict=True):
        idf = np.float32(_idf(index, code))
        total += float(idf)
        entries = [index.entries(code)] if code >= 0 else []
        entries += [late.entries(word, count)] if late is not None else []
        for rows, weights in entries:
            score[rows] += weights
            share[rows] += idf
    open_ = catalogue.open[:count] & ~catalogue.gone[:count]
    rows = np.flatnonzero((share > 0) & open_).astype(np.int32)
    rows = rows[eligible(catalogue, query, rows[None])[0]]
    by_filter = {name: one[rows] for name, one in passed.items()}
    scale = np.float32(1 / max(total, 1e-9))
    return Held(
        rows,
        score[rows] * scale,
        share[rows] * scale,
        np.logical_and.reduce([np.ones(len(rows), bool), *by_filter.values()]),
        by_filter,
    )


def said_by(catalogue: Catalogue, words: Sequence[str], rows: Rows) -> list[tuple[str, ...]]:
    """Which of the words each of the postings at ``rows`` (n,) holds, those first that the fewest hold."""
    index, late, count = catalogue.by_word, catalogue.late_words, len(catalogue)
    codes = index.words.rows(list(words)).tolist()
    rarest = sorted(zip(words, codes, strict=True), key=lambda one: -_idf(index, one[1]))
    said: list[tuple[str, ...]] = [()] * len(rows)
    for word, code in rarest:
        entries = [index.entries(code)[0]] if code >= 0 else []
        entries += [late.entries(word, count)[0]] if late is not None else []
        for at in np.flatnonzero(np.logical_or.reduce([_found(rows, one)[1] for one in entries])).tolist():
            said[at] = (*said[at], word)
    return said


def _found(rows: Rows, ascending: Rows) -> tuple[NDArray[np.intp], Flags]:
    """Where each of ``rows`` (n,) would stand in an ascending list, which may be long, and whether it stands there."""
    at = np.searchsorted(ascending, rows)
    there = at < len(ascending)
    there[there] = ascending[at[there]] == rows[there]
    return at, there


def _idf(index: WordIndex, code: int) -> float:
    return float(index.idf[code]) if code >= 0 else index.unseen_idf


def best_of(catalogue: Catalogue, held: Held, count: int, most: int = 0) -> Rows:
    """The ``count`` postings with the best scores, -1 padded: one of a group of copies, and ``most`` of an employer."""
    out = np.full(count, -1, np.int32)
    rows, score = held.rows[held.passed], held.score[held.passed]
    posted, group = catalogue.attributes.posted, catalogue.copies.group
    kept = one_of_copies(group, posted, score[None], np.ones((1, len(rows)), bool), rows[None])[0]
    rows, score = rows[kept], score[kept]
    if most:
        capped = ArrangeSettings(employer_run=0, employer_most=most)
        every, company = np.ones((1, len(rows)), bool), catalogue.attributes.company[rows][None]
        best = arrange(score[None], every, None, company, capped, count).at[0]
        best = best[best >= 0]
        out[: len(best)] = rows[best]
        return out
    if len(rows) > count:  # only what may be among them is sorted
        least = np.partition(score, len(score) - count)[len(score) - count]
        rows, score = rows[score >= least], score[score >= least]
    best = np.argsort(-score, kind="stable")[:count]
    out[: len(best)] = rows[best]
    return out
