"""What ended since a run began: from the plan to the sending a posting may go, be answered, or be muted."""

import threading
from collections.abc import Callable
from typing import Any, Final

from recsys.text import normalise
from serving.store.mails import Mail, with_lines
from serving.store.mutes import same
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
        self._muted: dict[str, tuple[set[str], set[str]]] = {}  # postings and employers, by candidate
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
                    elif entry.kind == "mutes":
                        employers = {_employer(one) for one in document.get("muted_employers", ())}
                        self._muted[entry.key] = set(document.get("muted_postings", ())), employers
                self._position = entries[-1].position

    def without(self, mail: Mail) -> Mail:
        """The mail without postings that are gone, over, or answered or muted by its candidate, or of muted employers.

        Copies of a muted posting and muted interests take a state to know: they are left out of the next plan.
        """
        now, who = self._clock(), mail.content["candidate_id"]
        lines = mail.content["lines"]
        kept = [
            line
            for line in lines
            if line["posting_id"] not in self._gone
            and self._until.get(line["posting_id"], line.get("until", float("inf"))) >= now
            and (who, line["posting_id"]) not in self._answered
            and not self._mutes(who, line)
        ]
        return mail if len(kept) == len(lines) else with_lines(mail, kept)

    def _mutes(self, who: str, line: dict[str, Any]) -> bool:
        postings, employers = self._muted.get(who, ((), ()))
        return line["posting_id"] in postings or _employer(line["company"]) in employers


def _employer(name: str) -> str:
    return same("muted_employers", normalise(name))
