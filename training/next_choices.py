"""What candidates chose next, and the map that is learned from it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import Candidates, event_weights
from recsys.codes import Codes
from recsys.config import EventSettings
from recsys.next_title import NextTitle, learn_next_title, what_is_known
from training.prepare import Prepared

Numbers = NDArray[np.float32]

_MOST = 20_000  # choices learned from, the latest: a map of low rank asks for no more
_AT_ONCE = 1024
_TITLES = 65_536  # whose mean is taken at once


def next_title_of(prepared: Prepared, events: EventSettings, known: NDArray[np.bool_], now: float) -> NextTitle:
    """The map from what was known of candidates to the titles that they chose next.

    Args:
        prepared: everything.
        events: which events choose, and how they count.
        known: bool (E,), the events that had happened; nothing else is learned from.
        now: seconds since 1970, the moment of choices without a time.
    """
    candidates = prepared.candidates.only(known)
    pairs = list(_choices(candidates, prepared.title, events, now))
    if not pairs:
        return NextTitle.unknown(prepared.title.dimension)
    inputs, targets = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return learn_next_title(inputs, targets, _mean(prepared.title))


def _choices(
    candidates: Candidates, titles: Codes, events: EventSettings, now: float
) -> Iterator[tuple[Numbers, Numbers]]:
    """Of the first choice of each posting by each candidate what was known before, and the title: blocks of rows."""
    histories = candidates.histories
    owner = np.repeat(np.arange(len(candidates), dtype=np.int64), histories.lengths)
    chosen = np.flatnonzero((event_weights(histories.kind, histories.value, events) > 0) & (histories.posting >= 0))
    first = np.unique(owner[chosen] << 32 | histories.posting[chosen], return_index=True)[1]
    chosen = chosen[np.sort(first)]
    time = np.where(np.isnan(histories.time), now, histories.time)
    if len(chosen) > _MOST:
        chosen = np.sort(chosen[np.argsort(time[chosen], kind="stable")[-_MOST:]])
    for at in range(0, len(chosen), _AT_ONCE):
        some = chosen[at : at + _AT_ONCE]
        visible = some - histories.start[owner[some]]
        queries = candidates.queries(owner[some], time[some], events, visible)
        yield what_is_known(titles, queries), titles.vectors(histories.posting[some])


def _mean(titles: Codes) -> Numbers:
    """Mean vector of all titles, float32 (d,)."""
    total = np.zeros(titles.dimension)
    for at in range(0, len(titles), _TITLES):
        total += titles.vectors(np.arange(at, min(at + _TITLES, len(titles)))).sum(axis=0, dtype=np.float64)
    return np.asarray(total / max(len(titles), 1), np.float32)
