"""What every encoder must do. A test class inherits this and gives a fixture ``encoder``."""

import numpy as np
import pytest

from recsys.encode import Encoder

TITLES = [
    "Registered Nurse - Intensive Care Unit",
    "ICU Nurse (nights)",
    "Java Software Engineer",
    "Senior software developer, Java",
    "Truck driver",
    "Long-haul truck driver, class A licence",
]
LONG = "We look for a patient, careful colleague who writes clear reports and likes to work in a team. " * 60
#: Batches are padded to their longest text; in bfloat16 that reaches the last bits.
TOLERANCE = 2e-3


class EncoderContract:
    @pytest.fixture
    def encoder(self) -> Encoder:
        raise NotImplementedError("a subclass gives the encoder")

    @pytest.fixture
    def vectors(self, encoder):
        return encoder.encode(TITLES)

    def test_one_unit_row_of_the_stated_length_per_text(self, encoder, vectors):
        assert vectors.shape == (len(TITLES), encoder.dimension)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_a_text_without_content_gives_a_zero_row_and_leaves_the_others_alone(self, encoder, vectors):
        mixed = encoder.encode(["", TITLES[0], " \n\t\u200b", TITLES[1]])
        assert not mixed[[0, 2]].any()
        np.testing.assert_allclose(mixed[[1, 3]], vectors[:2], atol=TOLERANCE)

    def test_no_texts_and_only_empty_texts(self, encoder):
        assert encoder.encode([]).shape == (0, encoder.dimension)
        assert not encoder.encode(["", ""]).any()

    def test_same_input_same_bits(self, encoder, vectors):
        np.testing.assert_array_equal(encoder.encode(TITLES), vectors)

    def test_rows_follow_their_texts_in_any_order(self, encoder):
        texts = [*TITLES, LONG, "cook", TITLES[0]]
        order = np.random.default_rng(5).permutation(len(texts))
        straight, shuffled = encoder.encode(texts), encoder.encode([texts[row] for row in order])
        np.testing.assert_allclose(shuffled, straight[order], atol=TOLERANCE)

    def test_a_batch_equals_single_calls(self, encoder):
        texts = [*TITLES, LONG]
        single = np.vstack([encoder.encode([text]) for text in texts])
        np.testing.assert_allclose(encoder.encode(texts), single, atol=TOLERANCE)

    def test_texts_are_normalised_first(self, encoder):
        messy, clean = encoder.encode(["  Truck\u00a0 driver\x00\n", "Truck driver"])
        np.testing.assert_allclose(messy, clean, atol=TOLERANCE)

    def test_alike_titles_are_closer_than_others(self, vectors):
        likeness = vectors @ vectors.T
        np.fill_diagonal(likeness, -1)
        assert likeness.argmax(axis=1).tolist() == [1, 0, 3, 2, 5, 4]

    def test_the_name_can_key_a_cache(self, encoder):
        assert isinstance(encoder.name, str)
        assert encoder.name.strip() == encoder.name != ""
