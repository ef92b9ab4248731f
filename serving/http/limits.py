"""What keeps a flood from hurting those who are served: lanes with a bounded queue, and a bucket a key."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from serving.http.problem import Problem
from serving.http.settings import HttpSettings, LaneSettings

P = ParamSpec("P")
T = TypeVar("T")


class Lane:
    """A few threads of their own for one kind of work, and a queue with an end before them.

    Args:
        name: for threads and metrics.
        settings: threads, queue, deadline.
        retry_seconds: for Retry-After.
    """

    def __init__(self, name: str, settings: LaneSettings, retry_seconds: int) -> None:
        self.name, self.settings = name, settings
        self.inside = 0  # at work or waiting
        self.rejected = self.late = 0
        self._retry = {"Retry-After": str(retry_seconds)}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(settings.threads, f"jobrec-{name}")

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return max(0, self.inside - self.settings.threads)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking work.

        Raises:
            Problem: 503, at once where the queue is full, or when the deadline has passed. Work that waits is then
                dropped; work that has begun goes on, its place stays taken, and its result is lost.
        """
        with self._lock:
            if self.inside >= self.settings.threads + self.settings.queue:
                self.rejected += 1
                raise Problem(503, "busy", "too many requests are under way: try again soon", self._retry)
            self.inside += 1
        future = self._pool.submit(work, *args, **kwargs)
        future.add_done_callback(self._left)
        try:
            async with asyncio.timeout(self.settings.seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            self.late += 1
            detail = f"no answer within {self.settings.seconds:g} s; a write may have been stored all the same"
            raise Problem(503, "late", detail, self._retry) from None

    def _left(self, _: "Future[T]") -> None:
        with self._lock:
            self.inside -= 1

    def close(self) -> None:
        """Drop what waits; what has begun ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Lanes:
    """One lane for each kind of work, so that none of them waits for another's trouble."""

    def __init__(self, settings: HttpSettings) -> None:
        self.engine, self.texts, self.store, self.waits, self.public = self.all = tuple(
            Lane(name, getattr(settings, name), settings.retry_seconds)
            for name in ("engine", "texts", "store", "waits", "public")
        )

    def close(self) -> None:
        """See ``Lane.close``."""
        for lane in self.all:
            lane.close()


class Buckets:
    """A token bucket a key: so many requests a second in the long run, so many at once.

    Each worker process counts for itself. Used in the event loop alone.

    Args:
        settings: ``rate_per_second``, ``rate_burst``.
        clock: seconds.
    """

    def __init__(self, settings: HttpSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = settings.rate_per_second, settings.rate_burst, clock
        self._held: dict[str, tuple[float, float]] = {}
        self.rejected = 0
        if self._rate is not None:
            self._policy = f'"key";q={self._burst};w={math.ceil(self._burst / self._rate)}'

    def take(self, key_id: str) -> dict[str, str]:
        """Take one token; the headers say what is left (draft-ietf-httpapi-ratelimit-headers).

        Raises:
            Problem: 429.
        """
        if self._rate is None:
            return {}
        now = self._clock()
        tokens, then = self._held.get(key_id, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        enough = tokens >= 1
        self._held[key_id] = (tokens - 1 if enough else tokens, now)
        left = int(tokens - 1) if enough else 0
        full = math.ceil((self._burst - tokens + enough) / self._rate)
        headers = {"RateLimit-Policy": self._policy, "RateLimit": f'"key";r={left};t={full}'}
        if enough:
            return headers
        self.rejected += 1
        again = {"Retry-After": str(max(1, math.ceil((1 - tokens) / self._rate)))}
        raise Problem(429, "rate", "this API key sends more requests than it may: slow down", headers | again)
