import numpy as np
import pytest
from requests_at_random import random_requests
from small_catalogue import DAY, DIMENSION, NARROW, NOW, ask, clustered, make_catalogue, random_board, unit

from recsys.config import EngineSettings, RetrieveSettings
from recsys.interests import find_interests
from recsys.pool import SOURCES
from recsys.request import Interaction, Profile, Request
from recsys.retrieve import retrieve

BERLIN, TOKYO = (52.52, 13.405), (35.6895, 139.6917)
COMPRESSED = NARROW.model_copy(update={"retrieve": NARROW.retrieve.model_copy(update={"exact_below": 50})})


def pool_of(board, queries, settings=NARROW, k=10):
    interests = find_interests(board, queries, settings.retrieve)
    return retrieve(board, queries, interests, settings.retrieve, k)


def brought_by(pool, source, at=0):
    """Rows that a source brought into the pool of a request."""
    return set(pool.rows[at][(pool.sources[at] >> SOURCES.index(source)) & 1 == 1].tolist())


class TestPools:
    def test_a_board_no_larger_than_the_union_is_taken_whole(self):
        board = random_board(np.random.default_rng(0), 60)
        pool = pool_of(board, ask(board, [Request(None)] * 3))
        np.testing.assert_array_equal(pool.rows, np.tile(np.flatnonzero(board.open), (3, 1)))

    @pytest.mark.parametrize("settings", [NARROW, COMPRESSED])
    def test_rows_ascend_are_open_and_each_has_a_source(self, settings):
        rng = np.random.default_rng(1)
        board = random_board(rng, settings=settings)
        pool = pool_of(board, ask(board, random_requests(rng, board, 40), settings=settings), settings)
        assert pool.rows.shape == (40, settings.retrieve.union)
        for rows, sources in zip(pool.rows, pool.sources, strict=True):
            there = rows[rows >= 0]
            assert (np.diff(there) > 0).all()
            assert board.open[there].all()
            assert ((sources > 0) == (rows >= 0)).all()

    @pytest.mark.parametrize("settings", [NARROW, COMPRESSED])
    def test_a_batch_equals_single_calls(self, settings):
        rng = np.random.default_rng(2)
        board = random_board(rng, settings=settings)
        queries = ask(board, random_requests(rng, board, 60), settings=settings)
        batch = pool_of(board, queries, settings)
        for at in range(len(queries)):
            single = pool_of(board, queries.part(at, at + 1), settings)
            np.testing.assert_array_equal(single.rows[0], batch.rows[at], err_msg=f"request {at}")
            np.testing.assert_array_equal(single.sources[0], batch.sources[at], err_msg=f"request {at}")

    def test_a_long_list_gets_a_larger_union(self):
        board = random_board(np.random.default_rng(3))
        assert pool_of(board, ask(board, [Request(None)]), k=10).rows.shape == (1, 60)
        assert pool_of(board, ask(board, [Request(None)]), k=20).rows.shape == (1, 60)
        assert pool_of(board, ask(board, [Request(None)]), k=50).rows.shape == (1, 180)

    def test_a_single_city_where_the_circles_of_two_places_overlap(self):
        rng = np.random.default_rng(4)
        latlon = np.float32(BERLIN) + rng.uniform(-0.5, 0.5, (300, 1, 2)).astype(np.float32)
        board = make_catalogue(clustered(rng, 300, 8), latlon=latlon, settings=NARROW)
        requests = [
            Request(None, Profile(wanted=unit(rng, 3), home=tuple(latlon[number, 0].tolist()), worked=[(52.9, 13.9)]))
            for number in range(0, 60, 2)
        ]
        queries = ask(board, requests)
        batch = pool_of(board, queries)
        for at in range(len(queries)):
            np.testing.assert_array_equal(pool_of(board, queries.part(at, at + 1)).rows[0], batch.rows[at])

    def test_a_crowded_cell_is_searched_in_parts_and_a_batch_equals_single_calls(self):
        rng = np.random.default_rng(5)
        board = make_catalogue(
            clustered(rng, 5000, 40), latlon=np.tile(np.float32(BERLIN), (5000, 1, 1)), settings=NARROW
        )
        assert np.diff(board.cells.start).max() > 1
        requests = [Request(None, Profile(wanted=unit(rng, 3), home=BERLIN)) for _ in range(30)]
        queries = ask(board, requests)
        batch = pool_of(board, queries)
        for at in range(len(queries)):
            np.testing.assert_array_equal(pool_of(board, queries.part(at, at + 1)).rows[0], batch.rows[at])
            assert brought_by(batch, "near", at)


class TestSources:
    """Boards of one kind of evidence each, on which it is known what a source must bring."""

    def test_text_brings_the_most_alike_of_each_interest(self):
        rng = np.random.default_rng(6)
        board = make_catalogue(clustered(rng, 300, 20), settings=NARROW)
        wanted = board.title.vectors(np.array([17, 200]))
        pool = pool_of(board, ask(board, [Request(None, Profile(wanted=wanted))]))
        found = brought_by(pool, "text")
        for vector in wanted:
            assert set(np.argsort(-(board.title.vectors(np.arange(300)) @ vector))[:8].tolist()) <= found

    def test_near_brings_what_is_near_and_alike_from_among_many_that_are_one_of_the_two(self):
        rng = np.random.default_rng(7)
        titles, latlon = clustered(rng, 400, 10, spread=0.2), np.tile(np.float32(TOKYO), (400, 1, 1))
        latlon[:200, 0] = np.float32(BERLIN) + rng.uniform(-0.3, 0.3, (200, 2))
        wanted = titles[399:]  # itself far away
        board = make_catalogue(titles, latlon=latlon, settings=NARROW)
        near_alike = set(np.argsort(-(titles[:200] @ wanted[0]))[:5].tolist())
        pool = pool_of(board, ask(board, [Request(None, Profile(wanted=wanted, home=BERLIN))]))
        assert near_alike <= brought_by(pool, "near")

    def test_a_posting_with_several_places_is_near_if_one_of_them_is(self):
        rng = np.random.default_rng(17)
        titles = unit(rng, 400)
        latlon = np.full((400, 2, 2), np.nan, np.float32)
        latlon[:, 0] = np.float32(BERLIN) + rng.uniform(-0.2, 0.2, (400, 2))
        latlon[7] = TOKYO, BERLIN
        board = make_catalogue(titles, latlon=latlon, settings=NARROW)
        pool = pool_of(board, ask(board, [Request(None, Profile(wanted=titles[7:8], home=BERLIN))]))
        assert 7 in brought_by(pool, "near")

    def test_near_reaches_what_says_no_place(self):
        rng = np.random.default_rng(18)
        titles, latlon = unit(rng, 300), np.tile(np.float32(TOKYO), (300, 1, 1))
        latlon[77] = np.nan
        board = make_catalogue(titles, latlon=latlon, settings=NARROW)
        pool = pool_of(board, ask(board, [Request(None, Profile(wanted=titles[77:78], home=BERLIN))]))
        assert 77 in brought_by(pool, "near")

    def test_near_reaches_remote_work_anywhere(self):
        rng = np.random.default_rng(8)
        titles, latlon = unit(rng, 300), np.tile(np.float32(TOKYO), (300, 1, 1))
        remote = np.where(np.arange(300) == 77, 1, 0)
        board = make_catalogue(titles, latlon=latlon, remote=remote, settings=NARROW)
        pool = pool_of(board, ask(board, [Request(None, Profile(wanted=titles[77:78], home=BERLIN))]))
        assert 77 in brought_by(pool, "near")

    def test_cooccur_brings_the_neighbours_of_the_history(self):
        rng = np.random.default_rng(9)
        events = [(who, what, 1.0) for who in range(5) for what in (10, 20, 30)]
        board = make_catalogue(unit(rng, 200), events=events, settings=NARROW)
        pool = pool_of(board, ask(board, [Request(None, history=[Interaction("p0020")])]))
        assert brought_by(pool, "cooccur") == {10, 30}

    def test_factors_bring_the_largest_inner_products(self):
        rng = np.random.default_rng(10)
        events = [(who, int(what), 1.0) for who in range(60) for what in rng.choice(np.arange(who % 2, 300, 2), 12)]
        board = make_catalogue(unit(rng, 300), events=events, settings=NARROW)
        queries = ask(board, [Request(None, history=[Interaction(f"p{row:04d}") for row in (4, 8, 12)])])
        interests = find_interests(board, queries, NARROW.retrieve)
        scores = board.behaviour.factors.postings @ interests.factors[0]
        pool = retrieve(board, queries, interests, NARROW.retrieve, 10)
        assert set(np.argsort(-scores)[:5].tolist()) <= brought_by(pool, "factors")

    def test_recent_and_popular_bring_those_of_the_place_and_those_of_the_whole_board(self):
        rng = np.random.default_rng(11)
        latlon = np.tile(np.float32(TOKYO), (300, 1, 1))
        latlon[:30, 0] = BERLIN
        posted = NOW - (300 - np.arange(300)) * DAY  # the newest have the largest rows
        events = [(who, what, 1.0) for what, whom in ((3, 5), (200, 9)) for who in range(whom)]
        board = make_catalogue(unit(rng, 300), latlon=latlon, posted=posted, events=events, settings=NARROW)
        pool = pool_of(board, ask(board, [Request(None, Profile(home=BERLIN))]))
        assert {29, 299} <= brought_by(pool, "recent")
        assert {3, 200} <= brought_by(pool, "popular")

    def test_taken_down_neighbours_of_closed_postings_are_not_brought(self):
        events = [(who, what, 1.0) for who in range(5) for what in (10, 20, 30)]
        open_ = np.arange(200) != 30
        board = make_catalogue(unit(np.random.default_rng(12), 200), events=events, open_=open_, settings=NARROW)
        pool = pool_of(board, ask(board, [Request(None, history=[Interaction("p0020")])]))
        assert brought_by(pool, "cooccur") == {10}


class TestPoorBoards:
    @pytest.mark.parametrize("profile", [Profile(), Profile(home=BERLIN)])
    @pytest.mark.parametrize("wanted", [True, False])
    def test_a_board_without_places_events_and_dates_still_answers(self, profile, wanted):
        rng = np.random.default_rng(13)
        board = make_catalogue(unit(rng, 200), settings=NARROW)
        profile = Profile(wanted=unit(rng, 2), home=profile.home) if wanted else profile
        pool = pool_of(board, ask(board, [Request(None, profile)]))
        assert (pool.rows >= 0).any()

    def test_a_board_where_all_is_remote_and_nothing_has_a_place(self):
        rng = np.random.default_rng(14)
        board = make_catalogue(unit(rng, 200), remote=np.ones(200), settings=NARROW)
        pool = pool_of(board, ask(board, [Request(None, Profile(wanted=unit(rng, 1)))]))
        assert brought_by(pool, "near")

    @pytest.mark.parametrize("source", SOURCES)
    def test_a_source_can_be_switched_off(self, source):
        rng = np.random.default_rng(15)
        settings = EngineSettings(retrieve=RetrieveSettings(pool=30, union=60, **{source: 0}), factors=NARROW.factors)
        board = random_board(rng, settings=settings)
        pool = pool_of(board, ask(board, random_requests(rng, board, 20)), settings)
        assert not any(brought_by(pool, source, at) for at in range(20))


class TestInterests:
    def test_what_was_viewed_last_leads_and_what_is_alike_is_one_interest(self):
        axes = np.eye(DIMENSION, dtype=np.float32)
        board = make_catalogue(axes[[0, 0, 1, 2]])
        history = [Interaction(f"p{row:04d}", time=NOW - age * DAY) for row, age in ((3, 4), (0, 3), (2, 2), (1, 1))]
        queries = ask(board, [Request(None, Profile(wanted=axes[5:6]), history)])
        found = find_interests(board, queries, RetrieveSettings(interests=3)).vectors[0]
        np.testing.assert_allclose(found, axes[[0, 1, 2]], atol=1e-6)
        found = find_interests(board, queries, RetrieveSettings(interests=5)).vectors[0]
        np.testing.assert_allclose(found, np.vstack([axes[[0, 1, 2, 5]], np.zeros((1, DIMENSION))]), atol=1e-6)

    def test_a_posting_without_a_title_takes_no_interests_place(self):
        titles = np.eye(DIMENSION, dtype=np.float32)[:3]
        titles[0] = 0
        board = make_catalogue(titles)
        history = [Interaction(f"p{row:04d}", time=NOW - row * DAY) for row in range(3)]
        found = find_interests(board, ask(board, [Request(None, history=history)]), RetrieveSettings(interests=2))
        np.testing.assert_allclose(found.vectors[0], titles[[1, 2]], atol=1e-6)

    def test_two_places_the_latest_looked_at_first(self):
        potsdam = (52.3906, 13.0645)  # 27 km from Berlin: the same place
        board = make_catalogue(np.eye(DIMENSION)[:3], latlon=[[BERLIN], [potsdam], [(np.nan, np.nan)]])
        history = [Interaction(f"p{row:04d}", time=NOW - age * DAY) for row, age in ((1, 2), (0, 1), (2, 0))]
        queries = ask(board, [Request(None, Profile(home=TOKYO), history), Request(None)])
        found = find_interests(board, queries, RetrieveSettings()).places
        np.testing.assert_array_equal(found[0, 0], board.place[0, 0])
        np.testing.assert_array_equal(found[0, 1], queries.home[0])
        assert np.isnan(found[1]).all()

    def test_parts_and_taken_requests(self):
        rng = np.random.default_rng(16)
        board = random_board(rng, 60)
        interests = find_interests(board, ask(board, random_requests(rng, board, 9)), RetrieveSettings())
        for name in ("vectors", "places", "factors"):
            np.testing.assert_array_equal(getattr(interests.part(2, 5), name), getattr(interests, name)[2:5])
            rows = np.array([1, 4, 7])
            np.testing.assert_array_equal(getattr(interests.take(rows), name), getattr(interests, name)[rows])
