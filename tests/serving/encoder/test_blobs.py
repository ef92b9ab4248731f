"""Vectors as the store keeps them: what goes in comes out, to the bit."""

import numpy as np
import pytest

from recsys.codes import Codes
from recsys.encode import HashEncoder
from recsys.errors import StoreError
from recsys.vectors import VectorCache
from serving.encoder.blobs import digest_of, from_blobs, is_refusal, refusal, to_blobs

TEXTS = ["head nurse", "", "Köchin in Paris", "a driver " * 300]


def test_blobs_are_the_codes_that_training_makes(tmp_path):
    encoder = HashEncoder()
    blobs = to_blobs(encoder.encode(TEXTS))
    assert [len(blob) for blob in blobs] == [260] * 4
    read = from_blobs(blobs, 256)
    cached = Codes.from_vectors(VectorCache(tmp_path, encoder.name, 256).encode(TEXTS, encoder))
    for codes in (Codes.from_vectors(encoder.encode(TEXTS)), cached):
        assert np.array_equal(read.codes, codes.codes)
        assert np.array_equal(read.scale, codes.scale)
    assert read.scale[1] == 0
    assert blobs[0][:4] == np.float32(read.scale[0]).tobytes()
    assert np.array_equal(np.frombuffer(blobs[0][4:], np.int8), read.codes[0])


def test_a_text_that_was_refused_reads_as_one_without_content():
    blobs = [*to_blobs(HashEncoder().encode(["cook", ""])), refusal(256)]
    assert [is_refusal(blob) for blob in blobs] == [False, False, True]
    read = from_blobs(blobs, 256)
    assert np.array_equal(read.codes[2], read.codes[1])
    assert read.scale.tolist()[1:] == [0, 0]


def test_no_blobs_are_no_codes():
    assert from_blobs(to_blobs(np.zeros((0, 8))), 8).codes.shape == (0, 8)


def test_blobs_of_another_encoder_are_refused():
    with pytest.raises(StoreError, match="has 260 bytes, 388 belong to 384"):
        from_blobs(to_blobs(HashEncoder().encode(["cook"])), 384)


def test_a_digest_is_of_the_normalised_text():
    assert digest_of(" Head\n nurse\u200b") == digest_of("Head nurse")
    assert len(digest_of("x")) == 16
    assert digest_of("x") != digest_of("X")
    assert digest_of(" \n") is None
    assert digest_of("a\ud800b") == digest_of("ab")
