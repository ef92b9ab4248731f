"""One run of many alerts against many new postings, to files and to a mail server. Writes ``docs/alerts-figures.md``.

    python -m benchmarks.alerts --work DIR [--alerts 100000] [--new 10000] [--postings 100000] [--candidates 20000]

A simulated market: the board's postings are in a bundle, the new ones in a store whose log is followed as the service
does. Vectors are drawn (see ``benchmarks.market``). Each run is a process of its own over a copy of the store, so that
its peak of memory is its own; the mail server (aiosmtpd) is another process on the same machine.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert, select

from benchmarks.alerts_page import page
from benchmarks.market import DrawnEncoder, market_bundle
from recsys.documents import candidate_documents, place_names_of, posting_documents, posting_texts_of
from serving.alerts.postman import FolderPostman, Postman, SmtpPostman
from serving.alerts.render import Renderer
from serving.alerts.run import Run
from serving.alerts.settings import AlertSettings, SmtpSettings
from serving.encoder.blobs import digest_of, to_blobs
from serving.encoder.places import PLACES, points_of
from serving.store import Store, Write, migrate
from serving.store.alerts import AlertBook
from serving.store.connect import reading, writing
from serving.store.mails import Mail
from serving.store.model import ALERT_MAILS, ALERTS
from serving.store.writes import canonical
from training.simulate import SimulateConfig, simulate
from training.sources import SourcesConfig, read_tables

DAY = 86_400.0
KINDS = ("words and place", "words", "place", "neither", "discover")
SHARES = (0.4, 0.3, 0.2, 0.05, 0.05)
ACTIVE = 20  # one of so many candidates viewed a new posting
RENDERED = 2_000
_AT_ONCE = 5_000


def arrivals(work: Path, count: int, cities: int, now: float) -> list[dict[str, Any]]:
    """Documents of new postings, drawn as the market's, under ids of their own, open for a month."""
    data = work / "new"
    if not (data / "postings.parquet").exists():
        simulate(SimulateConfig(candidates=100, postings=count, seed=99, cities=cities, impressions=False), data)
    tables, _ = read_tables(SourcesConfig(), data, work / "new.rejected.parquet")
    dates = {"date_posted": now - 60.0, "valid_through": now + 30 * DAY}
    documents = posting_documents(tables.postings, tables.locations)
    return [one | dates | {"posting_id": f"new-{at:06d}"} for at, one in enumerate(documents)]


def fill(store: Store, documents: list[dict[str, Any]], deeds: list[Write]) -> None:
    """Stores postings with vectors and places, as the encoder's process would, and what candidates did."""
    store.write([Write("posting", one["posting_id"], one) for one in documents])
    store.write(deeds)
    encoder = DrawnEncoder()
    texts = sorted({text for one in documents for text in posting_texts_of(one) if digest_of(text) is not None})
    for at in range(0, len(texts), _AT_ONCE):
        some = texts[at : at + _AT_ONCE]
        blobs = to_blobs(encoder.encode(some))
        store.put_vectors(encoder.name, {digest_of(text): blob for text, blob in zip(some, blobs, strict=True)})
    places = sorted({place for one in documents for place in place_names_of(one)})
    if places:
        store.put_vectors(PLACES, points_of(places))
    store.set_indexed(encoder.name, store.head())


def wanted(rng: np.random.Generator, person: dict[str, Any], titles: list[str]) -> dict[str, Any]:
    """What one alert asks for: two words of a title on the market, a circle around the home, both, neither, a shelf."""
    kind = str(rng.choice(KINDS, p=SHARES))
    document: dict[str, Any] = {"name": kind, "address": f"{person['candidate_id']}@people.example"}
    if kind.startswith("words"):
        words = titles[int(rng.integers(len(titles)))].split()
        document["words"] = " ".join(words[:2])
    if kind.endswith("place") and "latitude" in person:
        circle = {"latitude": person["latitude"], "longitude": person["longitude"]}
        document["filters"] = circle | {"within_km": float(rng.choice([10, 25, 50]))}
    return document | ({"kind": "discover"} if kind == "discover" else {})


def views(people: list[dict[str, Any]], documents: list[dict[str, Any]], now: float) -> list[Write]:
    """What some candidates did since the bundle was made: each viewed one of the new postings."""
    pairs = zip(people[::ACTIVE], documents * (1 + len(people) // max(len(documents), 1)), strict=False)
    return [
        Write(
            "event",
            f"view-{person['candidate_id']}",
            {"event_id": f"view-{person['candidate_id']}", "candidate_id": person["candidate_id"], "type": "view"}
            | {"posting_id": posting["posting_id"], "timestamp": now - 30.0},
        )
        for person, posting in pairs
    ]


def prepare(args: argparse.Namespace) -> tuple[Path, Path, float]:
    """The bundle, a store with alerts and then new postings, and the moment."""
    work = args.work
    bundle = market_bundle(work, args.postings, args.candidates, args.cities, for_ever=True)
    now = float(json.loads((bundle / "manifest.json").read_text())["as_of"]) + 3600
    file = work / f"store-{args.alerts}-{args.new}.db"
    if file.exists():
        return bundle, file, now
    making = file.with_suffix(".making")
    making.unlink(missing_ok=True)
    migrate(f"sqlite:///{making}")
    tables, _ = read_tables(SourcesConfig(), work / "data", work / "rejected.parquet")
    people = list(candidate_documents(tables.candidates, tables.experience))
    documents = arrivals(work, args.new, args.cities, now)
    titles, rng = [one["title"] for one in documents], np.random.default_rng(3)
    with Store.open(f"sqlite:///{making}") as store:
        with writing(store.engine) as connection:
            for at in range(0, args.alerts, _AT_ONCE):
                rows = [
                    _row(number, people[number % len(people)], rng, titles)
                    for number in range(at, min(at + _AT_ONCE, args.alerts))
                ]
                connection.execute(insert(ALERTS), rows)
        fill(store, documents, views(people, documents, now))
    making.rename(file)
    return bundle, file, now


def _row(number: int, person: dict[str, Any], rng: np.random.Generator, titles: list[str]) -> dict[str, Any]:
    asked = wanted(rng, person, titles)
    return {
        "id": f"alert-{number:07d}", "candidate": person["candidate_id"],
        "document": canonical(asked), "cadence": "weekly" if "kind" in asked else "instant", "active": True,
        "created": 1.0, "position": 0, "served": 0.0, "number": 0, "failures": 0, "why": "",
    }  # fmt: skip


def one_run(bundle: Path, file: Path, now: float, out: Path | None, port: int, connections: int) -> dict[str, Any]:
    """A run in this process; what it says, its peak of memory in MB, and how fast mails are rendered."""
    smtp = SmtpSettings(host="127.0.0.1", port=port or 1, connections=connections)
    settings = AlertSettings(
        posting_url="https://board.example/jobs/{id}", alike=None, smtp=smtp, minutes=1440, lease_seconds=600
    )

    def postman() -> Postman:
        return SmtpPostman(smtp) if out is None else FolderPostman(out)

    with Store.open(f"sqlite:///{file}") as store:
        began = time.perf_counter()
        done = Run(
            store, bundle, settings, postman, None, lambda: now, say=lambda line: print(line, file=sys.stderr)
        ).run()
        seconds = time.perf_counter() - began
        peak = _peak()
        renderer, columns = Renderer(settings, AlertBook(store).secret), ALERT_MAILS.c
        with reading(store.engine) as connection:
            query = select(columns.message, columns.alert, columns.content, columns.upto, columns.at).limit(RENDERED)
            mails = [Mail(row[0], row[1], json.loads(row[2]), row[3], row[4]) for row in connection.execute(query)]
    began = time.perf_counter()
    sizes = [len(renderer.mail(one).as_bytes()) for one in mails]
    rendered = len(mails) / max(time.perf_counter() - began, 1e-9)
    lines = float(np.mean([len(one.postings) for one in mails])) if mails else 0.0
    return done | {"whole": seconds, "peak": peak, "rendered": rendered, "bytes": float(np.mean(sizes)), "lines": lines}


def _peak() -> float:
    """The most memory that this program held, in MB; ``getrusage`` counts the process that started it, too."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else float("nan")


def in_process(
    args: argparse.Namespace, bundle: Path, file: Path, now: float, out: Path | None, port: int
) -> dict[str, Any]:
    """``one_run`` in a process of its own, over a copy of the store."""
    copy = file.with_name("copy.db")
    for suffix in ("", "-wal", "-shm"):
        copy.with_name(f"copy.db{suffix}").unlink(missing_ok=True)
    shutil.copy(file, copy)
    told = json.dumps([str(bundle), str(copy), now, None if out is None else str(out), port, args.connections])
    command = [sys.executable, "-m", "benchmarks.alerts", "--child", told]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def serve() -> None:
    """A mail server that takes everything, until its standard input ends; says its port, and at the end how many."""
    import asyncio

    from aiosmtpd.smtp import SMTP

    class Taking:
        count = 0

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            self.count += 1
            return "250 taken"

    async def run() -> None:
        taking, loop = Taking(), asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(taking, loop=loop), "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        print(taking.count, flush=True)
        server.close()

    asyncio.run(run())


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--alerts", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=10_000)
    parser.add_argument("--postings", type=int, default=100_000)
    parser.add_argument("--candidates", type=int, default=20_000)
    parser.add_argument("--cities", type=int, default=1_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("docs/alerts-figures.md"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--server", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.server:
        serve()
    elif args.child:
        bundle, file, now, out, port, connections = json.loads(args.child)
        folder = None if out is None else Path(out)
        print(json.dumps(one_run(Path(bundle), Path(file), now, folder, port, connections)))
    else:
        args.work.mkdir(parents=True, exist_ok=True)
        bundle, file, now = prepare(args)
        shutil.rmtree(args.work / "mails", ignore_errors=True)
        found = {"to files": in_process(args, bundle, file, now, args.work / "mails", 0)}
        server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.alerts", "--server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())
        found["to a mail server"] = in_process(args, bundle, file, now, None, port)
        server.stdin.close()
        taken = int(server.stdout.readline())
        server.wait(20)
        args.out.write_text(page(found, args.postings, args.candidates, args.connections, taken), encoding="utf-8")
        print(json.dumps(found))


if __name__ == "__main__":
    main()
