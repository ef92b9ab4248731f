"""What candidates wrote and did in some entries of the log: read all at once, held in the order of the log."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from recsys.ids import Ids
from serving.live.held import Held
from serving.live.log import Entry
from serving.live.muting import muted_of
from serving.live.people import Named, Person
from serving.live.reading import ProfileReader, Unreadable


class Deeds:
    """Of one thread, and of no use once ``close`` was called.

    Args:
        entries: of the log, of any kind; each is then told in its turn by the method of its kind.
        reader: of the bundle.
        held: where they are kept.
        ids: of the postings.

    Raises:
        MemoryError: nothing was held.
    """

    def __init__(self, entries: Sequence[Any], reader: ProfileReader, held: Held, ids: Ids) -> None:
        self._held = held
        written = [one for one in entries if one.kind == "candidate"]
        read = reader.read_each([one.document or {} for one in written], None)
        self._profiles = {one.position: profile for one, profile in zip(written, read, strict=True)}
        asked = [(one.document or {}).get("posting_id") for one in entries if one.kind == "event"]
        named = list({one for one in asked if isinstance(one, str)})
        self._rows = dict(zip(named, ids.rows(named).tolist(), strict=True)) if named else {}
        self._done: dict[str, Named] = {}

    def candidate(self, entry: Entry) -> Unreadable | None:
        """A profile; without its texts' vectors, since they may not be there. Gives what is wrong with it."""
        profile = self._profiles[entry.position]
        if isinstance(profile, Unreadable):
            return profile
        self._held.put(entry.key, replace(self._held.get(entry.key), profile=profile))
        return None

    def mutes(self, entry: Entry) -> None:
        """All that is muted from now on; the titles of interests still without their vectors. Raises what is wrong."""
        muted = muted_of(entry.document or {})
        self._held.put(entry.key, replace(self._held.get(entry.key), muted=muted))

    def candidate_gone(self, entry: Entry) -> None:
        """Nothing that was before counts."""
        self._done.pop(entry.key, None)
        self._held.put(entry.key, Person(forgotten=True))

    def event(self, entry: Entry) -> None:
        """An event. Raises what is wrong with it."""
        document = entry.document or {}
        who, row = document["candidate_id"], self._rows.get(document["posting_id"], -1)
        further = self._done.get(who) or Named(self._held.get(who).names)
        further.add(document, row)
        self._done[who] = further

    def close(self) -> None:
        """Hold the events; together, since a history that grew by one event at a time was copied each time."""
        for who, further in self._done.items():
            self._held.put(who, self._held.get(who).did(further))
        self._done = {}
