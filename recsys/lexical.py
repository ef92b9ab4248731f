"""The seam around bm25s: ranking of postings by their words (Robertson's BM25)."""

from collections.abc import Sequence
from dataclasses import dataclass

import bm25s
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LexicalIndex:
    """BM25 over N documents (Lucene's form, k1 1.5, b .75, English stop words left out)."""

    retriever: "bm25s.BM25"
    documents: int

    @classmethod
    def build(cls, texts: Sequence[str]) -> "LexicalIndex":
        """Index ``texts``."""
        retriever = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
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
    tokens: list[list[str]] = bm25s.tokenize(list(texts), stopwords="en", return_ids=False, show_progress=False)
    return tokens
