"""Numbers for words: equal where two writings of an employer, industry, region, language and the like are equal.

A codebook keeps a hash of each word, not the word: a million employers take 12 MB, mapped and shared, and a posting
that arrives later gets the number that training gave.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Codebook:
    """The numbers 0..N-1 of N words.

    Attributes:
        hashes: uint64 (N,), ascending; 64 bits of BLAKE2b of the cleaned word.
        codes: int32 (N,), the number of the word with that hash.
    """

    hashes: NDArray[np.uint64]
    codes: Rows

    @classmethod
    def learn(cls, words: pd.Series) -> "tuple[Rows, Codebook]":
        """Numbers (P,) of ``words``, -1 where there are none, given in order of appearance; and the codebook."""
        numbers, distinct = pd.factorize(_clean(words))
        hashes = np.array([_hash(word) for word in distinct], np.uint64)
        order = np.argsort(hashes, kind="stable")
        return numbers.astype(np.int32), cls(hashes[order], order.astype(np.int32))

    def __len__(self) -> int:
        return len(self.hashes)

    def look_up(self, words: pd.Series, newer: dict[int, int]) -> Rows:
        """Numbers (R,) of ``words``, -1 where there are none.

        Args:
            words: as they are written.
            newer: numbers of words that training did not know, by hash; words that are in neither are added to it.
        """
        found = np.full(len(words), -1, np.int32)
        for row, word in enumerate(_clean(words).tolist()):
            if isinstance(word, str):
                one = _hash(word)
                number = self.number(one, newer)
                found[row] = newer.setdefault(one, len(self.hashes) + len(newer)) if number is None else number
        return found

    def number(self, hash_: int, newer: dict[int, int]) -> int | None:
        """The number of the word with this hash, here or among the ``newer``; None where it has none."""
        at = int(np.searchsorted(self.hashes, np.uint64(hash_)))
        if at < len(self.hashes) and int(self.hashes[at]) == hash_:
            return int(self.codes[at])
        return newer.get(hash_)


@dataclass(frozen=True)
class Codebooks:
    """Those of the coded attributes of postings."""

    company: Codebook
    industry: Codebook
    occupation: Codebook
    region: Codebook
    language: Codebook
    extra: Codebook


class Numbering:
    """The numbers of a bundle's codebooks, and those of words that came since.

    One writer adds; readers of any snapshot may look: a number that came later stands in none of its rows.

    Args:
        books: of the bundle.
    """

    def __init__(self, books: Codebooks) -> None:
        self._books = books
        self._newer: dict[str, dict[int, int]] = {}

    def add(self, name: str, words: pd.Series) -> Rows:
        """Numbers (R,) of the ``words`` of one book, -1 where there are none; new words get a number."""
        book: Codebook = getattr(self._books, name)
        return book.look_up(words, self._newer.setdefault(name, {}))

    def numbers(self, name: str, words: Sequence[str]) -> Rows:
        """Numbers (N,) of ``words``, -1 for one that has none."""
        book: Codebook = getattr(self._books, name)
        newer = self._newer.get(name, {})
        clean = _clean(pd.Series(list(words), dtype="str")).tolist()
        found = [book.number(_hash(word), newer) if isinstance(word, str) else None for word in clean]
        return np.array([-1 if number is None else number for number in found], np.int32)

    def find(self, name: str, words: Sequence[str]) -> Rows:
        """Numbers of those ``words`` that have one, in their order."""
        found = self.numbers(name, words)
        return found[found >= 0]


def _clean(words: pd.Series) -> pd.Series:
    """Without case and superfluous space; missing where nothing is left."""
    clean = words.astype("str").str.casefold().str.strip().str.replace(r"\s+", " ", regex=True)
    return clean.where(words.notna() & (clean != ""))


def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
