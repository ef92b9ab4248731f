"""What a candidate of this history and profile chooses next, as a vector: learned from what others chose next.

Likeness to what was viewed cannot know that those who look at one kind of work go on to another. A linear map from what
is known of a candidate to the title chosen next does, and holds for titles that nobody has chosen yet.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.codes import Codes
from recsys.queries import Queries

Numbers = NDArray[np.float32]

_LEAST = 300  # choices below which nothing is learned
_RIDGE = 30.0  # on inputs of length 1; chosen, as the rank is, on validation queries of a real board
_RANK = 64


@dataclass(frozen=True)
class NextTitle:
    """A map of low rank from four vectors (history, last title, wanted, past) to the title expected next.

    Attributes:
        inward: float32 (4 d, r); r is 0 where nothing was learned.
        outward: float32 (r, d).
        centre: float32 (d,), mean of the postings' titles, from which the expected one is counted.
    """

    inward: Numbers
    outward: Numbers
    centre: Numbers

    @classmethod
    def unknown(cls, dimension: int) -> "NextTitle":
        """Where nothing was learned."""
        none = np.zeros((4 * dimension, 0), np.float32)
        return cls(none, np.zeros((0, dimension), np.float32), np.zeros(dimension, np.float32))

    def expected(self, titles: Codes, queries: Queries) -> Numbers:
        """Unit vectors (B, d) of what B candidates choose next; zeros where nothing is known or was learned."""
        known = what_is_known(titles, queries)
        # each request by itself, so that a batch adds up in the same order
        found: Numbers = np.matmul(np.matmul(known[:, None], self.inward), self.outward)[:, 0]
        length = np.sqrt(np.einsum("bd,bd->b", found, found))[:, None]
        return np.asarray(found / np.maximum(length, np.float32(1e-9)))


def what_is_known(titles: Codes, queries: Queries) -> Numbers:
    """The weighted mean of the titles chosen, the last of them, the mean of those wanted and of those held: (B, 4 d).

    Each of length 1, or zeros where there is none.
    """
    chosen = titles.vectors(queries.history)
    weighted = np.einsum("bh,bhd->bd", queries.weight, chosen)
    wanted = np.einsum("bs,bsd->bd", queries.wanted_known.astype(np.float32), queries.wanted)
    past = np.einsum("bs,bsd->bd", queries.past_known.astype(np.float32), queries.past)
    parts = np.stack([weighted, chosen[:, 0], wanted, past], axis=1)
    parts /= np.maximum(np.sqrt(np.einsum("bpd,bpd->bp", parts, parts)), 1e-9)[..., None]
    return parts.reshape(len(queries), 4 * titles.dimension).astype(np.float32, copy=False)


def learn_next_title(known: Numbers, chosen: Numbers, centre: Numbers) -> NextTitle:
    """Reduced-rank ridge regression: the ridge's own predictions, kept in their first directions.

    Izenman, Reduced-rank regression for the multivariate linear model, Journal of Multivariate Analysis 5 (1975).

    Args:
        known: float32 (N, 4 d), see ``what_is_known``; rows of zeros teach nothing.
        chosen: float32 (N, d), unit vectors of the titles that were then chosen.
        centre: float32 (d,).
    """
    useful = known.any(axis=1) & chosen.any(axis=1)
    if useful.sum() < _LEAST:
        return NextTitle.unknown(len(centre))
    inputs, targets = known[useful].astype(np.float64), chosen[useful].astype(np.float64) - centre
    square = inputs.T @ inputs
    whole = np.linalg.solve(square + _RIDGE * np.eye(len(square)), inputs.T @ targets)
    # directions of the predictions: eigenvectors of their covariance, the largest first
    directions = np.linalg.eigh(whole.T @ square @ whole)[1][:, ::-1][:, :_RANK]
    return NextTitle((whole @ directions).astype(np.float32), directions.T.astype(np.float32), centre)
