"""Numbers of words, in training and for what arrives later."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from recsys.codebook import Codebook

WORDS = st.lists(st.one_of(st.none(), st.sampled_from(["Acme", " acme ", "ACME  Inc", "acme inc", "", "  ", "Zoo"])))


def series(words):
    return pd.Series(words, dtype="str")


def keys_of(words):
    return [" ".join((word or "").casefold().split()) for word in words]


@given(WORDS)
def test_numbers_are_equal_where_the_words_are_equal_but_for_case_and_space(words):
    found, _ = Codebook.learn(series(words))
    assert found.dtype == np.int32
    keys = keys_of(words)
    for at, key in enumerate(keys):
        assert (found[at] == -1) == (key == "")
        for other in range(at):
            assert (found[at] == found[other]) == (key == keys[other])


@given(WORDS, WORDS)
def test_what_arrives_later_gets_the_number_that_training_gave(words, later):
    numbers, book = Codebook.learn(series(words))
    known = dict(zip(keys_of(words), numbers.tolist(), strict=True))
    newer: dict[int, int] = {}
    found = book.look_up(series(later), newer).tolist()
    assert book.look_up(series(later), newer).tolist() == found, "a new word keeps its number"
    for key, number in zip(keys_of(later), found, strict=True):
        if key == "":
            assert number == -1
        elif key in known:
            assert number == known[key]
        else:
            assert number >= len(book)
    new = {key: number for key, number in zip(keys_of(later), found, strict=True) if key not in known and key}
    assert len(set(new.values())) == len(new) == len(newer)


def test_an_empty_codebook_numbers_from_nought():
    _, book = Codebook.learn(series([]))
    assert book.look_up(series(["b", "a", "b"]), {}).tolist() == [0, 1, 0]
