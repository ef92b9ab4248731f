"""Words of a search: how texts are cut into words, the same for postings and for what is typed.

Case and form of the letters do not count, nor do plurals; c++, c# and .net stay what they are.
"""

import re
from collections.abc import Mapping
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
    return [stem(word) for word in typed_words(text)]


def typed_words(text: str) -> list[str]:
    """The same words as they are typed, but for case and form."""
    return [word for word in _WORD.findall(normalise(text).casefold()) if word not in _SKIPPED]


def replaced(text: str, others: Mapping[str, str]) -> str:
    """A text in which some of its ``typed_words`` are exchanged for others."""
    return _WORD.sub(lambda found: others.get(found.group(), found.group()), normalise(text).casefold())
