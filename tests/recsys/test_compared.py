"""The postings around a candidate, each compared: known answers, and those of plain sums."""

import numpy as np
import pytest
from filter_board import SETTINGS, filter_board
from requests_at_random import random_requests
from small_catalogue import DAY, NOW, ask, clustered, make_catalogue

from recsys.compared import compared
from recsys.geo import distance_km
from recsys.interests import find_interests
from recsys.narrow import narrowed
from recsys.queries import VIEWED
from recsys.request import Profile, Request
from recsys.retrieve import retrieve
from recsys.signals import COLUMN, compute

BOARD = filter_board(count=600)
LEFT = narrowed(BOARD, np.random.default_rng(4).random(len(BOARD)) < 0.6)


def asked(count=12, seed=0):
    queries = ask(BOARD, random_requests(np.random.default_rng(seed), BOARD, count))
    return queries, find_interests(BOARD, queries, SETTINGS.retrieve)


def test_a_batch_equals_single_calls_whatever_stands_beside():
    queries, interests = asked(21)
    batch = compared(LEFT, queries, interests, 40)
    assert batch.shape == (21, 80)
    for at in range(21):
        alone = compared(LEFT, queries.part(at, at + 1), interests.part(at, at + 1), 40)
        np.testing.assert_array_equal(alone[0], batch[at])


def test_only_what_is_left_is_brought():
    queries, interests = asked()
    found = compared(LEFT, queries, interests, 40)
    assert (found >= 0).any()
    assert LEFT.within.named[found[found >= 0]].all()


def test_of_all_the_order_is_that_of_the_sum():
    queries, interests = asked(30)
    found = compared(LEFT, queries, interests, 60)[:, 1::2]  # every second: those of all that is left
    for at in range(30):
        rows = found[at][found[at] >= 0]
        if len(rows) == 0:  # of this candidate no place is known
            assert np.isnan(queries.home[at]).all()
            continue
        total = by_hand(queries, at, rows)
        assert (np.diff(total) < 0.08).all()  # what eight bits and the middle of title and text blur
        assert total[:10].mean() > total[-10:].mean()


def by_hand(queries, at, rows):
    """The sum that is meant, posting by posting."""
    attributes, total = BOARD.attributes, []
    vectors = BOARD.title.vectors(rows) + BOARD.text.vectors(rows)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    viewed = queries.history[at, :VIEWED]
    places = np.concatenate([queries.home[at][None], queries.worked[at], BOARD.place[viewed[viewed >= 0], 0]])
    for row, vector in zip(rows.tolist(), vectors, strict=True):
        km = min(
            [float(distance_km(a, b)) for a in BOARD.place[row] for b in places if not np.isnan(a[0] + b[0])] + [1e9]
        )
        weeks = np.nan_to_num(max(queries.now[at] - attributes.posted[row], 0) / (7 * DAY))
        remote = attributes.remote[row] == 1 and queries.remote_ok[at] == 1
        popular = BOARD.behaviour.popularity[row]
        total.append(
            2.7 * vector @ queries.whole[at] + 2 / (1 + km / 10) - 0.1 * np.log1p(weeks) + 0.1 * popular + 0.3 * remote
        )
    return np.array(total)


@pytest.fixture(scope="module")
def city():
    """One crowded city of equal titles, where freshness alone decides, and a field far away."""
    rng = np.random.default_rng(1)
    latlon = np.repeat([[42.0, 0.0], [48.0, 9.0]], [3_000, 200], axis=0)[:, None]
    posted = NOW - rng.permutation(3_200) * DAY / 100
    title = np.repeat(clustered(rng, 1, 1), 3_200, axis=0)
    return make_catalogue(title, latlon=latlon, settings=SETTINGS, posted=posted)


def test_among_thousands_that_are_equally_near_and_alike_the_freshest_are_found(city):
    left = narrowed(city, np.arange(3_200) % 2 == 0)
    queries = ask(city, [Request(profile=Profile(home=(42.0, 0.0)), now=NOW)])
    interests = find_interests(city, queries, SETTINGS.retrieve)
    rows = np.arange(0, 3_000, 2)
    newest = rows[np.argsort(-city.attributes.posted[rows])][:20]
    found = compared(left, queries, interests, 30)[0]
    np.testing.assert_array_equal(found[found >= 0][:20], newest)
    pool = retrieve(left, queries, interests, SETTINGS.retrieve, 10)
    assert np.isin(newest, pool.rows).all()


def test_near_to_the_third_place_is_near():
    rng = np.random.default_rng(2)
    where = np.array([[40.0, 0.0], [43.0, 5.0], [46.0, 10.0], [55.0, 30.0]])
    board = make_catalogue(clustered(rng, 800, 5), latlon=where[np.arange(800) % 4][:, None], settings=SETTINGS)
    left = narrowed(board, np.arange(800) % 3 > 0)
    home, *worked = [tuple(place) for place in where[:3].tolist()]
    queries = ask(board, [Request(profile=Profile(home=home, worked=worked), now=NOW)])
    interests = find_interests(board, queries, SETTINGS.retrieve)
    found = compared(left, queries, interests, 600)[0]
    found = found[found >= 0]
    near = compute(board, queries, interests, found[None])[0, :, COLUMN["near_any"]]
    assert set((found[near == 1] % 4).tolist()) == {0, 1, 2}
    assert (np.diff(near) <= 0).all()
