"""How the HTTP side is set up. Limits on what a document holds are part of the published schema, not settings."""

import ipaddress
from typing import Self

from pydantic import Field, model_validator

from recsys.config import Settings


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone; a name other than localhost is not looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class LaneSettings(Settings):
    """One kind of work: its threads, and who may wait for them.

    Attributes:
        threads: so many calls at once.
        queue: so many more wait; the next is answered 503 at once.
        seconds: from arrival to answer; whoever waits longer is answered 503.
    """

    threads: int = Field(ge=1, le=256)
    queue: int = Field(ge=0, le=100_000)
    seconds: float = Field(gt=0, le=600)


class HttpSettings(Settings):
    """Address, limits and deadlines of a worker.

    Attributes:
        host, port: where the server listens.
        open: no key is needed; only where the server listens on loopback.
        open_metrics: /metrics needs no key, for a scraper in a closed network.
        engine: lists of stored candidates.
        texts: requests with a profile in them, which wait for the encoder.
        store: writes, and documents read back.
        waits: requests that wait for ``min_position``.
        public: those that need no key, by the links of mails and feeds.
        document_bytes: of one posting or candidate, alone or as a line of a bulk.
        request_bytes: of any other JSON body.
        bulk_bytes, bulk_lines: of one bulk.
        bulk_batch: so many lines are stored in one transaction.
        json_depth: brackets inside brackets.
        header_bytes, url_bytes: of the head of a request.
        connections: of one worker; whoever comes on top is answered 503.
        head_seconds: the head of a request arrives within so many seconds.
        keep_alive_seconds: an idle connection is kept so long.
        read_seconds: a client that stops reading its answer is hung up on after so long.
        body_seconds: a body (of a bulk: its next piece) arrives within so many seconds.
        bulk_seconds: a whole bulk does.
        rate_per_second: requests a second of one key and worker, in the long run; None: no limit.
        rate_burst: so many at once.
        retry_seconds: what an answer 503 tells a client to wait.
        refresh_seconds: gauges of /metrics are at most so old in the other workers.
    """

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8000, ge=0, le=65535)
    open: bool = False
    open_metrics: bool = False
    engine: LaneSettings = LaneSettings(threads=1, queue=32, seconds=2)
    texts: LaneSettings = LaneSettings(threads=2, queue=16, seconds=5)
    store: LaneSettings = LaneSettings(threads=4, queue=64, seconds=10)
    waits: LaneSettings = LaneSettings(threads=8, queue=32, seconds=10)
    public: LaneSettings = LaneSettings(threads=2, queue=64, seconds=10)
    document_bytes: int = Field(1_000_000, ge=1_000, le=100_000_000)
    request_bytes: int = Field(4_000_000, ge=1_000, le=100_000_000)
    bulk_bytes: int = Field(48_000_000, ge=1_000, le=10_000_000_000)
    bulk_lines: int = Field(100_000, ge=1, le=10_000_000)
    bulk_batch: int = Field(500, ge=1, le=10_000)
    json_depth: int = Field(16, ge=8, le=64)
    header_bytes: int = Field(16_384, ge=1_024, le=65_536)
    url_bytes: int = Field(16_384, ge=8_192, le=65_536)
    connections: int = Field(2_000, ge=1)
    head_seconds: float = Field(10, gt=0, le=600)
    keep_alive_seconds: int = Field(30, ge=1, le=3600)
    read_seconds: float = Field(10, gt=0, le=600)
    body_seconds: float = Field(10, gt=0, le=600)
    bulk_seconds: float = Field(300, gt=0, le=3600)
    rate_per_second: float | None = Field(None, gt=0)
    rate_burst: int = Field(100, ge=1)
    retry_seconds: int = Field(1, ge=1, le=3600)
    refresh_seconds: float = Field(1, gt=0, le=60)

    @model_validator(mode="after")
    def _open_on_loopback_only(self) -> Self:
        if self.open and not is_loopback(self.host):
            raise ValueError(f"open: without keys the server listens on loopback only, not on {self.host}")
        return self
