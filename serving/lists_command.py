"""The commands `recommend`, `why` and `export`: lists of a bundle, one by one or all of them."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recsys.errors import ConfigError
from serving import options

Answer = dict[str, Any]


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Register the commands."""
    one = command("recommend", _recommend, "the list of one candidate")
    who = one.add_mutually_exclusive_group(required=True)
    who.add_argument("--candidate", help="a candidate of the bundle")
    who.add_argument("--text", type=Path, help="a file with a CV; - for standard input")
    one.add_argument(
        "--place", help='with --text, where the person lives: "City, Region, Country" or "latitude,longitude"'
    )
    one.add_argument("--shares", action="store_true", help="with what each signal adds to the score")
    _asked(one)
    one = command("why", _why, "where a posting falls for a candidate, or its rank and the reasons")
    one.add_argument("--candidate", required=True)
    one.add_argument("--posting", required=True)
    _asked(one)
    one = command("export", _export, "the top postings of every candidate, or the other way round, as Parquet")
    one.add_argument("--for", dest="whom", choices=("candidates", "postings"), default="candidates")
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--no-reasons", action="store_true", help="leave the column of reasons empty")
    _asked(one, 50)


def _asked(one: argparse.ArgumentParser, k: int = 10) -> None:
    options.of_bundle(one, k)
    options.filters(one)
    options.personal(one)


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
    from serving.export_postings import export_postings
    from serving.filter_query import filters_of_words
    from serving.score import Scorer

    if args.whom == "postings" and (args.filter or not args.personal or args.no_reasons):
        raise ConfigError("--for postings lists candidates: --filter, --not-personal, --no-reasons do not go with it")
    started, filters, scorer = time.perf_counter(), filters_of_words(args.filter), Scorer(args.bundle)
    now = parse_moment(args.now, scorer.as_of)
    if args.whom == "postings":
        rows, whose = export_postings(scorer, args.out, args.k, now, _progress("postings")), "the open postings"
        counted = {}
    else:
        reasons, people = not args.no_reasons, len(scorer.candidates)
        rows = export(scorer, args.out, args.k, now, reasons, _progress("candidates"), filters, args.personal)
        whose, counted = f"{people} candidates", {"candidates": people}
    seconds = time.perf_counter() - started
    print(f"{rows} rows for {whose} in {args.out}, {seconds:.0f} s")
    return {"rows": rows, **counted, "seconds": seconds, "out": str(args.out)}


def _progress(what: str) -> Callable[[int, int], None]:
    return lambda done, of: print(f"{done} of {of} {what}", file=sys.stderr, flush=True)
