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
from serving import alerts_command, candidates_command, replay_command, search_command, surfaces_command

Answer = dict[str, Any]


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


def _recommend(args: argparse.Namespace) -> Answer:
    from recsys.request import Explain
    from serving.ask import Asking, find_place, table
    from serving.filter_query import filters_of_words

    filters = filters_of_words(args.filter)
    if args.place is not None and args.text is None:
        raise ConfigError("--place goes with --text; of a candidate of the bundle the place is known")
    place = None if args.place is None else find_place(args.place)
    asking = Asking(args.bundle, args.cache)
    moment = asking.moment(args.now)
    explain: Explain = "full" if args.shares else True
    if args.text is not None:
        answered = asking.by_text(args.text, args.k, moment, place, filters, args.personal, explain)
    else:
        answered = asking.by_candidate(args.candidate, args.k, moment, filters, args.personal, explain)
    if place is not None:
        print(f"from {place}")
    print(table(asking, answered.lines))
    if answered.costs is not None:
        print(answered.sentence())
    found = {"recommendations": [vars(line) for line in answered.lines], "filter_costs": answered.costs}
    return found if place is None else {"place": vars(place)} | found


def _why(args: argparse.Namespace) -> Answer:
    from serving.ask import Asking
    from serving.filter_query import filters_of_words

    filters = filters_of_words(args.filter)
    asking = Asking(args.bundle, args.cache)
    line = asking.why(args.candidate, args.posting, asking.moment(args.now), args.k, filters, args.personal)
    print(line)
    return {"why": line}


def _export(args: argparse.Namespace) -> Answer:
    from serving.ask import parse_moment
    from serving.export import export
    from serving.filter_query import filters_of_words
    from serving.score import Scorer

    started, filters = time.perf_counter(), filters_of_words(args.filter)
    if args.whom == "postings" and (args.filter or not args.personal or args.no_reasons):
        raise ConfigError("--for postings lists candidates: --filter, --not-personal, --no-reasons do not go with it")
    scorer = Scorer(args.bundle)
    now = parse_moment(args.now, scorer.as_of)
    if args.whom == "postings":
        from serving.export_postings import export_postings

        rows = export_postings(scorer, args.out, args.k, now, lambda done, of: say(f"{done} of {of} postings"))
        seconds = time.perf_counter() - started
        print(f"{rows} rows for the open postings in {args.out}, {seconds:.0f} s")
        return {"rows": rows, "seconds": seconds, "out": str(args.out)}
    rows = export(
        scorer,
        args.out,
        args.k,
        now,
        not args.no_reasons,
        lambda done, of: say(f"{done} of {of} candidates"),
        filters,
        args.personal,
    )
    seconds = time.perf_counter() - started
    print(f"{rows} rows for {len(scorer.candidates)} candidates in {args.out}, {seconds:.0f} s")
    return {"rows": rows, "candidates": len(scorer.candidates), "seconds": seconds, "out": str(args.out)}


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


def _store(args: argparse.Namespace) -> Answer:
    from serving.store import commands

    found: Answer
    if args.what == "prune":
        found = commands.store_prune(args.store, args.before)
    else:
        found = commands.store_migrate(args.store) if args.what == "migrate" else commands.store_status(args.store)
    for name, value in found.items():
        print(f"{name}: {value}")
    return found


def _keys(args: argparse.Namespace) -> Answer:
    from serving.store import commands

    if args.what == "create":
        found = commands.keys_create(args.store, args.scope or ["read"], args.name)
        print(f"{found['token']}\nThis is shown once. Send it as: Authorization: Bearer TOKEN")
        return found
    if args.what == "revoke":
        return commands.keys_revoke(args.store, args.key)
    listed = commands.keys_list(args.store)
    for one in listed:
        print(f"{one['key_id']}  {','.join(one['scopes'])}  {one['name']}")
    return {"keys": listed}


def _bundles(args: argparse.Namespace) -> Answer:
    from serving import bundle_commands

    if args.what == "activate":
        return bundle_commands.activate_bundle(args.home, args.name, print, args.force_gate)
    if args.what == "rollback":
        return bundle_commands.roll_back(args.home, print)
    return bundle_commands.list_bundles(args.home, print)


def _serve(args: argparse.Namespace) -> Answer:
    import logging

    from serving.config import load_serve_config
    from serving.serve import run_service

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    config = load_serve_config(args.config)
    asked = {"host": args.host, "port": args.port, "open": True if args.open else None}
    http = config.http.model_validate(config.http.model_dump() | {k: v for k, v in asked.items() if v is not None})
    changed = {"http": http} | ({} if args.workers is None else {"workers": args.workers})
    run_service(
        args.home,
        args.store,
        args.sockets or args.home / "run",
        args.cache,
        config.model_copy(update=changed),
        lambda host, port: say(f"http://{host}:{port}/docs"),
    )
    return {}


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

    one = command("simulate", _simulate, "draw a market with known preferences")
    one.add_argument("--candidates", type=int, required=True)
    one.add_argument("--postings", type=int, required=True)
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--cities", type=int, default=100, help="the largest so many cities; 0: all of them")
    one.add_argument("--exact-duplicates", type=float, default=0.0, help="share of exact copies of other postings")
    for name, run, help_ in (
        ("train", _train, "make a bundle from a board's tables"),
        ("evaluate", _evaluate, "measure the engine, every single signal and plain baselines on held-out events"),
    ):
        one = command(name, run, help_)
        one.add_argument("--config", type=Path, help="YAML; without it, tables with the canonical names and columns")
        where = one.add_mutually_exclusive_group(required=True)
        where.add_argument("--data", type=Path, help="folder that the paths in the config are relative to")
        if name == "train":
            where.add_argument("--store", help="URL of a store, instead of files")
            one.add_argument("--position", type=int, help="of the store's log; without it, all there is")
            one.add_argument("--out", type=Path, required=True)
        else:
            one.add_argument(
                "--report", type=Path, help="folder for tables as Markdown and JSON, and for a page with figures"
            )
    one = command("recommend", _recommend, "the list of one candidate")
    one.add_argument("--bundle", type=Path, required=True)
    who = one.add_mutually_exclusive_group(required=True)
    who.add_argument("--candidate", help="a candidate of the bundle")
    who.add_argument("--text", type=Path, help="a file with a CV; - for standard input")
    one.add_argument(
        "--place", help='with --text, where the person lives: "City, Region, Country" or "latitude,longitude"'
    )
    one.add_argument("-k", type=int, default=10)
    one.add_argument("--shares", action="store_true", help="with what each signal adds to the score")
    search_command.add(command)
    one = command("why", _why, "where a posting falls for a candidate, or its rank and the reasons")
    one.add_argument("--bundle", type=Path, required=True)
    one.add_argument("--candidate", required=True)
    one.add_argument("--posting", required=True)
    one.add_argument("-k", type=int, default=10)
    candidates_command.add(command)
    one = command("export", _export, "the top postings of every candidate, or the other way round, as Parquet")
    one.add_argument("--for", dest="whom", choices=("candidates", "postings"), default="candidates")
    one.add_argument("--bundle", type=Path, required=True)
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("-k", type=int, default=50)
    one.add_argument("--no-reasons", action="store_true", help="leave the column of reasons empty")
    for name in ("recommend", "why", "export"):
        commands.choices[name].add_argument(
            "--now", default="data", help='the moment asked for: "data" (where the data ends), "now", or an ISO time'
        )
        _controls(commands.choices[name], "once or more: docs/filters.md; or one JSON object")
    one = command("adapt-encoder", _adapt_encoder, "train an encoder further on titles that mean the same work")
    one.add_argument("--config", type=Path, required=True, help="YAML: titles, and how to learn from them")
    one.add_argument("--data", type=Path, required=True, help="folder that the paths in the config are relative to")
    one.add_argument("--out", type=Path, required=True, help="folder of the model, for encoder.encoder of a board")
    one.add_argument("--minutes", type=float, help="stop after so many and keep the best checkpoint")
    one.add_argument("--resume", action="store_true", help="go on from the checkpoints of a run that was ended")
    surfaces_command.add(command)
    _service_commands(command)
    alerts_command.add(command)
    command("doctor", _doctor, "what is installed, which model, which threads, what is missing")
    return parser


def _controls(one: argparse.ArgumentParser, filters: str) -> None:
    one.add_argument("--filter", action="append", default=[], metavar="NAME=VALUE", help=filters)
    one.add_argument(
        "--not-personal",
        dest="personal",
        action="store_false",
        help="neither profile nor history orders the list; what was dismissed and muted stays hidden",
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


def _service_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    store = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    one = command("import", _import, "put a board's tables into a store")
    one.add_argument("--config", type=Path, help="as for train")
    one.add_argument("--data", type=Path, required=True, help="folder that the paths in the config are relative to")
    one.add_argument("--store", required=True, help=store)
    one.add_argument("--rejected", type=Path, help="file for what is set aside (DATA.rejected.parquet)")
    one.add_argument("--feed", help="the name of a feed: postings that it brought before and does not bring now expire")
    one.add_argument(
        "--most-vanished",
        type=_share,
        default=0.5,
        help="with --feed: where a larger share of its postings is gone, nothing is written (%(default)s)",
    )
    one = command("store", _store, "make a store or bring it up to date; what is in it; drop old parts of its log")
    one.add_argument("what", choices=("migrate", "status", "prune"))
    one.add_argument("--store", required=True, help=store)
    one.add_argument("--before", type=int, default=0, help="with prune: the first position to keep")
    one = command("keys", _keys, "make, list and revoke API keys")
    one.add_argument("what", choices=("create", "list", "revoke"))
    one.add_argument("--store", required=True, help=store)
    one.add_argument("--scope", action="append", choices=("read", "write", "admin", "people"), default=None)
    one.add_argument("--name", default="", help="with create: whose it is")
    one.add_argument("--key", help="with revoke: its id")
    one = command("bundles", _bundles, "which bundles are there; change to another; go back")
    one.add_argument("what", choices=("list", "activate", "rollback"))
    one.add_argument("name", nargs="?", help="with activate: the bundle's folder in HOME/bundles")
    one.add_argument("--home", type=Path, required=True)
    one.add_argument("--force-gate", action="store_true", help="take a bundle whose validation figures are lower")
    replay_command.add(command)
    one = command("serve", _serve, "answer over HTTP, from a bundle and all that was written since")
    one.add_argument("--home", type=Path, required=True, help="folder of the bundles, one of them active")
    one.add_argument("--store", required=True, help=store)
    one.add_argument("--run", dest="sockets", type=Path, help="folder of this host's sockets (HOME/run)")
    one.add_argument("--config", type=Path, help="YAML: limits, keys, how it keeps up")
    one.add_argument("--host")
    one.add_argument("--port", type=int)
    one.add_argument("--workers", type=int)
    one.add_argument("--open", action="store_true", help="no key is needed; on loopback only")


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
