"""Markets for finding posting texts again: the document is the second half of a description, the query the first."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys.text import normalise

LEAST_WORDS = 40  # in each half
TITLE_WORDS = 8  # of the second half, which stand for a title


@dataclass(frozen=True)
class Halves:
    """A market cut from one file, N postings.

    Attributes:
        postings: posting_id, title and description of the second halves: what the bundle is built from.
        titles: the real titles, N texts.
        queries: real title and first half, N texts.
        rows: postings read.
        short: left out because a half has fewer than ``LEAST_WORDS`` words, or there is no description.
        same_description: left out because an earlier posting has the same description.
        same_half: left out because an earlier posting has the same second half.
    """

    postings: pd.DataFrame
    titles: list[str]
    queries: list[str]
    rows: int
    short: int
    same_description: int
    same_half: int


def split_in_half(text: str) -> tuple[str, str]:
    """The text before and after the word boundary nearest to its middle."""
    middle = len(text) // 2
    before, after = text.rfind(" ", 0, middle + 1), text.find(" ", middle)
    spots = [at for at in (before, after) if at >= 0]
    if not spots:
        return text, ""
    cut = min(spots, key=lambda at: abs(at - middle))
    return text[:cut], text[cut + 1 :]


def cut_in_half(postings: pd.DataFrame) -> Halves:
    """Leave out duplicates and short texts, then split the rest."""
    texts = [normalise(text) for text in postings["description"].fillna("")]
    halves = [split_in_half(text) for text in texts]
    words = np.array([min(len(first.split()), len(second.split())) for first, second in halves])
    frame = pd.DataFrame(
        {
            "posting_id": postings["posting_id"].to_numpy(object),
            "real_title": [normalise(title) for title in postings["title"]],
            "whole": [text.casefold() for text in texts],
            "first": [first for first, _ in halves],
            "description": [second for _, second in halves],
        }
    )
    long_enough = frame[words >= LEAST_WORDS]
    distinct = long_enough.drop_duplicates("whole")
    kept = distinct[~distinct["description"].str.casefold().duplicated()].reset_index(drop=True)
    kept["title"] = [" ".join(text.split()[:TITLE_WORDS]) for text in kept["description"]]
    return Halves(
        postings=kept[["posting_id", "title", "description"]],
        titles=kept["real_title"].tolist(),
        queries=[f"{title}. {first}" for title, first in zip(kept["real_title"], kept["first"], strict=True)],
        rows=len(frame),
        short=len(frame) - len(long_enough),
        same_description=len(long_enough) - len(distinct),
        same_half=len(distinct) - len(kept),
    )
