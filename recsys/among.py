"""The best of chosen postings, in the engine's own order: for those who have found them another way."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from recsys.engine import Engine, one_thread_each
from recsys.index import set_threads
from recsys.interests import find_interests
from recsys.lists import Lists, join
from recsys.pool import Pool
from recsys.queries import Queries

_AT_ONCE = 16  # requests, as in the engine


def among(engine: Engine, queries: Queries, rows: NDArray[np.int32], k: int, explain: bool = False) -> Lists:
    """Lists of at most ``k`` for B requests, each from postings of its own.

    What may not be shown is left out, and of copies one is listed, as in ``Engine.answer``; the pool is given instead
    of looked for. A wide one is cut by the quick signals first.

    Args:
        engine: see above.
        queries: of B requests.
        rows: int32 (B, n), catalogue rows, ascending in each request, -1 behind the last.
        k: length.
        explain: with reasons.
    """
    spans = [(at, min(at + _AT_ONCE, len(queries))) for at in range(0, len(queries), _AT_ONCE)]

    def listed(span: tuple[int, int]) -> Lists:
        part, pool = queries.part(*span), rows[span[0] : span[1]]
        interests = find_interests(engine.catalogue, part, engine.settings.retrieve)
        union = Pool(pool, np.zeros(pool.shape, np.uint8))
        return engine.listed(part, interests, engine.cut_down(part, interests, union, k), k, explain)

    with one_thread_each():
        if len(spans) <= 1:
            return join([listed(span) for span in spans], k)
        with ThreadPoolExecutor(os.cpu_count(), initializer=set_threads, initargs=(1,)) as workers:
            return join(list(workers.map(listed, spans)), k)
