"""Markets for finding posting texts again: the document is the second half of a description, the query the first."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.text_market import Market, Rows, best
from benchmarks.variants import by_windows, centred
from recsys.metrics import hits, reciprocal_rank
from recsys.text import normalise

Floats = NDArray[np.float64]

LEAST_WORDS = 40  # in each half
TITLE_WORDS = 8  # of the second half, which stand for a title
TWIN = 0.95  # cosine from which two halves are called near-duplicates


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


@dataclass(frozen=True)
class Found:
    """At which rank each of N queries found its own posting, by way of searching.

    Attributes:
        reciprocal: float64 (N,) of each way; 0 where the list does not hold the posting.
        of_ten: float64 (N,), the engine's reciprocal rank in a list of 10, for which it chooses a pool.
        shared: share of the first 10 of the engine's whole list that its list of 10 holds too.
    """

    reciprocal: dict[str, Floats]
    of_ten: Floats
    shared: float


def find_again(market: Market, queries: list[str]) -> Found:
    """Ask the engine, the bare cosine and BM25 for the whole list; query i belongs to posting i."""
    everything = len(market)
    whole = market.by_engine(queries, everything)
    short = market.by_engine(queries, 10)
    documents, asked = market.encoder.encode(market.texts), market.encoder.encode(queries)
    lists = {
        "engine": whole,
        "cosine": best(asked @ documents.T, everything),
        "BM25": market.by_words(queries, everything),
    }
    top = whole[:, : short.shape[1]]
    shared = (short[:, :, None] == top[:, None, :]).any(axis=2).mean()
    return Found({way: reciprocal(rows) for way, rows in lists.items()}, reciprocal(short), float(shared))


def reciprocal(rows: Rows) -> Floats:
    """1 / rank of posting i in list i, float64 (N,)."""
    start = np.arange(len(rows) + 1)
    return reciprocal_rank(hits(rows, start, start[:-1]), np.ones(len(rows), np.int64))


def try_variants(market: Market, queries: list[str]) -> tuple[dict[str, Floats], float]:
    """Reciprocal ranks by the cosine of texts read in other ways, and how many windows a text has on average."""
    encoder, everything = market.encoder, len(market)
    documents, asked = encoder.encode(market.texts), encoder.encode(queries)
    wide, pieces = by_windows(encoder, market.texts)
    wide_asked, more = by_windows(encoder, queries)
    pairs = {
        "cosine": (documents, asked),
        "centred": (centred(documents, documents), centred(asked, documents)),
        "windows": (wide, wide_asked),
        "windows, centred": (centred(wide, wide), centred(wide_asked, wide)),
    }
    found = {way: reciprocal(best(mine @ theirs.T, everything)) for way, (theirs, mine) in pairs.items()}
    return found, (pieces + more) / (2 * everything)


@dataclass(frozen=True)
class Causes:
    """Why the right half is not first.

    Attributes:
        cut: share of documents longer than the encoder reads.
        own: mean cosine of a query with its own document.
        other: mean cosine of a query with another document.
        nearest: mean over queries of the best cosine with another document.
        twins: share of documents to which another has a cosine of at least ``TWIN``.
        same_title: of the queries that miss, the share whose first document is of a posting with the same real title.
        missed_by_both: share of queries that neither the engine nor BM25 answers first.
    """

    cut: float
    own: float
    other: float
    nearest: float
    twins: float
    same_title: float
    missed_by_both: float


def causes(market: Market, halves: Halves, found: Found, token_counts: NDArray[np.int64], limit: int) -> Causes:
    """Figures on what stands in the way, from the bare cosine."""
    documents = market.encoder.encode(market.texts)
    among = documents @ documents.T
    np.fill_diagonal(among, -1)
    alike = market.encoder.encode(halves.queries) @ documents.T
    own = np.diag(alike).copy()
    np.fill_diagonal(alike, np.nan)
    first = np.nanargmax(alike, axis=1)
    missed = np.nanmax(alike, axis=1) > own
    titles = np.array([title.casefold() for title in halves.titles], dtype=object)
    return Causes(
        cut=float((token_counts > limit).mean()),
        own=float(own.mean()),
        other=float(np.nanmean(alike)),
        nearest=float(np.nanmax(alike, axis=1).mean()),
        twins=float((among.max(axis=1) >= TWIN).mean()),
        same_title=float((titles[first] == titles)[missed].mean()) if missed.any() else float("nan"),
        missed_by_both=float(((found.reciprocal["engine"] < 1) & (found.reciprocal["BM25"] < 1)).mean()),
    )
