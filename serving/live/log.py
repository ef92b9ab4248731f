"""What is needed of the store's log."""

from collections.abc import Sequence
from typing import Any, Protocol


class Entry(Protocol):
    """A change of the log."""

    position: int
    kind: Any
    key: str
    document: dict[str, Any] | None


class Log(Protocol):
    """The log, in order and without gaps."""

    def changes(self, after: int, limit: int, upto: int | None = None) -> Sequence[Any]:
        """Its entries."""
        ...

    def changes_of(self, candidate_id: str, after: int, upto: int) -> Sequence[Any]:
        """Those on one candidate."""
        ...
