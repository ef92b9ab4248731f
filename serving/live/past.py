"""What changed of one candidate between the bundle and a position, read again from the store's log.

The log only grows, and an answer names how far it was read. So the same is read whenever it is asked for, whatever was
written since, and it is what a worker that holds the candidate in memory would have.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from recsys.candidates import Profiles
from recsys.codes import Codes
from recsys.documents import muted_texts_of
from recsys.errors import StoreError, StoreUnavailable
from serving.live.log import Log
from serving.live.lookup import Lookup
from serving.live.muting import muted_of
from serving.live.people import Named, Person
from serving.live.reading import ProfileReader
from serving.live.waiting import Waiting, texts_of

P = ParamSpec("P")
T = TypeVar("T")
_THREADS: Final = 4


class StoredPast:
    """Looks candidates up in threads of its own, so that a silent store holds up nobody else; for any thread.

    Args:
        log: of the store.
        lookup: of the bundle's encoder; not used itself.
        reader: of the bundle.
        after: position of the bundle.
        patience_seconds: what takes longer is given up; until that is answered, nobody waits for further ones.
    """

    def __init__(self, log: Log, lookup: Lookup, reader: ProfileReader, after: int, patience_seconds: float) -> None:
        self._log, self._lookup, self._reader, self._after = log, lookup, reader, after
        self._patience = patience_seconds
        self._pool = ThreadPoolExecutor(_THREADS, "jobrec-past")
        self._late: Future[Person] | None = None
        self._last: tuple[tuple[str, int, int], Person] | None = None  # a request asks for the same twice

    def person(self, candidate_id: str, position: int, indexed: int) -> Person:
        """What changed of a candidate since the bundle.

        Args:
            candidate_id: any.
            position: up to here all counts.
            indexed: up to here profiles have the vectors of their texts.

        Raises:
            StoreUnavailable: the store is gone or silent.
            StoreError: its log was pruned.
        """
        asked, last = (candidate_id, position, indexed), self._last
        if last is not None and last[0] == asked:
            return last[1]
        late = self._late
        if late is not None and not late.done():
            raise StoreUnavailable("the store gives no answer, and this candidate is not held in memory")
        future = self._pool.submit(self._read, *asked)
        try:
            person = future.result(self._patience)
        except TimeoutError:
            if not future.cancel():
                self._late = future
            raise StoreUnavailable("the store gives no answer, and this candidate is not held in memory") from None
        self._last = asked, person
        return person

    def _read(self, candidate_id: str, position: int, indexed: int) -> Person:
        """The same as ``Follower`` makes of these entries; what it passed over, and told, is passed over here."""
        forgotten, named, profiles, mutes = False, Named(), list[Waiting](), list[Waiting]()
        for entry in self._log.changes_of(candidate_id, self._after, position):
            if entry.kind == "candidate_gone":
                forgotten, named, profiles, mutes = True, Named(), [], []
            elif entry.kind == "candidate":
                profiles.append(Waiting(entry.position, "candidate", candidate_id, entry.document))
            elif entry.kind == "mutes":
                mutes.append(Waiting(entry.position, "mutes", candidate_id, entry.document))
            else:
                _unless_unreadable(named.add, entry.document)
        latest = (self._profile(one, indexed) for one in reversed(profiles))
        profile = next((one for one in latest if one is not None), None)
        return Person(profile, forgotten, named.events, named.names, *self._muted(mutes, indexed))

    def _muted(self, mutes: Sequence[Waiting], indexed: int) -> tuple[tuple[tuple[str, ...], ...] | None, Codes | None]:
        """What the latest write says that can be read, and the interests of the latest up to ``indexed``."""
        all_ = (_unless_unreadable(muted_of, one.document) for one in reversed(mutes))
        interests = (self._interests(one) for one in reversed(mutes) if one.position <= indexed)
        return next((one for one in all_ if one is not None), None), next(
            (one for one in interests if one is not None), None
        )

    def _interests(self, one: Waiting) -> Codes | None:
        texts = _unless_unreadable(muted_texts_of, one.document)
        if texts is None:
            return None
        lookup = self._lookup.another()
        lookup.ready([texts])
        return lookup.codes(texts)

    def _profile(self, one: Waiting, indexed: int) -> Profiles | None:
        """With its texts' vectors where they are there and it can be read so; what is read so can be read without."""
        profile = None
        if one.position <= indexed:
            lookup = self._lookup.another()
            lookup.ready(texts_of([one]))
            profile = _unless_unreadable(self._reader.read, one.document, lookup)
        return _unless_unreadable(self._reader.read, one.document, None) if profile is None else profile


def _unless_unreadable(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What ``read`` gives, None where the document cannot be read; trouble with the store or memory is raised."""
    try:
        return read(*args, **kwargs)
    except (StoreError, MemoryError):
        raise
    except Exception:
        return None
