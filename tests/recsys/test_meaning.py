"""What is taken for the core of a search, and the vector between it and the whole."""

import numpy as np
import pytest

from recsys.encode import HashEncoder
from recsys.meaning import core, meanings

ENCODER = HashEncoder()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("marketing assistant (selangor)", "marketing assistant"),
        ("nurse [nights] - chicago", "nurse"),
        ("cook | full time", "cook"),
        ("part-time driver", "part-time driver"),
        ("front-end developer \u2013 react", "front-end developer"),
        ("(nurse)", "(nurse)"),
        ("- driver", "- driver"),
        ("nurse (day (or night)) berlin", "nurse (day ) berlin"),
        ("", ""),
    ],
)
def test_what_stands_in_brackets_or_behind_a_dash_is_no_part_of_the_core(text, wanted):
    assert core(text) == wanted


def test_a_text_that_is_its_core_means_what_it_says():
    np.testing.assert_allclose(meanings(["night nurse"], ENCODER.encode), ENCODER.encode(["night nurse"]), atol=1e-6)


def test_a_text_with_an_aside_lies_between_itself_and_its_core():
    whole, inner = ENCODER.encode(["nurse (berlin mitte)", "nurse"])
    (found,) = meanings(["nurse (berlin mitte)"], ENCODER.encode)
    assert found @ inner > whole @ inner
    assert found @ inner == pytest.approx(found @ whole, abs=1e-5)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


def test_a_batch_is_its_texts_and_asks_once_for_each_text():
    asked = []

    def encode(texts):
        asked.append(list(texts))
        return ENCODER.encode(texts)

    texts = ["nurse (berlin)", "cook", "nurse", "cook", ""]
    found = meanings(texts, encode)
    assert asked == [["nurse (berlin)", "cook", "nurse", ""]]
    for text, vector in zip(texts, found, strict=True):
        np.testing.assert_allclose(meanings([text], ENCODER.encode)[0], vector, atol=1e-6)
    assert not found[-1].any()
