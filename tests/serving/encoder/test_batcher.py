"""What waits for the encoder: order, fairness, bounds, failures."""

import threading
import time

import numpy as np
import pytest
from slow_encoder import SlowEncoder

from recsys.encode import HashEncoder
from recsys.errors import EncoderBusy, EncoderError, EncoderGone
from serving.encoder.batcher import Batcher


@pytest.fixture
def batcher_of():
    started = []

    def make(encoder, **limits):
        batcher = Batcher(encoder, **limits)
        batcher.start()
        started.append((encoder, batcher))
        return batcher

    yield make
    for encoder, batcher in started:
        if isinstance(encoder, SlowEncoder):
            encoder.may_go.set()
        batcher.stop(5)


def test_vectors_are_those_of_the_encoder(batcher_of):
    texts = [f"title {number}" for number in range(500)] + ["", "  "]
    batcher = batcher_of(HashEncoder())
    expected = HashEncoder().encode(texts)
    assert np.array_equal(batcher.encode(texts, 10), expected)
    assert np.array_equal(batcher.encode(texts, 10, bulk=True), expected)
    assert batcher.encode([], 1).shape == (0, 256)
    assert batcher.waiting() == (0, 0)


def test_many_threads_each_get_their_own(batcher_of):
    batcher = batcher_of(HashEncoder())
    wrong = []

    def ask(number):
        texts = [f"worker {number} of {at}" for at in range(number % 7 + 1)]
        expected = HashEncoder().encode(texts)
        wrong.extend(bulk for bulk in (False, True) * 5 if (batcher.encode(texts, 20, bulk) != expected).any())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_those_who_wait_share_a_batch(batcher_of):
    encoder = SlowEncoder()
    batcher = batcher_of(encoder)
    encoder.may_go.clear()
    jobs = [batcher.submit([f"text {number}"], 10) for number in range(4)]
    encoder.may_go.set()
    assert all(job.done.wait(5) for job in jobs)
    assert len(encoder.batches) <= 3
    assert [text for batch in encoder.batches for text in batch] == [f"text {number}" for number in range(4)]


def test_an_online_request_is_not_stuck_behind_a_bulk(batcher_of):
    encoder = SlowEncoder(0.002)
    batcher = batcher_of(encoder, most_waiting=20_000)
    bulk = batcher.submit(["a long text " * 100] * 10_000, 60, bulk=True)
    time.sleep(0.5)
    waits = []
    for number in range(5):
        started = time.perf_counter()
        batcher.encode([f"driver {number}"], 10)
        waits.append(time.perf_counter() - started)
    assert not bulk.done.is_set()
    assert max(waits) < 0.6, waits  # a step of bulk is 0.1 s, on a quiet machine


def test_bulk_goes_on_while_online_requests_never_end(batcher_of):
    encoder = SlowEncoder(0.01)
    batcher = batcher_of(encoder)
    online = [batcher.submit([f"text {number}" * 20], 30) for number in range(400)]
    bulk = batcher.submit(["bulk"] * 3, 30, bulk=True)
    assert bulk.done.wait(10)
    assert not online[-1].done.is_set()


def test_a_full_line_is_busy_and_the_other_is_not(batcher_of):
    encoder = SlowEncoder()
    batcher = batcher_of(encoder, most_waiting=10)
    encoder.may_go.clear()
    first = batcher.submit(["taken"], 10)
    while batcher.waiting() != (0, 0):
        time.sleep(0.01)
    batcher.submit(["x"] * 10, 10)
    with pytest.raises(EncoderBusy, match="10 texts wait for the encoder, at most 10 may"):
        batcher.submit(["y"], 10)
    last = batcher.submit(["z"], 10, bulk=True)
    encoder.may_go.set()
    assert first.done.wait(5)
    assert last.done.wait(5)
    assert batcher.encode(["y"], 5).any()


def test_what_nobody_waits_for_any_more_is_not_encoded(batcher_of):
    encoder = SlowEncoder()
    batcher = batcher_of(encoder)
    encoder.may_go.clear()
    batcher.submit(["taken"], 10)
    while batcher.waiting() != (0, 0):
        time.sleep(0.01)
    with pytest.raises(EncoderBusy, match=r"1 texts were not encoded within 0\.05 s"):
        batcher.encode(["late"], 0.05)
    encoder.may_go.set()
    assert batcher.encode(["next"], 5).any()
    assert ["late"] not in encoder.batches
    assert batcher.waiting() == (0, 0)


def test_an_encoder_that_fails_is_told_and_the_next_batch_goes_on(batcher_of, caplog):
    batcher = batcher_of(SlowEncoder())
    for error in (ValueError("out of order"), MemoryError("out of order")):
        batcher.encoder.broken = error
        with pytest.raises(EncoderError, match="the encoder failed: out of order"):
            batcher.encode_each(["cook"] * 3, 5)
    assert "could not be encoded" in caplog.text
    batcher.encoder.broken = None
    assert batcher.encode(["cook"], 5).any()
    assert batcher.waiting() == (0, 0)


class Panic(BaseException):
    """As the one of tokenizers, which is no Exception."""


@pytest.mark.parametrize("error", [ValueError("poison"), Panic("poison")])
def test_a_text_on_which_the_encoder_fails_takes_no_other_along(batcher_of, caplog, error):
    encoder = SlowEncoder()
    batcher = batcher_of(encoder)
    encoder.poison = error
    encoder.may_go.clear()
    first = batcher.submit(["taken"], 10)
    while batcher.waiting() != (0, 0):
        time.sleep(0.01)
    texts = [f"text {number}" for number in range(40)]
    with_poison = ["poison", *texts[:17], "poison", *texts[17:], "poison"]
    jobs = [batcher.submit(some, 10) for some in (texts, with_poison, ["poison"], texts[:3])]
    encoder.may_go.set()
    assert all(job.done.wait(10) for job in [first, *jobs])
    assert [job.error for job in jobs] == [None] * 4
    assert [job.refused for job in jobs] == [[], [0, 18, 42], [0], []]
    assert np.array_equal(jobs[0].vectors, HashEncoder().encode(texts))
    assert np.array_equal(jobs[1].vectors, HashEncoder().encode([text.replace("poison", "") for text in with_poison]))
    assert "poison" not in caplog.text
    with pytest.raises(EncoderError, match="fails on 1 of 2 texts"):
        batcher.encode(["cook", "poison"], 5)


def test_what_fails_once_is_no_fault_of_the_text(batcher_of):
    batcher = batcher_of(SlowEncoder())
    batcher.encoder.once = [ValueError("once")]
    vectors, refused = batcher.encode_each(["cook"], 5)
    assert refused == ()
    assert np.array_equal(vectors, HashEncoder().encode(["cook"]))


def test_a_text_whose_vector_is_not_finite_is_refused(batcher_of):
    encoder = SlowEncoder()
    encode = encoder.encode
    encoder.encode = lambda texts: np.where([[text == "odd"] for text in texts], np.nan, encode(texts))
    vectors, refused = batcher_of(encoder).encode_each(["cook", "odd", "nurse"], 5)
    assert refused == (1,)
    assert np.array_equal(vectors, HashEncoder().encode(["cook", "", "nurse"]))


def test_stopping_finishes_online_and_gives_up_bulk():
    encoder = SlowEncoder()
    batcher = Batcher(encoder)
    batcher.start()
    encoder.may_go.clear()
    batcher.submit(["taken"], 10)
    while batcher.waiting() != (0, 0):
        time.sleep(0.01)
    online, bulk = batcher.submit(["online"], 10), batcher.submit(["bulk"], 10, bulk=True)
    threading.Timer(0.1, encoder.may_go.set).start()
    batcher.stop(5)
    assert online.vectors.any()
    assert isinstance(bulk.error, EncoderGone)
    with pytest.raises(EncoderGone, match="is stopping"):
        batcher.submit(["more"], 1)
