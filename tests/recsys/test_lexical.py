import math
import re

import numpy as np
import pytest

from recsys.lexical import LexicalIndex

POSTINGS = [
    "Registered nurse, intensive care",
    "Truck driver, long haul, truck and trailer",
    "Night nurse",
    "Java developer for trading systems",
    "Forklift driver in a warehouse with a very long description of the warehouse",
]


def bm25(texts, query, k1=1.5, b=0.75):
    """Lucene's BM25 (the factor k1 + 1 left out), one document after another."""
    documents = [re.findall(r"\b\w\w+\b", text.lower()) for text in texts]
    documents = [
        [word for word in words if word not in {"and", "in", "with", "of", "the", "for"}] for words in documents
    ]
    average = sum(map(len, documents)) / len(documents)
    scores = []
    for words in documents:
        score = 0.0
        for term in query.split():
            containing = sum(term in other for other in documents)
            idf = math.log(1 + (len(documents) - containing + 0.5) / (containing + 0.5))
            often = words.count(term)
            score += idf * often / (often + k1 * (1 - b + b * len(words) / average))
        scores.append(score)
    return np.array(scores)


@pytest.fixture(scope="module")
def index():
    return LexicalIndex.build(POSTINGS)


@pytest.mark.parametrize("query", ["nurse", "truck driver", "warehouse forklift driver", "long nurse java"])
def test_scores_are_those_of_the_formula(index, query):
    found, scores = index.search([query], len(POSTINGS))
    assert (found.dtype, scores.dtype) == (np.int32, np.float32)
    np.testing.assert_allclose(scores[0], bm25(POSTINGS, query)[found[0]], rtol=1e-5)
    assert (np.diff(scores[0]) <= 0).all()


def test_the_posting_with_the_words_comes_first(index):
    found, _ = index.search(["java developer", "night nurse", "forklift driver"], 1)
    assert found.tolist() == [[3], [2], [4]]


def test_a_batch_equals_single_calls(index):
    queries = ["nurse", "driver truck", "java", "warehouse"]
    batch = index.search(queries, 3)
    for at, query in enumerate(queries):
        single = index.search([query], 3)
        np.testing.assert_array_equal(batch[0][at], single[0][0])
        np.testing.assert_array_equal(batch[1][at], single[1][0])


def test_more_than_there_are_gives_all(index):
    found, scores = index.search(["nurse"], 100)
    assert sorted(found[0].tolist()) == list(range(len(POSTINGS)))
    assert scores.shape == (1, len(POSTINGS))


@pytest.mark.parametrize("query", ["", "the of and", "zzz"])
def test_a_query_without_a_known_word_scores_nothing(index, query):
    _, scores = index.search([query, "nurse"], 2)
    assert not scores[0].any()
    assert scores[1].all()


def test_no_queries(index):
    found, scores = index.search([], 3)
    assert found.shape == scores.shape == (0, 3)


def test_no_documents():
    found, scores = LexicalIndex.build([]).search(["nurse"], 3)
    assert found.shape == scores.shape == (1, 0)
