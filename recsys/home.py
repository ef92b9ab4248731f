"""The home page of a candidate: named shelves of postings, each a list of the one path.

Shelves choose one after another, and what one has shown, or a copy of it, the next ones pass over. Discover chooses
first, since it has to stay what it is all week whatever else is on the page; where a shelf stands is a setting.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.discover import DEPTH, alike, discover, near_places
from recsys.eligible import put_off, unnamed
from recsys.engine import Engine, one_thread_each
from recsys.filters import Filters
from recsys.interests import interests_of, only_interest
from recsys.lists import Lists
from recsys.narrow import narrowed
from recsys.queries import VIEWED, Queries
from recsys.rank import single
from recsys.related import related
from recsys.request import Recommendation
from recsys.shelf import Shelf, claim, spread

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]

#: What shelves are called; {title} is that of the posting that a shelf is about.
NAMES: Final = (
    "For you",
    "Because you applied to “{title}”",
    "Because you saved “{title}”",
    "Because you viewed “{title}”",
    "New near you",
    "New",
    "{title}",
    "Discover",
    "Popular",
)
_FOR_YOU, _BECAUSE, _NEAR, _NEW, _MIX, _DISCOVER, _POPULAR = 0, 1, 4, 5, 6, 7, 8
_DAY: Final = 86_400.0
_SAME: Final = 0.98  # cosine above which two titles are one
#: In which order shelves choose.
_TURNS: Final = ("discover", "for_you", "because", "popular", "new", "mixes")


@dataclass(frozen=True)
class NamedShelf:
    """One shelf of a page in words and in the customer's ids."""

    kind: str
    name: str
    recommendations: list[Recommendation]


@dataclass(frozen=True)
class _Asked:
    """What a shelf is made from: ``deep`` is how long its list must be to fill it beside all that others show."""

    engine: Engine
    queries: Queries
    week: Queries
    who: Sequence[str]
    explain: bool
    deep: int


#: A shelf before it is known what others show: for the requests at some rows, its name, what it is about, lists longer
#: than the shelf, and which of their places come into question.
_Draft = tuple[NDArray[np.intp], NDArray[np.int8], Rows, Lists, Flags]


def home(engine: Engine, queries: Queries, week: Queries, who: Sequence[str], explain: bool = False) -> list[Shelf]:
    """The pages of B candidates, shelf by shelf in the order of the settings (``home.*``).

    Args:
        engine: whose postings and order.
        queries: B requests; of those of whom nothing is known, new and popular postings alone are shown.
        week: the same as they stood when the week began (``recsys.discover.week_began``): asked at that moment, and
            with nothing that the candidates did since.
        who: their ids, by which Discover differs; "" for nobody.
        explain: with reasons.
    """
    settings = engine.settings.home
    with one_thread_each():
        shelves = list(_shelves(_Asked(engine, queries, week, who, explain, 0)))
    return sorted(shelves, key=lambda one: settings.shelves.index(one.kind))


def _shelves(asked: _Asked) -> Iterator[Shelf]:
    """Shelf by shelf, in the order in which they choose."""
    engine, settings = asked.engine, asked.engine.settings.home
    taken = np.empty(0, np.int64)
    before = 0  # shelves that may have taken what this one would show
    for kind in [one for one in _TURNS if one in settings.shelves]:
        before += settings.mixes if kind == "mixes" else 1
        least = settings.mix_least if kind == "mixes" else 1
        for at, name, about, lists, may in _DRAFTS[kind](replace(asked, deep=settings.length * before)):
            shown, taken = claim(engine.catalogue.copies, lists, may, at, taken, settings.length, least)
            if kind == "mixes":
                about = np.where(about < 0, _commonest(engine, shown.rows), about)
            yield spread(kind, len(asked.queries), at, name, about, shown)


def pages(engine: Engine, shelves: Sequence[Shelf], requests: int) -> list[list[NamedShelf]]:
    """The pages of B candidates in words, without empty shelves."""
    found: list[list[NamedShelf]] = [[] for _ in range(requests)]
    for shelf in shelves:
        there = np.flatnonzero((shelf.lists.rows >= 0).any(axis=1))
        about = np.maximum(shelf.about[there], 0).tolist()
        titles = [""] * len(there) if engine.explainer is None else engine.explainer.titles.take(about)
        lines = engine.recommendations(shelf.lists.take(there))
        for at, name, title, some in zip(there.tolist(), shelf.name[there].tolist(), titles, lines, strict=True):
            found[at].append(NamedShelf(shelf.kind, NAMES[name].format(title=title), some))
    return found


def _for_you(asked: _Asked) -> Iterator[_Draft]:
    at = np.flatnonzero(asked.queries.known)
    if len(at):
        lists = asked.engine.answer(asked.queries.take(at), asked.deep, asked.explain)
        yield _draft(at, _FOR_YOU, lists)


def _because(asked: _Asked) -> Iterator[_Draft]:
    """What goes with the posting that the candidate applied to last; if there is none, saved or viewed."""
    latest = asked.queries.latest
    latest = np.where(put_off(asked.engine.catalogue, asked.queries, latest), np.int32(-1), latest)
    at = np.flatnonzero((latest >= 0).any(axis=1))
    if len(at):
        how = np.argmax(latest[at] >= 0, axis=1)
        about = latest[at, how]
        lists = related(asked.engine, asked.queries.take(at), about, asked.deep, asked.explain)
        yield at, (_BECAUSE + how).astype(np.int8), about, lists, lists.rows >= 0


def _discover(asked: _Asked) -> Iterator[_Draft]:
    at = np.flatnonzero(asked.queries.known & asked.week.known)
    if len(at):
        who = [asked.who[one] for one in at.tolist()]
        lists, may = discover(asked.engine, asked.queries.take(at), asked.week.take(at), who, asked.explain)
        yield _draft(at, _DISCOVER, lists, may)


def _popular(asked: _Asked) -> Iterator[_Draft]:
    at = np.flatnonzero(~asked.queries.known)
    if len(at):
        arranged = asked.engine.settings.arrange.model_copy(update={"new_share": 0.0})
        settings = asked.engine.settings.model_copy(update={"arrange": arranged})
        by_popularity = replace(asked.engine, ranker=single("popularity"), cut=single("popularity"), settings=settings)
        lists = replace(by_popularity, calibration=None).answer(asked.queries.take(at), asked.deep, asked.explain)
        yield _draft(at, _POPULAR, lists)


def _new(asked: _Asked) -> Iterator[_Draft]:
    """What came lately, near the candidate where a place is known; remote work is near to everybody."""
    engine, catalogue, settings = asked.engine, asked.engine.catalogue, asked.engine.settings.home
    if not catalogue.dated and not catalogue.behaviour.seen.any():
        return  # nothing tells what is new
    if catalogue.dated:
        since = np.floor(asked.queries.now / _DAY - settings.new_days) * _DAY
        filters = [Filters(posted_after=float(one)) for one in since]
        lists = engine.answer(asked.queries, asked.deep, asked.explain, filters)
    else:
        unseen = ~catalogue.behaviour.seen[: len(catalogue)]
        lists = replace(engine, catalogue=narrowed(catalogue, unseen)).answer(asked.queries, asked.deep, asked.explain)
    near, placed = near_places(engine, asked.queries, lists.rows)
    name = np.where(placed, _NEAR, _NEW).astype(np.int8)
    yield np.arange(len(near)), name, _nothing(len(near)), lists, near


def _mixes(asked: _Asked) -> Iterator[_Draft]:
    most = asked.engine.settings.home.mixes
    number = interests_of(asked.engine.catalogue, asked.queries, most)
    several = number.max(axis=1, initial=-1) > 0
    for one in range(most):
        at = np.flatnonzero(several & (number == one).any(axis=1))
        if len(at):
            part = only_interest(asked.queries.take(at), number[at], one)
            lists = asked.engine.answer(part, max(asked.deep, DEPTH), asked.explain)
            like = alike(asked.engine.catalogue, part, lists.rows) >= asked.engine.settings.home.unlike
            near, _ = near_places(asked.engine, asked.queries.take(at), lists.rows)
            met = np.where(unnamed(asked.engine.catalogue, part), np.int32(-1), part.history)
            about = _commonest(asked.engine, met[:, :VIEWED])
            yield at, np.full(len(at), _MIX, np.int8), about, lists, like & near


_DRAFTS: Final[dict[str, Callable[[_Asked], Iterator[_Draft]]]] = {
    "for_you": _for_you,
    "because": _because,
    "new": _new,
    "mixes": _mixes,
    "discover": _discover,
    "popular": _popular,
}


def _draft(at: NDArray[np.intp], name: int, lists: Lists, may: Flags | None = None) -> _Draft:
    return at, np.full(len(at), name, np.int8), _nothing(len(at)), lists, lists.rows >= 0 if may is None else may


def _nothing(count: int) -> Rows:
    return np.full(count, -1, np.int32)


def _commonest(engine: Engine, rows: Rows) -> Rows:
    """Of the postings (B, n), -1 padded, the first of those whose title most of them have: (B,), -1 where none is."""
    vectors = engine.catalogue.title.vectors(rows)
    same = np.matmul(vectors, vectors.transpose(0, 2, 1)) >= _SAME
    there = rows >= 0
    count = np.where(there, (same & there[:, None]).sum(axis=2), -1)
    best = np.argmax(count, axis=1)[:, None]
    found: Rows = np.take_along_axis(np.where(there, rows, np.int32(-1)), best, 1)[:, 0]
    return found
