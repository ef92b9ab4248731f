"""What is encoded: one normaliser, and the templates that turn rows of the tables into texts.

Postings, candidates and queries all pass through the same functions, so that a text gives the same vector
wherever it comes from.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

#: Longest text a template gives, in characters. Encoders read some 256 tokens (about 1,200 characters); the rest
#: only costs memory and hashing.
TEXT_LIMIT: Final = 8_000

#: How many of the latest positions of a candidate stand in the text.
LATEST_TITLES: Final = 3

# Control (Cc) and invisible formatting characters (Cf) of Unicode 16, and lone surrogates (Cs), which UTF-8 cannot
# hold. A table, because asking ``unicodedata`` about every letter takes longer than the rest of the encoding of
# a static model.
_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)


def normalise(text: str) -> str:
    """NFKC, whitespace folded to single spaces, control and invisible characters removed.

    Line ends and tabs count as whitespace. Applying it twice changes nothing.
    """
    if text.isascii() and text.isprintable():  # nothing to compose or remove: the common case, four times as fast
        return " ".join(text.split())
    visible = _INVISIBLE.sub("", " ".join(text.split()))  # folded first: line ends are control characters too
    return " ".join(unicodedata.normalize("NFKC", visible).split())


def split_words(cell: str) -> list[str]:
    """The entries of a cell of kind "words": newline-joined, blank entries left out."""
    return [word for part in cell.split("\n") if (word := part.strip())]


def posting_titles(postings: pd.DataFrame) -> list[str]:
    """The normalised title of every posting, P texts; "" where there is none."""
    return [_join((title,)) for title in _texts(postings, "title")]


def posting_texts(postings: pd.DataFrame) -> list[str]:
    """Title, skills and description of every posting as one text, P texts of at most ``TEXT_LIMIT`` characters.

    Where a posting has only a title, the text equals the one of ``posting_titles``.
    """
    columns = (_texts(postings, "title"), _words(postings, "skills"), _texts(postings, "description"))
    return [_join(parts) for parts in zip(*columns, strict=True)]


def candidate_texts(candidates: pd.DataFrame, experience: pd.DataFrame) -> list[str]:
    """What candidates want and did as one text each, C texts of at most ``TEXT_LIMIT`` characters.

    Wanted titles first, since an encoder reads the beginning only; then headline, skills, the titles of the
    latest ``LATEST_TITLES`` positions, summary and CV.

    Args:
        candidates: C rows, the columns of ``CANDIDATE_COLUMNS``.
        experience: ``candidate`` (row in ``candidates``) and ``title``; by candidate, latest first.

    Returns:
        One text per candidate; "" where nothing is known.
    """
    columns = (
        _words(candidates, "desired_titles"),
        _texts(candidates, "headline"),
        _words(candidates, "skills"),
        _latest_titles(len(candidates), experience),
        _texts(candidates, "summary"),
        _texts(candidates, "text"),
    )
    return [_join(parts) for parts in zip(*columns, strict=True)]


def _texts(frame: pd.DataFrame, column: str) -> list[str]:
    return frame[column].fillna("").tolist()


def _words(frame: pd.DataFrame, column: str) -> list[str]:
    return [", ".join(split_words(cell)) if cell else "" for cell in _texts(frame, column)]


def _latest_titles(count: int, experience: pd.DataFrame) -> list[str]:
    """Per candidate, the distinct titles of the latest positions."""
    titled = experience[experience["title"].fillna("") != ""]
    rows = titled["candidate"].to_numpy(dtype=np.int64)
    titles: list[dict[str, None]] = [{} for _ in range(count)]  # a dict keeps order and drops repetitions
    latest = titled.groupby(rows, sort=False).cumcount().to_numpy() < LATEST_TITLES
    for row, title in zip(rows[latest].tolist(), titled["title"][latest].tolist(), strict=True):
        titles[row][title.strip()] = None
    return [", ".join(some) for some in titles]


def _join(parts: Iterable[str]) -> str:
    """The parts as sentences of one text; a part that repeats an earlier one is left out."""
    kept: dict[str, str] = {}
    for part in parts:
        if part and (text := normalise(part[: 2 * TEXT_LIMIT])):
            kept.setdefault(text.casefold(), text)
    if len(kept) < 2:
        return next(iter(kept.values()), "")[:TEXT_LIMIT].rstrip()
    *first, last = kept.values()
    sentences = [text if text[-1] in ".!?" else text + "." for text in first]
    return " ".join([*sentences, last])[:TEXT_LIMIT].rstrip()
