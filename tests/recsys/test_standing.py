"""Which of the copies of a vacancy is shown to whom, also where the freshest has expired since."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import DAY, NARROW, NOW, ask, clustered, make_catalogue, random_linear, unit

from recsys import standing as module
from recsys.eligible import eligible
from recsys.engine import Engine
from recsys.interests import find_interests
from recsys.request import Interaction, Profile, Request
from recsys.retrieve import retrieve
from recsys.standing import standing

COUNT = 90


def board(seed, dates="spread"):
    """Vacancies of one to five copies in rows far apart, some expired or of tomorrow, some without a date."""
    rng = np.random.default_rng(seed)
    vacancy = rng.integers(0, 30, COUNT)
    group = np.array([np.flatnonzero(vacancy == one)[0] for one in vacancy])
    posted = NOW + DAY * rng.integers(-6, 3, COUNT).astype(float)
    until = NOW + DAY * rng.integers(-3, 4, COUNT)
    posted[rng.random(COUNT) < {"spread": 0.2, "none": 1.0}[dates]] = np.nan
    made = make_catalogue(
        clustered(rng, COUNT, 5), group=group, posted=posted, until=until, open_=rng.random(COUNT) < 0.9
    )
    return made.without(np.flatnonzero(rng.random(COUNT) < 0.1))


def stands(catalogue, shown, row):
    """By brute force: what stands for a posting, to somebody who may be ``shown`` (P,) some."""
    copies = [one for one in np.flatnonzero(catalogue.copies.group == catalogue.copies.group[row]) if shown[one]]
    age = {one: np.nan_to_num(-catalogue.attributes.posted[one], nan=np.inf) for one in [*copies, row]}
    best = min(copies, key=lambda one: (age[one], one), default=row)
    return row if shown[row] and age[row] <= age[best] else best


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**6), dates=st.sampled_from(["spread", "none"]))
def test_the_freshest_that_may_be_shown_stands_for_the_vacancy(seed, dates):
    catalogue = board(seed, dates)
    rng = np.random.default_rng(seed)
    requests = [
        Request(str(at), history=[Interaction(f"p{row:04d}", "apply", NOW - DAY) for row in rng.integers(0, COUNT, 3)])
        for at in range(3)
    ]
    queries = ask(catalogue, requests)
    rows = rng.choice(np.flatnonzero(catalogue.open), (3, 40)).astype(np.int32)
    rows[rng.random(rows.shape) < 0.2] = -1
    everything = np.broadcast_to(np.arange(COUNT, dtype=np.int32), (3, COUNT))
    shown = eligible(catalogue, queries, everything) & catalogue.open
    found = standing(catalogue, queries, rows)
    for at in range(3):
        expected = [stands(catalogue, shown[at], row) if row >= 0 else -1 for row in rows[at].tolist()]
        may = np.array([row >= 0 and shown[at, row] for row in expected])
        np.testing.assert_array_equal(found[at][may], np.array(expected)[may])
        assert not shown[at, found[at][~may & (rows[at] >= 0)]].any()  # nothing that may be shown is left out
        np.testing.assert_array_equal(standing(catalogue, queries.part(at, at + 1), rows[at : at + 1])[0], found[at])
    assert (found[rows < 0] == -1).all()


def test_where_the_freshest_may_be_shown_no_other_is_looked_for(monkeypatch):
    catalogue = make_catalogue(
        clustered(np.random.default_rng(0), 6, 2), group=[0, 0, 0, 3, 3, 3], posted=[3, 2, 1] * 2
    )
    monkeypatch.setattr(module, "_next_best", None)
    queries = ask(catalogue, [Request("one")])
    assert standing(catalogue, queries, np.array([[0, 1, 2, 5, -1]], np.int32)).tolist() == [[0, 0, 0, 3, -1]]


@pytest.mark.parametrize("of_tomorrow", [False, True])
def test_the_second_latest_of_three_is_listed_though_no_source_brings_it(of_tomorrow):
    """The latest alone is like what is wanted; it has expired, or comes only in a minute."""
    rng = np.random.default_rng(2)
    title = np.repeat(clustered(rng, 100, 8), 3, axis=0)
    title[1::3] = unit(rng, 100)  # nothing like what is asked for
    title[2::3] = unit(rng, 100)
    posted = np.tile([NOW - DAY, NOW - 2 * DAY, NOW - 3 * DAY], 100)
    until = np.tile([NOW - 1, NOW + DAY, NOW + DAY], 100)
    if of_tomorrow:
        posted[::3], until[::3] = NOW + 60, NOW + DAY
    catalogue = make_catalogue(title, group=np.arange(300) // 3 * 3, posted=posted, until=until, settings=NARROW)
    wanted = catalogue.title.vectors(np.array([0]))
    engine = Engine(catalogue, random_linear(rng), NARROW, {})
    queries = engine.queries([Request("one", Profile(wanted=wanted), now=NOW)])
    interests = find_interests(catalogue, queries, NARROW.retrieve)
    union = retrieve(catalogue, queries, interests, NARROW.retrieve, 10).rows[0]
    assert not np.isin(np.arange(1, 300, 3), union).all()  # the sources choose
    alike = np.argsort(-(catalogue.title.vectors(np.arange(0, 300, 3)) @ wanted[0]), kind="stable")[:10]
    assert np.isin(3 * alike + 1, union).all()
    listed = engine.answer(queries, 10).rows[0]
    assert (listed >= 0).all()
    assert (listed % 3 == 1).all()
