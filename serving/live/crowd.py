"""Many candidates of a state at once, those of the bundle and those who changed since, as one snapshot."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import Candidates, Histories, Profiles
from recsys.catalogue import Catalogue
from recsys.ids import Ids
from recsys.mutes import Muted, join
from serving.live.people import People
from serving.live.reading import TABLES

Rows = NDArray[np.int64]
_FIRST: Final = np.zeros(1, np.int64)


def crowd(people: People, candidate_ids: Sequence[str], catalogue: Catalogue) -> Candidates:
    """A snapshot that holds exactly these candidates, in this order.

    Raises:
        StoreError: one is away, and the store cannot tell.
    """
    rows = np.array([people.unchanged_row(one) for one in candidate_ids], np.int64)
    same, other = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
    ids = [candidate_ids[at] for at in [*same.tolist(), *other.tolist()]]
    parts = [_of_bundle(people.base, rows[same], catalogue)]
    # cut one by one: where only events changed, the profile points into the tables of the whole bundle
    parts += [_taken(people.one(candidate_ids[at], catalogue), _FIRST) for at in other.tolist()]
    order = np.argsort(np.concatenate([same, other]), kind="stable")
    return _taken(_joined(ids, parts, catalogue), order)


def _of_bundle(base: Candidates, rows: Rows, catalogue: Catalogue) -> Candidates:
    taken = _taken(base, rows)
    muted = None if taken.mutes is None else Muted(taken.mutes.said, catalogue.ids, catalogue.numbering)
    histories = replace(taken.histories, posting=catalogue.fresh.now_of(taken.histories.posting))
    return replace(taken, histories=histories, mutes=muted)


def _taken(some: Candidates, rows: NDArray[np.integer]) -> Candidates:
    """The candidates at ``rows`` in arrays of their own."""
    columns: dict[str, Any] = {
        field.name: getattr(some.profiles, field.name)[rows] for field in fields(Profiles) if field.name not in TABLES
    }
    for table, names in TABLES.items():
        used = np.unique(np.concatenate([columns[name].ravel() for name in names]))
        used = used[used >= 0]
        for name in names:
            pointers = columns[name]
            columns[name] = np.where(pointers >= 0, np.searchsorted(used, pointers), -1).astype(pointers.dtype)
        whole = getattr(some.profiles, table)
        columns[table] = replace(whole, **{one.name: getattr(whole, one.name)[used] for one in fields(whole)})
    start = some.histories.start
    length = start[rows + 1] - start[rows]
    new_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(length)]).astype(np.int64)
    at = np.arange(int(length.sum())) - np.repeat(new_start[:-1] - start[rows], length)
    events = {one.name: getattr(some.histories, one.name)[at] for one in fields(Histories) if one.name != "start"}
    ids = Ids(some.ids.names(rows), "candidate")
    muted = None if some.mutes is None else replace(some.mutes, said=some.mutes.said.take(rows))
    return Candidates(ids, Profiles(**columns), Histories(start=new_start, **events), muted)


def _joined(ids: Sequence[str], parts: Sequence[Candidates], catalogue: Catalogue) -> Candidates:
    """Snapshots one after the other."""
    profiles = [part.profiles for part in parts]
    columns: dict[str, Any] = {}
    for table, names in TABLES.items():
        tables = [getattr(one, table) for one in profiles]
        columns[table] = replace(
            tables[0],
            **{one.name: np.concatenate([getattr(t, one.name) for t in tables]) for one in fields(tables[0])},
        )
        before = np.cumsum([0] + [len(one) for one in tables[:-1]])
        for name in names:
            shifted = [
                np.where(getattr(one, name) >= 0, getattr(one, name) + first, -1)
                for one, first in zip(profiles, before.tolist(), strict=True)
            ]
            columns[name] = np.concatenate(shifted).astype(np.int32)
    rest = [one.name for one in fields(Profiles) if one.name not in columns]
    columns |= {name: np.concatenate([getattr(one, name) for one in profiles]) for name in rest}
    histories = [part.histories for part in parts]
    length = np.concatenate([one.lengths for one in histories])
    columns_of_events = [one.name for one in fields(Histories) if one.name != "start"]
    events = {name: np.concatenate([getattr(one, name) for one in histories]) for name in columns_of_events}
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(length)]).astype(np.int64)
    said = join(
        [(None if part.mutes is None else part.mutes.said, len(part)) for part in parts], catalogue.title.dimension
    )
    muted = None if said is None else Muted(said, catalogue.ids, catalogue.numbering)
    return Candidates(Ids(ids, "candidate"), Profiles(**columns), Histories(start=start, **events), muted)
