"""Which candidates' changes a worker holds in memory, and which it has to look up in the store."""

from collections import OrderedDict
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from immutables import Map

from serving.live.people import Person

#: For each candidate that is held: with three times as many away, one in twelve of the rest is asked for in vain.
_BITS: Final = 16
_PROBES: Final = 4


class Away:
    """A Bloom filter of candidates that were dropped: of a fixed size, and it forgets none.

    One that was not dropped may seem to be: then the store is asked in vain. So it is safe that older states read the
    same bits as newer ones. One thread adds, any thread reads.

    Args:
        most: candidates that are held.
    """

    def __init__(self, most: int) -> None:
        self._bits = bytearray(max(_BITS * most // 8, 64))
        self._any = False

    def add(self, candidate_id: str) -> None:
        """From now on, this one is away."""
        for at in self._places(candidate_id):
            self._bits[at >> 3] |= 1 << (at & 7)
        self._any = True

    def __contains__(self, candidate_id: object) -> bool:
        return self._any and all(self._bits[at >> 3] >> (at & 7) & 1 for at in self._places(str(candidate_id)))

    def _places(self, candidate_id: str) -> Iterator[int]:
        digest, size = blake2b(candidate_id.encode(), digest_size=8 * _PROBES).digest(), 8 * len(self._bits)
        return (int.from_bytes(digest[8 * n : 8 * n + 8]) % size for n in range(_PROBES))


class Held:
    """What changed of candidates since the bundle; of one thread, but ``persons`` and ``away`` may be read by any.

    Where there are too many, the one whose last change is longest ago goes, and does not come back: whoever came back
    with each change would have to be read from the store each time. What is answered does not depend on who went.

    Args:
        most: candidates; None: without end.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._order: OrderedDict[str, None] = OrderedDict()
        self.persons: Map[str, Person] = Map()  #: by candidate id
        self.away = Away(most or 0)  #: those that were dropped

    def get(self, candidate_id: str) -> Person:
        """As held; for one who is away this is not all, and ``put`` takes nothing back."""
        return self.persons.get(candidate_id) or Person()

    def put(self, candidate_id: str, person: Person) -> None:
        """Another form of one; of those who are away nothing is kept."""
        if candidate_id not in self.persons and candidate_id in self.away:
            return
        self.persons = self.persons.set(candidate_id, person)
        if self._most is None:
            return
        self._order[candidate_id] = None
        self._order.move_to_end(candidate_id)
        if len(self._order) > self._most:
            oldest, _ = self._order.popitem(last=False)
            self.away.add(oldest)  # before a state is published that does not hold it
            self.persons = self.persons.delete(oldest)
