"""Stored documents that cannot be read: left out one by one, told, and counted."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from recsys.errors import StoreError
from serving.store.writes import ID_FIELD, Document, parsed

log = logging.getLogger(__name__)

_TOLD: Final = 100  # of a kind; there may be a million


class LeftOut:
    """What was left out of the reading of a store.

    Args:
        say: takes a line for each of the first hundred of a kind, and one with their number.
        most_share: of the documents of a kind; where more cannot be read, something else is wrong.
    """

    def __init__(self, say: Callable[[str], object] = log.warning, most_share: float = 1.0) -> None:
        self.counts: Counter[str] = Counter()  #: by kind
        self._say, self._most = say, most_share
        self._seen: Counter[str] = Counter()

    def parse(self, kind: str, key: str, text: str) -> Document | None:
        """The document of a stored text; None where it is none, or that of another id."""
        self._seen[kind] += 1
        try:
            document = parsed(text)
            if document[ID_FIELD[kind]] == key:
                return document
            error: Exception = ValueError()
        except MemoryError:
            raise
        except Exception as found:
            error = found
        self._leave_out(kind, key, error)
        return None

    def take(self, kind: str, documents: Sequence[Document], read: Callable[[Sequence[Document]], Any]) -> list[Any]:
        """What ``read`` makes of documents, in parts where it fails on some of them: those are left out."""
        try:
            return [read(documents)]
        except MemoryError:
            raise
        except Exception as error:
            if len(documents) == 1:
                self._leave_out(kind, documents[0][ID_FIELD[kind]], error)
                return []
        middle = len(documents) // 2
        return [*self.take(kind, documents[:middle], read), *self.take(kind, documents[middle:], read)]

    def check(self, kind: str) -> None:
        """Tell how many of a kind were left out, at its end.

        Raises:
            StoreError: too large a share.
        """
        count, of = self.counts[kind], self._seen[kind]
        if not count:
            return
        what = f"{count:,} of {of:,} stored documents of the kind {kind} cannot be read"
        if count > self._most * of:
            raise StoreError(
                f"{what}, more than sources.max_rejected_share = {self._most:g}; the first are named before this line"
            )
        self._say(f"{what} and are left out")

    def _leave_out(self, kind: str, key: str, error: Exception) -> None:
        """Without the words of the error, which may repeat a profile."""
        self.counts[kind] += 1
        if self.counts[kind] <= _TOLD:
            self._say(f"{kind} {key!r:.60} cannot be read and is left out: {type(error).__name__}")
