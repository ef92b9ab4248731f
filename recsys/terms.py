"""Texts as sparse terms: which known words stand in them, and how much each says.

An encoder blurs exact words (skills, products, certificates); here they stay what they are. A word weighs
(1 + log tf) * idf, with idf = log(1 + (N - df + .5) / (df + .5)) as in Lucene's BM25; the heaviest words of a text are
kept and brought to length 1, so that an inner product is a cosine. The logarithm and the length take away what a long
text would gain by its length alone.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.text import normalise

Numbers = NDArray[np.float32]

MOST_WORDS: Final = 65_535  #: words that a code of 16 bits can tell apart, 0 being none
_WORD: Final = re.compile(r"[^\W_]+[+#]*")  # letters and digits of any script; c++ and c# too
_BLOCK: Final = 8_192  # texts weighed at once
_PHRASE: Final = 4  # words of the longest skill that is looked for in a text

#: Words that say nothing of work. Those of other languages have a low weight where they are common.
EMPTY: Final = frozenset(
    re.findall(
        r"\w+",
        "a about also an and any are as at be been but by can do each etc for from had has have he her his how i if in "
        "into is it its may more most must my no not of on or other our s she should so such than that the their them "
        "then there these they this those through to up us was we were what when where which while who will with would "
        "you your",
    )
)


def words_of(text: str) -> list[str]:
    """The words of a text in their order, without regard to case and form."""
    return _WORD.findall(normalise(text).casefold())


def asked_words(text: str) -> list[str]:
    """The distinct words that somebody asks for, in order; those that say nothing only where there are no others."""
    words = list(dict.fromkeys(words_of(text)))
    return [word for word in words if word not in EMPTY] or words


@dataclass(frozen=True)
class Terms:
    """N sparse texts of at most T words; word j of text i weighs ``weights[i, j] * scale[i]``.

    Attributes:
        codes: uint16 (N, T), 1 + the word's place in the vocabulary, the heaviest first, 0 padded.
        weights: uint8 (N, T), 0 padded.
        scale: float32 (N,), brings the text to length 1; 0 for a text without a known word.
    """

    codes: NDArray[np.uint16]
    weights: NDArray[np.uint8]
    scale: Numbers

    def __len__(self) -> int:
        return len(self.codes)

    def at(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.uint16], Numbers]:
        """Codes and float32 weights (..., T) of the texts at ``rows`` (any shape), zeros for a row of -1."""
        if len(self) == 0:
            empty = (*rows.shape, self.codes.shape[1])
            return np.zeros(empty, np.uint16), np.zeros(empty, np.float32)
        there = rows >= 0
        safe = np.where(there, rows, 0)
        scale = np.where(there, self.scale[safe], np.float32(0))
        codes = np.where(there[..., None], self.codes[safe], np.uint16(0))
        return codes, self.weights[safe].astype(np.float32) * scale[..., None]


@dataclass(frozen=True)
class Vocabulary:
    """Words that postings use.

    Attributes:
        words: object (V,), sorted; at most ``MOST_WORDS``.
        idf: float32 (V,).
    """

    words: NDArray[np.object_]
    idf: Numbers

    @classmethod
    def learn(cls, texts: Sequence[str], most: int = MOST_WORDS) -> "Vocabulary":
        """The ``most`` words that stand in the most texts; among equals, the first in the alphabet."""
        found: Counter[str] = Counter()
        count = 0
        for text in texts:
            distinct = set(words_of(text))
            count += bool(distinct)
            found.update(distinct)
        kept = sorted((word for word in found if word not in EMPTY), key=lambda word: (-found[word], word))[:most]
        words = np.array(sorted(kept), dtype=object)
        df = np.array([found[word] for word in words], np.float64)
        return cls(words, np.log1p((count - df + 0.5) / (df + 0.5)).astype(np.float32))

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def _code(self) -> dict[str, int]:
        return {word: at for at, word in enumerate(self.words.tolist(), 1)}

    @cached_property
    def telling(self) -> NDArray[np.bool_]:
        """Whether a word may be named to people, by code, bool (V + 1,): two characters or more, not only digits."""
        return np.array([False, *(len(word) > 1 and not word.isdigit() for word in self.words.tolist())])

    def terms(self, texts: Sequence[str], width: int) -> Terms:
        """The ``width`` heaviest known words of each text."""
        codes = np.zeros((len(texts), width), np.uint16)
        weights = np.zeros((len(texts), width), np.uint8)
        scale = np.zeros(len(texts), np.float32)
        for a in range(0, len(texts), _BLOCK):
            b = min(a + _BLOCK, len(texts))
            codes[a:b], weights[a:b], scale[a:b] = self._weigh(texts[a:b], width)
        return Terms(codes, weights, scale)

    def _weigh(
        self, texts: Sequence[str], width: int
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint8], NDArray[np.float32]]:
        known = self._code
        found = [[known.get(word, 0) for word in words_of(text)] for text in texts]
        owner = np.repeat(np.arange(len(texts), dtype=np.int64), [len(one) for one in found])
        code = np.fromiter(chain.from_iterable(found), np.int64, len(owner))
        keys, tf = np.unique(owner[code > 0] << 16 | code[code > 0], return_counts=True)
        owner, code = keys >> 16, keys & 0xFFFF
        weight = (1 + np.log(tf)) * self.idf[code - 1]
        order = np.lexsort((code, -weight, owner))
        owner, code, weight = owner[order], code[order], weight[order]
        place = np.arange(len(owner)) - np.searchsorted(owner, owner)
        kept = place < width
        at = (owner[kept], place[kept])
        codes, exact = np.zeros((len(texts), width), np.uint16), np.zeros((len(texts), width))
        codes[at], exact[at] = code[kept], weight[kept]
        peak = exact[:, :1] if width else np.zeros((len(texts), 1))
        coarse = np.rint(exact * np.divide(255, peak, out=np.zeros_like(peak), where=peak > 0)).astype(np.uint8)
        length = np.sqrt((coarse.astype(np.float64) ** 2).sum(axis=1))
        scale = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
        return codes, coarse, scale.astype(np.float32)


@dataclass(frozen=True)
class Lexicon:
    """The words of P postings, and what a stranger's text needs to be turned into the same terms.

    Attributes:
        vocabulary: learned from the postings.
        title: of the titles.
        text: of title, skills and description together; None where no posting has more than a title.
        skills: object (S,), keys of the skills by code, as in ``Attributes.skills``.
    """

    vocabulary: Vocabulary
    title: Terms
    text: Terms | None
    skills: NDArray[np.object_]

    @cached_property
    def _phrases(self) -> tuple[dict[tuple[str, ...], int], frozenset[str], NDArray[np.int32]]:
        """The number of each phrase of words, the words that begin one, and the phrase of each skill (-1: none)."""
        split = [tuple(words_of(skill)) for skill in self.skills.tolist()]
        number: dict[tuple[str, ...], int] = {}
        phrase = [number.setdefault(one, len(number)) if 0 < len(one) <= _PHRASE else -1 for one in split]
        return number, frozenset(one[0] for one in number), np.array(phrase, np.int32)

    @property
    def phrase(self) -> NDArray[np.int32]:
        """The phrase of each skill, int32 (S,): equal for skills of the same words, -1 where it cannot be found."""
        return self._phrases[2]

    def skills_in(self, texts: Sequence[str], width: int) -> NDArray[np.int32]:
        """Numbers of the phrases that stand in each text, the first ``width`` of them: int32 (N, width), -1 padded."""
        out = np.full((len(texts), width), -1, np.int32)
        for row, text in enumerate(texts):
            found = list(dict.fromkeys(self._named(words_of(text))))[:width]
            out[row, : len(found)] = found
        return out

    def _named(self, words: list[str]) -> Iterator[int]:
        number, first, _ = self._phrases
        for at, word in enumerate(words):
            if word in first:
                for length in range(1, _PHRASE + 1):
                    phrase = number.get(tuple(words[at : at + length]))
                    if phrase is not None and at + length <= len(words):
                        yield phrase
