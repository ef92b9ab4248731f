import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import unit

from recsys.codes import Codes


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), dimension=st.integers(1, 400), peaky=st.booleans())
def test_no_number_moves_by_more_than_half_a_step(seed, dimension, peaky):
    rng = np.random.default_rng(seed)
    vectors = unit(rng, 7, dimension)
    if peaky:
        vectors *= rng.uniform(0, 1, vectors.shape).astype(np.float32) ** 8
    codes = Codes.from_vectors(vectors)
    half = vectors.astype(np.float16).astype(np.float32)  # the form in which the cache stores them
    step = np.abs(half).max(axis=1, keepdims=True) / 127
    assert (np.abs(codes.vectors(np.arange(7)) - half) <= step * 0.5001).all()


def test_the_cosine_of_two_unit_vectors_moves_by_little():
    vectors = unit(np.random.default_rng(1), 400, 384)
    codes = Codes.from_vectors(vectors)
    wide = codes.vectors(np.arange(400))
    # A rounding error is uniform within half a step of peak / 127; of 384 such errors times a unit vector the
    # deviation is step / sqrt(12), and with both sides quantised sqrt(2) of that. Six deviations are never seen.
    bound = 6 * np.sqrt(2) * np.abs(vectors).max() / 127 / np.sqrt(12)
    error = np.abs(wide @ wide.T - vectors @ vectors.T).max()
    assert 0 < error < bound < 0.006


def test_zero_rows_stay_zero_and_padding_gives_zeros():
    vectors = unit(np.random.default_rng(2), 3, 8)
    vectors[1] = 0
    codes = Codes.from_vectors(vectors)
    assert codes.scale[1] == 0
    found = codes.vectors(np.array([[1, -1], [0, 2]]))
    assert found.shape == (2, 2, 8)
    assert found.dtype == np.float32
    assert not found[0].any()
    np.testing.assert_allclose(found[1], vectors[[0, 2]], atol=0.01)


def test_blocks_change_nothing():
    vectors = unit(np.random.default_rng(3), 100, 12)
    whole, parts = Codes.from_vectors(vectors), Codes.from_vectors(vectors, block=7)
    np.testing.assert_array_equal(whole.codes, parts.codes)
    np.testing.assert_array_equal(whole.scale, parts.scale)


def test_half_precision_vectors_as_the_cache_gives_them():
    vectors = unit(np.random.default_rng(4), 5, 12).astype(np.float16)
    np.testing.assert_allclose(Codes.from_vectors(vectors).vectors(np.arange(5)), vectors, atol=0.006)


def test_no_vectors_at_all():
    codes = Codes.from_vectors(np.empty((0, 6), np.float32))
    assert (len(codes), codes.dimension) == (0, 6)
    assert codes.vectors(np.full((2, 3), -1)).shape == (2, 3, 6)


def test_similarity_is_the_inner_product_of_the_stored_vectors():
    rng = np.random.default_rng(5)
    codes = Codes.from_vectors(unit(rng, 50, 24))
    rows, queries = rng.integers(0, 50, (4, 9)), rng.normal(size=(4, 24, 3)).astype(np.float32)
    expected = np.einsum("bnd,bdq->bnq", codes.vectors(rows).astype(np.float64), queries.astype(np.float64))
    found = codes.similarity(rows, queries)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("dimension", [16, 384])
@pytest.mark.parametrize("pool", [1, 5, 320])
def test_a_batch_equals_single_calls_to_the_bit(dimension, pool):
    rng = np.random.default_rng(6)
    codes = Codes.from_vectors(unit(rng, 500, dimension))
    rows, queries = rng.integers(0, 500, (17, pool)), rng.normal(size=(17, dimension, 17)).astype(np.float32)
    batch = codes.similarity(rows, queries)
    for at in range(17):
        np.testing.assert_array_equal(batch[at : at + 1], codes.similarity(rows[at : at + 1], queries[at : at + 1]))
