"""Postings like a posting: what goes well with it, for somebody who is looking at it, of whom more may be known or not.

The posting is read as what was chosen last, in a history that may hold nothing else, and the one path answers by an
order of its own: what is looked at next in the same sitting, see ``training.sittings``. A posting that is expired or
gone has a title, a place and neighbours still, so that its page has something to offer.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.cut import quick_part
from recsys.engine import Engine
from recsys.errors import UnknownError
from recsys.filters import Filters
from recsys.lists import Lists
from recsys.queries import Queries
from recsys.request import Explain
from recsys.schema import VIEW

Rows = NDArray[np.int32]


def related(
    engine: Engine, queries: Queries, rows: Rows, k: int, explain: Explain = False, filters: Filters | None = None
) -> Lists:
    """For each of B requests at most ``k`` postings that go with one; never that one, nor a copy of it.

    Args:
        engine: whose postings; its own order where its bundle has learned none for this.
        queries: of who is looking at it; ``Queries.impersonal`` where only the posting counts.
        rows: int32 (B,), catalogue rows; the posting need not be open.
        k: length.
        explain: with reasons.
        filters: of all requests.

    Raises:
        RequestError: ``k`` is below 1, or filters name what the board does not know.
    """
    return of_related(engine).answer(looking_at(queries, rows), k, explain, filters)


def related_costs(engine: Engine, queries: Queries, rows: Rows, filters: Filters) -> list[dict[str, int]]:
    """How many postings that go with one each filter alone takes away, see ``Engine.filter_costs``; errors as there."""
    return engine.filter_costs(looking_at(queries, rows), filters)


def of_related(engine: Engine) -> Engine:
    """The same engine with the order of what goes with a posting, as far as its bundle knows one."""
    if engine.related is None:
        return engine
    return replace(engine, ranker=engine.related, cut=quick_part(engine.related), calibration=None)


def looking_at(queries: Queries, rows: Rows) -> Queries:
    """The same requests, each looking at a posting now: int32 (B,) rows, which are not shown again."""
    before = np.where(queries.history == rows[:, None], np.int32(-1), queries.history)
    history = np.concatenate([rows[:, None], before], axis=1)
    weight = np.concatenate([np.ones((len(rows), 1), np.float32), np.where(before >= 0, queries.weight, 0)], axis=1)
    time = np.concatenate([queries.now[:, None], np.where(before >= 0, queries.time, np.nan)], axis=1)
    deed = np.concatenate([np.full((len(rows), 1), VIEW, np.uint8), np.where(before >= 0, queries.deed, 0)], axis=1)
    order = np.argsort(history < 0, axis=1, kind="stable")[:, : queries.history.shape[1]]
    keys = np.arange(len(rows), dtype=np.int64) << 32 | rows
    return replace(
        queries,
        history=np.take_along_axis(history, order, 1).astype(np.int32),
        weight=np.take_along_axis(weight, order, 1).astype(np.float32),
        time=np.take_along_axis(time, order, 1),
        deed=np.take_along_axis(deed, order, 1).astype(np.uint8),
        hidden=np.union1d(queries.hidden, keys),
        answered=np.union1d(queries.answered, keys),
    )


def row_of(catalogue: Catalogue, posting_id: str) -> int:
    """The row of a posting, whether or not it may still be shown.

    Raises:
        UnknownError: there was never such a posting.
    """
    row = catalogue.ids.find(posting_id)
    if row < 0:
        raise UnknownError(f"no posting {posting_id!r} is known")
    return int(row)
