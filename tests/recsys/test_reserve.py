"""Room behind mapped arrays."""

import gc
import hashlib
import resource

import numpy as np
import pytest

from recsys.reserve import with_room


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "numbers.npy"
    np.save(path, np.arange(30_000, dtype=np.float32).reshape(-1, 3))
    return path


def mapped(file):
    return np.load(file, mmap_mode="r").view(np.ndarray)


@pytest.mark.parametrize("open_", [mapped, np.load], ids=["mapped", "in memory"])
@pytest.mark.parametrize("room", [0, 1, 5_000])
def test_the_rows_are_those_of_the_file_and_then_free(file, open_, room):
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    array = open_(file)
    grown = with_room(array, room)
    assert grown.shape == (10_000 + room, 3)
    assert grown.dtype == np.float32
    np.testing.assert_array_equal(grown[:10_000], array)
    assert not grown[10_000:].any()
    grown[10_000:] = 7
    grown[9_999] = -1  # its page is copied first
    assert (grown[10_000:] == 7).all()
    np.testing.assert_array_equal(array[9_999], [29_997, 29_998, 29_999])
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before


def test_the_array_outlives_what_it_was_made_from(file):
    grown = with_room(mapped(file), 10)
    gc.collect()
    part = grown[9_990:]
    del grown
    gc.collect()
    np.testing.assert_array_equal(part[:10, 0], np.arange(9_990, 10_000) * 3)


def test_part_of_a_mapped_array_is_copied(file):
    array = mapped(file)
    np.testing.assert_array_equal(with_room(array[5:], 2)[:-2], array[5:])
    np.testing.assert_array_equal(with_room(array[::2], 2)[:-2], array[::2])


def test_flags_and_wide_numbers_and_nothing_at_all(tmp_path):
    for name, array in {"flags": np.ones(5, bool), "codes": np.ones((4, 2), np.int8), "none": np.ones(0)}.items():
        np.save(tmp_path / f"{name}.npy", array)
        grown = with_room(mapped(tmp_path / f"{name}.npy"), 3)
        assert grown.dtype == array.dtype
        np.testing.assert_array_equal(grown[: len(array)], array)
        assert not grown[len(array) :].any()


def test_room_that_is_not_used_takes_no_memory(file):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = with_room(mapped(file), 200_000_000)  # 2.4 GB
    grown[150_000_000] = 1
    assert grown[150_000_000, 1] == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < peak + 50_000
