"""The seam around bm25s: ranking of postings by their words (Robertson's BM25)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.ids import Ids
from recsys.wordindex import K1, NO_WORDS, B, WordIndex


def build_word_index(postings: Iterable[list[str]], rows: NDArray[np.int32]) -> WordIndex:
    """The word index of N postings.

    Args:
        postings: the words of each, as often as each counts.
        rows: int32 (N,), their rows, ascending.
    """
    number: dict[str, int] = {}
    coded = [[number.setdefault(word, len(number)) for word in words] for words in postings]
    if not number:
        return NO_WORDS
    lengths = np.array([len(one) for one in coded], np.int64)
    retriever = _bm25s().BM25(method="lucene", k1=K1, b=B)
    retriever.index((coded, number), create_empty_token=False, show_progress=False)
    made = retriever.scores
    words = np.array(list(number), dtype=object)
    order = np.argsort(words, kind="stable")
    first, last = (np.asarray(made["indptr"], np.int64)[order + step] for step in (0, 1))
    start = np.concatenate([[0], np.cumsum(last - first)]).astype(np.int64)
    taken = np.arange(start[-1]) + np.repeat(first - start[:-1], last - first)
    used = np.diff(start).astype(np.float64)
    return WordIndex(
        words=Ids(words[order], "word"),
        idf=np.log1p((len(rows) - used + 0.5) / (used + 0.5)).astype(np.float32),
        start=start,
        rows=rows[np.asarray(made["indices"])[taken]],
        weights=np.asarray(made["data"], np.float32)[taken],
        shape=np.array([len(rows), lengths.mean()], np.float32),
    )


def _bm25s() -> Any:
    import bm25s  # answering does without it

    return bm25s


@dataclass(frozen=True)
class LexicalIndex:
    """BM25 over N documents (Lucene's form, k1 1.5, b .75, English stop words left out)."""

    retriever: Any
    documents: int

    @classmethod
    def build(cls, texts: Sequence[str]) -> "LexicalIndex":
        """Index ``texts``."""
        retriever = _bm25s().BM25(method="lucene", k1=1.5, b=0.75)
        if len(texts):
            retriever.index(_tokens(texts), show_progress=False)
        return cls(retriever, len(texts))

    def search(self, queries: Sequence[str], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Document numbers int32 and scores float32, both (Q, min(k, N)), best first."""
        k = min(k, self.documents)
        if k == 0 or not queries:
            return np.empty((len(queries), k), np.int32), np.empty((len(queries), k), np.float32)
        found, scores = self.retriever.retrieve(_tokens(queries), k=k, show_progress=False, sorted=True)
        return np.asarray(found, np.int32), np.asarray(scores, np.float32)


def _tokens(texts: Sequence[str]) -> "list[list[str]]":
    tokens: list[list[str]] = _bm25s().tokenize(list(texts), stopwords="en", return_ids=False, show_progress=False)
    return tokens
