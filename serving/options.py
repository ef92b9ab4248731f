"""Options that commands share which ask a bundle."""

import argparse
from pathlib import Path

STORE = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"


def of_bundle(one: argparse.ArgumentParser, k: int | None = 10) -> None:
    """Which bundle, and when; ``k``: how many as it comes, None: that is not asked."""
    one.add_argument("--bundle", type=Path, required=True)
    one.add_argument(
        "--now", default="data", help='the moment asked for: "data" (where the data ends), "now", or an ISO time'
    )
    if k is not None:
        one.add_argument("-k", type=int, default=k, help="at most so many (%(default)s)")


def filters(one: argparse.ArgumentParser) -> None:
    """Filters of the postings."""
    help_ = "once or more: docs/filters.md; or one JSON object"
    one.add_argument("--filter", action="append", default=[], metavar="NAME=VALUE", help=help_)


def personal(one: argparse.ArgumentParser) -> None:
    """Whether the candidate's profile and history count."""
    one.add_argument(
        "--not-personal",
        dest="personal",
        action="store_false",
        help="neither profile nor history orders anything; what was dismissed and muted stays hidden",
    )
