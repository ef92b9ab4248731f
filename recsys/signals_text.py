"""Signals of text: how alike the posting is to what the candidate viewed, wants and did."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.interests import Interests
from recsys.queries import PAST, VIEWED, WANTED, Queries
from recsys.signal import Signal, best, mean

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

SIGNALS = (
    Signal("title_viewed", "text", "best cosine of the title with the titles viewed last"),
    Signal("title_viewed_mean", "text", "mean cosine of the title with the titles viewed last"),
    Signal("title_last", "text", "cosine of the title with the title viewed last"),
    Signal("title_wanted", "text", "best cosine of the title with the desired titles"),
    Signal("title_wanted_mean", "text", "mean cosine of the title with the desired titles"),
    Signal("title_past", "text", "best cosine of the title with titles held"),
    Signal("title_past_last", "text", "cosine of the title with the title held last"),
    Signal("title_any", "text", "best of title_viewed, title_wanted, title_past"),
    Signal("title_profile", "text", "cosine of the title with the whole profile or CV"),
    Signal("title_next", "text behaviour", "product of the title, less the mean of all, with what is expected next"),
    Signal("text_profile", "text", "cosine of the posting's text with the whole profile or CV"),
    Signal("text_viewed", "text", "cosine of the posting's text with the mean of the postings viewed last"),
)


def titles(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """Likeness of titles."""
    viewed = queries.history[:, :VIEWED]
    expected = interests.expected[:, None]
    slots = [catalogue.title.vectors(viewed), queries.wanted, queries.past, queries.whole[:, None], expected]
    alike = catalogue.title.similarity(rows, _columns(np.concatenate(slots, axis=1)))
    alike[catalogue.title.scale[rows] == 0] = np.nan  # a posting without a title
    viewed_alike, wanted_alike, past_alike, whole_alike, next_alike = np.split(
        alike, np.cumsum([VIEWED, WANTED, PAST, 1]), axis=2
    )
    looked = (viewed >= 0) & (catalogue.title.scale[viewed] > 0)
    found = {
        "title_viewed": best(viewed_alike, looked),
        "title_wanted": best(wanted_alike, queries.wanted_known),
        "title_past": best(past_alike, queries.past_known),
    }
    found["title_viewed_mean"] = mean(viewed_alike, looked)
    found["title_last"] = best(viewed_alike[..., :1], looked[:, :1])
    found["title_wanted_mean"] = mean(wanted_alike, queries.wanted_known)
    found["title_past_last"] = best(past_alike[..., :1], queries.past_known[:, :1])
    found["title_any"] = np.fmax(np.fmax(found["title_viewed"], found["title_wanted"]), found["title_past"])
    found["title_profile"] = best(whole_alike, queries.whole_known[:, None])
    of_centre = np.matmul(expected, catalogue.behaviour.next_title.centre)
    found["title_next"] = best(next_alike, np.any(expected, axis=2)) - of_centre
    return found


def texts(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """Likeness of whole texts."""
    if catalogue.text is None:
        return {}
    viewed = queries.history[:, :VIEWED]
    read = (viewed >= 0) & (catalogue.text.scale[viewed] > 0)
    middle = catalogue.text.vectors(viewed).sum(axis=1)
    middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)
    alike = catalogue.text.similarity(rows, _columns(np.stack([queries.whole, middle], axis=1)))
    alike[catalogue.text.scale[rows] == 0] = np.nan  # a posting without a text that was encoded
    return {
        "text_profile": best(alike[..., :1], queries.whole_known[:, None]),
        "text_viewed": best(alike[..., 1:], np.any(read, axis=1, keepdims=True)),
    }


def _columns(slots: Numbers) -> Numbers:
    """Query vectors (B, s, d) as the columns (B, d, s) of a matrix product."""
    return np.ascontiguousarray(slots.transpose(0, 2, 1))
