import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.pool import SOURCES, Pool, everything, joined, unite

LISTS = st.lists(st.integers(0, 9), min_size=1, max_size=len(SOURCES))


def sources_at_random(seed, widths, requests, postings):
    rng = np.random.default_rng(seed)
    return [rng.integers(-1, postings, (requests, width)).astype(np.int32) for width in widths]


def unite_one_by_one(lists, width):
    """Postings of one request by the best relative place that a source gives them; (rows, bits) ascending by row."""
    places, bits = {}, {}
    for source, line in enumerate(lists):
        for place, row in enumerate(line.tolist()):
            if row >= 0:
                priority = ((place + 1) / len(line), source)
                places[row] = min(places.get(row, priority), priority)
                bits[row] = bits.get(row, 0) | 1 << source
    kept = sorted(sorted(places, key=places.__getitem__)[:width])
    padding = [-1] * (width - len(kept))
    return kept + padding, [bits[row] for row in kept] + [0] * len(padding)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**6), widths=LISTS, requests=st.integers(1, 5), width=st.integers(1, 40))
def test_a_pool_is_the_union_of_its_sources_the_first_of_each_kept(seed, widths, requests, width):
    found = sources_at_random(seed, widths, requests, 30)
    pool = unite(found, width)
    assert (pool.rows.dtype, pool.sources.dtype) == (np.int32, np.uint8)
    assert pool.rows.shape == pool.sources.shape == (requests, width)
    for at in range(requests):
        rows, bits = unite_one_by_one([one[at] for one in found], width)
        assert pool.rows[at].tolist() == rows
        assert pool.sources[at].tolist() == bits


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 120))
def test_properties_of_a_large_pool(seed, width):
    pool = unite(sources_at_random(seed, [40, 30, 20, 20, 5, 9], 7, 10**6 if seed % 2 else 60), width)
    for rows, sources in zip(pool.rows, pool.sources, strict=True):
        there = rows[rows >= 0]
        assert (np.diff(there) > 0).all()  # ascending, none twice
        assert (rows[len(there) :] == -1).all()
        assert (sources[: len(there)] > 0).all()
        assert not sources[len(there) :].any()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 50))
def test_a_batch_equals_single_calls(seed, width):
    found = sources_at_random(seed, [12, 7, 0, 20], 6, 40)
    batch = unite(found, width)
    for at in range(6):
        single = unite([one[at : at + 1] for one in found], width)
        np.testing.assert_array_equal(single.rows, batch.rows[at : at + 1])
        np.testing.assert_array_equal(single.sources, batch.sources[at : at + 1])


def test_the_largest_row_number_survives():
    largest = 2**31 - 2
    pool = unite([np.array([[largest, 0]], np.int32)], 3)
    assert pool.rows.tolist() == [[0, largest, -1]]


def test_more_columns_than_sixteen_bits_can_count():
    width = 2**16 + 500
    pool = unite([np.arange(width, dtype=np.int32)[None], np.arange(width, dtype=np.int32)[None, ::-1]], width)
    np.testing.assert_array_equal(pool.rows[0], np.arange(width))
    assert (pool.sources == 3).all()


def test_sources_with_nothing_give_an_empty_pool():
    pool = unite([np.empty((2, 0), np.int32), np.full((2, 3), -1, np.int32)], 4)
    assert (pool.rows == -1).all()
    assert not pool.sources.any()


def test_everything_is_all_open_postings_for_each_request_without_a_source():
    pool = everything(np.array([2, 5, 9], np.int32), 3)
    assert pool.rows.tolist() == [[2, 5, 9]] * 3
    assert not pool.sources.any()


def test_joined_parts_are_the_whole():
    pool = unite(sources_at_random(0, [5, 5], 6, 20), 8)
    joined = Pool.join([pool.part(0, 4), pool.part(4, 6)])
    np.testing.assert_array_equal(joined.rows, pool.rows)
    np.testing.assert_array_equal(joined.sources, pool.sources)


def test_a_part_holds_its_requests():
    pool = unite(sources_at_random(0, [5, 5], 6, 20), 8)
    np.testing.assert_array_equal(pool.part(2, 4).rows, pool.rows[2:4])
    np.testing.assert_array_equal(pool.part(2, 4).sources, pool.sources[2:4])


def test_joined_pools_hold_what_either_does_and_who_brought_it():
    one = Pool(np.array([[2, 5, -1], [-1, -1, -1]], np.int32), np.array([[1, 2, 0], [0, 0, 0]], np.uint8))
    other = Pool(np.array([[0, 5], [7, -1]], np.int32), np.array([[4, 1], [8, 0]], np.uint8))
    both = joined(one, other)
    assert both.rows.tolist() == [[0, 2, 5, -1, -1], [7, -1, -1, -1, -1]]
    assert both.sources.tolist() == [[4, 1, 3, 0, 0], [8, 0, 0, 0, 0]]
    assert both.padded(5) is both
    changed = both.exchanged(np.array([1]), one.take(np.array([0])).padded(5))
    assert changed.rows.tolist() == [[0, 2, 5, -1, -1], [2, 5, -1, -1, -1]]
    assert both.rows[1, 0] == 7  # the one before is as it was
