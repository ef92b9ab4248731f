"""Where an answer was lost on its way into a list of ten: eligibility, pool, order or arrangement."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.cut import signals_of
from recsys.eligible import eligible
from recsys.engine import Engine, one_thread_each
from recsys.interests import find_interests
from recsys.queries import Queries
from training.validate import Asked

Rows = NDArray[np.int32]

PLACES = 10  #: of the list that is followed
DEEPER = 50  #: places of the order that are told apart from those below

#: What can become of an answer, in the order of the engine's stages read backwards.
STAGES = (
    "listed",
    "arrangement: mix of seen and new",
    "arrangement: caps",
    "order: place 11 to 50",
    "order: below place 50",
    "pool: not retrieved or cut",
    "eligibility: must not be shown",
)
LISTED, MIX, CAPS, SOON, LATE, POOL, HIDDEN = range(len(STAGES))

_RETRIEVE_AT_ONCE, _SCORE_AT_ONCE = 64, 16


@dataclass(frozen=True)
class Followed:
    """Q answers followed through the engine.

    Attributes:
        lists: int32 (Q, 10), the first ten, of a mixed list those of the answer's stratum, -1 padded.
        stage: int8 (Q,), index into ``STAGES``.
    """

    lists: Rows
    stage: NDArray[np.int8]


def asked_length(engine: Engine, places: int) -> int:
    """How long a list must be asked for to hold ``places`` postings of either stratum where seen and new are mixed."""
    share = engine.settings.arrange.new_share
    return places if engine.catalogue.dated else int(np.ceil(places / np.clip(min(share, 1 - share), 0.1, 1)))


def of_stratum(engine: Engine, rows: Rows, seen: NDArray[np.bool_], places: int) -> Rows:
    """Of each list (Q, k) the first ``places`` that are seen or new as ``seen`` (Q,) says; of a dated board all."""
    if not engine.catalogue.dated:
        same = engine.catalogue.behaviour.seen[np.maximum(rows, 0)] == seen[:, None]
        rows = np.where(same, rows, np.int32(-1))
    order = np.argsort(rows < 0, axis=1, kind="stable")
    return np.take_along_axis(rows, order, 1)[:, :places]


def follow(asked: Asked, engine: Engine) -> Followed:
    """Ask for lists of ten and say at which stage each answer fell.

    An answer counts as lost to "caps" where the order alone would have put it among the ten, and to "mix" where it is
    among the first ten of its stratum but seen and new postings share the ten places. A copy stands for the answer.
    """
    answer, seen = asked.block.answer, asked.seen
    length = asked_length(engine, PLACES)
    rows = engine.answer(asked.queries, length).rows
    lists = of_stratum(engine, rows, seen, PLACES)
    same = engine.catalogue.copies.same
    among_ten = same(rows[:, :PLACES], answer[:, None]).any(axis=1)
    among_own = same(lists, answer[:, None]).any(axis=1)
    place = order_places(engine, asked.queries, answer, length)
    allowed = eligible(engine.catalogue, asked.queries, answer[:, None])[:, 0] & engine.catalogue.open[answer]
    stage = np.select(
        [among_ten, among_own, ~allowed, place == 0, place <= PLACES, place <= DEEPER],
        [LISTED, MIX, HIDDEN, POOL, CAPS, SOON],
        LATE,
    )
    return Followed(lists, stage.astype(np.int8))


def order_places(engine: Engine, queries: Queries, answer: Rows, length: int) -> NDArray[np.int64]:
    """Place of each answer in the pool by score alone, among what may be shown of its stratum; 0: not in the pool.

    Args:
        engine: whose pool and order.
        queries: Q requests.
        answer: int32 (Q,).
        length: of the list that the pool is made for.

    Returns:
        int64 (Q,), 1 is best.
    """
    places = np.zeros(len(answer), np.int64)
    with one_thread_each():
        for start in range(0, len(answer), _RETRIEVE_AT_ONCE):
            block = queries.part(start, min(start + _RETRIEVE_AT_ONCE, len(answer)))
            interests = find_interests(engine.catalogue, block, engine.settings.retrieve)
            pool = engine.pool(block, interests, length)
            for at in range(0, len(block), _SCORE_AT_ONCE):
                to = min(at + _SCORE_AT_ONCE, len(block))
                some, mine, part = block.part(at, to), interests.part(at, to), pool.part(at, to)
                rows = part.rows
                scores = engine.ranker.score(signals_of(engine.catalogue, some, mine, part))
                allowed = eligible(engine.catalogue, some, rows)
                places[start + at : start + to] = _place(engine, scores, rows, allowed, answer[start + at : start + to])
    return places


def _place(
    engine: Engine, scores: NDArray[np.float32], rows: Rows, allowed: NDArray[np.bool_], answer: Rows
) -> NDArray[np.int64]:
    is_answer = engine.catalogue.copies.same(rows, answer[:, None]) & allowed
    own = np.where(is_answer, scores, -np.inf).max(axis=1, initial=-np.inf)[:, None]
    if not engine.catalogue.dated:
        seen = engine.catalogue.behaviour.seen
        allowed = allowed & (seen[np.maximum(rows, 0)] == seen[answer][:, None])
    ahead = (scores > own) | ((scores == own) & (rows < answer[:, None]))
    return np.where(is_answer.any(axis=1), 1 + (ahead & allowed & ~is_answer).sum(axis=1), 0)
