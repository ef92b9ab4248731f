"""From the log to states: reads what was written since, applies it, publishes a new state.

A state is a function of the bundle and two positions. Up to ``position`` everything is obeyed: events, profiles,
postings that go or change their dates. Up to ``indexed`` the texts of new and changed postings have vectors, and the
postings are in the catalogue. The grain in which the log is read leaves no trace: who replays it gets equal answers.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from heapq import nsmallest
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsys.bundle import Bundle
from recsys.engine import Engine
from recsys.errors import RequestError, StoreError
from recsys.explain import Explainer, GrownTexts
from recsys.grow import Growth
from recsys.intake import to_candidates
from recsys.newcomers import Describer, Newcomers
from recsys.request import Request
from recsys.stored import read_candidates
from serving.live.held import Held
from serving.live.log import Entry, Log
from serving.live.lookup import Lookup
from serving.live.past import StoredPast
from serving.live.people import People, Person
from serving.live.reading import ProfileReader
from serving.live.state import ReadProfile, State
from serving.live.waiting import Waiting, texts_of

log = logging.getLogger(__name__)

Document = dict[str, Any]
_NAN: Final = float("nan")
_AT_ONCE: Final = 1000  # entries of the log read at once
_DESCRIBED_AT_ONCE: Final = 64  # postings between two publications, so that a bulk does not hold up events


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
        self._growth = Growth(bundle.catalogue, room)
        board = bundle.catalogue
        self._describer = Describer(
            board.lexicon, bundle.skills, board.numbering, board.rules, lookup.codes, lookup.points
        )
        count, growth = len(bundle.catalogue), self._growth
        explainer = Explainer(
            GrownTexts(bundle.titles, count, growth.titles), GrownTexts(bundle.companies, count, growth.companies)
        )
        nobody = to_candidates([Request()], bundle.catalogue, bundle.skills).profiles
        self._reader, self._held = ProfileReader(bundle), Held(most_changed)
        past = StoredPast(log, lookup, self._reader, position, patience_seconds)
        base, held = read_candidates(bundle), self._held
        people = People(base, nobody, past, held.away, held.persons, position, position)
        engine = replace(Engine.from_bundle(bundle), catalogue=growth.snapshot(), explainer=explainer)
        self.state = State(engine, people, position, position, read_profile)  #: the last that was published
        self._waiting: dict[tuple[str, str], list[Waiting]] = {}
        self._brought = position
        self.keys_at = 0  #: position of the last change of API keys that was read
        self.skipped = 0  #: changes that could not be read, or have a text on which the encoder fails
        self.unplaced = 0  #: changes of postings that there was no room for
        self.asking = lookup.asking  #: the store

    def warm_up(self) -> None:
        """Answer once for somebody and for nobody, so that the first request does not wait for what is loaded late."""
        some = self.state.people.base.ids.names()[:1].tolist()
        for who in [*some, ""]:
            self.state.recommend(who, 10)

    @property
    def encoder(self) -> str:
        """Name of the encoder that the bundle was made with."""
        return str(self._bundle.manifest["encoder"]["name"])

    @property
    def waiting(self) -> int:
        """Postings and profiles that wait for vectors."""
        return sum(map(len, self._waiting.values()))

    def obey(self, upto: int | None = None) -> None:
        """Apply all that the log holds, up to a position; texts wait for ``index_some``.

        Raises:
            StoreUnavailable: what was read until then is applied.
        """
        while entries := self._next(upto):
            position = self.state.position
            try:
                for entry in entries:
                    self._apply(entry)
                    position = entry.position
            finally:  # nothing is ever applied twice
                self._publish(position, self.state.indexed)
            if len(entries) < _AT_ONCE:
                break

    def _next(self, upto: int | None) -> Sequence[Any]:
        with self.asking:
            return self._log.changes(self.state.position, _AT_ONCE, upto)

    def index_some(self, indexed: int) -> bool:
        """Bring in some of what has vectors now: texts of the log up to ``indexed``.

        In the order of the log, a few documents at a time, so that a bulk does not hold up what is obeyed meanwhile.

        Returns:
            whether ``indexed`` came nearer; if not, vectors of this encoder are still missing before it.

        Raises:
            StoreUnavailable: what was brought in until then is published.
        """
        upto = min(indexed, self.state.position)
        waiting = (one for some in self._waiting.values() for one in some if one.position <= upto)
        ready = nsmallest(_DESCRIBED_AT_ONCE + 1, waiting, key=lambda one: one.position)
        if len(ready) > _DESCRIBED_AT_ONCE:
            upto = ready[_DESCRIBED_AT_ONCE].position - 1
            ready = ready[:_DESCRIBED_AT_ONCE]
        texts = texts_of(ready)
        count = self._lookup.ready(texts)
        if count < len(ready):
            upto = ready[count].position - 1
        if upto <= self.state.indexed:
            return False
        self._brought = self.state.indexed
        try:
            for kind, some in groupby(ready[:count], key=lambda one: one.kind):
                bring = self._bring_postings if kind == "posting" else self._bring_profiles
                bring(list(some))
            self._brought = upto
        finally:
            self._tell_refused(ready, texts)
            self._publish(self.state.position, self._brought)
        return True

    def _tell_refused(self, ready: Sequence[Waiting], texts: Sequence[Sequence[str]]) -> None:
        for one, some in zip(ready, texts, strict=True):
            if one.position <= self._brought and self._lookup.refused(some):
                self.skipped += 1
                log.error("%s %r at position %d has a text that cannot be encoded", one.kind, one.key, one.position)

    def _publish(self, position: int, indexed: int) -> None:
        before = self.state
        engine = replace(before.engine, catalogue=self._growth.snapshot())
        people = replace(before.people, changed=self._held.persons, position=position, indexed=indexed)
        self.state = replace(before, engine=engine, people=people, position=position, indexed=indexed)

    def _apply(self, entry: Entry) -> None:
        act: Callable[[Entry], None] | None = {
            "posting": self._posting,
            "posting_gone": self._posting_gone,
            "candidate": self._candidate,
            "candidate_gone": self._candidate_gone,
            "event": self._event,
        }.get(entry.kind)
        if act is None:  # keys are no part of the state
            self.keys_at = entry.position
            return
        try:
            act(entry)
        except MemoryError:
            raise
        except Exception as error:
            self._pass_over(entry, error)

    def _pass_over(self, entry: Entry | Waiting, error: Exception) -> None:
        """Without the words of the error, which may repeat a profile."""
        self.skipped += 1
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = "" if trace is None else f" in {trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno}"
        what = f"{type(error).__name__}{where}"
        log.error("%s %r at position %d cannot be read: %s", entry.kind, entry.key, entry.position, what)

    def _posting(self, entry: Entry) -> None:
        document = dict(entry.document or {})
        before = self._waiting.get(("posting", entry.key))
        changes = not before[-1].gone if before else self._growth.shows(entry.key)
        self._growth.redate(entry.key, document.get("date_posted", _NAN), document.get("valid_through", _NAN))
        self._wait(Waiting(entry.position, "posting", entry.key, document, changes))

    def _wait(self, waiting: Waiting) -> None:
        self._waiting.setdefault((waiting.kind, waiting.key), []).append(waiting)

    def _posting_gone(self, entry: Entry) -> None:
        """Gone at once; what waits is still brought in, since events may name it, and taken down again."""
        waiting = self._waiting.get(("posting", entry.key), [])
        waiting[:] = [replace(one, gone=True) for one in waiting]
        self._growth.remove([entry.key])

    def _candidate(self, entry: Entry) -> None:
        document = dict(entry.document or {})
        self._profile(entry.key, document, encoded=False)
        self._wait(Waiting(entry.position, "candidate", entry.key, document))

    def _candidate_gone(self, entry: Entry) -> None:
        self._waiting.pop(("candidate", entry.key), None)
        self._held.put(entry.key, Person(forgotten=True))

    def _event(self, entry: Entry) -> None:
        document = entry.document or {}
        who = document["candidate_id"]
        self._held.put(who, self._held.get(who).did(document, self._growth.ids))

    def _profile(self, candidate_id: str, document: Document, encoded: bool) -> None:
        """Without its texts' vectors as long as they may not be there."""
        profile = self._reader.read(document, self._lookup if encoded else None)
        self._held.put(candidate_id, replace(self._held.get(candidate_id), profile=profile))

    def _bring_postings(self, ready: list[Waiting]) -> None:
        """Add postings in the order of the log, each id once at a time."""
        while ready:
            ids = [one.key for one in ready]
            end = next((at for at, one in enumerate(ids) if one in ids[:at]), len(ids))
            run, ready = ready[:end], ready[end:]
            for newcomers, changes in self._described(run):
                self._place(newcomers, changes)
            self._growth.remove([one.key for one in run if one.gone])
            for one in run:
                later = self._done(one)
                if later is not None:
                    dates = later.document
                    self._growth.redate(one.key, dates.get("date_posted", _NAN), dates.get("valid_through", _NAN))
            self._brought = run[-1].position

    def _described(self, run: list[Waiting]) -> list[tuple[Newcomers, NDArray[np.bool_]]]:
        """All at once; one by one where one of them cannot be read. With each whether it changes a posting."""
        try:
            described = self._describer.describe([one.document for one in run])
            return [(described, np.array([one.changes for one in run]))]
        except (StoreError, MemoryError):
            raise
        except Exception as error:
            if len(run) > 1:
                return [some for one in run for some in self._described([one])]
            self._pass_over(run[0], error)
            return []

    def _place(self, newcomers: Newcomers, changes: NDArray[np.bool_]) -> None:
        """Add them, or as many as there is room for; of one that changed and has no room, the old words still count."""
        if len(newcomers) <= self._growth.room:
            self._growth.add(newcomers, changes)
            return
        for at in range(len(newcomers)):
            try:
                self._growth.add(newcomers.take(np.array([at])), changes[[at]])
            except RequestError as error:
                if not self.unplaced:
                    log.error("%s", error)
                self.unplaced += 1

    def _bring_profiles(self, ready: list[Waiting]) -> None:
        for one in ready:
            if len(self._waiting[one.kind, one.key]) == 1:  # of several, the last one's words count already
                try:
                    self._profile(one.key, one.document, encoded=True)
                except (StoreError, MemoryError):
                    raise
                except Exception as error:
                    self._pass_over(one, error)
            self._done(one)
            self._brought = one.position

    def _done(self, one: Waiting) -> Waiting | None:
        """Take a document off the list; the latest of the same id that still waits."""
        left = self._waiting[one.kind, one.key]
        del left[0]
        if not left:
            del self._waiting[one.kind, one.key]
            return None
        return left[-1]
