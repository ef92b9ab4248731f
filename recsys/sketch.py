"""Sketches of postings: a few bytes by which copies of one vacancy are told from all else.

Two postings can only be copies where their keys are equal: the employer, the places and the words of the title, levels
and numbers among them. How alike their texts are is estimated from a MinHash with one permutation (Li, Owen, Zhang,
"One Permutation Hashing", 2012) of runs of two words, of which one byte a bin is kept.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from html import unescape
from typing import Final
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.geo import cell_codes
from recsys.terms import words_of

Keys = NDArray[np.uint64]

BINS: Final = 128  #: bytes of a text's sketch, a power of two
_BLOCK: Final = 4096  # texts sketched at once
_RUN: Final = 2  # words that are hashed together
_ODD: Final = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)

#: Letters stay, digits vanish (dates, reference numbers), all else parts words. Bytes above 127 are letters in UTF-8.
_PARTS: Final = bytes(one if chr(one).isalpha() or one > 127 else 32 for one in range(256))
_DIGITS: Final = b"0123456789"
_TAG: Final = re.compile(r"<[^<>]{1,500}>")

_LEGAL_FORMS: Final = frozenset(
    re.findall(r"\w+", "ag bv co company corp corporation gmbh inc limited llc llp lp ltd nv plc pty sa")
)
_SAME_WORD: Final = {
    **{"sr": "senior", "jr": "junior", "snr": "senior", "jnr": "junior", "mgr": "manager", "asst": "assistant"},
    **{"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"},
}
_SAYS_NOTHING: Final = frozenset(["a", "an", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to", "with"])
_ANYBODY: Final = re.compile(r"\b[mwfdxh](?:\s?[/|]\s?[mwfdxh])+\b", re.IGNORECASE)  # (m/f/d)
_TELLING: Final = ("salary_min", "salary_max", "extra")
_ALSO: Final = ("salary_currency", "salary_period", "occupation", "industry", "employment_type", "seniority")
_REFERENCE: Final = re.compile(r"\d{5,}")  # of a requisition; a year or a level is shorter


@dataclass(frozen=True)
class Sketches:
    """Of R postings.

    Attributes:
        keys: uint64 (R,), equal where two postings may be copies; 0 for one that too little is said of.
        texts: uint8 (R, BINS), 0 for an empty bin.
    """

    keys: Keys
    texts: NDArray[np.uint8]


def sketches(postings: pd.DataFrame, titles: Sequence[str], texts: Sequence[str], places: Keys) -> Sketches:
    """Sketches of R postings.

    Where the employer is not known, the text must be equal to the letter. A posting without a text beyond its title has
    copies only where the employer and either the pay or something in ``extra`` are known, and all else that it says is
    equal but its dates: two openings of one title are not told apart by less. Nor has a posting any copies of which
    neither employer nor place is known.

    Args:
        postings: R rows, the columns of ``recsys.schema.POSTING_COLUMNS``.
        titles: of ``recsys.text.posting_titles``.
        texts: of ``recsys.text.posting_texts``.
        places: of ``place_numbers``.
    """
    titled = _numbers(titles, title_words)
    employer = _numbers(postings["company"].fillna("").tolist(), employer_words)
    bare = np.array([text == title for text, title in zip(texts, titles, strict=True)], bool)
    beside = np.zeros(len(texts), np.uint64)
    beside[bare] = _said(postings.loc[bare])
    strange = ~bare & (employer == 0) & (places != 0)
    beside[strange] = _numbers([texts[row] for row in np.flatnonzero(strange).tolist()], words_of)
    known = (titled != 0) & np.where(bare, (employer != 0) & (beside != 0), (employer != 0) | (places != 0))
    keys = _mixed(_mixed(_mixed(titled + _ODD[0]) + employer) + places) + beside
    return Sketches(np.where(known, np.maximum(keys, np.uint64(1)), np.uint64(0)), text_sketches(texts))


def _said(postings: pd.DataFrame) -> Keys:
    """What postings say beside title, text, employer, place and dates; 0 where it is neither pay nor anything extra."""
    told = postings[list(_TELLING)].notna().any(axis=1).to_numpy()
    cells = (postings[name].astype("str").fillna("").tolist() for name in (*_TELLING, *_ALSO))
    number = _numbers([" | ".join(row) for row in zip(*cells, strict=True)], lambda text: sorted(words_of(text)))
    return np.where(told, number, np.uint64(0))


def place_numbers(
    locations: pd.DataFrame,
    latlon: NDArray[np.float32],
    row_of: NDArray[np.int32],
    remote: NDArray[np.int8],
    edge: float,
) -> Keys:
    """Equal for postings of the same places (P,): grid cells, or names where no point is known; 0 where none is said.

    Args:
        locations: R rows, as in ``recsys.schema.Tables``.
        latlon: float32 (R, 2) degrees, NaN where not known.
        row_of: int32 (P,), the row wanted for each posting of the table.
        remote: int8 (P,), in the order wanted; what can be done from home is another place.
        edge: of a grid cell, in degrees of latitude.
    """
    known = ~np.isnan(latlon).any(axis=1)
    number = np.zeros(len(locations), np.uint64)
    number[known] = _mixed(cell_codes(latlon[known].astype(np.float64), edge).astype(np.uint64) + _ODD[1])
    named = locations[~known]
    city, region, country = (named[name].fillna("") for name in ("city", "region", "country"))
    number[~known] = _numbers((city + " | " + region + " | " + country).tolist(), words_of)
    posting = row_of[locations["posting"].to_numpy(np.int64)].astype(np.int64)
    order = np.lexsort((number, posting))
    posting, number = posting[order], number[order]
    first = np.ones(len(order), bool)
    first[1:] = (posting[1:] != posting[:-1]) | (number[1:] != number[:-1])
    out = np.where(remote == 1, _ODD[2], np.uint64(0))
    np.add.at(out, posting[first], number[first])
    return out


def title_words(title: str) -> list[str]:
    """The words by which titles are compared, in alphabetical order: levels and numbers, no reference numbers."""
    words = (_SAME_WORD.get(word, word) for word in words_of(_ANYBODY.sub(" ", title)))
    return sorted(word for word in words if word not in _SAYS_NOTHING and not _REFERENCE.fullmatch(word))


def employer_words(company: str) -> list[str]:
    """The words of an employer's name without its legal form."""
    words = words_of(company)
    return [word for word in words if word not in _LEGAL_FORMS] or words


def _numbers(texts: Sequence[str], words: Callable[[str], list[str]]) -> Keys:
    """Equal where the words are equal, 0 where there are none."""
    found: dict[str, int] = {}
    for text in dict.fromkeys(texts):
        kept = words(text)
        found[text] = _hash(" ".join(kept)) if kept else 0
    return np.array([found[text] for text in texts], np.uint64)


def _hash(words: str) -> int:
    return int.from_bytes(blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") or 1


def _mixed(numbers: Keys) -> Keys:
    """Each number spread over 64 bits (the finaliser of SplitMix64)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    spread: Keys = mixed ^ (mixed >> np.uint64(31))
    return spread


def text_sketches(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Sketches uint8 (N, BINS) of texts, without regard to case, digits, punctuation and markup."""
    out = np.zeros((len(texts), BINS), np.uint8)
    for at in range(0, len(texts), _BLOCK):
        out[at : at + _BLOCK] = _sketch_block(texts[at : at + _BLOCK])
    return out


def _sketch_block(texts: Sequence[str]) -> NDArray[np.uint8]:
    hashed: list[int] = []
    lengths = np.empty(len(texts), np.int64)
    for row, text in enumerate(texts):
        words = _plain(text).translate(_PARTS, _DIGITS).split()
        hashed.extend(map(crc32, words))
        hashed.extend([0] * (_RUN - 1))  # so that a text of n words has n runs
        lengths[row] = len(words)
    word = np.array([*hashed, *[0] * (_RUN - 1)], np.uint64)
    owner = np.repeat(np.arange(len(texts)), lengths)
    at = np.arange(len(owner)) + (_RUN - 1) * owner
    parts = [_mixed(word[at + step] + _ODD[step]) * _ODD[step] for step in range(_RUN)]
    run = _mixed(np.stack(parts).sum(axis=0, dtype=np.uint64))
    least = np.full(len(texts) * BINS, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(least, owner * BINS + (run % np.uint64(BINS)).astype(np.int64), run)
    byte = (least >> np.uint64(20)) % np.uint64(255) + np.uint64(1)
    empty = least == np.iinfo(np.uint64).max
    return np.where(empty, 0, byte).astype(np.uint8).reshape(len(texts), BINS)


def _plain(text: str) -> bytes:
    if "<" in text or "&" in text:
        text = unescape(_TAG.sub(" ", text))
    return text.casefold().encode("utf-8", "surrogatepass")


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How alike texts are, 0 to 1, from sketches (..., BINS) that broadcast; 1 for two texts without words.

    An estimate of the runs of words that both texts have, as a share of those that one of them has.
    """
    some = (one | other) != 0
    both = (some & (one == other)).sum(axis=-1)
    count = some.sum(axis=-1)
    result: NDArray[np.float64] = np.where(count == 0, 1.0, both / np.maximum(count, 1))
    return result
