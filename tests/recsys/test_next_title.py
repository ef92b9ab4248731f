from dataclasses import replace

import numpy as np
import pytest
from small_catalogue import DIMENSION, clustered, make_catalogue, unit

from recsys import Interaction, Request
from recsys.codes import Codes
from recsys.config import EventSettings
from recsys.intake import to_candidates
from recsys.next_title import NextTitle, learn_next_title, what_is_known
from recsys.request import Profile

NOW = 1_700_000_000.0


def planted(count, dimension=8, rank=3, noise=0.0):
    """Choices that a map of this rank explains, and the map."""
    rng = np.random.default_rng(4)
    known = np.concatenate([unit(rng, count, dimension) for _ in range(4)], axis=1)
    whole = rng.normal(size=(4 * dimension, rank)) @ rng.normal(size=(rank, dimension))
    centre = rng.normal(size=dimension).astype(np.float32)
    chosen = known @ whole + centre + noise * rng.normal(size=(count, dimension))
    return known, chosen.astype(np.float32), centre, whole


def test_a_planted_map_is_found():
    known, chosen, centre, whole = planted(20_000)
    learned = learn_next_title(known, chosen, centre)
    np.testing.assert_allclose(learned.inward @ learned.outward, whole, atol=0.1)
    assert learned.inward.dtype == learned.outward.dtype == np.float32


def test_the_direction_is_that_of_the_planted_choice_for_those_who_taught_nothing():
    known, chosen, centre, whole = planted(4000, noise=0.5)
    learned = learn_next_title(known[:3000], chosen[:3000], centre)
    guess, truth = known[3000:] @ learned.inward @ learned.outward, known[3000:] @ whole
    cosine = np.einsum("nd,nd->n", guess, truth) / np.linalg.norm(guess, axis=1) / np.linalg.norm(truth, axis=1)
    assert np.median(cosine) > 0.99


@pytest.mark.parametrize("useful", [0, 299])
def test_from_a_few_choices_nothing_is_learned(useful):
    known, chosen, centre, _ = planted(400)
    known[useful:] = 0
    assert learn_next_title(known, chosen, centre).inward.shape == (32, 0)


@pytest.fixture
def board():
    rng = np.random.default_rng(8)
    titles = clustered(rng, 120, 6)
    return make_catalogue(titles), rng


def requests(rng):
    vector = unit(rng, 1)[0]
    seen = [Interaction("p0003", "view", NOW - 9e5), Interaction("p0050", "apply", NOW - 9e4)]
    return [
        Request(now=NOW),
        Request(history=seen, now=NOW),
        Request(profile=Profile(wanted=[vector]), now=NOW),
        Request(profile=Profile(past=[vector]), history=seen[:1], now=NOW),
    ]


def queries_of(board, some):
    catalogue, _ = board
    return to_candidates(some, catalogue, {}).queries(np.arange(len(some)), NOW, EventSettings())


def test_what_is_known_has_length_one_in_each_part_or_none(board):
    known = what_is_known(board[0].title, queries_of(board, requests(board[1])))
    lengths = np.linalg.norm(known.reshape(4, 4, DIMENSION), axis=2)
    there = [[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [1, 1, 0, 1]]
    np.testing.assert_allclose(lengths, there, atol=1e-5)


def test_nothing_is_expected_of_those_of_whom_nothing_is_known(board):
    catalogue, rng = board
    queries = queries_of(board, requests(rng))
    expected = catalogue.behaviour.next_title.expected(catalogue.title, queries)
    assert not expected[0].any()
    np.testing.assert_allclose(np.linalg.norm(expected[1:], axis=1), 1, atol=1e-5)
    assert not NextTitle.unknown(DIMENSION).expected(catalogue.title, queries).any()


def test_a_batch_is_as_single_requests_to_the_bit(board):
    catalogue, rng = board
    queries = queries_of(board, requests(rng) * 20)
    batch = catalogue.behaviour.next_title.expected(catalogue.title, queries)
    for at in range(0, 80, 7):
        single = catalogue.behaviour.next_title.expected(catalogue.title, queries.part(at, at + 1))
        np.testing.assert_array_equal(single[0], batch[at])


def test_a_posting_without_a_title_is_no_evidence(board):
    catalogue, rng = board
    bare = replace(catalogue, title=Codes(catalogue.title.codes * 0, catalogue.title.scale * 0))
    assert not bare.behaviour.next_title.expected(bare.title, queries_of(board, requests(rng)[1:2])).any()
