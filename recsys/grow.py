"""A catalogue that grows: postings that arrive between two trainings, in rows behind those of the bundle.

Rows are only ever added. A posting that changes gets a new row, and its old one is taken down. So a snapshot that
somebody still works on never changes: what it does not list yet lies behind its end. What was learned of the old row by
what candidates did is the new one's: popularity and factors are copied, and neighbours and the indices, which go on
naming the old row, are read through ``Fresh.was`` and ``now``.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.arrivals import Arrivals
from recsys.assemble import search_vectors
from recsys.catalogue import Catalogue, Fresh, mapped
from recsys.codes import Codes
from recsys.config import CopySettings
from recsys.errors import RequestError
from recsys.geo import unit_vectors
from recsys.ids import GrownIds
from recsys.newcomers import Newcomers
from recsys.reserve import with_room
from recsys.wordindex import LateWords

Rows = NDArray[np.int32]

_DATES = ("posted", "until")  #: of a posting: what a renewal changes

#: What does not hold one row a posting.
_NOT_ROWS = (
    *("ids", "lexicon.vocabulary", "lexicon.skills"),
    *("behaviour.factors.gram", "behaviour.factors.from_text", "behaviour.neighbours", "behaviour.next_title"),
    *("behaviour.industries", "behaviour.occupations"),
    *("shelves", "grid", "cells", "words", "by_text", "by_cell", "by_factor", "copies.order", "fresh"),
    *("numbering", "rules", "within", "by_word", "late_words"),
)


class Growth:
    """The one writer of a growing catalogue; ``snapshot`` gives what requests work on.

    Args:
        catalogue: of a bundle.
        room: newcomers and changes that it takes before a new bundle is needed.
        copies: which newcomers are copies.
    """

    def __init__(self, catalogue: Catalogue, room: int, copies: CopySettings = CopySettings()) -> None:  # noqa: B008
        self._base = len(catalogue)
        self._room = room
        self._arrivals = Arrivals(copies)
        self._count = len(catalogue)
        self._whole = _roomy(catalogue, room)
        self._gone = self._whole.gone
        self._lent: set[str] = set()  # columns that a snapshot holds: they are copied before they change
        self._names: list[str] = []
        self._rows_of: dict[str, list[int]] = {}  # lists only ever get longer
        self._moves = (np.empty(0, np.int32), np.empty(0, np.int32))
        self._ids = catalogue.ids
        self._vectors = np.zeros((0, catalogue.title.dimension), np.float32)
        self.titles: list[str] = []  #: of the newcomers, in the order of their rows; only ever longer
        self.companies: list[str] = []  #: likewise
        self.regions: list[str] = []  #: likewise
        self._words = LateWords()

    @property
    def added(self) -> int:
        """Rows taken so far."""
        return self._count - self._base

    @property
    def room(self) -> int:
        """Rows left."""
        return self._room - self.added

    def row(self, posting_id: str) -> int:
        """The row that an id stands for now, -1 for one that is not known."""
        rows = self._rows_of.get(posting_id)
        return rows[-1] if rows else self._ids.find(posting_id)

    def shows(self, posting_id: str) -> bool:
        """Whether a posting is there and was not taken down."""
        row = self.row(posting_id)
        return row >= 0 and not self._gone[row]

    def add(self, newcomers: Newcomers, changes: NDArray[np.bool_] | None = None) -> None:
        """Take postings in. One whose id was there before is the same posting, changed.

        Args:
            newcomers: no id twice.
            changes: bool (R,), which of them were shown until they changed; None: those that are shown now.

        Raises:
            RequestError: there is no room for so many.
        """
        before = np.array([self.row(one) for one in newcomers.ids], np.int32)
        if changes is None:
            changes = np.array([self.shows(one) for one in newcomers.ids], bool)
        renewed = changes & self._only_renewed(newcomers, before)
        dates = newcomers.attributes
        self._renew(before[renewed], dates.posted[renewed], dates.until[renewed])
        self._append(newcomers.take(np.flatnonzero(~renewed)), before[~renewed])

    def remove(self, posting_ids: Sequence[str]) -> None:
        """Take postings down; ids that are not known are passed over."""
        self._take_down([row for one in posting_ids if (row := self.row(one)) >= 0])

    def redate(self, posting_id: str, posted: float, until: float) -> None:
        """Other dates for a posting, seconds since 1970, NaN where not given; one that is not known is passed over.

        Rows that it had before get them too: sources know it by those, and what they read must not depend on whether
        it changed before its dates did.
        """
        row = self.row(posting_id)
        if row < 0:
            return
        was, now = self._moves
        old, new = self._whole.attributes, np.array([posted, until], np.float64)
        rows = np.append(was[now == row], row).astype(np.int32)
        dates = np.tile(new, (len(rows), 1))
        if not _equal(np.stack([old.posted[rows], old.until[rows]], axis=1), dates).all():
            self._renew(rows, dates[:, 0], dates[:, 1])

    @property
    def ids(self) -> GrownIds:
        """All ids as they stand."""
        return GrownIds(self._ids, self._names, self._rows_of, self.added)

    def snapshot(self) -> Catalogue:
        """The catalogue as it stands."""
        rows = np.arange(self._base, self._count, dtype=np.int32)
        fresh = Fresh(rows, self._vectors[: len(rows)], *self._moves)
        self._lent = {"gone", "dates", "freshest"}
        return replace(self._whole, ids=self.ids, gone=self._gone, fresh=fresh, late_words=self._words)

    def _append(self, newcomers: Newcomers, before: Rows) -> None:
        """New rows; those that their ids stood for before, -1 where there were none, are taken down."""
        if len(newcomers) > self.room:
            raise RequestError(
                f"there is room for {self.room} more postings beside the bundle, not for {len(newcomers)}: train again"
            )
        if len(newcomers) == 0:
            return
        rows = np.arange(self._count, self._count + len(newcomers), dtype=np.int32)
        self._write(newcomers, rows)
        self._freshen(self._arrivals.join(self._whole.copies, newcomers.sketches, rows))
        self._inherit(rows, before)
        self._take_down(before[before >= 0].tolist())
        for one, row in zip(newcomers.ids, rows.tolist(), strict=True):
            self._rows_of.setdefault(one, []).append(row)
        self._names.extend(newcomers.ids)
        self.titles.extend(newcomers.titles)
        self.companies.extend(newcomers.companies)
        self.regions.extend(newcomers.regions)
        self._words.add(self._whole.by_word, newcomers.counted, self._count)
        self._count += len(newcomers)
        self._moves = _moved_on(*self._moves, before, rows)

    def _only_renewed(self, newcomers: Newcomers, before: Rows) -> NDArray[np.bool_]:
        """Of which postings (R,) nothing changed but their dates."""
        whole, at = self._whole, np.maximum(before, 0)
        same = (before >= 0) & whole.open[at]
        pairs: list[tuple[Any, Any]] = [(whole.title, newcomers.title), (whole.lexicon.title, newcomers.title_words)]
        if whole.text is not None:
            pairs.append((whole.text, newcomers.text))
        if whole.lexicon.text is not None:
            pairs.append((whole.lexicon.text, newcomers.text_words))
        for old, new in pairs:
            for field in fields(new):
                same &= _equal(getattr(old, field.name)[at], getattr(new, field.name))
        for field in fields(newcomers.attributes):
            if field.name not in _DATES:
                same &= _equal(getattr(whole.attributes, field.name)[at], getattr(newcomers.attributes, field.name))
        for name in ("keys", "texts"):  # it may be a copy of something else now
            same &= _equal(getattr(whole.copies, name)[at], getattr(newcomers.sketches, name))
        same &= whole.said[at] == newcomers.said
        return same & _equal(whole.place[at], self._places(newcomers))

    def _renew(self, rows: Rows, posted: NDArray[np.float64], until: NDArray[np.float64]) -> None:
        """Other dates for the same rows; in new columns where a snapshot holds the old ones."""
        if len(rows) == 0:
            return
        dates = self._whole.attributes
        if "dates" in self._lent:
            dates = replace(dates, posted=dates.posted.copy(), until=dates.until.copy())
            self._whole = replace(self._whole, attributes=dates)
            self._lent.discard("dates")
        dates.posted[rows], dates.until[rows] = posted, until
        self._freshen(rows.tolist())

    def _places(self, newcomers: Newcomers) -> NDArray[np.float32]:
        """Unit vectors (R, L, 3), L as in the catalogue."""
        places = np.full((len(newcomers), *self._whole.place.shape[1:]), np.nan, np.float32)
        slots = min(places.shape[1], newcomers.latlon.shape[1])
        places[:, :slots] = unit_vectors(newcomers.latlon[:, :slots])
        return places

    def _take_down(self, rows: list[int]) -> None:
        if not rows:
            return
        if "gone" in self._lent:
            self._gone = self._gone.copy()
            self._lent.discard("gone")
        self._gone[rows] = True
        self._freshen(rows)

    def _write(self, newcomers: Newcomers, rows: Rows) -> None:
        whole, at = self._whole, slice(int(rows[0]), int(rows[-1]) + 1)
        _put_codes(whole.title, newcomers.title, at)
        if whole.text is not None:
            _put_codes(whole.text, newcomers.text, at)
        for words, new in ((whole.lexicon.title, newcomers.title_words), (whole.lexicon.text, newcomers.text_words)):
            if words is not None:
                words.codes[at], words.weights[at], words.scale[at] = new.codes, new.weights, new.scale
        whole.place[at] = self._places(newcomers)
        for field in fields(newcomers.attributes):
            getattr(whole.attributes, field.name)[at] = getattr(newcomers.attributes, field.name)
        whole.open[at], whole.said[at] = True, newcomers.said
        found = search_vectors(whole.title, whole.text, rows)
        self._keep_vectors(found)
        mapped = whole.behaviour.factors.from_text
        if mapped is not None:
            text = whole.title if whole.text is None else whole.text
            # each by itself: a product of many rows adds in another order, and the grain of additions must not show
            whole.behaviour.factors.postings[at] = np.matmul(text.vectors(rows)[:, None], mapped)[:, 0]

    def _freshen(self, rows: Sequence[int]) -> None:
        whole = self._whole
        copies = whole.copies
        changed = self._arrivals.freshened(copies, rows, whole.attributes.posted, whole.open, self._gone)
        if not changed:
            return
        if "freshest" in self._lent:
            copies = replace(copies, freshest=copies.freshest.copy())
            self._whole = replace(whole, copies=copies)
            self._lent.discard("freshest")
        copies.freshest[list(changed)] = list(changed.values())

    def _inherit(self, rows: Rows, before: Rows) -> None:
        """What was done with a posting that changes is not forgotten; the kin of the others is not looked for."""
        behaviour = self._whole.behaviour
        behaviour.kin[rows] = np.nan
        known = (before >= 0) & behaviour.seen[np.maximum(before, 0)]
        new, old = rows[known], before[known]
        for column in (behaviour.seen, behaviour.popularity, behaviour.kin, behaviour.factors.postings):
            column[new] = column[old]

    def _keep_vectors(self, vectors: NDArray[np.float32]) -> None:
        """Room doubles, so that many small additions copy each vector a few times at most."""
        need = self.added + len(vectors)
        if need > len(self._vectors):
            grown = np.zeros((min(max(need, 2 * len(self._vectors), 256), self._room), vectors.shape[1]), np.float32)
            grown[: self.added] = self._vectors[: self.added]
            self._vectors = grown
        self._vectors[self.added : need] = vectors


def _moved_on(was: Rows, now: Rows, before: Rows, rows: Rows) -> tuple[Rows, Rows]:
    """``Fresh.was`` and ``now`` after the postings in rows ``before`` (R,), -1 for new ones, got ``rows`` (R,)."""
    moved = before >= 0
    if not moved.any():
        return was, now
    order = np.argsort(before[moved])
    left, taken = before[moved][order], rows[moved][order]
    all_, to = np.concatenate([was, left]), np.concatenate([mapped(now, left, taken), taken])
    order = np.argsort(all_, kind="stable")
    return all_[order], to[order]


def _equal(old: NDArray[Any], new: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows are equal, bool (R,); a row that is shorter in one of two tables is not."""
    if old.shape != new.shape:
        return np.zeros(len(new), bool)
    same: NDArray[np.bool_] = ((old == new) | ((old != old) & (new != new))).reshape(len(new), -1).all(axis=1)
    return same


def _put_codes(codes: Codes, new: Codes, at: slice) -> None:
    codes.codes[at], codes.scale[at] = new.codes, new.scale


def _roomy(catalogue: Catalogue, room: int) -> Catalogue:
    """The catalogue with room in every array that holds a row a posting."""
    if len(catalogue.said) == 0:
        catalogue = replace(catalogue, said=np.zeros(len(catalogue), np.uint64))
    grown: Catalogue = _with_room(catalogue, lambda array: with_room(array, room))
    neighbours = grown.behaviour.neighbours
    start = with_room(neighbours.start, room)
    start[len(neighbours.start) :] = neighbours.start[
        -1
    ]  # newcomers have none; of what changed see Catalogue.spoken_for
    return replace(grown, behaviour=replace(grown.behaviour, neighbours=replace(neighbours, start=start)))


def _with_room(value: Any, grow: Callable[[NDArray[Any]], NDArray[Any]], prefix: str = "") -> Any:
    changed: dict[str, Any] = {}
    for field in fields(value):
        inner, name = getattr(value, field.name), f"{prefix}{field.name}"
        if name in _NOT_ROWS:
            continue
        if isinstance(inner, np.ndarray):
            changed[field.name] = grow(inner)
        elif is_dataclass(inner):
            changed[field.name] = _with_room(inner, grow, f"{name}.")
    return replace(value, **changed)
