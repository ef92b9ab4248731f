"""``jobrec candidates``: whom to show a posting."""

import argparse
from collections.abc import Callable
from typing import Any

from serving import options


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Register the command."""
    one = command("candidates", _run, "whom to show a posting: who would apply and brings what it asks")
    one.add_argument("--posting", required=True)
    options.of_bundle(one)


def _run(args: argparse.Namespace) -> dict[str, Any]:
    from serving.ask import parse_moment
    from serving.score import Scorer

    scorer = Scorer(args.bundle)
    lines = scorer.candidates_for(args.posting, args.k, parse_moment(args.now, scorer.as_of))
    print("      together  apply  brings")
    for line in lines:
        print(f"{line.rank:4d}  {line.together:8.3f}  {line.apply:5.3f}  {line.brings:6.3f}  {line.candidate_id}")
    return {"posting_id": args.posting, "candidates": [vars(line) for line in lines]}
