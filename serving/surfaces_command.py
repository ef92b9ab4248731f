"""The commands `home`, `browse` and `related`: what a bundle shows on these surfaces."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from serving import options

Answer = dict[str, Any]


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Register the commands."""
    one = command("home", _home, "the shelves of a candidate's home page")
    _shared(one, filters=False)
    one = command("browse", _browse, "an industry, occupation, employer, region or place, in a candidate's order")
    _shared(one)
    for part in ("industry", "occupation", "employer", "region"):
        one.add_argument(f"--{part}", help="as the board names it")
    one = command("related", _related, "postings that go with a posting")
    one.add_argument("--posting", required=True)
    _shared(one)


def _shared(one: argparse.ArgumentParser, filters: bool = True) -> None:
    one.add_argument("--candidate", help="a candidate of the bundle; without it, somebody of whom nothing is known")
    options.of_bundle(one, 10 if filters else None)
    options.personal(one)
    if filters:
        options.filters(one)


def _home(args: argparse.Namespace) -> Answer:
    from recsys.home import home, pages

    asking, queries, week = _asked(args)
    engine = asking.scorer.engine
    page = pages(engine, home(engine, queries, week, [args.candidate or ""], explain=True), 1)[0]
    for shelf in page:
        print(f"{shelf.name}  ({shelf.kind})")
        print(_table(asking, shelf.recommendations))
    return {"shelves": [{"kind": s.kind, "name": s.name, **_lines(s.recommendations)} for s in page]}


def _browse(args: argparse.Namespace) -> Answer:
    from recsys.browse import Category, browse, browse_costs
    from serving.filter_query import filters_of_words

    asking, queries, _ = _asked(args)
    engine, filters = asking.scorer.engine, filters_of_words(args.filter)
    category = Category(args.industry, args.occupation, args.employer, args.region)
    lines = engine.recommendations(browse(engine, queries, category, args.k, True, filters))[0]
    costs = None
    if filters is not None and len(lines) < args.k:
        costs = browse_costs(engine, queries, category, filters)[0]
    return _listed(asking, lines, costs)


def _related(args: argparse.Namespace) -> Answer:
    import numpy as np

    from recsys.related import related, related_costs, row_of
    from serving.filter_query import filters_of_words

    asking, queries, _ = _asked(args)
    engine, filters = asking.scorer.engine, filters_of_words(args.filter)
    rows = np.array([row_of(engine.catalogue, args.posting)], np.int32)
    lines = engine.recommendations(related(engine, queries, rows, args.k, True, filters))[0]
    costs = None
    if filters is not None and len(lines) < args.k:
        costs = related_costs(engine, queries, rows, filters)[0]
    return _listed(asking, lines, costs)


def _asked(args: argparse.Namespace) -> tuple[Any, Any, Any]:
    """The bundle, and queries of the one who asks: as they stand, and as they stood when the week began."""
    from recsys.discover import week_began
    from recsys.request import Request
    from serving.ask import Asking

    asking = Asking(args.bundle, args.cache)
    scorer, now = asking.scorer, asking.moment(args.now)
    if args.candidate is None:
        queries = scorer.engine.queries([Request(now=now)])
        return asking, queries, queries
    queries = scorer.queries([args.candidate], now)
    week = scorer.queries([args.candidate], float(week_began(queries.now)[0]), cut=True)
    if args.personal:
        return asking, queries, week
    return asking, queries.impersonal(), week.impersonal()


def _table(asking: Any, lines: Sequence[Any]) -> str:
    from serving.ask import table

    return table(asking, lines)


def _listed(asking: Any, lines: Sequence[Any], costs: dict[str, int] | None) -> Answer:
    """A list for people, and where filters leave it short what they cost."""
    from serving.ask import Answered

    print(_table(asking, lines))
    if costs is not None:
        print(Answered(list(lines), costs).sentence())
    return _lines(lines) | {"filter_costs": costs}


def _lines(lines: Sequence[Any]) -> Answer:
    return {"recommendations": [vars(line) for line in lines]}
