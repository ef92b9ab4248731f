import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import NARROW, ask, clustered, make_catalogue, random_linear

from recsys.arrange import arrange
from recsys.config import ArrangeSettings
from recsys.diversity import BEST, diversified, likeness
from recsys.engine import Engine
from recsys.request import Interaction, Request

SEEDS = st.integers(0, 10**6)


def board(seed):
    """Which places hold a posting, and cosines between them."""
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, BEST + 1))
    vectors = np.stack([clustered(rng, width, 5) for _ in range(3)])
    there = np.arange(width) < rng.integers(0, width + 1, 3)[:, None]
    return there, np.matmul(vectors, vectors.transpose(0, 2, 1))


def by_hand(there, alike, diversity, k):
    """One request, written out as the formula says."""
    left, picked = [int(row) for row in np.flatnonzero(there)], []
    while left and len(picked) < k:
        worth = [
            np.float32(1 - diversity) * np.float32(1 - row / BEST)
            - np.float32(diversity) * max([0.0, *(alike[one, row] for one in picked)])
            for row in left
        ]
        picked.append(left.pop(int(np.argmax(np.array(worth, np.float32)))))
    return picked


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, diversity=st.sampled_from([0.0, 0.3, 0.7, 1.0]), k=st.integers(1, 30))
def test_each_place_is_given_as_the_formula_says(seed, diversity, k):
    there, alike = board(seed)
    order = diversified(there, alike, diversity, k)
    for at, line in enumerate(order):
        assert sorted(line.tolist()) == list(range(len(line)))
        count = min(k, int(there[at].sum()))
        chosen = line[:count].tolist()
        assert there[at, chosen].all()
        for place, one in enumerate(by_hand(there[at], alike[at], diversity, k)):
            if one != chosen[place]:  # two that are equal but for the rounding of a sum
                assert np.isclose(_worth(chosen, place, chosen[place], alike[at], diversity),
                                  _worth(chosen, place, one, alike[at], diversity), atol=1e-5)  # fmt: skip
                break
        np.testing.assert_array_equal(order[at], diversified(there[at : at + 1], alike[at : at + 1], diversity, k)[0])
        rest = line[min(k, len(line)) :]
        assert (np.diff(rest) > 0).all()  # as they stood


def _worth(picked, place, row, alike, diversity):
    near = max([0.0, *(alike[one, row] for one in picked[:place])])
    return (1 - diversity) * (1 - row / BEST) - diversity * near


def test_none_is_the_order_itself():
    there, alike = board(1)
    assert (diversified(there, alike, 0.0, 20) == np.arange(there.shape[1])).all()
    scores = np.random.default_rng(0).normal(size=(2, 50)).astype(np.float32)
    every, nobody = np.ones(scores.shape, bool), np.full(scores.shape, -1, np.int32)

    def never(at):
        raise AssertionError("nothing is compared")

    plain = arrange(scores, every, None, nobody, ArrangeSettings(), 10)
    np.testing.assert_array_equal(arrange(scores, every, None, nobody, ArrangeSettings(), 10, never).at, plain.at)


def test_lists_become_less_alike_and_a_longer_one_begins_as_the_shorter():
    rng = np.random.default_rng(7)
    catalogue = make_catalogue(clustered(rng, 300, 12), events=[(0, 1, 1.0)], settings=NARROW)
    requests = [Request(f"c{one}", history=[Interaction(f"p{one:04d}")]) for one in range(8)]
    queries, ranker = ask(catalogue, requests, settings=NARROW), random_linear(rng)
    means, lists = [], []
    for value in (0.0, 0.5, 0.9):
        changed = NARROW.model_copy(update={"arrange": ArrangeSettings(diversity=value)})
        engine = Engine(catalogue, ranker, changed, {})
        rows = engine.answer(queries, 8).rows
        means.append(likeness(catalogue, rows).mean())
        lists.append(rows)
        np.testing.assert_array_equal(engine.answer(queries, 9).rows[:, :8], rows)
        for at in range(len(queries)):
            np.testing.assert_array_equal(engine.answer(queries.part(at, at + 1), 8).rows[0], rows[at])
    assert means[0] > means[1] > means[2]
    assert (lists[0][:, 0] == lists[2][:, 0]).all()  # the first place has nothing to be like
