"""The word index beside a plain BM25, and words of what arrives later beside those of the bundle."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from recsys.lexical import build_word_index
from recsys.wordindex import K1, B, LateWords, counted_words

TEXTS = ["welder welder steel", "nurse night", "steel steel steel night shift", "", "welder"]


@pytest.fixture
def index():
    return build_word_index([text.split() for text in TEXTS], np.array([1, 3, 4, 6, 9], np.int32))


def bm25(word, text):
    """Written from the formula."""
    words = [one.split() for one in TEXTS]
    used = sum(word in one for one in words)
    idf = np.log(1 + (len(words) - used + 0.5) / (used + 0.5))
    tf, length, mean = text.split().count(word), len(text.split()), np.mean([len(one) for one in words])
    return idf * tf / (tf + K1 * (1 - B + B * length / mean))


@pytest.mark.parametrize("word", ["welder", "steel", "nurse", "night", "shift"])
def test_weights_are_bm25(index, word):
    rows, weights = index.entries(int(index.words.find(word)))
    expected = {row: bm25(word, text) for row, text in zip([1, 3, 4, 6, 9], TEXTS, strict=True) if word in text.split()}
    assert rows.tolist() == sorted(expected)
    assert weights == pytest.approx(list(expected.values()), rel=1e-5)
    assert (weights < index.idf[index.words.find(word)]).all()


def test_a_posting_that_arrives_later_weighs_what_it_would_have(index):
    for row, text in zip([1, 3, 4], TEXTS, strict=False):
        counts = Counter(text.split())
        for word, weight in zip(counts, index.weigh(counts), strict=True):
            rows, weights = index.entries(int(index.words.find(word)))
            assert weight == pytest.approx(weights[rows.tolist().index(row)], rel=1e-5)


def test_a_snapshot_reads_late_words_up_to_its_own_end(index):
    late = LateWords()
    late.add(index, [Counter(["welder", "robot"]), Counter(["robot"])], 10)
    assert late.entries("robot", 10)[0].tolist() == []
    rows, before = late.entries("robot", 11)
    late.add(index, [Counter(["robot"])], 12)
    assert late.entries("robot", 11)[0].tolist() == rows.tolist() == [10]
    assert late.entries("robot", 13)[0].tolist() == [10, 11, 12]
    assert before[0] < index.unseen_idf
    assert late.entries("nobody", 13)[0].tolist() == []


def test_a_title_counts_more_than_a_description():
    frame = pd.DataFrame(
        {"title": ["Welder"], "company": [None], "skills": ["mig\ntig"], "description": ["Steel plants"]}
    )
    (words,) = counted_words(frame)
    assert Counter(words) == {"welder": 4, "mig": 2, "tig": 2, "steel": 1, "plant": 1}


def test_no_postings():
    empty = build_word_index([], np.empty(0, np.int32))
    assert empty.words.rows(["welder"]).tolist() == [-1]
