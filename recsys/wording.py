"""Words of a search: how texts are cut into words, the same for postings and for what is typed.

Case and form of the letters do not count, nor do plurals; c++, c# and .net stay what they are.
"""

import re
from collections.abc import Callable
from typing import Final

from recsys.terms import EMPTY
from recsys.text import normalise

_WORD: Final = re.compile(r"(?<![^\W_])\.[^\W\d_]+|[^\W_]+[+#]*")
_SIBILANT: Final = ("sses", "xes", "ches", "shes")
_SKIPPED: Final = EMPTY - {"it"}  # a trade too; in descriptions it is so common that it weighs nothing


def stem(word: str) -> str:
    """A plural in -s, -es or -ies without it (Harman's weak stemmer); every other word as it is."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    return word[:-2] if word.endswith(_SIBILANT) else word[:-1]


def search_words(text: str) -> list[str]:
    """The words of a text in their order, stemmed; those that say nothing are left out."""
    found = _WORD.findall(normalise(text).casefold())
    return [stem(word) for word in found if word not in _SKIPPED]


def replaced(text: str, other: Callable[[str], str | None]) -> str:
    """A text in which ``other`` may give a word for another; its argument is stemmed, None leaves the word."""

    def one(match: re.Match[str]) -> str:
        new = other(stem(match.group()))
        return match.group() if new is None else new

    return _WORD.sub(one, normalise(text).casefold())
