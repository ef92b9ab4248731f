"""The page of figures of ``benchmarks.alerts``."""

from collections.abc import Callable
from typing import Any

from benchmarks.speed import origin

Found = dict[str, dict[str, Any]]
STAGES = ("open", "news", "plan", "write plans", "send")
_RATES: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("whole run", lambda one: f"{one['whole']:,.1f} s"),
    ("alerts planned a second", lambda one: f"{one['alerts'] / one['seconds']['plan']:,.0f}"),
    ("mails planned a second", lambda one: f"{one['planned'] / one['seconds']['plan']:,.0f}"),
    ("mails rendered a second, alone", lambda one: f"{one['rendered']:,.0f}"),
    ("mails sent a second, with rendering and ledger", lambda one: f"{one['sent'] / one['seconds']['send']:,.0f}"),
    ("peak memory", lambda one: f"{one['peak']:,.0f} MB"),
)
_NOTES = """
- open: the bundle is checked, the log replayed and the new postings described.
- news: the new postings as a small catalogue, and the index of their words.
- plan: filters, words, the engine's order and its reasons for each candidate.
- write plans: into the ledger, a thousand alerts in a transaction.
- send: rendered and handed over, with two steps of the ledger for each mail, shared by those under way together.
"""


def page(found: Found, postings: int, candidates: int, connections: int, taken: int) -> str:
    """The page as Markdown.

    Args:
        found: what each run said, by where its mails went.
        postings: of the bundle.
        candidates: likewise.
        connections: of each run.
        taken: mails that the server counted.
    """
    first = next(iter(found.values()))
    text = "\n".join(
        (
            f"{first['alerts']:,} alerts of {candidates:,} candidates against {first['new_postings']:,} new postings",
            f"beside a bundle of {postings:,}, on a simulated market: {first['planned']:,} mails of",
            f"{first['lines']:.1f} postings on average, {first['bytes'] / 1024:.0f} KB each. Of the alerts 40 % name",
            "two words and a circle, 30 % words, 20 % a circle, 5 % nothing, 5 % the week's shelf of their candidate:",
            "both of these ask the engine for whole lists. One of twenty candidates viewed a new posting since the",
            f"bundle was made. SQLite on the same disk, {connections} connections; aiosmtpd shares the",
            f"cores as the mail server, and counted {taken:,} mails.",
        )
    )
    table = [
        f"| stage | {' | '.join(found)} |",
        f"|---|{'---:|' * len(found)}",
        *(_row(stage, found, lambda one, stage=stage: f"{one['seconds'].get(stage, 0):,.1f} s") for stage in STAGES),
        *(_row(name, found, told) for name, told in _RATES),
    ]
    return (
        "\n".join(["# Alerts: what a run costs", "", origin("benchmarks.alerts"), "", text, "", *table]) + "\n" + _NOTES
    )


def _row(name: str, found: Found, told: Callable[[dict[str, Any]], str]) -> str:
    return f"| {name} | {' | '.join(map(told, found.values()))} |"
