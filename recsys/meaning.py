"""What a search means, as a vector: of all that was typed, and once more of its core."""

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.wording import typed_words

Numbers = NDArray[np.float32]

_ASIDE: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_BEHIND: Final = re.compile(r"\s[-\u2013\u2014|]+\s")


def core(text: str) -> str:
    """A text without what stands in brackets or behind a dash: of a title that is mostly where, when or for whom.

    The text itself where no word would be left.
    """
    short = " ".join(_BEHIND.split(_ASIDE.sub(" ", text))[0].split())
    return short if typed_words(short) else text


def meanings(texts: Sequence[str], encode: Callable[[Sequence[str]], Numbers]) -> Numbers:
    """The middle of each text's vector and that of its core: float32 (B, d) of length 1, zeros for no content.

    Args:
        texts: B, as they are searched for.
        encode: makes unit vectors (n, d) of n texts; it is asked once, for each distinct text.
    """
    both = [*texts, *map(core, texts)]
    distinct = list(dict.fromkeys(both))
    at = {text: number for number, text in enumerate(distinct)}
    vectors = encode(distinct)[[at[text] for text in both]]
    middle = vectors[: len(texts)] + vectors[len(texts) :]
    found: Numbers = middle / np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), np.float32(1e-9))
    return found
