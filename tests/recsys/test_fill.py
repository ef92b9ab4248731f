"""Where employers are capped: as many postings as the rules allow, whoever fills the sources."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_at_random import random_requests
from small_catalogue import DAY, NARROW, NOW, ask, clustered, make_catalogue, random_linear, unit

from recsys.browse import Category, browse
from recsys.config import FilterSettings
from recsys.eligible import eligible_rows
from recsys.engine import Engine
from recsys.fill import Maker, full_employers, most_places, places, thinned
from recsys.filters import Filters
from recsys.rank import single
from recsys.related import related
from recsys.request import Profile, Request

COUNT = 600


def capped(most, base=NARROW, **more):
    arranged = base.arrange.model_copy(update={"employer_most": most})
    return base.model_copy(update={"arrange": arranged, **more})


def crowded(seed, share=0.7, employers=40, dated=True, copies=1):
    """A board of which one employer has the newest and most wanted postings of the one kind that is asked for."""
    rng = np.random.default_rng(seed)
    title = np.repeat(clustered(rng, COUNT // copies, 6), copies, axis=0)
    many = np.repeat(rng.random(COUNT // copies) < share, copies)
    title[many] = title[0] + 0.01 * unit(rng, int(many.sum()))
    title = (title / np.linalg.norm(title, axis=1, keepdims=True)).astype(np.float32)
    company = np.where(many, 0, np.repeat(rng.integers(-1, employers, COUNT // copies), copies))
    posted = NOW - DAY * np.where(many, rng.uniform(0, 5, COUNT), rng.uniform(30, 60, COUNT))
    events = [(who, int(what), 1.0) for who in range(30) for what in rng.choice(np.flatnonzero(many), 4)]
    return make_catalogue(
        title,
        latlon=np.repeat(np.stack([rng.uniform(40, 44, COUNT), rng.uniform(-3, 3, COUNT)], 1)[:, None], 1, axis=1),
        company=company,
        posted=posted if dated else np.full(COUNT, np.nan),
        group=np.arange(COUNT) // copies * copies,
        remote=np.where(rng.random(COUNT) < 0.9, 1, 0),
        events=events,
        settings=NARROW,
    )


def could_list(catalogue, allowed, most):
    """By brute force: how many a list may hold of the allowed."""
    found = {}
    for row in np.flatnonzero(allowed).tolist():
        found.setdefault(int(catalogue.attributes.company[row]), set()).add(int(catalogue.copies.group[row]))
    return sum(len(some) if name < 0 else min(len(some), most or len(some)) for name, some in found.items())


def seekers(catalogue, count, seed=0):
    """Who wants just what the large employer has."""
    rng = np.random.default_rng(seed)
    wanted = catalogue.title.vectors(np.array([0]))
    return [
        Request(str(at), Profile(wanted=wanted, home=tuple(rng.uniform(40, 44, 2))), now=NOW) for at in range(count)
    ]


def lengths(lists):
    return (lists.rows >= 0).sum(axis=1).tolist()


def check(catalogue, rows, allowed, most, k):
    """A list of the right length, in which the rules hold."""
    line = rows[rows >= 0]
    assert allowed[line].all()
    assert len(set(catalogue.copies.group[line].tolist())) == len(line)
    names, counts = np.unique(catalogue.attributes.company[line], return_counts=True)
    assert not most or (counts[names >= 0] <= most).all()
    assert len(line) == min(k, could_list(catalogue, allowed, most))


def test_one_employer_that_fills_the_sources_leaves_no_list_short():
    catalogue = crowded(0)
    engine = Engine(catalogue, random_linear(np.random.default_rng(1)), capped(2), {})
    queries = ask(catalogue, seekers(catalogue, 4), settings=NARROW)
    uncapped = Engine(catalogue, single("title_wanted"), NARROW, {}).answer(queries, 30).rows
    assert (catalogue.attributes.company[uncapped] == 0).all()  # nobody else would come
    for k in (10, 25):
        for at, line in enumerate(engine.answer(queries, k).rows):
            check(catalogue, line, eligible_rows(catalogue, queries, at), 2, k)
            assert (line >= 0).all()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6), most=st.integers(0, 3), k=st.sampled_from([1, 5, 10, 20, 40]),
    share=st.sampled_from([0.3, 0.7, 0.97]), employers=st.sampled_from([1, 3, 40]), dated=st.booleans(),
    copies=st.sampled_from([1, 3]), scored=st.sampled_from([1, 100, 20_000]),
)  # fmt: skip
def test_a_list_is_as_long_as_the_rules_allow(seed, most, k, share, employers, dated, copies, scored):
    catalogue = crowded(seed, share, employers, dated, copies)
    rules = FilterSettings(exact=1, whole=scored)
    catalogue, given_ = replace(catalogue, rules=rules), capped(most, filters=rules)
    rng = np.random.default_rng(seed)
    engine = Engine(catalogue, random_linear(rng), given_, {})
    requests = [*seekers(catalogue, 2), *random_requests(rng, catalogue, 2)]
    queries = ask(catalogue, requests, settings=given_)
    for filters in (None, Filters(remote=True)):
        passed = np.ones(COUNT, bool) if filters is None else catalogue.attributes.remote == 1
        whole = engine.answer(queries, k, filters=filters)
        for at, line in enumerate(whole.rows):
            check(catalogue, line, passed & eligible_rows(catalogue, queries, at), most, k)
            alone = engine.answer(queries.part(at, at + 1), k, filters=filters)
            np.testing.assert_array_equal(alone.rows[0], line)
            np.testing.assert_array_equal(alone.scores[0], whole.scores[at])


def test_related_postings_and_a_category_are_as_many_as_the_rules_allow():
    catalogue = crowded(3)
    engine = Engine(catalogue, random_linear(np.random.default_rng(1)), capped(2), {})
    queries = ask(catalogue, seekers(catalogue, 3), settings=NARROW)
    about = np.flatnonzero(catalogue.attributes.company == 0)[:3].astype(np.int32)
    lists = related(engine, queries, about, 20)
    for at, line in enumerate(lists.rows):
        allowed = eligible_rows(catalogue, queries, at)
        allowed[about[at]] = False
        check(catalogue, line, allowed, 2, 20)
    near = Filters(latitude=42.0, longitude=0.0, within_km=160.0, or_remote=True)
    rules = FilterSettings(exact=1, whole=1)
    narrow = Engine(replace(catalogue, rules=rules), engine.ranker, capped(2, filters=rules), {})
    assert lengths(browse(narrow, queries, Category(), 20, filters=near)) == [20] * 3


def test_requests_that_lack_the_same_employers_are_looked_at_together(monkeypatch):
    catalogue = crowded(5)
    engine = Engine(catalogue, random_linear(np.random.default_rng(1)), capped(2), {})
    queries = ask(catalogue, seekers(catalogue, 8), settings=NARROW)
    asked = []
    beside = Maker._beside

    def counted(self, catalogue, rest, queries, interests, pool, at):
        asked.append(len(at))
        return beside(self, catalogue, rest, queries, interests, pool, at)

    monkeypatch.setattr(Maker, "_beside", counted)
    assert lengths(engine.answer(queries, 10)) == [10] * 8
    assert max(asked) > 1
    asked.clear()
    replace(engine, settings=NARROW).answer(queries, 10)
    assert asked == []  # no cap, no second look


def test_copies_that_fill_the_sources_leave_no_list_short_either():
    """Half the board is one vacancy, put up again and again."""
    rng = np.random.default_rng(7)
    title = clustered(rng, COUNT, 6)
    title[:300] = title[0]
    group = np.where(np.arange(COUNT) < 300, 0, np.arange(COUNT))
    posted = NOW - DAY * np.where(np.arange(COUNT) < 300, 1, 50)
    rules = FilterSettings(exact=1, whole=1)
    catalogue = replace(make_catalogue(title, group=group, posted=posted, settings=NARROW), rules=rules)
    engine = Engine(catalogue, random_linear(rng), capped(0, filters=rules), {})
    queries = ask(catalogue, seekers(catalogue, 3), settings=NARROW)
    for at, line in enumerate(engine.answer(queries, 25).rows):
        check(catalogue, line, eligible_rows(catalogue, queries, at), 0, 25)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), most=st.integers(0, 3), copies=st.sampled_from([1, 3]))
def test_places_are_counted_as_by_hand(seed, most, copies):
    rng = np.random.default_rng(seed)
    catalogue = BOARDS[copies]
    shown = rng.random(COUNT) < rng.choice([0.02, 0.5])
    rows = np.sort(rng.choice(COUNT, 90, replace=False)).astype(np.int32)
    rows[80:] = -1
    of_pool = np.zeros(COUNT, bool)
    of_pool[rows[:80]] = shown[rows[:80]]
    expected = could_list(catalogue, of_pool, most)
    assert places(catalogue, rows[None], (shown[rows] & (rows >= 0))[None], most).tolist() == [expected]
    assert most_places(catalogue, shown, most) == could_list(catalogue, shown, most)
    few = thinned(catalogue, shown, most)
    assert not (few & ~shown).any()
    assert few.sum() == could_list(catalogue, shown, most)
    if most:
        full = full_employers(catalogue, rows[None], (shown[rows] & (rows >= 0))[None], most)[0]
        company, group = catalogue.attributes.company, catalogue.copies.group
        there = {(int(company[row]), int(group[row])) for row in np.flatnonzero(of_pool)}
        names, counts = np.unique([name for name, _ in there if name >= 0], return_counts=True)
        assert full.tolist() == names[counts >= most].astype(int).tolist()


BOARDS = {copies: crowded(11, 0.4, 12, copies=copies) for copies in (1, 3)}


def test_why_still_tells_of_the_employer():
    catalogue = crowded(0)
    engine = Engine(catalogue, single("title_wanted"), capped(2), {})
    request = seekers(catalogue, 1)[0]
    best = replace(engine, settings=NARROW).answer(engine.queries([request]), 10).rows[0]
    told = [engine.why(request, f"p{row:04d}") for row in best.tolist()]
    assert sum("enough postings of its employer" in one for one in told) == 8
