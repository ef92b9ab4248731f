"""The best of chosen postings: over all of them, exactly what the engine answers."""

import numpy as np
import pytest

from recsys.among import among
from recsys.eligible import eligible


@pytest.fixture(scope="module")
def queries(whole_in_memory, requests_of, market):
    return whole_in_memory.queries(requests_of(market.as_of)[:40])


def test_among_all_postings_it_is_the_answer(whole_in_memory, queries):
    rows = whole_in_memory.catalogue.by_text.rows.astype(np.int32)
    everything = np.broadcast_to(rows, (len(queries), len(rows)))
    lists, answered = among(whole_in_memory, queries, everything, 10, explain=True), whole_in_memory.answer(queries, 10)
    np.testing.assert_array_equal(lists.rows, answered.rows)
    np.testing.assert_array_equal(lists.scores, answered.scores)


def test_a_batch_is_each_alone_and_nothing_else_is_listed(whole_in_memory, queries):
    rng, count = np.random.default_rng(0), len(whole_in_memory.catalogue)
    rows = np.full((len(queries), 32), -1, np.int32)
    for at in range(len(queries)):
        size = at % 33
        rows[at, :size] = np.sort(rng.choice(count, size, replace=False))
    lists = among(whole_in_memory, queries, rows, 50)
    for at in range(len(queries)):
        alone = among(whole_in_memory, queries.part(at, at + 1), rows[at : at + 1], 50)
        np.testing.assert_array_equal(lists.rows[at], alone.rows[0])
        np.testing.assert_array_equal(lists.scores[at], alone.scores[0])
        listed = set(lists.rows[at][lists.rows[at] >= 0].tolist())
        shown = eligible(whole_in_memory.catalogue, queries.part(at, at + 1), rows[at : at + 1])[0]
        group = whole_in_memory.catalogue.copies.group
        assert listed <= set(rows[at][shown].tolist())
        assert {int(group[row]) for row in listed} == {int(group[row]) for row in rows[at][shown]}
    assert (among(whole_in_memory, queries.part(0, 0), rows[:0], 5).rows.shape) == (0, 5)
