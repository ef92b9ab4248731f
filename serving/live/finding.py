"""Candidates for a posting as they stand now: those that the bundle's arrays find, and those whose profiles changed."""

import threading
from collections.abc import Callable
from functools import cached_property

import numpy as np
from immutables import Map
from numpy.typing import NDArray

from recsys.candidates import Candidates, Histories
from recsys.engine import Engine
from recsys.errors import RequestError
from recsys.finders import Finders, places_of, profile_vectors, title_vectors
from recsys.ids import Ids
from recsys.mutual import Match, best_matches, find_pairs
from recsys.reverse import alike, asked_by, near
from serving.live.crowd import crowd
from serving.live.people import People, Person

Numbers = NDArray[np.float32]
Changed = tuple[list[str], Numbers, Numbers]  # ids, vectors (N, 3, d) of profile and titles, places (N, 2, 3)
_NOTHING = Histories(np.zeros(2, np.int64), *(np.empty(0, kind) for kind in ("i4", "u1", "f8", "f4", "i2", "i4")))


class Finding:
    """Finds candidates for one bundle's states; for any thread.

    Args:
        read: opens the bundle's finders, when first asked; raises BundleError where it has none.
    """

    def __init__(self, read: Callable[[], Finders]) -> None:
        self._read, self._lock = read, threading.Lock()
        self._known: dict[str, tuple[object, Numbers, Numbers]] = {}  # of each changed profile, which, vector, place
        self._last: tuple[Map[str, Person] | None, Changed | None] = (None, None)

    @cached_property
    def finders(self) -> Finders:
        """Of those in the bundle."""
        return self._read()

    def candidates_for(self, engine: Engine, people: People, posting_id: str, k: int, now: float) -> list[Match]:
        """At most ``k`` candidates, best first; see docs/reciprocal.md.

        Raises:
            RequestError: the posting is not known, or was taken down.
            BundleError: the bundle cannot list candidates.
            StoreError: a candidate's changes are not held in memory, and the store cannot tell.
        """
        row = engine.catalogue.ids.find(posting_id)
        if row < 0 or engine.catalogue.gone[row]:
            raise RequestError(f"the posting {posting_id!r} is not known")
        rows = np.array([row], np.int32)
        _, found = find_pairs(engine, self.finders, people.base, rows, k)
        ids = dict.fromkeys(people.base.ids.names(found).tolist())
        ids |= dict.fromkeys(self._changed_for(engine, people, rows, k))
        some = crowd(people, list(ids), engine.catalogue)
        number = np.zeros(len(some), np.int64)
        level = float(self.finders.level[0])
        return best_matches(engine, some, level, number, np.arange(len(some)), rows, k, now).lines(some)

    def _changed_for(self, engine: Engine, people: People, rows: NDArray[np.int32], k: int) -> list[str]:
        """Of those whose profiles changed since the bundle, compared one by one, the best by likeness and nearness."""
        with self._lock:
            ids, vectors, places = self._changed(people)
        if not ids:
            return []
        asked = asked_by(engine.catalogue, rows)
        quick = alike(asked, vectors[:, 0], vectors[:, 1], vectors[:, 2]) + 2 * near(asked, places)
        order = np.argsort(-quick[0], kind="stable")[: max(engine.settings.reciprocal.pool, 3 * k)]
        return [ids[at] for at in order.tolist()]

    def _changed(self, people: People) -> Changed:
        """All of them; made anew only of profiles that were not there before."""
        if self._last[0] is people.changed and self._last[1] is not None:
            return self._last[1]
        told = {one: person.profile for one, person in people.changed.items() if person.profile is not None}
        known: dict[str, tuple[object, Numbers, Numbers]] = {}
        for one, profile in told.items():
            before = self._known.get(one)
            if before is None or before[0] is not profile:
                alone, row = Candidates(Ids([one], "candidate"), profile, _NOTHING), np.zeros(1, np.int64)
                said = np.concatenate([profile_vectors(alone, row)[:, None], title_vectors(alone, row)], axis=1)
                before = (profile, said, places_of(alone, row))
            known[one] = before
        self._known = known
        width = self.finders.profile.dimension
        vectors = np.concatenate([np.empty((0, 3, width), np.float32), *(one[1] for one in known.values())])
        places = np.concatenate([np.empty((0, 2, 3), np.float32), *(one[2] for one in known.values())])
        self._last = people.changed, (list(known), vectors, places)
        return list(known), vectors, places
