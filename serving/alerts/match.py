"""Which new postings match which alerts: filters, words and arrival as columns over the new postings alone."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from recsys.errors import RequestError
from recsys.faults import first_fault
from recsys.filters import Filters
from recsys.narrow import conditions
from recsys.text import normalise
from serving.alerts.news import News, part_of
from serving.live.state import State
from serving.store.alerts import Alert

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float32]
#: Distinct texts to unit vectors, float32 (W, d).
Encode = Callable[[Sequence[str]], Numbers]

_KEPT: Final = 50_000  # filters whose answer is remembered; each takes a bit a new posting
_STEPS: Final = 4  # decimals of a cosine: a product of many rows adds in another order than that of one


def filters_of(alert: Alert) -> Filters:
    """What an alert filters by; an empty one lets everything pass."""
    return Filters.model_validate(alert.document.get("filters") or {})


class Matcher:
    """Matches chunks of alerts with the new postings of one run.

    Args:
        state: of the run.
        news: what is new to somebody.
        encode: the words of alerts to vectors; None: only words count.
        alike: cosine of a title and the words from which on they match.
    """

    def __init__(self, state: State, news: News, encode: Encode | None, alike: float | None) -> None:
        self._state, self._news, self._encode, self._alike = state, news, encode, alike
        self._nothing = part_of(state.engine.catalogue, np.empty(0, np.int32), [])
        self._passed: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()
        self.unusable: dict[str, str] = {}  #: alerts whose filters the board does not know, and why

    def usable(self, alert: Alert) -> bool:
        """Whether the board knows what an alert filters by; where not, why is kept in ``unusable``."""
        try:
            conditions(self._nothing, filters_of(alert))
        except RequestError as error:
            self.unusable[alert.alert_id] = str(error)
        except ValidationError as error:  # stored by a version that knew filters which this one does not
            self.unusable[alert.alert_id] = first_fault(error, Filters)
        return alert.alert_id not in self.unusable

    def match(self, alerts: Sequence[Alert]) -> Flags:
        """Which of N new postings match each of A usable alerts by filters and words, and came after it was served.

        Returns:
            bool (A, N). Of an alert with neither filters nor words only the arrival counts.
        """
        found = np.asarray(self._news.arrived > np.array([one.position for one in alerts], np.int64)[:, None])
        found &= self._by_filters(alerts)
        said = [normalise(one.document.get("words", "")) for one in alerts]
        lines = list(dict.fromkeys(line for line in said if line))
        if lines:
            at = {line: place for place, line in enumerate(lines)}
            spoken = [place for place, line in enumerate(said) if line]
            found[spoken] &= self._by_words(lines)[[at[said[place]] for place in spoken]]
        return found

    def _by_filters(self, alerts: Sequence[Alert]) -> Flags:
        asked = [filters_of(one) for one in alerts]
        # what is muted may be a copy of what is new without being new itself
        plain = [one.model_copy(update={"muted_postings": ()}) for one in asked]
        columns: dict[str, Flags] = {}
        passed = np.zeros((len(alerts), len(self._news)), bool)
        for place, filters in enumerate(plain):
            if filters.key not in columns:
                columns[filters.key] = self._column(filters)
            passed[place] = columns[filters.key]
        for place, one in enumerate(asked):
            if one.muted_postings:
                passed[place] &= ~self._muted(one.muted_postings)
        return passed

    def _column(self, filters: Filters) -> Flags:
        """Which new postings pass, bool (N,)."""
        count = len(self._news)
        packed = self._passed.get(filters.key)
        if packed is not None:
            self._passed.move_to_end(filters.key)
            return np.unpackbits(packed, count=count).astype(bool)
        asked = conditions(self._news.catalogue, filters)
        passed = np.logical_and.reduce(list(asked.values())) if asked else np.ones(count, bool)
        self._passed[filters.key] = np.packbits(passed)
        if len(self._passed) > _KEPT:
            self._passed.popitem(last=False)
        return np.asarray(passed)

    def _muted(self, postings: Sequence[str]) -> Flags:
        """Which new postings are muted or copies of what is."""
        catalogue = self._state.engine.catalogue
        rows = catalogue.ids.rows(list(postings))
        group = catalogue.copies.group
        return np.isin(group[self._news.rows], group[rows[rows >= 0]])

    def _by_words(self, lines: Sequence[str]) -> Flags:
        """Which new postings hold all words of each of W distinct lines, or have a title alike: bool (W, N)."""
        found = self._news.words.with_all(lines)
        if self._encode is None or self._alike is None:
            return found
        titles = self._state.engine.catalogue.title.vectors(self._news.rows)
        alike = np.round(self._encode(lines) @ titles.T, _STEPS)
        return np.asarray(found | (alike >= self._alike))
