"""How soon an acknowledged posting is found, on the same host and on another: adds a section to ``docs/online.md``.

    python -m benchmarks.freshness --bundle BUNDLE --work DIR [--rates 2 10] [--hosts 2] [--out docs/online.md]

One service, or two with boards of their own, as two hosts have, over one store; each with its encoder's process.
Postings are put at a fixed rate into the first; a reader of each then asks for a list that obeys the position.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.speed import origin
from recsys.manifest import read_manifest
from serving.store import migrate

SECONDS = 20.0
_HOSTS = {1: "one host", 2: "two hosts on one machine"}
_WORDS = [
    "nurse",
    "welder",
    "driver",
    "analyst",
    "cook",
    "teacher",
    "plumber",
    "clerk",
    "engineer",
    "baker",
    "painter",
    "guard",
    "tailor",
    "pilot",
    "farmer",
]


@dataclass
class Seen:
    """Milliseconds from acknowledgement to found, and of the acknowledgement itself."""

    acknowledged: list[float] = field(default_factory=list)
    same: list[float] = field(default_factory=list)
    other: list[float] = field(default_factory=list)
    failed: int = 0


def ask(port: int, path: str, body: object = None, method: str = "GET") -> dict[str, object]:
    """A JSON answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, object] = json.loads(answer.read())
        return found


@contextmanager
def host(home: Path, store: str, run: Path, port: int, config: Path) -> Iterator[None]:
    """One service."""
    command: list[object] = [
        sys.executable,
        "-m",
        "jobrec",
        "serve",
        "--home",
        home,
        "--store",
        store,
        "--run",
        run,
        "--open",
    ]
    process = subprocess.Popen(
        [*map(str, command), "--port", str(port), "--config", str(config)], stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 180
        while time.monotonic() < until:
            try:
                if ask(port, "/health/ready")["ready"]:
                    break
            except OSError:
                time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def posting(number: int) -> dict[str, object]:
    """One whose words no other has in this order, some 100 words long."""
    words = [_WORDS[(number * (at + 3) + at * at) % len(_WORDS)] for at in range(100)]
    return {"title": f"{' '.join(words[:3])} {number}", "description": " ".join(words)}


def drive(rate: float, ports: Sequence[int], first: int) -> Seen:
    """Put postings at a rate and look for them on every host."""
    seen, threads = Seen(), []

    def look(port: int, kept: list[float], position: int, since: float) -> None:
        try:
            ask(port, f"/v1/candidates/nobody/recommendations?k=1&explain=false&min_position={position}")
            kept.append((time.perf_counter() - since) * 1000)
        except OSError:
            seen.failed += 1

    started = time.perf_counter()
    for number in range(int(rate * SECONDS)):
        time.sleep(max(0.0, started + number / rate - time.perf_counter()))
        document = posting(first + number)
        began = time.perf_counter()
        position = int(str(ask(ports[0], f"/v1/postings/fresh-{first + number}", document, "PUT")["position"]))
        since = time.perf_counter()
        seen.acknowledged.append((since - began) * 1000)
        if number % max(1, int(rate // 5)) == 0:
            for port, kept in zip(ports, (seen.same, seen.other), strict=False):
                threads.append(threading.Thread(target=look, args=(port, kept, position, since)))
                threads[-1].start()
    for thread in threads:
        thread.join(60)
    return seen


def _row(rate: float, seen: Seen) -> str:
    taken = (seen.acknowledged, seen.same, seen.other)
    cells = [f"{np.percentile(one, p):.0f}" if one else "" for one in taken for p in (50, 99)]
    return f"| {rate:g} | {len(seen.same)} | {' | '.join(cells)} | {seen.failed} |"


def main() -> None:
    """Measure and add to the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rates", type=float, nargs="+", default=[2, 10])
    parser.add_argument("--hosts", type=int, choices=[1, 2], default=2)
    parser.add_argument("--port", type=int, default=8771)
    parser.add_argument("--out", type=Path, default=Path("docs/online.md"))
    args = parser.parse_args()
    home = args.work / f"home-{os.getpid()}"
    (home / "bundles").mkdir(parents=True)
    (home / "bundles" / "one").symlink_to(args.bundle.resolve(), target_is_directory=True)
    (home / "active.json").write_text(json.dumps({"bundle": "one", "serial": 1, "at": time.time(), "before": []}))
    store = f"sqlite:///{home / 'store.db'}"
    migrate(store)
    config = home / "serve.yaml"
    config.write_text("live: {wait_seconds: 20}\nhttp: {waits: {threads: 16, queue: 200, seconds: 30}}\n")
    ports, rows, first = [args.port + number for number in range(args.hosts)], [], 0
    with ExitStack() as hosts:
        for port in ports:
            hosts.enter_context(host(home, store, home / f"run-{port}", port, config))
        drive(1, ports, 10_000_000)  # everything is loaded by now
        for rate in args.rates:
            rows.append(_row(rate, drive(rate, ports, first)))
            first += 1_000_000
            print(rows[-1], flush=True)
    encoder = read_manifest(args.bundle)["encoder"]["name"]
    lines = [
        f"## From acknowledged to found, {encoder}, {_HOSTS[args.hosts]}",
        "",
        origin("benchmarks.freshness"),
        "",
        "Milliseconds; postings of some 100 words, put one by one over HTTP. All services share the same two cores,",
        "each has its own encoder's process, and each encodes a posting unless the other one was first. Found: a list",
        "that obeys the posting's position was answered.",
        "",
        "| postings/s | looked for | stored p50 | p99 | found, same host p50 | p99 | other p50 | p99 | late |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    before = args.out.read_text(encoding="utf-8") if args.out.exists() else "# The service under load\n"
    args.out.write_text(before.rstrip() + "\n\n" + "\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
