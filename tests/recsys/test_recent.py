"""What was made last is remembered, within its bytes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.recent import Recent


def test_what_is_there_is_not_made_again():
    made = []
    recent = Recent(100)

    def make(key):
        return recent.of(key, lambda: made.append(key) or key.upper(), lambda value: 40)

    assert [make("a"), make("b"), make("a")] == ["A", "B", "A"]
    assert make("c") == "C"  # b was asked for longest ago
    assert [make("a"), make("b")] == ["A", "B"]
    assert made == ["a", "b", "c", "b"]


def test_what_is_larger_than_all_may_be_is_given_but_not_kept():
    recent = Recent(10)
    recent.of("small", lambda: 1, lambda value: 10)
    assert recent.of("large", lambda: 2, lambda value: 11) == 2
    assert (len(recent), recent.bytes) == (1, 10)
    nothing = Recent(0)
    assert nothing.of("a", lambda: 3, lambda value: 1) == 3
    assert len(nothing) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 60)), max_size=60), st.integers(0, 120))
def test_it_never_holds_more_than_it_may(asked, most):
    recent = Recent(most)
    sizes = {}
    for key, size in asked:
        size = sizes.setdefault(key, size)
        assert recent.of(str(key), lambda key=key: key, lambda value, size=size: size) == key
        assert recent.bytes <= most
    if asked and sizes[asked[-1][0]] <= most:
        assert len(recent) >= 1


def test_threads_get_the_value_of_their_own_key():
    recent = Recent(50)
    keys = np.random.default_rng(0).integers(0, 20, 2_000).tolist()
    with ThreadPoolExecutor(8) as workers:
        found = list(workers.map(lambda key: recent.of(str(key), lambda: 3 * key, lambda value: 7), keys))
    assert found == [3 * key for key in keys]
    assert recent.bytes == 7 * len(recent) <= 50
