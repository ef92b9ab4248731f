"""How fast the store is: bulk writes, single writes of many threads with and without a shared transaction, reads.

python -m benchmarks.store sqlite:///scratch.db     (or postgresql://...; an empty place, which it fills)
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from serving.store import Store, Write, migrate
from serving.store.writes import checked

BULK = 10_000


def posting(key: str) -> Write:
    text = f"We look for somebody who {key} " * 60
    return Write("posting", key, {"posting_id": key, "title": f"Job {key}", "description": text, "skills": ["a", "b"]})


def did(key: str, who: str) -> Write:
    document = {"event_id": key, "candidate_id": who, "posting_id": "p", "type": "view", "timestamp": 1.7e9}
    return Write("event", key, document)


def rate(call: Callable[[], object], count: int) -> dict[str, float]:
    wall, own = time.perf_counter(), time.process_time()
    call()
    wall, own = time.perf_counter() - wall, time.process_time() - own
    return {"per_second": round(count / wall), "own_cpu_seconds": round(own, 3), "seconds": round(wall, 3)}


def latency(call: Callable[[], object], times: int = 3000) -> dict[str, float]:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    taken.sort()
    return {name: round(taken[int(times * part)] * 1e6, 1) for name, part in (("p50_us", 0.5), ("p99_us", 0.99))}


def singles(store: Store, threads: int, each: int, together: bool) -> dict[str, float]:
    """Writes of one event each, from several threads."""
    turn = threading.Lock()

    def write(number: int) -> None:
        for _ in range(each):
            one = [did(uuid4().hex, f"t{number}")]
            if together:
                store.write(one)
            else:
                with turn:
                    store._transact(checked(one))

    def run() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(write, range(threads)))

    return rate(run, threads * each)


def main(url: str) -> None:
    migrate(url)
    with Store.open(url) as store:
        postings = [posting(uuid4().hex) for _ in range(BULK)]
        events = [did(uuid4().hex, f"c{number % 1000}") for number in range(BULK)]
        figures = {
            "postings": rate(lambda: store.write(postings), BULK),
            "postings_unchanged": rate(lambda: store.write(postings), BULK),
            "events": rate(lambda: store.write(events), BULK),
        }
        for threads in (1, 4, 16):
            for together in (False, True):
                name = f"single_events_{threads}_threads_{'together' if together else 'one_by_one'}"
                figures[name] = singles(store, threads, 200 // threads, together)
        head = store.head()
        figures["head"] = latency(store.head)
        figures["changes_after_one_event"] = latency(lambda: store.changes(head - 1, 100))
        figures["events_of_ten"] = latency(lambda: store.events_of("c5"))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(sys.argv[1])
