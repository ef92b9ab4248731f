"""Lists of postings that are not all alike: maximal marginal relevance.

Each place is given to the posting with the largest (1 - diversity) * relevance - diversity * likeness to the most
alike of those that stand before it (Carbonell and Goldstein, SIGIR 1998). Scores of different requests cannot be
compared, so relevance is the place in the order, falling from 1 at the first to 0 behind the last of ``BEST``.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

BEST: Final = 100  #: postings of the order among which is chosen; a longer list goes on in the order's own way


def diversified(valid: NDArray[np.bool_], alike: Numbers, diversity: float, k: int) -> NDArray[np.intp]:
    """The order (B, n) of n places, of which the first ``k`` are chosen anew; the others follow as they stood.

    Args:
        valid: bool (B, n), False for places without a posting, all at the end.
        alike: float32 (B, n, n), cosines between the postings of the places.
        diversity: 0 (the order as it is) to 1.
        k: places to be chosen.
    """
    requests, width = valid.shape
    relevance = 1 - np.arange(width, dtype=np.float32) / BEST
    here, chosen = np.arange(requests), min(k, width)
    nearest = np.zeros(valid.shape, np.float32)
    barred = np.where(valid, np.float32(0), np.float32(1e3))
    picked = np.empty((requests, width), np.intp)
    for place in range(chosen):
        worth = (1 - diversity) * relevance - diversity * nearest - barred
        best = np.argmax(worth, axis=1)  # of equals the one that stood first
        picked[:, place] = best
        barred[here, best] = 1e6
        nearest = np.maximum(nearest, alike[here, best])
    rest = np.argsort(barred >= 1e6, axis=1, kind="stable")
    picked[:, chosen:] = rest[:, : width - chosen]
    return picked


def likeness(catalogue: Catalogue, rows: Rows) -> Numbers:
    """Cosines between the texts of the postings (B, n) of each request, or titles if there are no more: (B, n, n).

    Those of a posting without a vector, and of a row of -1, are 0.
    """
    codes = catalogue.title if catalogue.text is None else catalogue.text
    vectors = codes.vectors(rows)
    between: Numbers = np.matmul(vectors, vectors.transpose(0, 2, 1))
    return between
