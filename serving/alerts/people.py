"""What the candidates of many alerts bring at once, each as often as alerts of theirs are asked about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import Candidates
from recsys.config import EventSettings
from recsys.queries import Queries
from recsys.schema import EVENT_TYPES
from serving.live.crowd import crowd
from serving.live.state import State


@dataclass(frozen=True)
class Audience:
    """B requests of some candidates.

    Attributes:
        some: the candidates, each once.
        rows: int64 (B,), whose each request is.
        events: how their events count.
    """

    some: Candidates
    rows: NDArray[np.int64]
    events: EventSettings

    def queries(self, now: float) -> Queries:
        """As they ask at that moment, equal to what each alone would bring."""
        return self.some.queries(self.rows, now, self.events)

    def before(self, moment: float) -> "Audience":
        """The same as they stood then, without events at or after the moment; what is muted stays muted."""
        earlier = self.some.only(~(self.some.histories.time >= moment))
        return replace(self, some=replace(earlier, mutes=self.some.mutes))

    def met(self) -> NDArray[np.int64]:
        """Sorted keys (place << 32 | catalogue row), int64, of all postings that they saw or answered."""
        return self.some.hidden(self.rows, EVENT_TYPES)


def audience(state: State, ids: Sequence[str]) -> Audience:
    """The candidates of a state for B requests; one who is not known brings nothing.

    Raises:
        StoreError: one is away, and the store cannot tell.
    """
    place = {one: at for at, one in enumerate(dict.fromkeys(ids))}
    some = crowd(state.people, list(place), state.engine.catalogue)
    return Audience(some, np.array([place[one] for one in ids], np.int64), state.engine.settings.events)
