"""Signals of behaviour: collaborative filtering and popularity."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.interests import Interests
from recsys.neighbours import Neighbours
from recsys.queries import Queries
from recsys.signal import NOTHING, Signal

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

SIGNALS = (
    Signal("factors", "behaviour", "fold-in: cosine of the candidate's vector with the posting's factors"),
    Signal("factors_score", "behaviour", "fold-in: inner product, as ALS defines it"),
    Signal(
        "factors_new", "behaviour", "the cosine for a posting without events, whose factors are mapped from its text"
    ),
    Signal("cooccur", "behaviour", "log of 1 + 10 times the mean weight among the neighbours of what was chosen"),
    Signal("industry_cooccur", "behaviour", "the same among the neighbours of the industries that were chosen"),
    Signal("occupation_cooccur", "behaviour", "the same among the neighbours of the occupations that were chosen"),
    Signal("popularity", "behaviour", "log of 1 + summed and decayed event weight"),
    Signal("title_popularity", "behaviour", "the same of all other postings with the same title"),
    Signal("employer_popularity", "behaviour", "the same of all other postings of the same employer"),
    Signal("place_popularity", "behaviour", "the same of all other postings at the same place"),
)

#: For trees only: a sum orders no better with them, on validation queries of a real board, and worse without a history.
KIN = ("title_popularity", "employer_popularity", "place_popularity")


def collaborative(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """What others who chose the same chose besides."""
    behaviour = catalogue.behaviour
    seen = behaviour.seen[rows]
    factors = np.take(behaviour.factors.postings, rows, axis=0)
    score = np.matmul(factors, interests.factors[..., None])[..., 0]
    length = np.sqrt(np.einsum("bnf,bnf->bn", factors, factors))
    mine = np.linalg.norm(interests.factors, axis=1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(length > 0, score / (length * mine), NOTHING)
    return {
        "factors": np.where(seen, cosine, NOTHING),
        "factors_score": np.where(seen, score, NOTHING),
        "factors_new": np.where(seen, NOTHING, cosine),
        "cooccur": np.where(seen, _cooccurrence(catalogue, queries, rows), NOTHING),
    }


def trades(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """What others who chose the same industries and occupations chose besides."""
    attributes, behaviour = catalogue.attributes, catalogue.behaviour
    return {
        "industry_cooccur": _of_codes(behaviour.industries, attributes.industry, queries, rows),
        "occupation_cooccur": _of_codes(behaviour.occupations, attributes.occupation, queries, rows),
    }


def popularity(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """What many chose."""
    behaviour = catalogue.behaviour
    return {"popularity": np.where(behaviour.seen[rows], behaviour.popularity[rows], NOTHING)}


def kin(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """What many chose of the same title, employer and place."""
    found = np.take(catalogue.behaviour.kin, rows, axis=0)
    return {name: found[..., at] for at, name in enumerate(KIN)}


def _cooccurrence(catalogue: Catalogue, queries: Queries, rows: Rows) -> Numbers:
    """Mean weight among the neighbours of the history, weighted: (B, n), NaN without a history."""
    spoken = _looked_up(*catalogue.spoken_for(queries.history, queries.weight), rows)
    return np.where(np.any(queries.history >= 0, axis=1, keepdims=True), spoken, NOTHING)


def _of_codes(neighbours: Neighbours, codes: Rows, queries: Queries, rows: Rows) -> Numbers:
    """The same of codes (P,) in the place of postings: (B, n), NaN where either has none that training knew."""
    known = len(neighbours.start) - 1
    mine = np.where(queries.history >= 0, codes[np.maximum(queries.history, 0)], -1).astype(np.int32)
    theirs = codes[rows]
    mine = np.where(mine < known, mine, np.int32(-1))
    spoken = _looked_up(*neighbours.add_up(mine, np.where(mine >= 0, queries.weight, 0)), theirs)
    unknown = (theirs < 0) | (theirs >= known) | ~np.any(mine >= 0, axis=1, keepdims=True)
    return np.where(unknown, NOTHING, spoken)


def _looked_up(keys: NDArray[np.int64], sums: NDArray[np.float64], wanted: Rows) -> Numbers:
    """log(1 + 10 sums) of the keys (request << 32 | wanted), 0 where there is none: (B, n)."""
    if len(keys) == 0:
        return np.zeros(wanted.shape, np.float32)
    asked = (np.arange(len(wanted), dtype=np.int64)[:, None] << 32) | np.maximum(wanted, 0)
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return _signed_log(10 * np.where(keys[at] == asked, sums[at], 0).astype(np.float32))


def _signed_log(values: Numbers) -> Numbers:
    """log(1 + x), mirrored below 0: a model may speak against a posting."""
    return np.sign(values) * np.log1p(np.abs(values))
