"""From the log to states: reads what was written since, applies it, publishes a new state.

A state is a function of the bundle and two positions. Up to ``position`` everything is obeyed: events, profiles,
postings that go or change their dates. Up to ``indexed`` the texts of new and changed postings have vectors, and the
postings are in the catalogue. The grain in which the log is read leaves no trace: who replays it gets equal answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Any, Final, Protocol

import numpy as np
from immutables import Map
from numpy.typing import NDArray

from recsys.bundle import Bundle
from recsys.candidates import Profiles
from recsys.codes import Codes
from recsys.documents import candidate_frames
from recsys.engine import Engine
from recsys.errors import RequestError
from recsys.explain import Explainer, GrownTexts
from recsys.grow import Growth
from recsys.intake import to_candidates
from recsys.newcomers import Describer
from recsys.profiles import profiles_of
from recsys.request import Request
from recsys.stored import read_candidates
from serving.live.lookup import Lookup
from serving.live.people import People, Person, Strangers, event_bytes
from serving.live.state import ReadProfile, State

Document = dict[str, Any]
_AT_ONCE: Final = 1000  # entries of the log read at once
_DESCRIBED_AT_ONCE: Final = 64  # postings between two publications, so that a bulk does not hold up events


class Entry(Protocol):
    """A change of the log."""

    position: int
    kind: Any
    key: str
    document: Document | None


class Log(Protocol):
    """What the follower needs of the store."""

    def changes(self, after: int, limit: int, upto: int | None = None) -> Sequence[Any]:
        """Entries of the log, in order."""
        ...


@dataclass(frozen=True)
class Waiting:
    """A document whose texts have no vectors yet.

    Attributes:
        position: of the log.
        document: of a posting or candidate.
    """

    position: int
    document: Document


class Follower:
    """The one writer of a worker's states; not for several threads at a time.

    Args:
        bundle: what the states are based on.
        position: of the log at which the bundle was made.
        log: of the store.
        lookup: vectors and places that the encoder's process found.
        room: postings that may arrive or change before another bundle is needed.
        read_profile: of those who are not stored.
    """

    def __init__(
        self, bundle: Bundle, position: int, log: Log, lookup: Lookup, room: int, read_profile: ReadProfile
    ) -> None:
        self._log, self._lookup = log, lookup
        self._bundle = bundle
        self._growth = Growth(bundle.catalogue, room)
        self._describer = Describer(bundle.catalogue.lexicon, bundle.skills, bundle.books, lookup.codes, lookup.points)
        count, growth = len(bundle.catalogue), self._growth
        explainer = Explainer(
            GrownTexts(bundle.titles, count, growth.titles), GrownTexts(bundle.companies, count, growth.companies)
        )
        nobody = to_candidates([Request()], bundle.catalogue, bundle.skills).profiles
        people = People(read_candidates(bundle), nobody, Map(), Strangers())
        engine = replace(Engine.from_bundle(bundle), catalogue=growth.snapshot(), explainer=explainer)
        self.state = State(engine, people, position, position, read_profile)  #: the last that was published
        self._postings: dict[str, list[Waiting]] = {}
        self._profiles: dict[str, Waiting] = {}
        self._changed = people.changed

    @property
    def encoder(self) -> str:
        """Name of the encoder that the bundle was made with."""
        return str(self._bundle.manifest["encoder"]["name"])

    @property
    def full(self) -> bool:
        """Whether postings wait that there is no room for."""
        return self._growth.room <= 0

    @property
    def waiting(self) -> int:
        """Postings and profiles that wait for vectors."""
        return sum(map(len, self._postings.values())) + len(self._profiles)

    def obey(self, upto: int | None = None) -> bool:
        """Apply all that the log holds, up to a position; texts wait for ``index_some``.

        Returns:
            whether API keys were among it.

        Raises:
            StoreUnavailable: what was read until then is applied.
        """
        keys = False
        while entries := self._log.changes(self.state.position, _AT_ONCE, upto):
            for entry in entries:
                self._apply(entry)
            self._publish(entries[-1].position, self.state.indexed)
            keys |= any(entry.kind in ("key", "key_gone") for entry in entries)
            if len(entries) < _AT_ONCE:
                break
        return keys

    def index_some(self, indexed: int) -> None:
        """Bring in some of what has vectors now: texts of the log up to ``indexed``. Call again until it is reached.

        In the order of the log, a few postings at a time, so that a bulk does not hold up what is obeyed meanwhile.

        Raises:
            RequestError: there is no room for more postings.
        """
        upto = min(indexed, self.state.position)
        waiting = (one for some in self._postings.values() for one in some if one.position <= upto)
        ready = nsmallest(_DESCRIBED_AT_ONCE + 1, waiting, key=lambda one: one.position)
        if len(ready) > _DESCRIBED_AT_ONCE:
            upto = ready[-2].position
        self._bring_in(ready[:_DESCRIBED_AT_ONCE])
        for candidate_id, one in list(self._profiles.items()):
            if one.position <= upto:
                self._profile(candidate_id, one, encoded=True)
                del self._profiles[candidate_id]
        self._publish(self.state.position, max(upto, self.state.indexed))

    def _publish(self, position: int, indexed: int) -> None:
        before = self.state
        engine = replace(before.engine, catalogue=self._growth.snapshot())
        people = before.people.with_changed(self._changed)
        self.state = replace(before, engine=engine, people=people, position=position, indexed=indexed)

    def _apply(self, entry: Entry) -> None:
        act = {
            "posting": self._posting,
            "posting_gone": self._posting_gone,
            "candidate": self._candidate,
            "candidate_gone": self._candidate_gone,
            "event": self._event,
        }.get(entry.kind)
        if act is not None:  # keys are no part of the state
            act(entry)

    def _posting(self, entry: Entry) -> None:
        document = dict(entry.document or {})
        self._postings.setdefault(entry.key, []).append(Waiting(entry.position, document))
        nan = float("nan")
        self._growth.redate(entry.key, document.get("date_posted", nan), document.get("valid_through", nan))

    def _posting_gone(self, entry: Entry) -> None:
        self._postings.pop(entry.key, None)
        self._growth.remove([entry.key])

    def _candidate(self, entry: Entry) -> None:
        waiting = Waiting(entry.position, dict(entry.document or {}))
        self._profile(entry.key, waiting, encoded=False)
        self._profiles[entry.key] = waiting

    def _candidate_gone(self, entry: Entry) -> None:
        self._profiles.pop(entry.key, None)
        self._changed = self._changed.set(entry.key, Person(forgotten=True, position=entry.position))

    def _event(self, entry: Entry) -> None:
        document = entry.document or {}
        people = self.state.people
        record = event_bytes(document, self._growth.ids, people.strangers)
        person = self._changed.get(document["candidate_id"], Person())
        self._changed = self._changed.set(document["candidate_id"], person.did(record, entry.position))

    def _profile(self, candidate_id: str, one: Waiting, encoded: bool) -> None:
        person = self._changed.get(candidate_id, Person())
        profile = self._read(one.document, encoded)
        self._changed = self._changed.set(
            candidate_id, replace(person, profile=profile, position=max(person.position, one.position))
        )

    def _read(self, document: Document, encoded: bool) -> Profiles:
        """The arrays of a profile; without its texts' vectors as long as they may not be there."""
        candidates, experience = candidate_frames([document])
        points = self._lookup.points if encoded else given_points
        encode = self._lookup.codes if encoded else self._no_vectors
        return profiles_of(
            candidates,
            experience,
            points(candidates),
            points(experience),
            encode,
            self._bundle.catalogue.lexicon,
            self._bundle.skills,
        )

    def _no_vectors(self, texts: Sequence[str]) -> Codes:
        return Codes(
            np.zeros((len(texts), self._bundle.catalogue.title.dimension), np.int8), np.zeros(len(texts), np.float32)
        )

    def _bring_in(self, ready: list[Waiting]) -> None:
        """Add postings in the order of the log, each id once at a time."""
        while ready:
            ids = [one.document["posting_id"] for one in ready]
            end = next((at for at, one in enumerate(ids) if one in ids[:at]), len(ids))
            run, ready = ready[:end], ready[end:]
            if len(run) > self._growth.room:
                raise RequestError("there is no room for more postings beside the bundle: train again")
            self._growth.add(self._describer.describe([one.document for one in run]))
            for one in run:
                key = one.document["posting_id"]
                left = [other for other in self._postings[key] if other.position > one.position]
                if left:
                    self._postings[key] = left
                    dates = left[-1].document
                    nan = float("nan")
                    self._growth.redate(key, dates.get("date_posted", nan), dates.get("valid_through", nan))
                else:
                    del self._postings[key]


def given_points(frame: Any) -> NDArray[np.float32]:
    """Degrees (R, 2) that a table gives, NaN elsewhere."""
    points: NDArray[np.float32] = frame.reindex(columns=["latitude", "longitude"]).to_numpy(np.float32).reshape(-1, 2)
    return points
