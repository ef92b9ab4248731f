"""Writes the pages of the surfaces: prose, a request in Python, as a command and over HTTP, and its real answer.

    python docs/make_surfaces.py --bundle BUNDLE [NAME ...]

A page is a function from ``Asking`` to Markdown, registered by its name: ``@page("home")`` writes docs/home.md.
The answers on the pages of the repository are those of the bundle of ``configs/jobviews.yaml``.
"""

# ruff: noqa: E501 - the tables of pages have long lines

import argparse
import asyncio
import io
import json
import shlex
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import httpx

import jobrec
from serving.http import lists
from serving.http.app import create_app
from serving.http.settings import HttpSettings
from serving.live.replay import Replay
from serving.score import Scorer
from serving.store import Store
from serving.store.migration import migrate

FOLDER = Path(__file__).resolve().parent
PAGES: "dict[str, Callable[[Asking], str]]" = {}


def page(name: str) -> "Callable[[Callable[[Asking], str]], Callable[[Asking], str]]":
    """Register a function that gives the text of ``docs/NAME.md``."""

    def register(write: "Callable[[Asking], str]") -> "Callable[[Asking], str]":
        PAGES[name] = write
        return write

    return register


class Asking:
    """Asks one bundle in the three ways; what comes back is Markdown: the request, and what it really answers.

    Args:
        bundle: its folder.
    """

    def __init__(self, bundle: Path) -> None:
        self.bundle, self.scorer = bundle, Scorer(bundle)

    def python(self, code: str) -> str:
        """Run code in which "BUNDLE" stands for the bundle's folder, and show what it prints."""
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(code.replace('"BUNDLE"', repr(str(self.bundle))), {})
        return f"```python\n{code.strip()}\n```\n\n{_block(printed.getvalue())}"

    def command(self, line: str, most: int = 24) -> str:
        """Run ``jobrec`` with the words of a line, in which BUNDLE stands for the bundle's folder."""
        printed = io.StringIO()
        with redirect_stdout(printed):
            status = jobrec.main([str(self.bundle) if word == "BUNDLE" else word for word in shlex.split(line)])
        if status:
            raise SystemExit(f"jobrec {line} ended with {status}")
        return f"    jobrec {line}\n\n{_block(printed.getvalue(), most)}"

    def http(self, path: str, cut: Callable[[dict[str, Any]], Any]) -> str:
        """GET a path of a service over the bundle at the moment where its data ends; shows what ``cut`` leaves of it."""
        found = asyncio.run(self._get(path))
        answer = json.dumps(cut(found), indent=1, ensure_ascii=False)
        return f"    GET {path}\n\n```json\n{answer}\n```\n"

    async def _get(self, path: str) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/store.db"
            migrate(url)
            with Store.open(url) as store:
                state = Replay(self.bundle, store, 0).state
                service: Any = SimpleNamespace(state=lambda position=None: state, keys=dict)
                app = create_app(service, HttpSettings(open=True))
                clock = SimpleNamespace(time=lambda: self.scorer.as_of)
                transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
                with patch.object(lists, "time", clock):
                    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                        answer = await client.get(path)
                app.state.desk.lanes.close()
        return answer.json()


def _block(text: str, most: int = 60) -> str:
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    more = ["..."] if len(lines) > most else []
    return "\n".join(["```", *lines[:most], *more, "```", ""])


def first_lines(answer: dict[str, Any], count: int = 2) -> dict[str, Any]:
    """An answer with the first lines of its list alone, as they are."""
    short = {name: value for name, value in answer.items() if name not in ("request_id", "ranker", "policy", "indexed")}
    return short | {"recommendations": answer["recommendations"][:count]}


@page("home")
def home_page(asking: Asking) -> str:
    """Of the home page."""
    code = """
from recsys.discover import week_began
from recsys.home import home, pages
from serving.score import Scorer

scorer = Scorer("BUNDLE")
queries = scorer.queries(["11493", "14491"], scorer.as_of)
week = scorer.queries(["11493", "14491"], float(week_began(queries.now)[0]), cut=True)
shelves = home(scorer.engine, queries, week, ["11493", "14491"])
for page in pages(scorer.engine, shelves, 2):
    print([(shelf.name, len(shelf.recommendations)) for shelf in page])
"""

    def two(answer: dict[str, Any]) -> Any:
        shelves = [one | {"recommendations": one["recommendations"][:1]} for one in answer["shelves"][-2:]]
        return {"candidate_id": answer["candidate_id"], "known": answer["known"], "shelves": ["...", *shelves]}

    return f"""# The home page

Named shelves of postings for one candidate. No posting stands on a page twice, nor beside its copy; empty shelves are
left out.

| shelf | what stands on it |
|---|---|
| `for_you` | the list of recommendations |
| `because` | what [goes with](related.md) the posting last applied to; if there is none, saved; if there is none, viewed |
| `new` | posted in the last `new_days`; where postings carry no dates, what nobody has chosen yet; near the candidate |
| `mixes` | for each of several interests, clustered from the titles of history and profile, what is like it and near; named by the commonest title that the candidate viewed of it, or if none was viewed, by that of the shelf |
| `discover` | good by the engine's order and near, but unlike what the candidate viewed, wants and did |
| `popular` | for those alone of whom nothing is known: they get this and `new` |

`engine.home` of the board's settings says which shelves there are, in which order and how long
([configuration.md](configuration.md)).

**Discover stays what it is all week**, though nothing is stored. It is chosen from what was known when the ISO week began
(Monday, 0 h UTC), asked at that moment: `Queries` of then are the second argument. A number made from candidate, week
and posting gives each posting a slot or none this week, and each slot shows its best. So what a candidate does in the
week changes nothing, and a posting that may not be shown any more leaves without moving another. A new bundle, a changed
profile and postings that arrive may change it. Shelves choose one after another, Discover first; the others pass over
what it shows.

With `personal=false` (`--not-personal`) nothing of the candidate counts. A page is some seven lists of the one path, so it
costs as much. Each shelf goes to the log of decisions as `jobrec:home/NUMBER/KIND`.

## In Python, two candidates at once

{asking.python(code)}
## As a command

{asking.command("home --bundle BUNDLE --candidate 11493", 44)}
## Over HTTP

{asking.http("/v1/candidates/11493/home", two)}"""


@page("browse")
def browse_page(asking: Asking) -> str:
    """Of browsing."""
    code = """
from recsys.browse import Category, browse
from recsys.filters import Filters
from serving.score import Scorer

scorer = Scorer("BUNDLE")
queries = scorer.queries(["11493", "14491"], scorer.as_of)
lists = browse(scorer.engine, queries, Category(industry="Customer Service"), k=3)
for lines in scorer.engine.recommendations(lists):
    print([line.posting_id for line in lines])
near = Filters(latitude=41.88, longitude=-87.63, within_km=30)
lists = browse(scorer.engine, queries, Category(employer="officeteam"), k=3, filters=near)
for lines in scorer.engine.recommendations(lists):
    print([line.posting_id for line in lines])
"""
    path = "/v1/browse?region=IL&employer=OfficeTeam&candidate=11493&k=5"
    return f"""# Browsing

An industry, an occupation, an employer, a region or a place, in the order that suits the candidate. Names are the
board's own, however they are spaced and capitalised; where several are said a posting has to be of all. A place is said
by latitude, longitude and kilometres; every [filter](filters.md) holds beside. A region is that of a posting's first place.

What does not belong to the category is gone before anything is searched, so that `k` postings come whenever `k` may be
shown. A category that the board never had is an error (404); one of which nothing may be shown now is an empty list.
Without a candidate, or with `personal=false` (`--not-personal`), the order is that for somebody of whom nothing is known.
Lists go to the log of decisions as `jobrec:browse`, from which `jobrec replay` makes them again.

## In Python, two candidates at once

{asking.python(code)}
## As a command

{asking.command('browse --bundle BUNDLE --industry "Customer Service" --candidate 14491 -k 5')}
## Over HTTP

{asking.http(path, first_lines)}"""


@page("related")
def related_page(asking: Asking) -> str:
    """Of what goes with a posting."""
    code = """
import numpy as np
from recsys.related import related, row_of
from serving.score import Scorer

scorer = Scorer("BUNDLE")
rows = np.full(2, row_of(scorer.engine.catalogue, "178952"), np.int32)
queries = scorer.queries(["11493", "14491"], scorer.as_of)
for who in (queries.impersonal(), queries):
    lists = related(scorer.engine, who, rows, k=4)
    print([[line.posting_id for line in lines] for lines in scorer.engine.recommendations(lists)])
"""
    return f"""# What goes with a posting

Postings for somebody who is looking at one: never that one, nor a copy of it, nor one vacancy twice. A posting that is
expired or was taken down has related ones still, as a candidate may land on its page; an id that was never there is an
error (404). With `candidate` profile and history count too, and what the candidate answered stays away.

The posting is read as the latest of the history, or all of it, and the one path answers: sources, cut, order, filters,
caps. The order is one of its own, learned in training from what candidates choose within half an hour of another posting
(`training/sittings.py`), each pair once as asked by somebody of whom only that posting is known and once by the
candidate. A pair's catalogue knows only what came before, so that it is in no co-occurrence. The hand-set order stands in
where it is no worse; a board on which too few postings are looked at one after another uses the order of its lists.
[related-figures.md](related-figures.md) has it against text, place and co-occurrence alone.

Lists go to the log of decisions as `jobrec:related`, from which `jobrec replay` makes them again.

## In Python: nobody twice, then two candidates

{asking.python(code)}
## As a command

{asking.command("related --bundle BUNDLE --posting 178952 --candidate 11493 -k 6")}
## Over HTTP

{asking.http("/v1/postings/178952/related?k=5", first_lines)}"""


def main() -> None:
    """Write the pages that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("names", nargs="*", help=f"pages; all where none is named: {', '.join(PAGES)}")
    args = parser.parse_args()
    asking = Asking(args.bundle)
    for name in args.names or PAGES:
        (FOLDER / f"{name}.md").write_text(PAGES[name](asking).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
