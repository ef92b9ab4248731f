"""Words that nobody used become words that somebody used: the seam around rapidfuzz."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from recsys.ids import Ids

_MOST_WORDS: Final = 200_000  # the commonest: a rarer word is more likely a slip itself
_SHORT, _LONG = 4, 8  # characters: shorter words are left alone, longer ones may be off by two
_PREFIX: Final = 3  # characters of a word that is still being typed
_MOST_WRONG: Final = 3  # letters of the name of a setting or filter


@dataclass(frozen=True)
class Speller:
    """Known words near an unknown one, by insertions, deletions, substitutions and neighbours exchanged.

    Attributes:
        words: V, sorted.
        used: int64 (V,), how many postings use each.
    """

    words: Ids
    used: NDArray[np.int64]

    @cached_property
    def _common(self) -> tuple[list[str], NDArray[np.int64], dict[int, tuple[list[str], NDArray[np.int64]]]]:
        """Words in the order of the alphabet and how many postings use them; the same by length."""
        kept = np.sort(np.argsort(-self.used, kind="stable")[:_MOST_WORDS])
        words, counts = self.words.names(kept).tolist(), self.used[kept]
        length = np.array([len(word) for word in words], np.int64)
        by_length = {}
        for one in np.unique(length).tolist():
            at = np.flatnonzero(length == one)
            by_length[one] = ([words[i] for i in at.tolist()], counts[at])
        return words, counts, by_length

    def nearest(self, *forms: str, unfinished: bool = False) -> str | None:
        """The known word nearest to an unknown one; among equals the one that most postings use. None: none is near.

        Args:
            forms: of the unknown word; the nearest to any of them counts.
            unfinished: more of it may follow; a word that it begins is as near as one that is off by one.
        """
        found = [one for form in dict.fromkeys(forms) for one in self._close(form)]
        if unfinished:
            found += [begun for form in forms if (begun := self._begun(form)) is not None]
        return min(found, key=lambda one: (one[0], -one[1], one[2]))[2] if found else None

    def _close(self, word: str) -> list[tuple[int, int, str]]:
        if len(word) < _SHORT or any(letter.isdigit() for letter in word):
            return []
        most = 2 if len(word) >= _LONG else 1
        found = []
        for length in range(len(word) - most, len(word) + most + 1):
            words, counts = self._common[2].get(length, ([], None))
            if counts is not None:
                near = extract(word, words, scorer=OSA.distance, score_cutoff=most, limit=None)
                found += [(int(distance), int(counts[at]), one) for one, distance, at in near]
        return found

    def _begun(self, word: str) -> tuple[int, int, str] | None:
        words, counts, _ = self._common
        if len(word) < _PREFIX:
            return None
        first, last = _between(words, word)
        if first == last:
            return None
        at = first + int(np.argmax(counts[first:last]))
        return 1, int(counts[at]), words[at]


def _between(words: Sequence[str], prefix: str) -> tuple[int, int]:
    """Where the words that begin with ``prefix`` stand in a sorted list."""
    return bisect_left(words, prefix), bisect_left(words, prefix + "\U0010ffff")


def nearest_name(word: str, names: Iterable[str]) -> str | None:
    """The name that a person who wrote ``word`` meant: a third of its letters may be wrong, three at most."""
    written = word.casefold().replace("-", "_")
    most = min(max(len(written) // 3, 1), _MOST_WRONG, len(written) - 1)
    near = extract(written, list(names), scorer=OSA.distance, score_cutoff=most, limit=1) if most > 0 else []
    return near[0][0] if near else None
