"""Figures for Prometheus. With PROMETHEUS_MULTIPROC_DIR set, as workers have it, any of them answers for all."""

import os
from contextlib import suppress
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from serving.http.limits import Buckets, Lanes
from serving.http.port import Readiness

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
_TRIES: Final = 3
_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """The counters of one app."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("jobrec_requests", "Requests", ("method", "route", "status"), registry=registry)
        self.seconds = Histogram(
            "jobrec_request_seconds", "From head to answer", ("route",), buckets=_SECONDS, registry=registry
        )
        self.lanes = self._gauge("jobrec_lane_requests", "At work or waiting", ("lane",), "livesum")
        self.waiting = self._gauge("jobrec_queue_length", "Waiting for a thread", ("lane",), "livesum")
        self.rejected = Counter("jobrec_rejected", "Answered 503 or 429 unserved", ("reason",), registry=registry)
        self.position = self._gauge("jobrec_position", "Log position of the state that answers", (), "livemin")
        self.indexed = self._gauge("jobrec_indexed", "Log position up to which texts are indexed", (), "livemin")
        self.head = self._gauge("jobrec_head", "Last known position of the log", (), "livemax")
        self.lag = self._gauge("jobrec_lag", "Changes of the log not yet in the state", (), "livemax")
        self.index_lag = self._gauge("jobrec_index_lag", "Changes of the log not yet indexed", (), "livemax")
        self.unread = self._gauge("jobrec_skipped", "Changes that could not be read or encoded in whole", (), "livemax")
        self.unplaced = self._gauge("jobrec_unplaced", "Changes of postings without room", (), "livemax")
        self.texts = self._gauge("jobrec_waiting_texts", "Documents whose texts have no vectors yet", (), "livemax")
        self.ready = self._gauge("jobrec_ready", "1 where the worker is ready", (), "livemin")
        self.bundle = self._gauge("jobrec_bundle_info", "1 for the bundle in use", ("bundle",), "livemax")
        self._bundle: str | None = None
        self._rejected: dict[str, int] = {}
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def _gauge(self, name: str, text: str, labels: tuple[str, ...], mode: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=mode)  # type: ignore[arg-type]

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; ``method`` is of a matched route or "other", so that labels stay few."""
        key = (method, route, status)
        if key not in self._children:
            self._children[key] = self.requests.labels(method, route, str(status)), self.seconds.labels(route)
        counter, histogram = self._children[key]
        counter.inc()
        histogram.observe(seconds)

    def refresh(self, readiness: Readiness, lanes: Lanes, buckets: Buckets) -> None:
        """Take over what others count."""
        for lane in lanes.all:
            self.lanes.labels(lane.name).set(lane.inside)
            self.waiting.labels(lane.name).set(lane.waiting)
            self._reject(f"busy_{lane.name}", lane.rejected)
            self._reject(f"late_{lane.name}", lane.late)
        self._reject("rate", buckets.rejected)
        self.position.set(readiness.position)
        self.indexed.set(readiness.indexed)
        self.head.set(readiness.head)
        self.lag.set(max(0, readiness.head - readiness.position))
        self.index_lag.set(max(0, readiness.head - readiness.indexed))
        self.unread.set(readiness.skipped)
        self.unplaced.set(readiness.unplaced)
        self.texts.set(readiness.waiting)
        self.ready.set(readiness.ok)
        if readiness.bundle != self._bundle:
            if self._bundle is not None:
                self.bundle.labels(self._bundle).set(0)
            self.bundle.labels(readiness.bundle).set(1)
            self._bundle = readiness.bundle

    def _reject(self, reason: str, total: int) -> None:
        self.rejected.labels(reason).inc(total - self._rejected.get(reason, 0))
        self._rejected[reason] = total

    def page(self) -> bytes:
        """What a scrape reads."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        for _ in range(_TRIES - 1):
            with suppress(FileNotFoundError):  # of a worker that ended before it counted, since the folder was read
                return _together()
        return _together()


def _together() -> bytes:
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)
