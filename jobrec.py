"""The ``jobrec`` command: the one place that puts training and serving together.

Progress and logs go to standard error. With ``--json`` the last line of standard output is JSON. A user's mistake is
one line that says what to do, and exit status 2.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from recsys.errors import ConfigError, JobrecError
from serving import (
    alerts_command,
    candidates_command,
    lists_command,
    replay_command,
    search_command,
    service_command,
    surfaces_command,
)
from serving.options import STORE

Answer = dict[str, Any]
_DATA = "folder that the paths in the config are relative to"


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)


def default_cache() -> Path:
    """Where text vectors and distilled models are kept: ``JOBREC_CACHE``, else the user's cache folder."""
    chosen = os.environ.get("JOBREC_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jobrec"


def _simulate(args: argparse.Namespace) -> Answer:
    from training.simulate import SimulateConfig, simulate

    try:
        config = SimulateConfig(
            candidates=args.candidates,
            postings=args.postings,
            seed=args.seed,
            cities=args.cities or None,
            exact_duplicates=args.exact_duplicates,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}") from None
    summary = simulate(config, args.out)
    events = sum(summary.events.values())
    print(f"{summary.postings} postings, {summary.candidates} candidates, {events} events in {args.out}")
    return {"postings": summary.postings, "candidates": summary.candidates, "events": summary.events}


def _train(args: argparse.Namespace) -> Answer:
    from serving.bundles import refuse_active
    from training.config import load_config
    from training.train import train, train_on

    started, config = time.perf_counter(), load_config(args.config)
    refuse_active(args.out)
    unread: Answer = {}
    if args.store is None:
        trained = train(config, args.data, args.out, args.cache, say)
    else:
        from serving.store import Store
        from serving.store.left_out import LeftOut
        from serving.store.tables import tables_at

        with Store.open(args.store) as store:
            left_out = LeftOut(say, config.sources.max_rejected_share)
            tables, position = tables_at(store, args.position, left_out)
            unread = {"left_out": dict(left_out.counts)}
        say(f"the store at position {position}")
        trained = train_on(config, tables, args.out, args.cache, say, position)
    seconds = time.perf_counter() - started
    print(
        f"bundle {args.out}: {len(trained.prepared.ids)} postings, order: {trained.choice.ranker.name}, {seconds:.0f} s"
    )
    return {
        "bundle": str(args.out),
        "ranker": trained.choice.ranker.name,
        "seconds": seconds,
        **unread,
        **trained.manifest,
    }


def _evaluate(args: argparse.Namespace) -> Answer:
    from training.config import load_config
    from training.evaluate import evaluate

    report = evaluate(load_config(args.config), args.data, args.cache, say)
    print(report.text())
    if args.report:
        report.write(args.report)
        say(f"tables in {args.report}, figures in {args.report / 'report.html'}")
    return report.document()


def _import(args: argparse.Namespace) -> Answer:
    from serving.store import Store
    from serving.store.commands import store_feed, store_import
    from serving.store.from_tables import documents_of
    from training.config import load_config
    from training.train import read

    rejected = Path(f"{args.data}.rejected.parquet") if args.rejected is None else args.rejected
    with Store.open(args.store) as store:
        tables = read(load_config(args.config), args.data, rejected, say, need_postings=False)
        if args.feed is None:
            counts = store_import(store, documents_of(tables))
        else:
            ids = set(tables.postings["posting_id"])
            counts = store_feed(store, documents_of(tables), ids, args.feed, args.most_vanished)
    print(", ".join(f"{name} {count}" for name, count in counts.items()))
    return counts


def _adapt_encoder(args: argparse.Namespace) -> Answer:
    from training.adapt.adapt import adapt
    from training.adapt.config import load_adapt_config

    record = adapt(load_adapt_config(args.config), args.data, args.out, args.cache, args.minutes, args.resume, say)
    print(f"{args.out}: {record['sentence']}")
    return {"model": str(args.out), **record}


def _doctor(args: argparse.Namespace) -> Answer:
    from serving.doctor import examine

    found = examine(args.cache)
    for line in found.lines():
        print(line)
    return found.document()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jobrec", description="Recommendations for a job board.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], Answer], help_: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=help_, description=help_)
        one.set_defaults(run=run)
        one.add_argument("--json", action="store_true", help="the last line of standard output is JSON")
        one.add_argument("--cache", type=Path, default=default_cache(), help="folder of the vector cache (%(default)s)")
        return one

    _add_training(command)
    for some in (lists_command, search_command, surfaces_command, candidates_command):  # ask a bundle
        some.add(command)
    _add_import(command("import", _import, "put a board's tables into a store"))
    for some in (service_command, replay_command, alerts_command):
        some.add(command)
    command("doctor", _doctor, "what is installed, which model, which threads, what is missing")
    return parser


def _add_training(command: Callable[..., argparse.ArgumentParser]) -> None:
    one = command("simulate", _simulate, "draw a market with known preferences")
    one.add_argument("--candidates", type=int, required=True)
    one.add_argument("--postings", type=int, required=True)
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--cities", type=int, default=100, help="the largest so many cities; 0: all of them")
    one.add_argument("--exact-duplicates", type=float, default=0.0, help="share of exact copies of other postings")
    one = command("train", _train, "make a bundle from a board's tables")
    where = _add_source(one)
    where.add_argument("--store", help="URL of a store, instead of files")
    one.add_argument("--position", type=int, help="of the store's log; without it, all there is")
    one.add_argument("--out", type=Path, required=True)
    one = command(
        "evaluate", _evaluate, "measure the engine, every single signal and plain baselines on held-out events"
    )
    _add_source(one)
    one.add_argument("--report", type=Path, help="folder for tables as Markdown and JSON, and for a page with figures")
    one = command("adapt-encoder", _adapt_encoder, "train an encoder further on titles that mean the same work")
    one.add_argument("--config", type=Path, required=True, help="YAML: titles, and how to learn from them")
    one.add_argument("--data", type=Path, required=True, help=_DATA)
    one.add_argument("--out", type=Path, required=True, help="folder of the model, for encoder.encoder of a board")
    one.add_argument("--minutes", type=float, help="stop after so many and keep the best checkpoint")
    one.add_argument("--resume", action="store_true", help="go on from the checkpoints of a run that was ended")


def _add_source(one: argparse.ArgumentParser) -> Any:
    """A board's tables; what is returned takes other sources, of which one is to be named."""
    one.add_argument("--config", type=Path, help="YAML; without it, tables with the canonical names and columns")
    where = one.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, help=_DATA)
    return where


def _add_import(one: argparse.ArgumentParser) -> None:
    one.add_argument("--config", type=Path, help="as for train")
    one.add_argument("--data", type=Path, required=True, help=_DATA)
    one.add_argument("--store", required=True, help=STORE)
    one.add_argument("--rejected", type=Path, help="file for what is set aside (DATA.rejected.parquet)")
    one.add_argument("--feed", help="the name of a feed: postings that it brought before and does not bring now expire")
    one.add_argument(
        "--most-vanished",
        type=_share,
        default=0.5,
        help="with --feed: where a larger share of its postings is gone, nothing is written (%(default)s)",
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    args = _parser().parse_args(arguments)
    try:
        answer = args.run(args)
    except JobrecError as error:
        print(f"jobrec {args.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 1
    if args.json:
        print(json.dumps(answer, default=str))
    if answer.get("trouble"):  # it ran, but not to its end: whoever calls it by the clock must hear of it
        print(f"jobrec {args.command}: {answer['trouble']}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
