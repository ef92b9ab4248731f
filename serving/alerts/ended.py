"""What ended since a run began: a mail is made before it is sent, and until then a posting may go or be answered."""

import threading
from collections.abc import Callable
from typing import Final

from serving.store.mails import Mail, with_lines
from serving.store.store import Store

_AT_ONCE: Final = 1000


class Ended:
    """Follows the log behind the position of a run; for any thread.

    Args:
        store: whose log it is.
        position: of the run.
        hide: kinds of events after which a candidate is not shown a posting again.
        clock: the present moment, seconds since 1970.
    """

    def __init__(self, store: Store, position: int, hide: tuple[str, ...], clock: Callable[[], float]) -> None:
        self._store, self._position, self._hide, self._clock = store, position, hide, clock
        self._gone: set[str] = set()
        self._until: dict[str, float] = {}
        self._answered: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def look(self) -> None:
        """Reads what was written since the last look."""
        with self._lock:
            while entries := self._store.changes(self._position, _AT_ONCE):
                for entry in entries:
                    document = entry.document or {}
                    if entry.kind == "posting_gone":
                        self._gone.add(entry.key)
                    elif entry.kind == "posting":
                        self._gone.discard(entry.key)
                        self._until[entry.key] = document.get("valid_through", float("inf"))
                    elif entry.kind == "event" and document.get("type") in self._hide:
                        self._answered.add((document["candidate_id"], document["posting_id"]))
                self._position = entries[-1].position

    def without(self, mail: Mail) -> Mail:
        """The mail without postings that are gone, over, or answered by its candidate."""
        now, who = self._clock(), mail.content["candidate_id"]
        lines = mail.content["lines"]
        kept = [
            line
            for line in lines
            if line["posting_id"] not in self._gone
            and self._until.get(line["posting_id"], line.get("until", float("inf"))) >= now
            and (who, line["posting_id"]) not in self._answered
        ]
        return mail if len(kept) == len(lines) else with_lines(mail, kept)
