"""The service under load: latency, capacity and memory, beside a constant answer and a bare search. ``docs/online.md``.

    python -m benchmarks.online --work DIR [--postings 100000 1000000] [--candidates 1000000] [--out docs/online.md]

What other benchmarks wrote on the same page stays below.

One worker on one core, the load generator on another. The board is drawn (``benchmarks.market``), the order is the
hand-set one, whose cost is that of a learned sum.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.market import market_bundle
from benchmarks.online_load import Job, Load
from benchmarks.speed import origin
from recsys.candidates import Candidates
from recsys.ids import Ids
from serving.config import ServeConfig
from serving.store import migrate
from serving.worker import TOLD, Told

ROUNDS, FLOOD = 3, 3  # FLOOD: times the capacity
SECONDS = 12.0
_SERVER, _LOAD = 0, 1  # cores
_OTHERS = "## From acknowledged to found"  # sections of ``benchmarks.freshness``


def tiled(candidates: Candidates, count: int) -> Candidates:
    """``count`` candidates: copies with ids of their own, whose texts are the same vectors."""
    times = -(-count // len(candidates))
    rows = np.tile(np.arange(len(candidates)), times)[:count]
    names = candidates.ids.names().astype(str)
    ids = Ids([f"{names[row]}-{at // len(names)}" for at, row in enumerate(rows.tolist())], "candidate")
    shared = ("vectors", "terms")
    profiles = replace(
        candidates.profiles,
        **{
            f.name: getattr(candidates.profiles, f.name)[rows]
            for f in fields(candidates.profiles)
            if f.name not in shared
        },
    )
    histories = candidates.histories
    lengths = histories.lengths[rows]
    start = np.concatenate([[0], np.cumsum(lengths)])
    at = np.repeat(histories.start[rows] - start[:-1], lengths) + np.arange(start[-1])
    events = {f.name: getattr(histories, f.name)[at] for f in fields(histories) if f.name != "start"}
    return Candidates(ids, profiles, replace(histories, start=start.astype(np.int64), **events))


@contextmanager
def served(home: Path, port: int) -> Iterator[int]:
    """One worker over the active bundle of a home, pinned to its core; its process id."""
    store = f"sqlite:///{home / 'store.db'}"
    migrate(store)
    run = home / "run"
    run.mkdir(exist_ok=True)
    config = ServeConfig.model_validate({"http": {"open": True, "port": port}, "decisions": {"write": True}})
    told = Told(home=home, store=store, run=run, config=config)
    code = (
        "import uvicorn; from serving import worker; "
        f"uvicorn.run('benchmarks.online_app:create', factory=True, **(worker.options() | {{'port': {port}}}))"
    )
    environment = os.environ | {TOLD: told.model_dump_json(), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {_SERVER}),
    )
    try:
        _wait_until_ready(port, process)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the worker did not start: {process.stderr.read().decode()[-2000:] if process.stderr else ''}")


def own_memory(process: int) -> int:
    """Bytes of a process that no file stands behind."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def libraries_memory() -> int:
    """The same of a process that imports what this worker does, and serves nothing; the hand-set order has no trees."""
    code = "import serving.worker, benchmarks.online_app, uvicorn, sys; print('x', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    found = own_memory(process.pid)
    process.kill()
    process.wait()
    return found


def load(port: int, paths: Sequence[str], rate: float, seconds: float, connections: int = 4) -> Load:
    """Ask in a process of its own."""
    job = Job(port, list(paths), rate, seconds, connections, _LOAD)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.online_load"],
        input=json.dumps(asdict(job)).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return Load(**json.loads(done.stdout))


def measure(home: Path, people: Sequence[str], port: int, seconds: float = SECONDS) -> dict[str, Any]:
    """Capacity of each route, then all of them at half of the full path's, in turn."""
    paths = {
        "constant list": ["/bench/constant"],
        "bare search": ["/bench/search"],
        "full path": [f"/v1/candidates/{one}/recommendations?k=10" for one in people],
        "full path, no reasons": [f"/v1/candidates/{one}/recommendations?k=10&explain=false" for one in people],
    }
    with served(home, port) as process:
        for some in paths.values():
            load(port, some, 0, seconds / 3)
        capacity = {name: load(port, some, 0, seconds) for name, some in paths.items()}
        half = capacity["full path"].rate / 2
        rounds = [{name: load(port, some, half, seconds) for name, some in paths.items()} for _ in range(ROUNDS)]
        memory = own_memory(process)
        flood = load(port, paths["full path"], FLOOD * capacity["full path"].rate, seconds)
    return {"capacity": capacity, "half": half, "rounds": rounds, "flood": flood, "memory": memory}


def _median(rounds: list[dict[str, Load]], name: str, value: str) -> float:
    return float(np.median([getattr(one[name], value) for one in rounds]))


def lines_of(postings: int, candidates: int, found: dict[str, Any], libraries: int) -> list[str]:
    """A section of the page."""
    lines = [
        f"## {postings:,} postings, {candidates:,} candidates with a history",
        "",
        f"At half of the full path's capacity, {found['half']:.0f} requests a second; medians of {ROUNDS} rounds.",
        "",
        "| route | capacity, answers/s | p50 ms | p99 ms | p99 / p50 | refused | generator's share of its core |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in found["capacity"].items():
        p50, p99, cpu = (_median(found["rounds"], name, value) for value in ("p50", "p99", "cpu"))
        refused = sum(round_[name].refused for round_ in found["rounds"])
        lines.append(f"| {name} | {one.rate:.0f} | {p50:.2f} | {p99:.2f} | {p99 / p50:.1f} | {refused} | {cpu:.0%} |")
    ratio = _median(found["rounds"], "full path", "p50") / _median(found["rounds"], "bare search", "p50")
    own, flood = found["memory"] - libraries, found["flood"]
    lines += [
        "",
        f"The full path takes {ratio:.1f} times the p50 of the bare search (at most 6 are wanted).",
        f"Asked {FLOOD} times as much as it can answer: {flood.rate:.0f} answers a second, p50 {flood.p50:.0f} ms, p99 "
        f"{flood.p99:.0f} ms; {flood.refused} of {flood.refused + flood.answered} refused, 99 % of them within "
        f"{flood.refused_p99:.0f} ms.",
        f"The worker's own memory is {found['memory'] / 1e6:.0f} MB, {libraries / 1e6:.0f} MB of them the libraries', "
        f"the rest {own / candidates:.0f} bytes a candidate (at most 400 are wanted).",
        "",
    ]
    return lines


def memory_lines(own: dict[int, int], candidates: int) -> list[str]:
    """What of a worker's own memory belongs to postings and what to candidates, by two boards with equally many."""
    (few, small), (many, large) = sorted(own.items())
    each = (large - small) / (many - few)
    rest = (small - few * each) / candidates
    return [
        "## Memory of its own",
        "",
        f"The two boards differ by {many - few:,} postings and {(large - small) / 1e6:.0f} MB, so a posting takes",
        f"{each:.0f} bytes and, of what is left, a candidate {rest:.0f} (at most 400 are wanted).",
        "",
    ]


def board(work: Path, postings: int, candidates: int) -> tuple[Path, list[str]]:
    """A home whose active bundle has so many postings and candidates, and some of these."""
    home = work / f"home-{postings}-{candidates}"
    drawn = min(candidates, 100_000)
    folder = market_bundle(
        work / f"{postings}-{candidates}", postings, drawn, None, lambda some: tiled(some, candidates), for_ever=True
    )
    (home / "bundles").mkdir(parents=True, exist_ok=True)
    link = home / "bundles" / "drawn"
    if not link.exists():
        link.symlink_to(folder.resolve(), target_is_directory=True)
        pointer = {"bundle": "drawn", "serial": 1, "at": time.time(), "before": []}
        (home / "active.json").write_text(json.dumps(pointer))
    import pandas as pd

    names = pd.read_parquet(folder / "candidates" / "candidate_ids.parquet")["id"]
    return home, names.sample(min(len(names), 2000), random_state=0).tolist()


def write_page(out: Path, lines: Sequence[str]) -> None:
    """The page, with the sections of others that stand on it already below."""
    before = out.read_text(encoding="utf-8") if out.exists() else ""
    others = before[before.index(_OTHERS) :] if _OTHERS in before else ""
    out.write_text("\n".join(lines).rstrip() + "\n" + ("\n" + others if others else ""), encoding="utf-8")


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--postings", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each load; short ones only try it out")
    parser.add_argument("--out", type=Path, default=Path("docs/online.md"))
    args = parser.parse_args()
    libraries = libraries_memory()
    lines = ["# The service under load", "", origin("benchmarks.online"), ""]
    lines += [
        "One worker on one core; the load generator on another, with an open loop: requests are sent at fixed moments,",
        "and latency counts from the moment each was meant to be sent. Constant list and bare search go through",
        "the same door, guard and threads. Drawn vectors, all postings open, the hand-set order, reasons in words.",
        "",
    ]
    own: dict[int, int] = {}
    for postings in args.postings:
        home, people = board(args.work, postings, args.candidates)
        found = measure(home, people, args.port, args.seconds)
        own[postings] = found["memory"] - libraries
        lines += lines_of(postings, args.candidates, found, libraries)
        write_page(args.out, lines)
        print("\n".join(lines[-14:]), flush=True)
    if len(own) == 2:
        lines += memory_lines(own, args.candidates)
        write_page(args.out, lines)


if __name__ == "__main__":
    main()
