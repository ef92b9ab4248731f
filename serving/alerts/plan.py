"""From a chunk of alerts to mails: matched, ranked for each candidate by the engine, and described."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.among import among
from recsys.lists import Lists
from recsys.queries import Queries
from serving.alerts.discoveries import Discoveries
from serving.alerts.lines import Describer
from serving.alerts.match import Matcher, filters_of
from serving.alerts.news import News
from serving.alerts.people import audience
from serving.alerts.settings import AlertSettings
from serving.live.state import State
from serving.store.alerts import Alert
from serving.store.ledger import Ledger
from serving.store.mails import Mail
from serving.store.turn import Fixed

Flags = NDArray[np.bool_]
_LEAST_WIDTH: Final = 16  # of the lists of matches; wider ones are twice as wide, and so on


@dataclass(frozen=True)
class Plan:
    """What becomes of a chunk of alerts: mails, and those for whom there is nothing."""

    mails: list[Mail] = field(default_factory=list)
    nothing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Planner:
    """Plans the mails of one run.

    Attributes:
        state: of the run.
        fixed: likewise.
        news: what is new to somebody.
        matcher: of the same.
        describer: of the same state.
        ledger: what was brought before.
        settings: see there.
        store: name of the store, for message ids.
    """

    state: State
    fixed: Fixed
    news: News
    matcher: Matcher
    describer: Describer
    ledger: Ledger
    settings: AlertSettings
    store: str

    def plan(self, alerts: Sequence[Alert]) -> Plan:
        """The mails of some alerts; each gets what it would get alone. Unusable ones stay where they are."""
        plan = Plan()
        alerts = [one for one in alerts if self.matcher.usable(one)]
        usual = [one for one in alerts if one.document.get("kind") != "discover"]
        others = [one for one in alerts if one.document.get("kind") == "discover"]
        lines = self._matches(usual) | self._discoveries(others)
        for alert in alerts:
            if lines.get(alert.alert_id):
                plan.mails.append(self._mail(alert, lines[alert.alert_id]))
            else:
                plan.nothing.append(alert.alert_id)
        return plan

    def _matches(self, alerts: Sequence[Alert]) -> dict[str, list[dict[str, object]]]:
        if not alerts or not len(self.news):
            return {}
        found = self.matcher.match(alerts)
        self._only_listed(alerts, found)
        self._without_copies(alerts, found)
        count = found.sum(axis=1)
        lines: dict[str, list[dict[str, object]]] = {}
        width = _LEAST_WIDTH
        while (count > 0).any():
            some = np.flatnonzero((count > 0) & (count <= width))
            count[some] = 0
            if len(some):
                lines |= self._ranked([alerts[at] for at in some.tolist()], self._rows(found[some], width))
            width *= 2
        return lines

    def _rows(self, found: Flags, width: int) -> NDArray[np.int32]:
        """Catalogue rows int32 (B, width) of what matches, ascending, -1 behind the last."""
        place, at = np.nonzero(found)
        first = np.searchsorted(place, np.arange(len(found)))
        rows = np.full((len(found), width), -1, np.int32)
        rows[place, np.arange(len(place)) - first[place]] = self.news.rows[at]
        return rows

    def _ranked(self, alerts: Sequence[Alert], rows: NDArray[np.int32]) -> dict[str, list[dict[str, object]]]:
        lists = among(self.state.engine, self._queries(alerts), rows, self.settings.most, explain=True)
        return self._described(alerts, lists)

    def _only_listed(self, alerts: Sequence[Alert], found: Flags) -> None:
        """Alerts that name nothing bring what stands among the first of the candidate's list."""
        plain = [at for at, one in enumerate(alerts) if _kind(one) == "listed" and found[at].any()]
        if not plain:
            return
        lists = self.state.engine.answer(self._queries([alerts[at] for at in plain]), self.settings.listed)
        where = np.searchsorted(self.news.rows, lists.rows)
        where = np.minimum(where, len(self.news) - 1)
        hit = (lists.rows >= 0) & (self.news.rows[where] == lists.rows)
        listed = np.zeros((len(plain), len(self.news)), bool)
        place, rank = np.nonzero(hit)
        listed[place, where[place, rank]] = True
        found[plain] &= listed

    def _without_copies(self, alerts: Sequence[Alert], found: Flags) -> None:
        """Takes out copies of what an alert has brought before."""
        copied = self.news.copied
        some = [at for at in np.flatnonzero(found[:, copied].any(axis=1)).tolist() if alerts[at].number]
        if not some:
            return
        catalogue = self.state.engine.catalogue
        group = catalogue.copies.group[: len(catalogue)]
        kin = np.flatnonzero(np.isin(group, group[self.news.rows[copied]]))
        names = catalogue.ids.names(kin).tolist()
        group_of = dict(zip(names, group[kin].tolist(), strict=True))
        mine = group[self.news.rows]
        place = {alerts[at].alert_id: at for at in some}
        for alert_id, posting in self.ledger.brought(list(place), names):
            found[place[alert_id]] &= mine != group_of[posting]

    def _discoveries(self, alerts: Sequence[Alert]) -> dict[str, list[dict[str, object]]]:
        chosen = Discoveries(self.state, self.fixed.moment, self.ledger, self.settings.most).lists(alerts)
        return {alert: lines for some, lists in chosen for alert, lines in self._described(some, lists).items()}

    def _queries(self, alerts: Sequence[Alert]) -> Queries:
        return audience(self.state, [one.candidate_id for one in alerts]).queries(self.fixed.moment)

    def _described(self, alerts: Sequence[Alert], lists: Lists) -> dict[str, list[dict[str, object]]]:
        described = self.describer.lines(lists, [_kind(one) for one in alerts])
        return {one.alert_id: lines for one, lines in zip(alerts, described, strict=True)}

    def _mail(self, alert: Alert, lines: list[dict[str, object]]) -> Mail:
        said = f"{self.store}\0{alert.alert_id}\0{alert.created!r}\0{alert.number}"
        message = f"{blake2b(said.encode(), digest_size=16).hexdigest()}@{self.settings.domain}"
        content = {
            "to": alert.document.get("address"),
            "name": alert.document["name"],
            "kind": alert.document.get("kind", "matches"),
            "candidate_id": alert.candidate_id,
            "created": alert.created,
            "lines": lines,
        }
        return Mail(message, alert.alert_id, content, self.fixed.indexed, self.fixed.moment)


def _kind(alert: Alert) -> str:
    """By what it chooses: "discover"; "matches" of filters or words; or, as it names neither, "listed"."""
    if alert.document.get("kind") == "discover":
        return "discover"
    named = alert.document.get("words") or filters_of(alert).model_dump(exclude_defaults=True)
    return "matches" if named else "listed"
