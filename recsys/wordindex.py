"""An inverted index of whole postings by word: BM25 as sums of weights that training computed.

A posting's weight for a word is idf * tf / (tf + k1 * (1 - b + b * length / mean length)), Lucene's form of BM25; it is
below the word's idf, so what a query can reach at most is the sum of its idfs.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.ids import Ids
from recsys.spelling import Speller
from recsys.wording import search_words

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

K1: Final = 1.2
B: Final = 0.5
#: How often a word of each column counts: a title says what a posting is, a description what else it speaks of.
TIMES: Final = {"title": 4, "company": 2, "skills": 2, "description": 1}
_MOST_CHARACTERS: Final = 8_000  # of a column


@dataclass(frozen=True)
class WordIndex:
    """V words of open postings.

    Attributes:
        words: sorted.
        idf: float32 (V,).
        start: int64 (V + 1,), word w has the entries start[w] ... start[w + 1] - 1 of the two below.
        rows: int32 (N,), posting rows, ascending for each word.
        weights: float32 (N,).
        shape: float32 (2,), postings and their mean length in counted words.
    """

    words: Ids
    idf: Numbers
    start: NDArray[np.int64]
    rows: Rows
    weights: Numbers
    shape: Numbers

    @cached_property
    def used(self) -> NDArray[np.int64]:
        """How many postings use each word, int64 (V,)."""
        return np.diff(self.start)

    @cached_property
    def speller(self) -> Speller:
        """Finds words near those that are not here."""
        return Speller(self.words, self.used)

    @property
    def unseen_idf(self) -> float:
        """Of a word that no posting used when the index was made."""
        return float(np.log1p((self.shape[0] + 0.5) / 0.5))

    def entries(self, code: int) -> tuple[Rows, Numbers]:
        """Rows, ascending, and weights of the postings that use the word with this code."""
        at = slice(int(self.start[code]), int(self.start[code + 1]))
        return self.rows[at], self.weights[at]

    def weigh(self, counts: "Counter[str]") -> Numbers:
        """Weights (W,) of the words of one more posting, in the order of ``counts``."""
        codes = self.words.rows(list(counts))
        idf = np.full(len(codes), self.unseen_idf)
        idf[codes >= 0] = self.idf[codes[codes >= 0]]
        tf = np.array(list(counts.values()), np.float64)
        length = tf.sum() / max(float(self.shape[1]), 1e-9)
        return np.asarray(idf * tf / (tf + K1 * (1 - B + B * length)), np.float32)


#: Of a catalogue that was made without one.
NO_WORDS: Final = WordIndex(
    Ids([], "word"),
    np.empty(0, np.float32),
    np.zeros(1, np.int64),
    np.empty(0, np.int32),
    np.empty(0, np.float32),
    np.zeros(2, np.float32),
)


class LateWords:
    """Words of postings that arrived since; one writer adds, readers of any snapshot look.

    Entries are only added, in ascending rows, so a snapshot reads those before its own end and never changes.
    """

    def __init__(self) -> None:
        self._rows: dict[str, array[int]] = {}
        self._weights: dict[str, array[float]] = {}

    def add(self, index: WordIndex, counts: Sequence["Counter[str]"], first: int) -> None:
        """Postings in the rows ``first`` and on, by how often each word counts in them."""
        for row, one in enumerate(counts, first):
            for word, weight in zip(one, index.weigh(one).tolist(), strict=True):
                # weights first: a reader takes as many as there are rows
                self._weights.setdefault(word, array("f")).append(weight)
                self._rows.setdefault(word, array("i")).append(row)

    def entries(self, word: str, count: int) -> tuple[Rows, Numbers]:
        """Rows below ``count`` that use a word, and its weights there."""
        if word not in self._rows:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        rows = np.frombuffer(self._rows[word][:], np.int32)  # a copy: an array that is lent out cannot grow
        weights = np.frombuffer(self._weights[word][:], np.float32)
        end = int(np.searchsorted(rows, count))
        return rows[:end], weights[:end]


def fingerprint(words: Sequence[str]) -> int:
    """64 bits, equal for equal words in equal order: whether the words of a posting changed."""
    return int.from_bytes(blake2b(" ".join(words).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def counted_words(postings: pd.DataFrame) -> Iterable[list[str]]:
    """The words of each posting, each as often as it counts; ``postings`` has the columns of ``TIMES``."""
    columns = [postings[name].fillna("").tolist() for name in TIMES]
    for cells in zip(*columns, strict=True):
        words: list[str] = []
        for cell, times in zip(cells, TIMES.values(), strict=True):
            if cell:
                words += search_words(cell[:_MOST_CHARACTERS]) * times
        yield words
