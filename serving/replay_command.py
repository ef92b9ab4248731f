"""``jobrec replay``: a list again that the service answered, from what the answer or its decision names."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recsys.errors import ConfigError
from serving.options import STORE

Answer = dict[str, Any]


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Register the command."""
    one = command("replay", _run, "make a list again that the service answered, from what the answer names")
    one.add_argument("--bundle", type=Path, required=True, help="that answered")
    one.add_argument("--store", required=True, help=STORE)
    who = one.add_mutually_exclusive_group(required=True)
    who.add_argument("--candidate", help="with --position, --indexed, --at and -k, as answered")
    who.add_argument(
        "--decision", type=Path, help="FILE/REQUEST_ID, of a file of HOME/decisions or of the whole folder"
    )
    one.add_argument("--position", type=int)
    one.add_argument("--indexed", type=int)
    one.add_argument("--at", type=float, help="the moment that was answered for, seconds since 1970")
    one.add_argument("-k", type=int, help="10 where it is left out")
    one.add_argument("--filter", action="append", default=[], metavar="NAME=VALUE", help="with --candidate, as asked")
    one.add_argument("--not-personal", dest="personal", action="store_false", help="with --candidate, as asked")


def _run(args: argparse.Namespace) -> Answer:
    from recsys.bundle import open_bundle
    from serving.filter_query import filters_of_words
    from serving.live.replay import answer_again, find_decisions, state_at
    from serving.store import Store

    _check(args)
    filters, bundle = filters_of_words(args.filter), open_bundle(args.bundle)
    with Store.open(args.store) as store:
        if args.decision is not None:
            decisions = find_decisions(args.decision.parent, args.decision.name)
            lists = answer_again(decisions, bundle, store, lambda: _encoder_of(bundle, args.cache))
            names = [f"{one.surface or 'recommendations'}: as answered, " for one in decisions]
        else:
            state, k = state_at(bundle, store, args.position, args.indexed), 10 if args.k is None else args.k
            lists, names = [state.recommend(args.candidate, k, args.at, filters=filters, personal=args.personal)], [""]
    for name, lines in zip(names, lists, strict=True):
        print(f"{name}{len(lines)} postings")
        for line in lines:
            print(f"{line.rank:4d}  {line.score:10.6f}  {line.posting_id}  {'; '.join(line.reasons)}")
    return {"bundle": bundle.name, "recommendations": [vars(line) for lines in lists for line in lines]}


def _check(args: argparse.Namespace) -> None:
    """Refuse options that would not count, and a question that is not whole.

    Raises:
        ConfigError: says which.
    """
    state = {"--position": args.position, "--indexed": args.indexed, "--at": args.at}
    if args.decision is None and None in state.values():
        raise ConfigError("--candidate needs --position, --indexed and --at, as the answer names them")
    asked = state | {"-k": args.k, "--filter": args.filter or None, "--not-personal": None if args.personal else True}
    said = [name for name, value in asked.items() if value is not None]
    if args.decision is not None and said:
        raise ConfigError(f"a decision says itself what was asked: leave out {', '.join(said)}")


def _encoder_of(bundle: Any, cache: Path) -> Any:
    from recsys.encode import EncoderConfig, load_encoder

    return load_encoder(EncoderConfig.model_validate(bundle.manifest["encoder"]["config"]), cache)
