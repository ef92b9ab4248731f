"""What a weekly alert of the kind "discover" brings: the shelf of the week, without what was met or brought before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.discover import discover, week_began
from recsys.filters import Filters
from recsys.lists import Lists
from recsys.shelf import claim
from serving.alerts.match import filters_of
from serving.alerts.people import Audience, audience
from serving.live.state import State
from serving.store.alerts import Alert
from serving.store.ledger import Ledger

Keys = NDArray[np.int64]
_LOOK: Final = 4  # a list is so many times as long as a mail: some of it was met


@dataclass(frozen=True)
class Discoveries:
    """Chooses for the alerts of one run.

    Attributes:
        state: of the run.
        moment: of the run, seconds since 1970.
        ledger: what was brought before.
        most: postings of a mail.
    """

    state: State
    moment: float
    ledger: Ledger
    most: int

    def lists(self, alerts: Sequence[Alert]) -> Iterable[tuple[Sequence[Alert], Lists]]:
        """For each alert a list, the best first, in one part or two.

        The shelf is that of the candidate's home page in this week, of what the alert's filters leave. Where it has
        nothing to bring, as for somebody of whom nothing was known when the week began, it is the engine's list.
        """
        if not alerts:
            return
        shelf = self._shelf(alerts)
        some = (shelf.rows >= 0).any(axis=1)
        yield [alerts[at] for at in np.flatnonzero(some).tolist()], shelf.take(np.flatnonzero(some))
        rest = [alerts[at] for at in np.flatnonzero(~some).tolist()]
        if rest:
            yield rest, self._list(rest)

    def _shelf(self, alerts: Sequence[Alert]) -> Lists:
        people, who = _people(self.state, alerts), [one.candidate_id for one in alerts]
        now, began = people.queries(self.moment), float(week_began(np.array([self.moment]))[0])
        week, taken = people.before(began).queries(began), self._taken(alerts, people)
        lists, chosen = discover(self.state.engine, now, week, who, True, _filters(alerts), taken)
        return self._first(lists, chosen & (now.known & week.known)[:, None], taken)

    def _list(self, alerts: Sequence[Alert]) -> Lists:
        people = _people(self.state, alerts)
        queries = people.queries(self.moment)
        lists = self.state.engine.answer(queries, _LOOK * self.most, True, _filters(alerts))
        return self._first(lists, lists.rows >= 0, self._taken(alerts, people))

    def _first(self, lists: Lists, may: NDArray[np.bool_], taken: Keys) -> Lists:
        """Of each list the first ``most`` places that may be brought, bool (B, k), and are not taken."""
        copies, every = self.state.engine.catalogue.copies, np.arange(len(lists.rows))
        return claim(copies, lists, may, every, taken, self.most)[0]

    def _taken(self, alerts: Sequence[Alert], people: Audience) -> Keys:
        """Keys (place << 32 | group of copies) of what the candidates met, or their alerts have brought."""
        catalogue = self.state.engine.catalogue
        place = {one.alert_id: at for at, one in enumerate(alerts)}
        pairs = self.ledger.brought(list(place))
        at = np.array([place[alert_id] for alert_id, _ in pairs], np.int64)
        rows = catalogue.ids.rows([posting for _, posting in pairs])
        met = np.concatenate([people.met(), at[rows >= 0] << 32 | rows[rows >= 0]])
        return np.unique(met >> 32 << 32 | catalogue.copies.group[met & 0xFFFFFFFF])


def _people(state: State, alerts: Sequence[Alert]) -> Audience:
    return audience(state, [one.candidate_id for one in alerts])


def _filters(alerts: Sequence[Alert]) -> list[Filters]:
    return [filters_of(one) for one in alerts]
