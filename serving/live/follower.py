"""From the log to states: reads what was written since, applies it, publishes a new state.

A state is a function of the bundle and two positions. Up to ``position`` everything is obeyed: events, profiles,
postings that go or change their dates. Up to ``indexed`` the texts of new and changed postings have vectors, and the
postings are in the catalogue. The grain in which the log is read leaves no trace: who replays it gets equal answers.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from recsys.bundle import Bundle
from recsys.codes import Codes
from recsys.documents import muted_texts_of
from recsys.engine import Engine
from recsys.errors import StoreError
from recsys.explain import Explainer, GrownTexts
from recsys.grow import Growth
from recsys.intake import to_candidates
from recsys.matches import wording
from recsys.newcomers import Describer
from recsys.request import Request
from recsys.stored import read_candidates, read_finders
from serving.live.arrivals import Arrivals, each_id_once
from serving.live.deeds import Deeds
from serving.live.finding import Finding
from serving.live.held import Held
from serving.live.log import Entry, Log
from serving.live.lookup import Lookup
from serving.live.past import StoredPast
from serving.live.people import People
from serving.live.reading import ProfileReader, Unreadable
from serving.live.state import ReadProfile, State
from serving.live.waiting import Queue, Waiting, texts_of

log = logging.getLogger(__name__)

_NAN: Final = float("nan")
_AT_ONCE: Final = 1000  # entries of the log read at once
#: Documents that get their vectors between two publications: few, so that a bulk does not hold up events; many at a
#: third of the price each, for a follower that nobody waits for.
FEW: Final = 64
MANY: Final = 1000


class Follower:
    """The one writer of a worker's states; not for several threads at a time.

    A document that cannot be read is passed over, in every worker alike, and told in the log: it holds up nothing. What
    there is no room for is passed over, too. Where the store or the memory fails, nothing is passed over: what was
    reached is published, and the next call goes on from there.

    Args:
        bundle: what the states are based on.
        position: of the log at which the bundle was made.
        log: of the store.
        lookup: vectors and places that the encoder's process found.
        room: postings that may arrive or change before another bundle is needed.
        read_profile: of those who are not stored.
        most_changed: candidates whose changes are held in memory; the others are looked up. None: all are held.
        patience_seconds: for a look-up.
    """

    def __init__(
        self,
        bundle: Bundle,
        position: int,
        log: Log,
        lookup: Lookup,
        room: int,
        read_profile: ReadProfile,
        most_changed: int | None = None,
        patience_seconds: float = 0.5,
    ) -> None:
        self._log, self._lookup = log, lookup
        self._bundle = bundle
        self._growth = Growth(bundle.catalogue, room, bundle.settings.copies)
        board = bundle.catalogue
        describer = Describer(
            board.lexicon,
            bundle.skills,
            board.numbering,
            board.rules,
            lookup.codes,
            lookup.points,
            bundle.settings.place.cell_degrees,
        )
        self._arrivals = Arrivals(self._growth, describer)
        count, growth = len(bundle.catalogue), self._growth
        explainer = Explainer(
            GrownTexts(bundle.titles, count, growth.titles),
            GrownTexts(bundle.companies, count, growth.companies),
            GrownTexts(bundle.regions, count, growth.regions),
        )
        nobody = to_candidates([Request()], bundle.catalogue, bundle.skills).profiles
        self._reader, self._held = ProfileReader(bundle), Held(most_changed)
        past = StoredPast(log, lookup, self._reader, position, patience_seconds)
        base, held = read_candidates(bundle), self._held
        people = People(base, nobody, past, held.away, held.persons, position, position)
        finding = Finding(lambda: read_finders(bundle))
        engine = replace(Engine.from_bundle(bundle), catalogue=growth.snapshot(), explainer=explainer)
        self.state = State(engine, people, position, position, read_profile, finding)  #: the last that was published
        self._queue = Queue()
        self.keys_at = 0  #: position of the last change of API keys that was read
        self.skipped = 0  #: changes that could not be read, or have a text on which the encoder fails
        self.asking = lookup.asking  #: the store

    def warm_up(self) -> None:
        """Answer once for somebody and for nobody, so that the first request does not wait for what is loaded late."""
        some = self.state.people.base.ids.names(slice(1)).tolist()
        for who in [*some, ""]:
            self.state.recommend(who, 10)
        wording(self.state.engine.catalogue, "warming up")  # the words of the board are made ready to be looked up

    @property
    def encoder(self) -> str:
        """Name of the encoder that the bundle was made with."""
        return str(self._bundle.manifest["encoder"]["name"])

    @property
    def waiting(self) -> int:
        """Postings and profiles that wait for vectors."""
        return len(self._queue)

    @property
    def unplaced(self) -> int:
        """Changes of postings that there was no room for."""
        return self._arrivals.unplaced

    def obey(self, upto: int | None = None) -> None:
        """Apply all that the log holds, up to a position; texts wait for ``index_some``.

        Raises:
            StoreUnavailable: what was read until then is applied.
        """
        while entries := self._next(upto):
            self._obey_some(entries)
            if len(entries) < _AT_ONCE:
                break

    def _obey_some(self, entries: Sequence[Any]) -> None:
        deeds = Deeds(entries, self._reader, self._held, self._growth.ids)
        position = self.state.position
        try:
            for entry in entries:
                self._apply(entry, deeds)
                position = entry.position
        finally:  # nothing is ever applied twice
            deeds.close()
            self._publish(position, self.state.indexed)

    def _next(self, upto: int | None) -> Sequence[Any]:
        with self.asking:
            return self._log.changes(self.state.position, _AT_ONCE, upto)

    def index_some(self, indexed: int, most: int = FEW) -> bool:
        """Bring in some of what has vectors now: texts of the log up to ``indexed``.

        Args:
            indexed: see above.
            most: documents, in the order of the log; the memory is not looked at between them.

        Returns:
            whether ``indexed`` came nearer; if not, vectors of this encoder are still missing before it.

        Raises:
            StoreUnavailable: what was brought in until then is published.
        """
        upto = min(indexed, self.state.position)
        ready = self._queue.first(upto, most + 1)
        if len(ready) > most:
            upto = ready.pop().position - 1
        texts = texts_of(ready)
        count = self._lookup.ready(texts)
        if count < len(ready):
            upto = ready[count].position - 1
        if upto <= self.state.indexed:
            return False
        self._bring(ready[:count], upto, texts)
        return True

    def _bring(self, ready: Sequence[Waiting], upto: int, texts: Sequence[Sequence[str]]) -> None:
        """All that asks the store comes first, so that its failure leaves nothing half-done."""
        self._arrivals.describe([one for one in ready if one.kind == "posting"])
        # of several forms of a profile, the last one's words count already
        last = [one for one in ready if one.kind == "candidate" and one is self._queue.latest(one.kind, one.key)]
        read = self._reader.read_each([one.document for one in last], self._lookup)
        read_all: dict[int, Any] = {one.position: profile for one, profile in zip(last, read, strict=True)}
        read_all |= {one.position: self._interests(one) for one in ready if one.kind == "mutes"}
        brought = self.state.indexed
        try:
            for some in each_id_once(ready):
                self._bring_some(some, read_all)
                brought = some[-1].position
            brought = upto
        finally:
            self._tell_refused(ready, texts, brought)
            self._publish(self.state.position, brought)

    def _interests(self, one: Waiting) -> Codes | Unreadable:
        try:
            return self._lookup.codes(muted_texts_of(one.document))
        except (StoreError, MemoryError):
            raise
        except Exception as error:
            return Unreadable.because(error)

    def _bring_some(self, some: Sequence[Waiting], read: dict[int, Any]) -> None:
        postings = [one for one in some if one.kind == "posting"]
        for one, why in self._arrivals.place(postings):
            self._pass_over(one, why)
        for one in some:
            found = read.get(one.position)
            if isinstance(found, Unreadable):
                self._pass_over(one, found)
            elif found is not None:
                what = {"unwanted" if one.kind == "mutes" else "profile": found}
                self._held.put(one.key, replace(self._held.get(one.key), **what))
        self._queue.done(some)
        for one in postings:
            later = self._queue.latest(one.kind, one.key)
            if later is not None:
                self._redate(later.key, later.document)

    def _tell_refused(self, ready: Sequence[Waiting], texts: Sequence[Sequence[str]], brought: int) -> None:
        for one, some in zip(ready, texts, strict=False):
            if one.position <= brought and self._lookup.refused(some):
                self.skipped += 1
                log.error("%s %r at position %d has a text that cannot be encoded", one.kind, one.key, one.position)

    def _publish(self, position: int, indexed: int) -> None:
        before = self.state
        engine = replace(before.engine, catalogue=self._growth.snapshot())
        people = replace(before.people, changed=self._held.persons, position=position, indexed=indexed)
        self.state = replace(before, engine=engine, people=people, position=position, indexed=indexed)

    def _apply(self, entry: Entry, deeds: Deeds) -> None:
        act: Callable[[Entry, Deeds], None] | None = {
            "posting": self._posting,
            "posting_gone": self._posting_gone,
            "candidate": self._candidate,
            "candidate_gone": self._candidate_gone,
            "mutes": self._mutes,
            "event": self._event,
        }.get(entry.kind)
        if act is None:  # keys are no part of the state
            self.keys_at = entry.position
            return
        try:
            act(entry, deeds)
        except MemoryError:
            raise
        except Exception as error:
            self._pass_over(entry, Unreadable.because(error))

    def _pass_over(self, entry: Entry | Waiting, unreadable: Unreadable) -> None:
        self.skipped += 1
        log.error("%s %r at position %d cannot be read: %s", entry.kind, entry.key, entry.position, unreadable.why)

    def _posting(self, entry: Entry, deeds: Deeds) -> None:
        document = dict(entry.document or {})
        before = self._queue.latest("posting", entry.key)
        changes = self._growth.shows(entry.key) if before is None else not before.gone
        self._redate(entry.key, document)
        self._queue.put(Waiting(entry.position, "posting", entry.key, document, changes))

    def _redate(self, key: str, document: dict[str, Any]) -> None:
        self._growth.redate(key, document.get("date_posted", _NAN), document.get("valid_through", _NAN))

    def _posting_gone(self, entry: Entry, deeds: Deeds) -> None:
        """Gone at once; what waits is still brought in, since events may name it, and taken down again."""
        self._queue.take_down(entry.key)
        self._growth.remove([entry.key])

    def _candidate(self, entry: Entry, deeds: Deeds) -> None:
        unreadable = deeds.candidate(entry)
        if unreadable is not None:
            self._pass_over(entry, unreadable)
            return
        self._queue.put(Waiting(entry.position, "candidate", entry.key, dict(entry.document or {})))

    def _mutes(self, entry: Entry, deeds: Deeds) -> None:
        deeds.mutes(entry)
        self._queue.put(Waiting(entry.position, "mutes", entry.key, dict(entry.document or {})))

    def _candidate_gone(self, entry: Entry, deeds: Deeds) -> None:
        self._queue.drop("candidate", entry.key)
        self._queue.drop("mutes", entry.key)
        deeds.candidate_gone(entry)

    def _event(self, entry: Entry, deeds: Deeds) -> None:
        deeds.event(entry)
