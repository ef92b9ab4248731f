"""The signal matrix: what is known about a candidate and a posting together, one named column a signal.

A signal that has no evidence is NaN, never 0. All are computed for whole batches: (B, n, F) float32. Each
``signals_*`` file has one room of them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recsys import (
    signals_attributes,
    signals_behaviour,
    signals_lexical,
    signals_place,
    signals_shown,
    signals_text,
)
from recsys.catalogue import Catalogue
from recsys.interests import Interests
from recsys.queries import Queries
from recsys.signal import FAMILIES, Signal

__all__ = ["COLUMN", "FAMILIES", "NAMES", "SIGNALS", "Signal", "compute", "named_shares"]

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]
Room = Callable[[Catalogue, Queries, Interests, Rows], dict[str, Numbers]]

_JOINT = (Signal("title_near", "text place", "title_any times near_any"),)
SIGNALS: tuple[Signal, ...] = (
    *signals_text.SIGNALS,
    *signals_lexical.SIGNALS,
    *signals_place.SIGNALS,
    *_JOINT,
    *signals_behaviour.SIGNALS,
    *signals_attributes.SIGNALS,
    *signals_shown.SIGNALS,
)
NAMES: tuple[str, ...] = tuple(signal.name for signal in SIGNALS)
COLUMN: dict[str, int] = {name: at for at, name in enumerate(NAMES)}

#: What computes them.
ROOMS: tuple[Room, ...] = (
    signals_text.titles,
    signals_text.texts,
    signals_lexical.words,
    signals_lexical.skills,
    signals_place.places,
    signals_behaviour.collaborative,
    signals_behaviour.trades,
    signals_behaviour.popularity,
    signals_behaviour.kin,
    signals_attributes.met,
    signals_attributes.fits,
    signals_shown.shown,
)


def compute(
    catalogue: Catalogue,
    queries: Queries,
    interests: Interests,
    pool: Rows,
    rooms: tuple[Room, ...] = ROOMS,
    names: tuple[str, ...] = NAMES,
) -> Numbers:
    """The signal matrix (B, n, F) float32 of a pool (B, n); what stands at padding (-1) means nothing.

    Fewer ``rooms`` compute fewer signals, which are then asked for by ``names``, one a column.
    """
    rows = np.maximum(pool, 0)
    requests, width = pool.shape
    column = COLUMN if names is NAMES else {name: at for at, name in enumerate(names)}
    # Each signal lies in one piece: it is written whole, and the ranker reads it whole.
    out = np.full((requests, len(names), width), np.nan, np.float32).transpose(0, 2, 1)
    for room in rooms:
        for name, values in room(catalogue, queries, interests, rows).items():
            out[..., column[name]] = values
    if "title_near" in column:
        out[..., column["title_near"]] = out[..., column["title_any"]] * out[..., column["near_any"]]
    return out


def named_shares(shares: Numbers) -> dict[str, float]:
    """What each signal adds to one score, (F,), by name, the largest first; without those that add nothing."""
    order = np.argsort(-np.abs(shares), kind="stable")
    return {NAMES[at]: float(shares[at]) for at in order.tolist() if shares[at]}
