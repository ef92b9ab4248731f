"""What one writer wrote, one thing after the other, and what the store must make of it.

The model repeats the rules of the store in their shortest form. A writer's ids are its own, so that what the log says
of them is in the writer's order.
"""

from dataclasses import dataclass, field
from typing import Any

from serving.store import Write
from serving.store.undo import without_undone


@dataclass(eq=False)
class Deed:
    """One request that writes.

    Attributes:
        parts: writes by transaction, in order.
        method, path: of the request.
        outcomes, position: as acknowledged; None: no answer came.
    """

    parts: list[list[Write]]
    method: str
    path: str
    outcomes: tuple[str, ...] | None = None
    position: int | None = None


@dataclass
class Model:
    """What is stored of one writer's ids.

    Attributes:
        documents: by kind and id.
        events: by id.
        log: entries as (kind, key, document).
        shown: kind and id of what the bundle knows, as long as the log did not take it away.
    """

    documents: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[tuple[str, str, dict[str, Any] | None]] = field(default_factory=list)
    shown: set[tuple[str, str]] = field(default_factory=set)

    def take(self, part):
        """Applies one transaction; gives the outcomes."""
        return [self._one(write) for write in part]

    def _one(self, write):
        kind = write.kind.removesuffix("_gone")
        if kind == "event":
            old = self.events.get(write.key)
            if old is not None:
                return "duplicate" if old == write.document else "conflict"
            self.events[write.key] = write.document
        elif kind == write.kind:
            if self.documents.get((kind, write.key)) == write.document:
                return "unchanged"
            self.documents[kind, write.key] = write.document
        elif not self._take_away(kind, write.key):
            return "missing"
        self.log.append((write.kind, write.key, write.document))
        return "stored"

    def _take_away(self, kind, key):
        there = self.documents.pop((kind, key), None) is not None or (kind, key) in self.shown
        self.shown.discard((kind, key))
        if kind == "candidate":
            did = [one for one, event in self.events.items() if event["candidate_id"] == key]
            for one in did:
                del self.events[one]
            there |= bool(did)
        return there

    def events_of(self, candidate):
        """In the order of the log, as the store gives them."""
        return without_undone([one for one in self.events.values() if one["candidate_id"] == candidate])

    def settle(self, deed, entries):
        """Decides by the log what became of a request without an answer: a part is there whole or not at all.

        Args:
            deed: the last one of the writer.
            entries: all that the log says of the writer's ids.

        Returns:
            how many of its parts are stored, and how many left a trace if they were.
        """
        stored = traced = 0
        for part in deed.parts:
            before = len(self.log)
            if self._fits(part, entries):
                self.take(part)
                stored += 1
                traced += len(self.log) > before
            else:
                break
        assert entries == self.log, "the log holds what was not written, or a part of a transaction"
        return stored, traced

    def _fits(self, part, entries):
        trial = Model(dict(self.documents), dict(self.events), shown=set(self.shown))
        trial.take(part)
        begin = len(self.log)
        return entries[begin : begin + len(trial.log)] == trial.log
