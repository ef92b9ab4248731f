"""What was made last and may be asked for again: as many of the latest as fit into so many bytes."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key, for any number of threads; beyond ``most`` bytes those go that were asked for longest ago."""

    def __init__(self, most: int) -> None:
        """Nothing yet.

        Args:
            most: bytes that all values may take together; 0 keeps nothing.
        """
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[Value, int]] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """What all that is kept takes."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    def _get(self, key: str) -> Value | None:
        """The value of this key, if it is still there."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def _put(self, key: str, value: Value, size: int) -> None:
        """Keep a value of ``size`` bytes; one that is larger than all may be together is not kept."""
        with self._lock:
            if size > self._most:
                return
            if key in self._kept:  # two threads made it at once
                self._bytes -= self._kept.pop(key)[1]
            self._kept[key] = value, size
            self._bytes += size
            while self._bytes > self._most:
                self._bytes -= self._kept.popitem(last=False)[1][1]

    def of(self, key: str, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """The value of this key, made if it is not there. Two threads may make it twice: neither waits."""
        value = self._get(key)
        if value is None:
            value = make()
            self._put(key, value, size(value))
        return value
