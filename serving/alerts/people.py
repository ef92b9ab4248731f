"""What many candidates bring at once: those of the bundle by their arrays, those that changed since one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import Candidates, Histories, Profiles
from recsys.ids import Ids
from recsys.mutes import Muted
from recsys.queries import SPARSE, Queries
from recsys.schema import EVENT_TYPES
from serving.live.state import State

_SHARED = ("vectors", "terms")  # tables that the rows of profiles point into
_KEYS = ("hidden", "answered", "shown", "muted", "muted_employers", "unwanted")
_OF_KEYS = ("shown_times", "unwanted_titles")


@dataclass(frozen=True)
class Crowd:
    """B candidates.

    Attributes:
        order: int64 (B,), which of those that were asked for stands at each place.
        queries: of the candidates, in that order.
        met: int64 (M,), sorted keys (place << 32 | catalogue row) of all postings that they saw or answered.
    """

    order: NDArray[np.int64]
    queries: Queries
    met: NDArray[np.int64]


def crowd(state: State, ids: Sequence[str], now: float) -> Crowd:
    """The candidates of a state, equal to what each alone would bring.

    Args:
        state: see above.
        ids: B candidates; one who is not known brings nothing.
        now: the moment, seconds since 1970.
    """
    people = state.people
    rows = people.base.ids.rows(ids)
    still = np.array([one not in people.changed and one not in people.away for one in ids], bool)
    plain, others = np.flatnonzero(still & (rows >= 0)), np.flatnonzero(~still | (rows < 0))
    parts = [_of_bundle(state, rows[plain])] if len(plain) else []
    parts += [people.one(ids[at], state.engine.catalogue) for at in others.tolist()]
    settings = state.engine.settings.events
    sizes = [len(part) for part in parts]
    queries = joined([part.queries(np.arange(len(part)), now, settings) for part in parts])
    met = _joined_keys([part.hidden(np.arange(len(part)), EVENT_TYPES) for part in parts], sizes)
    return Crowd(np.concatenate([plain, others]), queries, met)


def joined(parts: Sequence[Queries]) -> Queries:
    """The requests of several, in their order."""
    if len(parts) == 1:
        return parts[0]
    sizes = [len(part) for part in parts]
    whole: dict[str, Any] = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Queries)
        if field.name not in SPARSE
    }
    whole |= {name: _joined_keys([getattr(part, name) for part in parts], sizes) for name in _KEYS}
    whole |= {name: np.concatenate([getattr(part, name) for part in parts]) for name in _OF_KEYS}
    return Queries(**whole)


def _joined_keys(keys: Sequence[NDArray[np.int64]], sizes: Sequence[int]) -> NDArray[np.int64]:
    first = np.cumsum([0, *sizes[:-1]]).astype(np.int64) << 32
    return np.concatenate([some + start for some, start in zip(keys, first, strict=True)])


def _of_bundle(state: State, rows: NDArray[np.int32]) -> Candidates:
    """Candidates of the bundle whom nothing changed, with the rows that postings have now."""
    base, fresh = state.people.base, state.engine.catalogue.fresh
    profiles = replace(
        base.profiles,
        **{
            field.name: getattr(base.profiles, field.name)[rows]
            for field in fields(Profiles)
            if field.name not in _SHARED
        },
    )
    start = base.histories.start
    length = start[rows + 1] - start[rows]
    ends = np.cumsum(length)
    at = np.arange(int(length.sum())) + np.repeat(start[rows] - (ends - length), length)
    columns = {
        field.name: getattr(base.histories, field.name)[at] for field in fields(Histories) if field.name != "start"
    }
    columns["posting"] = fresh.now_of(columns["posting"])
    histories = Histories(start=np.concatenate([[0], ends]).astype(np.int64), **columns)
    ids, catalogue = Ids([str(at) for at in range(len(rows))], "candidate"), state.engine.catalogue
    said = None if base.mutes is None else base.mutes.said.take(rows)
    muted = None if said is None else Muted(said, catalogue.ids, catalogue.numbering)
    return Candidates(ids, profiles, histories, muted)
