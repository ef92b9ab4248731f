"""A load generator with an open loop: requests are sent at fixed moments, whether or not earlier ones were answered.

Latency counts from the moment a request was meant to be sent (no coordinated omission). Run as a process of its own,
pinned to a core of its own: ``python -m benchmarks.online_load`` reads one JSON job from standard input and writes one
JSON answer.
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

_IDLE = 2.0  # seconds: a line that said nothing for long may hold the door's 408 for it, which is no answer
_BROKEN = 0  # stands for the status where a line broke without an answer


@dataclass(frozen=True)
class Job:
    """What to ask.

    Attributes:
        port: on loopback.
        paths: asked in turn.
        rate: requests a second; 0: as fast as ``connections`` clients are answered, which gives the capacity.
        seconds: how long.
        connections: clients of a closed loop; an open one opens what it needs and keeps them alive.
        core: that this process may use.
    """

    port: int
    paths: list[str]
    rate: float
    seconds: float
    connections: int = 8
    core: int = 1


@dataclass(frozen=True)
class Load:
    """What was answered.

    Attributes:
        answered: with status 200.
        refused: with any other, or the line broke.
        rate: answers 200 a second.
        p50, p99: milliseconds, of the answers 200.
        refused_p99: milliseconds, of the others.
        cpu: share of a core that this process used.
    """

    answered: int
    refused: int
    rate: float
    p50: float
    p99: float
    refused_p99: float
    cpu: float


class _Line:
    """One connection, kept alive as long as the server keeps it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._kept, self._said = True, time.monotonic()

    @classmethod
    async def open(cls, port: int) -> "_Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @property
    def fresh(self) -> bool:
        """Whether it can be asked again."""
        return self._kept and time.monotonic() - self._said < _IDLE

    async def ask(self, request: bytes) -> int:
        """The status of the answer, read to its end."""
        try:
            self._writer.write(request)
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            self._kept = False
            return _BROKEN
        self._kept, self._said = b"\r\nconnection: close" not in head, time.monotonic()
        return int(head[9:12])

    def close(self) -> None:
        self._writer.close()


async def _open_loop(job: Job, requests: list[bytes]) -> tuple[list[float], list[int]]:
    free: list[_Line] = []  # opened when needed, the last used is taken first
    taken: list[tuple[float, int]] = []

    async def one(at: int, meant: float) -> None:
        while free and not free[-1].fresh:
            free.pop().close()
        line = free.pop() if free else await _Line.open(job.port)
        status = await line.ask(requests[at % len(requests)])
        taken.append((time.perf_counter() - meant, status))
        free.append(line)

    started, tasks = time.perf_counter() + 0.05, []
    for at in range(int(job.rate * job.seconds)):
        meant = started + at / job.rate
        wait = meant - time.perf_counter()
        await asyncio.sleep(max(wait, 0))
        tasks.append(asyncio.create_task(one(at, meant)))
    await asyncio.gather(*tasks)
    for line in free:
        line.close()
    return [seconds for seconds, _ in taken], [status for _, status in taken]


async def _closed_loop(job: Job, requests: list[bytes]) -> tuple[list[float], list[int]]:
    taken: list[tuple[float, int]] = []
    end = time.perf_counter() + job.seconds

    async def client(first: int) -> None:
        line, at = await _Line.open(job.port), first
        while (began := time.perf_counter()) < end:
            if not line.fresh:
                line.close()
                line = await _Line.open(job.port)
            status = await line.ask(requests[at % len(requests)])
            taken.append((time.perf_counter() - began, status))
            at += job.connections
        line.close()

    await asyncio.gather(*(client(number) for number in range(job.connections)))
    return [seconds for seconds, _ in taken], [status for _, status in taken]


def run(job: Job) -> Load:
    """Do a job in this process."""
    os.sched_setaffinity(0, {job.core})
    requests = [f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode() for path in job.paths]
    loop = _open_loop if job.rate else _closed_loop
    wall, cpu = time.perf_counter(), time.process_time()
    seconds, statuses = asyncio.run(loop(job, requests))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    good = np.array(statuses) == 200
    answered, refused = np.array(seconds)[good] * 1000, np.array(seconds)[~good] * 1000
    p50, p99 = np.percentile(answered, [50, 99]).tolist() if len(answered) else (np.nan, np.nan)
    late = float(np.percentile(refused, 99)) if len(refused) else 0.0
    return Load(len(answered), len(refused), len(answered) / wall, p50, p99, late, cpu / wall)


if __name__ == "__main__":
    document: dict[str, Any] = json.loads(sys.stdin.read())
    json.dump(asdict(run(Job(**document))), sys.stdout)
