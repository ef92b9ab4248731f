from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import clustered, unit

from recsys.errors import BundleError
from recsys.index import (
    Kept,
    build_cell_index,
    build_graph_index,
    build_index,
    read_cell_index,
    read_index,
    set_threads,
    split_lists,
    threads,
)

D = 24


def brute_force(vectors, rows, queries, k):
    """Rows of the largest inner products, ties by row."""
    scores = np.round(queries.astype(np.float64) @ vectors.astype(np.float64).T, 5)
    order = np.lexsort((np.broadcast_to(rows, scores.shape), -scores), axis=1)[:, :k]
    found = rows[order]
    return np.pad(found, ((0, 0), (0, max(0, k - found.shape[1]))), constant_values=-1)


def recall(found, expected):
    return np.mean([len(set(one) & set(other)) / len(other) for one, other in zip(found, expected, strict=True)])


def planted(count, seed=0, clusters=12):
    """Vectors of which a tenth are exact copies of others, under rows that are not in order."""
    rng = np.random.default_rng(seed)
    vectors = clustered(rng, count, clusters, D)
    copies = rng.permutation(count)[: 2 * (count // 10)].reshape(2, -1)
    vectors[copies[0]] = vectors[copies[1]]
    return vectors, rng.permutation(3 * count)[:count].astype(np.int32), rng


def exact(vectors, rows):
    return build_index(vectors, rows, exact_below=len(rows), probes=1)


def compressed(vectors, rows):
    return build_index(vectors, rows, exact_below=0, probes=8)


def graph(vectors, rows):
    return build_graph_index(vectors, rows, exact_below=0)


@cache
def sample(build, size=3000):
    vectors, rows, rng = planted(size)
    queries = vectors[rng.integers(0, size, 64)] + 0.3 * unit(rng, 64, D)
    return build(vectors, rows), vectors, rows, queries.astype(np.float32)


class IndexContract:
    recall = 1.0

    @pytest.fixture
    def made(self):
        return sample(type(self).build)

    @staticmethod
    def build(vectors, rows):
        raise NotImplementedError("a subclass names the way of building")

    def test_the_best_are_found(self, made):
        index, vectors, rows, queries = made
        found = index.search(queries, 20)
        assert found.dtype == np.int32
        assert found.shape == (64, 20)
        assert recall(found, brute_force(vectors, rows, queries, 20)) >= self.recall

    def test_every_entry_once_at_most(self, made):
        index, _, rows, queries = made
        for line in index.search(queries, 40):
            there = line[line >= 0]
            assert len(set(there)) == len(there)
            assert np.isin(there, rows).all()

    def test_a_batch_equals_single_calls(self, made):
        index, _, _, queries = made
        batch = index.search(queries, 20)
        single = np.concatenate([index.search(queries[at : at + 1], 20) for at in range(len(queries))])
        np.testing.assert_array_equal(batch, single)

    def test_copies_stand_in_the_order_of_their_rows(self, made):
        index, vectors, rows, _ = made
        of_row = dict(zip(rows.tolist(), vectors, strict=True))
        pairs = 0
        for line in index.search(vectors[:200], 12):
            for one, other in pairwise(line.tolist()):
                if one >= 0 and other >= 0 and np.array_equal(of_row[one], of_row[other]):
                    pairs += 1
                    assert one < other
        assert pairs >= 20

    def test_fewer_than_asked_are_padded_with_minus_one(self):
        vectors, rows, rng = planted(40)
        found = self.build(vectors, rows).search(unit(rng, 3, D), 60)
        assert found.shape == (3, 60)
        for line in found:
            there = line[line >= 0]
            assert np.isin(there, rows).all()
            assert (line[len(there) :] == -1).all()

    def test_nothing_to_search_and_nothing_asked(self, made):
        index, _, _, queries = made
        empty = self.build(np.empty((0, D), np.float32), np.empty(0, np.int32))
        np.testing.assert_array_equal(empty.search(queries[:2], 3), np.full((2, 3), -1))
        assert empty.serialised().size == 0
        assert index.search(queries, 0).shape == (64, 0)
        assert index.search(queries[:0], 3).shape == (0, 3)

    def test_an_index_read_back_answers_the_same(self, made, tmp_path):
        index, _, rows, queries = made
        index.serialised().tofile(tmp_path / "index")
        opened = read_index(str(tmp_path / "index"), rows)
        np.testing.assert_array_equal(opened.search(queries, 20), index.search(queries, 20))


class TestExact(IndexContract):
    build = staticmethod(exact)

    def test_it_is_identical_with_brute_force(self, made):
        index, vectors, rows, queries = made
        np.testing.assert_array_equal(index.search(queries, 20), brute_force(vectors, rows, queries, 20))


class TestCompressed(IndexContract):
    recall = 0.9

    build = staticmethod(compressed)

    def test_above_the_limit_it_really_is_compressed(self, made):
        assert isinstance(made[0].index, faiss.IndexIVFScalarQuantizer)


class TestGraph(IndexContract):
    recall = 0.9

    build = staticmethod(graph)

    def test_above_the_limit_it_really_is_a_graph(self, made):
        assert isinstance(made[0].index, faiss.IndexHNSWSQ)

    def test_factors_of_any_length_are_found(self):
        rng = np.random.default_rng(4)
        vectors = (unit(rng, 2000, D) * rng.uniform(0.05, 3, (2000, 1))).astype(np.float32)
        rows, queries = np.arange(2000, dtype=np.int32), unit(rng, 50, D)
        assert recall(graph(vectors, rows).search(queries, 20), brute_force(vectors, rows, queries, 20)) >= 0.9


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 60), k=st.integers(1, 50), copies=st.integers(1, 14))
def test_exact_search_with_many_copies_equals_brute_force(seed, count, k, copies):
    rng = np.random.default_rng(seed)
    vectors = np.repeat(unit(rng, count, 6), copies, axis=0)
    rows = rng.permutation(len(vectors)).astype(np.int32)
    queries = unit(rng, 3, 6)
    np.testing.assert_array_equal(exact(vectors, rows).search(queries, k), brute_force(vectors, rows, queries, k))


LISTS = 9


@cache
def sample_cells():
    vectors, _, rng = planted(800, seed=3)
    member = np.concatenate([np.arange(800), rng.integers(0, 800, 300)])  # some have a second place
    rows = (1000 + member).astype(np.int32)
    lists = rng.integers(0, LISTS - 1, len(member))  # the last list stays empty
    cells = np.full((50, 4), -1, np.int32)
    for line in cells:
        chosen = rng.permutation(LISTS)[: rng.integers(1, 4)]
        line[: len(chosen)] = chosen
    return build_cell_index(vectors, member, rows, lists, LISTS), vectors, member, rows, lists, cells, unit(rng, 50, D)


def same_found(one, other):
    """The same rows and similarities, in whatever order."""
    for (row, alike), (its_row, its_alike) in zip(zip(*one, strict=True), zip(*other, strict=True), strict=True):
        assert sorted(zip(row[row >= 0], alike[row >= 0], strict=True)) == sorted(
            zip(its_row[its_row >= 0], its_alike[its_row >= 0], strict=True)
        )


class TestCells:
    """Entries in lists that the caller numbers."""

    @pytest.fixture
    def made(self):
        return sample_cells()

    def test_only_entries_of_the_given_lists_and_the_best_of_them(self, made):
        index, vectors, member, rows, lists, cells, queries = made
        found, alike = index.search(queries, cells, 15)
        assert (found.dtype, alike.dtype) == (np.int32, np.float32)
        shares = []
        for line, query, chosen in zip(found, queries, cells, strict=True):
            inside = np.isin(lists, chosen[chosen >= 0])
            assert np.isin(line[line >= 0], rows[inside]).all()
            best = brute_force(vectors[member[inside]], rows[inside], query[None], 15)[0]
            shares.append(len(set(line) & set(best)) / len(set(best)))
        assert np.mean(shares) >= 0.9

    def test_similarities_are_the_inner_products_up_to_the_eight_bits(self, made):
        index, vectors, _, _, _, cells, queries = made
        found, alike = index.search(queries, cells, 15)
        there = found >= 0
        expected = np.einsum("qkd,qd->qk", vectors[np.maximum(found - 1000, 0)], queries)
        np.testing.assert_allclose(alike[there], expected[there], atol=0.02)

    def test_a_batch_equals_single_calls(self, made):
        index, _, _, _, _, cells, queries = made
        batch = index.search(queries, cells, 15)
        for at in range(len(queries)):
            same_found(index.search(queries[at : at + 1], cells[at : at + 1], 15), [one[at : at + 1] for one in batch])

    @pytest.mark.parametrize("padding", [(0, 1), (2, 0), (0, 9), (3, 5), (40, 60)])
    def test_more_padding_of_the_lists_changes_nothing(self, made, padding):
        index, _, _, _, _, cells, queries = made
        wider = np.pad(cells, ((0, 0), padding), constant_values=-1)
        same_found(index.search(queries, wider, 15), index.search(queries, cells, 15))

    def test_an_empty_list_and_no_list_hold_nothing(self, made):
        index, *_, queries = made
        for chosen in (LISTS - 1, -1):
            found, _ = index.search(queries[:2], np.full((2, 1), chosen, np.int32), 5)
            np.testing.assert_array_equal(found, np.full((2, 5), -1))

    def test_fewer_than_asked_are_padded_with_minus_one(self, made):
        index, _, _, rows, lists, _, queries = made
        found = index.search(queries[:1], np.array([[2]], np.int32), 1000)[0][0]
        there = int((lists == 2).sum())
        np.testing.assert_array_equal(np.sort(found[found >= 0]), np.sort(rows[lists == 2]))
        assert (found == -1).sum() == 1000 - there

    @pytest.mark.parametrize("share", [None, 0.0, 0.3])
    def test_all_that_stands_in_the_lists_is_what_a_wide_search_finds(self, made, share):
        index, _, _, rows, _, cells, queries = made
        kept = None if share is None else Kept.of(np.random.default_rng(1).random(len(rows)) < share)
        found = index.all_in(queries, cells, kept)
        wide = index.search(queries, cells, len(rows), kept)
        same_found(found, wide)
        assert found[0].shape == found[1].shape == (len(queries), int((wide[0] >= 0).sum(axis=1).max()))

    def test_all_of_no_list_is_nothing(self, made):
        index, *_, queries = made
        assert index.all_in(queries[:3], np.full((3, 2), -1, np.int32))[0].shape == (3, 0)

    def test_an_index_read_back_answers_the_same(self, made, tmp_path):
        index, _, _, rows, _, cells, queries = made
        index.serialised().tofile(tmp_path / "index")
        opened = read_cell_index(str(tmp_path / "index"), rows)
        same_found(opened.search(queries, cells, 15), index.search(queries, cells, 15))

    def test_no_entries(self, made):
        nobody = np.empty(0, np.intp)
        empty = build_cell_index(made[1], nobody, nobody.astype(np.int32), nobody.astype(np.int64), 3)
        found, alike = empty.search(made[-1][:2], np.zeros((2, 1), np.int32), 4)
        np.testing.assert_array_equal(found, np.full((2, 4), -1))
        assert alike.shape == (2, 4)
        assert empty.serialised().size == 0

    def test_threads_with_lists_of_different_width_do_not_disturb_each_other(self, made):
        index, _, _, _, _, cells, queries = made
        wider = np.pad(cells, ((0, 0), (0, 3)), constant_values=-1)
        expected = index.search(queries, cells, 15)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda at: index.search(queries, (cells, wider)[at % 2], 15), range(400)))
        for answer in answers:
            same_found(answer, expected)


def test_a_file_that_is_not_an_index_is_named(tmp_path):
    (tmp_path / "by_text.faiss").write_bytes(b"nothing of the kind")
    with pytest.raises(BundleError, match=r"by_text\.faiss.*FAISS cannot read"):
        read_index(str(tmp_path / "by_text.faiss"), np.arange(3, dtype=np.int32))


def test_an_index_that_does_not_fit_its_rows_is_refused_with_both_numbers(tmp_path):
    rows = np.arange(30, dtype=np.int32)
    exact(unit(np.random.default_rng(0), 30, D), rows).serialised().tofile(tmp_path / "index")
    with pytest.raises(BundleError, match=r"30 entries.*29 rows"):
        read_index(str(tmp_path / "index"), rows[:29])


def test_an_index_without_rows_needs_no_file():
    assert read_index("/no/such/file", np.empty(0, np.int32)).index is None


def test_clusters_are_found_again():
    rng = np.random.default_rng(8)
    middles = np.eye(D, dtype=np.float32)[:5]
    truth = rng.integers(0, 5, 600)
    vectors = middles[truth] + 0.05 * unit(rng, 600, D)
    centroids, label = split_lists(vectors.astype(np.float32), 5)
    assert centroids.shape == (5, D)
    assert len(set(zip(truth.tolist(), label.tolist(), strict=True))) == 5


def test_the_number_of_threads_can_be_set():
    before = threads()
    try:
        set_threads(1)
        assert threads() == 1
    finally:
        set_threads(before)
