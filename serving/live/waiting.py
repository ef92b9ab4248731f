"""Documents whose texts have no vectors yet, in the order of the log."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import Any

from recsys.documents import candidate_texts_of_all, muted_texts_of, posting_texts_of_all

Document = dict[str, Any]


@dataclass(frozen=True)
class Waiting:
    """One of them.

    Attributes:
        position: of the log.
        kind: "posting", "candidate" or "mutes".
        key: its id.
        document: as written.
        changes: it is another form of a posting that was there just before, not one that is new or came back.
        gone: it was taken down while it waited.
    """

    position: int
    kind: str
    key: str
    document: Document
    changes: bool = False
    gone: bool = False


class Queue:
    """All that wait; no step of it takes longer where many do."""

    def __init__(self) -> None:
        self._all: OrderedDict[int, Waiting] = OrderedDict()  # by position; taken from the front
        self._of: dict[tuple[str, str], list[int]] = {}  # positions of each document

    def __len__(self) -> int:
        return len(self._all)

    def put(self, one: Waiting) -> None:
        """One more, behind all others."""
        self._all[one.position] = one
        self._of.setdefault((one.kind, one.key), []).append(one.position)

    def first(self, upto: int, most: int) -> list[Waiting]:
        """The ``most`` first of those up to a position."""
        return list(islice(takewhile(lambda one: one.position <= upto, self._all.values()), most))

    def latest(self, kind: str, key: str) -> Waiting | None:
        """The last form of a document that waits."""
        positions = self._of.get((kind, key))
        return self._all[positions[-1]] if positions else None

    def take_down(self, key: str) -> None:
        """All forms of a posting are gone."""
        for position in reversed(self._of.get(("posting", key), ())):
            one = self._all[position]
            if one.gone:
                return  # and so are those before it
            self._all[position] = replace(one, gone=True)

    def drop(self, kind: str, key: str) -> None:
        """No form of a document waits any more."""
        for position in self._of.pop((kind, key), ()):
            del self._all[position]

    def done(self, some: Iterable[Waiting]) -> None:
        """The first ones wait no more."""
        for one in some:
            del self._all[one.position]
            left = self._of[one.kind, one.key]
            del left[0]
            if not left:
                del self._of[one.kind, one.key]


def texts_of(ready: Sequence[Waiting]) -> list[list[str]]:
    """What is encoded of each document; nothing of one that cannot be read."""
    postings, candidates = ([one.document for one in ready if one.kind == kind] for kind in ("posting", "candidate"))
    try:
        of_postings = iter(posting_texts_of_all(postings) if postings else ())
        of_candidates = iter(candidate_texts_of_all(candidates) if candidates else ())
        of_mutes = iter([muted_texts_of(one.document) for one in ready if one.kind == "mutes"])
    except Exception:  # told when it is brought in
        middle = len(ready) // 2
        return texts_of(ready[:middle]) + texts_of(ready[middle:]) if middle else [[]]
    texts = {"posting": of_postings, "candidate": of_candidates, "mutes": of_mutes}
    return [list(next(texts[one.kind])) for one in ready]
