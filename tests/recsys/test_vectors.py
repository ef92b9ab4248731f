import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys import vectors as module
from recsys.encode import HashEncoder
from recsys.errors import ConfigError, DataError
from recsys.vectors import VectorCache

ROOT = Path(__file__).parents[2]
HASH = HashEncoder()


class CountingEncoder:
    """The hash encoder, and a record of what it was asked."""

    name = HASH.name
    dimension = HASH.dimension

    def __init__(self, fail_after=None):
        self.calls = []
        self.fail_after = fail_after

    def encode(self, texts, progress=False):
        if self.fail_after is not None and len(self.calls) >= self.fail_after:
            raise KeyboardInterrupt
        self.calls.append(list(texts))
        return HASH.encode(texts)

    @property
    def seen(self):
        return [text for call in self.calls for text in call]


def _open(folder):
    return VectorCache(folder, HASH.name, HASH.dimension)


def _expected(texts):
    return HASH.encode(texts).astype(np.float16)


def _titles(start, stop):
    return [f"title number {number}" for number in range(start, stop)]


def _segments(cache):
    return sorted(cache.folder.glob("*.vectors"))


def test_save_equals_load(tmp_path):
    texts = _titles(0, 300)
    first = _open(tmp_path).encode(texts, HASH)
    vectors, found = _open(tmp_path).lookup(texts)
    assert vectors.dtype == np.float16
    assert found.all()
    np.testing.assert_array_equal(vectors, first)
    np.testing.assert_array_equal(vectors, _expected(texts))


def test_only_distinct_missing_texts_are_encoded(tmp_path):
    encoder = CountingEncoder()
    cache = _open(tmp_path)
    cache.encode(["cook", "nurse", "cook", " cook\n", ""], encoder)
    assert sorted(encoder.seen) == ["cook", "nurse"]
    result = cache.encode(["driver", "nurse", "", "cook"], encoder)
    assert sorted(encoder.seen) == ["cook", "driver", "nurse"]
    _open(tmp_path).encode(["driver", "nurse", "cook"], encoder)
    assert len(encoder.seen) == len(cache) == 3
    np.testing.assert_array_equal(result, _expected(["driver", "nurse", "", "cook"]))


def test_lookup_says_what_it_does_not_know(tmp_path):
    cache = _open(tmp_path)
    empty, none_found = cache.lookup(["cook"])
    assert not none_found.any()
    assert not empty.any()
    cache.encode(["cook"], HASH)
    vectors, found = cache.lookup(["nurse", "cook", ""])
    assert found.tolist() == [False, True, True]
    assert not vectors[[0, 2]].any()
    np.testing.assert_array_equal(vectors[1], _expected(["cook"])[0])
    assert cache.lookup([])[0].shape == cache.encode([], HASH).shape == (0, HASH.dimension)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["", " ", "a", "b ", "b", "c", "é", "e\u0301", "d" * 300])), max_size=5))
def test_any_order_and_any_repetition_give_the_vectors_of_the_texts(tmp_path_factory, batches):
    folder = tmp_path_factory.mktemp("cache")
    encoder = CountingEncoder()
    cache = _open(folder)
    for batch in batches:
        np.testing.assert_array_equal(cache.encode(batch, encoder), _expected(batch))
    assert len(encoder.seen) == len(set(encoder.seen))


def test_an_interrupted_run_continues(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 50)
    texts = _titles(0, 220)
    broken = CountingEncoder(fail_after=3)
    with pytest.raises(KeyboardInterrupt):
        _open(tmp_path).encode(texts, broken)
    assert len(broken.seen) == 150
    rest = CountingEncoder()
    result = _open(tmp_path).encode(texts, rest)
    assert sorted(broken.seen + rest.seen) == sorted(texts)
    np.testing.assert_array_equal(result, _expected(texts))


def test_a_write_that_fails_loses_nothing_that_was_there(tmp_path, monkeypatch):
    cache = _open(tmp_path)
    cache.encode(_titles(0, 20), HASH)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", full)
        with pytest.raises(DataError, match="cannot be written: No space left"):
            cache.encode(_titles(20, 40), HASH)
    assert list(cache.folder.glob("*.tmp"))
    again = _open(tmp_path)
    assert again.lookup(_titles(0, 40))[1].tolist() == [True] * 20 + [False] * 20
    np.testing.assert_array_equal(again.encode(_titles(0, 40), HASH), _expected(_titles(0, 40)))
    assert not list(cache.folder.glob("*.tmp"))


def test_a_process_killed_at_any_moment_leaves_a_whole_cache(tmp_path):
    for pause in (0.02, 0.11, 0.23):
        process = _writer(tmp_path, 0, 4_000)
        process.stdout.readline()  # it has begun to write
        time.sleep(pause)
        process.kill()
        process.communicate(timeout=60)
        cache = _open(tmp_path)
        vectors, found = cache.lookup(_titles(0, 4_000))
        np.testing.assert_array_equal(vectors[found], _expected(_titles(0, 4_000))[found])
    assert len(cache) > 0


def test_two_processes_that_write_at_once_both_keep_their_rows(tmp_path):
    processes = [_writer(tmp_path, 0, 1_200), _writer(tmp_path, 600, 1_800)]
    for process in processes:
        assert process.wait(timeout=120) == 0
        process.stdout.close()
    cache = _open(tmp_path)
    vectors, found = cache.lookup(_titles(0, 1_800))
    assert found.all()
    assert len(cache) == 1_800
    np.testing.assert_array_equal(vectors, _expected(_titles(0, 1_800)))


def test_what_another_process_wrote_is_seen_by_the_next_encode(tmp_path):
    early, late = _open(tmp_path), _open(tmp_path)
    late.encode(["cook"], HASH)
    encoder = CountingEncoder()
    np.testing.assert_array_equal(early.encode(["cook"], encoder), _expected(["cook"]))
    assert encoder.seen == []


def test_many_small_writes_leave_few_segments(tmp_path):
    cache = _open(tmp_path)
    reader = _open(tmp_path)
    reader.encode(["title number 0"], HASH)
    for number in range(130):
        cache.encode(_titles(number, number + 1), HASH)
    assert len(_segments(cache)) <= 8
    assert len(cache) == 130
    np.testing.assert_array_equal(reader.lookup(["title number 0"])[0], _expected(["title number 0"]))
    np.testing.assert_array_equal(reader.encode(_titles(0, 130), HASH), _expected(_titles(0, 130)))


def test_large_segments_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MERGED_ROWS", 100)
    cache = _open(tmp_path)
    for start, stop in pairwise(range(0, 601, 60)):
        cache.encode(_titles(start, stop), HASH)
    assert len(_segments(cache)) == 10
    np.testing.assert_array_equal(cache.lookup(_titles(0, 600))[0], _expected(_titles(0, 600)))


@pytest.mark.parametrize("damage", ["cut", "grown", "foreign", "blank"])
def test_a_damaged_segment_is_named_and_may_be_deleted(tmp_path, monkeypatch, damage):
    monkeypatch.setattr(module, "_MERGED_ROWS", 0)
    cache = _open(tmp_path)
    cache.encode(_titles(0, 20), HASH)
    cache.encode(_titles(20, 40), HASH)
    victim = _segments(cache)[0]
    content = victim.read_bytes()
    damaged = {"cut": content[:-1], "grown": content + b"x", "foreign": b"x" * len(content), "blank": b""}[damage]
    victim.write_bytes(damaged)
    with pytest.raises(DataError, match=f"{victim.name}.*may be deleted"):
        _open(tmp_path)
    victim.unlink()
    encoder = CountingEncoder()
    np.testing.assert_array_equal(_open(tmp_path).encode(_titles(0, 40), encoder), _expected(_titles(0, 40)))
    assert sorted(encoder.seen) == sorted(_titles(0, 20))


def test_encoders_do_not_share_vectors(tmp_path):
    _open(tmp_path).encode(["cook"], HASH)
    for name in ("other", "hash/256/v1", "hash_256_v1"):
        other = VectorCache(tmp_path, name, HASH.dimension)
        assert not other.lookup(["cook"])[1].any()
        with pytest.raises(ConfigError, match="open a cache under the encoder's name"):
            other.encode(["cook"], HASH)
    assert len({path.name for path in tmp_path.iterdir()}) == 4


def test_another_dimension_is_refused(tmp_path):
    cache = _open(tmp_path)
    cache.encode(["cook"], HASH)
    with pytest.raises(DataError, match="256 dimensions, the encoder gives 384"):
        VectorCache(tmp_path, HASH.name, 384)


def test_vectors_that_are_not_finite_are_refused(tmp_path):
    class Broken(CountingEncoder):
        def encode(self, texts, progress=False):
            return HASH.encode(texts) * np.nan

    cache = _open(tmp_path)
    with pytest.raises(DataError, match="not finite"):
        cache.encode(["cook"], Broken())
    assert len(cache) == 0


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be made"):
        _open(tmp_path / "file")


def test_a_progress_bar_only_when_something_is_encoded(tmp_path, capfd):
    cache = _open(tmp_path)
    cache.encode(["cook"], HASH, progress=True)
    assert "1/1" in capfd.readouterr().err
    cache.encode(["cook"], HASH, progress=True)
    assert capfd.readouterr() == ("", "")


def test_a_hundred_thousand_texts_are_found_in_a_second(tmp_path):
    class Noise(CountingEncoder):
        def encode(self, texts, progress=False):
            return np.random.default_rng(3).standard_normal((len(texts), self.dimension), dtype=np.float32)

    texts = _titles(0, 100_000)
    written = _open(tmp_path).encode(texts, Noise())
    cache = _open(tmp_path)
    started = time.process_time()
    vectors, found = cache.lookup(texts)
    assert time.process_time() - started < 1.5  # .3 s measured
    assert found.all()
    np.testing.assert_array_equal(vectors, written)


def _writer(folder, start, stop):
    """A process that encodes titles in chunks of 40 and prints a line after its first chunk."""
    script = f"""
import sys
from pathlib import Path
from recsys import vectors
from recsys.encode import HashEncoder
vectors.CHUNK = 40
class Speaking(HashEncoder):
    def encode(self, texts, progress=False):
        print(len(texts), flush=True)
        return super().encode(texts)
texts = [f"title number {{number}}" for number in range({start}, {stop})]
encoder = Speaking()
vectors.VectorCache(Path(sys.argv[1]), encoder.name, encoder.dimension).encode(texts, encoder)
"""
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ.copy(), stdout=subprocess.PIPE, text=True)
