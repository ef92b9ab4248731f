import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import unit

from recsys.leaders import leaders, take


def leaders_one_by_one(vectors, known, count, alike):
    """The definition: who is not covered by an earlier leader leads."""
    chosen = []
    for slot in range(len(vectors)):
        covered = any(float(vectors[slot] @ vectors[leader]) >= alike for leader in chosen)
        if known[slot] and not covered and len(chosen) < count:
            chosen.append(slot)
    return chosen + [-1] * (count - len(chosen))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    requests=st.integers(1, 5),
    slots=st.integers(1, 12),
    count=st.integers(1, 6),
    alike=st.sampled_from([-0.5, 0.0, 0.3, 0.7, 0.95]),
)
def test_leaders_are_those_of_the_definition(seed, requests, slots, count, alike):
    rng = np.random.default_rng(seed)
    vectors, known = unit(rng, requests, slots, 4), rng.random((requests, slots)) < 0.7
    found = leaders(vectors, known, count, alike)
    assert found.dtype == np.int32
    expected = [leaders_one_by_one(*one, count, alike) for one in zip(vectors, known, strict=True)]
    assert found.tolist() == expected


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_batch_equals_single_calls(seed):
    rng = np.random.default_rng(seed)
    vectors, known = unit(rng, 19, 17, 48), rng.random((19, 17)) < 0.7
    batch = leaders(vectors, known, 3, 0.05)
    single = np.concatenate([leaders(vectors[at : at + 1], known[at : at + 1], 3, 0.05) for at in range(19)])
    np.testing.assert_array_equal(batch, single)


def test_repeats_of_one_vector_are_one_interest():
    vectors = np.eye(3, dtype=np.float32)[[1, 1, 0, 1, 0, 2]][None]
    assert leaders(vectors, np.ones((1, 6), bool), 4, 0.99).tolist() == [[0, 2, 5, -1]]


def test_what_is_not_known_may_be_nan():
    vectors = np.full((1, 3, 2), np.nan, np.float32)
    vectors[0, 1] = [1, 0]
    chosen = leaders(vectors, ~np.isnan(vectors[..., 0]), 2, 0.5)
    assert chosen.tolist() == [[1, -1]]
    assert take(vectors, chosen).tolist() == [[[1, 0], [0, 0]]]


def test_nobody_known():
    chosen = leaders(unit(np.random.default_rng(0), 2, 3, 4), np.zeros((2, 3), bool), 2, 0.5)
    assert (chosen == -1).all()


def test_more_leaders_wanted_than_there_are_vectors():
    chosen = leaders(np.eye(2, dtype=np.float32)[None], np.ones((1, 2), bool), 5, 0.5)
    assert chosen.tolist() == [[0, 1, -1, -1, -1]]
