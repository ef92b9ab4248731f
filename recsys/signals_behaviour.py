"""Signals of behaviour: collaborative filtering and popularity."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.interests import Interests
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
    keys, sums = catalogue.spoken_for(queries.history, queries.weight)
    total = np.zeros(rows.shape, np.float32)
    if len(keys):
        wanted = (np.arange(len(rows), dtype=np.int64)[:, None] << 32) | rows
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        total = np.where(keys[at] == wanted, sums[at], 0).astype(np.float32)
    return np.where(np.any(queries.history >= 0, axis=1, keepdims=True), _signed_log(10 * total), NOTHING)


def _signed_log(values: Numbers) -> Numbers:
    """log(1 + x), mirrored below 0: a model may speak against a posting."""
    return np.sign(values) * np.log1p(np.abs(values))
