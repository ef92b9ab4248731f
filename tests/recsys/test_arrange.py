import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.arrange import arrange
from recsys.config import ArrangeSettings

FREE = ArrangeSettings(employer_run=0)
SEEDS = st.integers(0, 10**6)


def board(seed, requests=4, width=None, share_allowed=0.8, employers=6):
    """Scores with ties, and what is allowed, seen and of which employer."""
    rng = np.random.default_rng(seed)
    shape = (requests, int(rng.integers(1, 90)) if width is None else width)
    scores = (rng.integers(0, 12, shape) / 4).astype(np.float32)
    company = rng.integers(-1, max(employers, 1), shape).astype(np.int32)
    return scores, rng.random(shape) < share_allowed, rng.random(shape) < 0.5, company


def lists(order):
    return [line[line >= 0].tolist() for line in order.at]


@settings(max_examples=120, deadline=None)
@given(
    seed=SEEDS, k=st.integers(1, 100), run=st.integers(0, 4), dated=st.booleans(), employers=st.integers(1, 6),
    share=st.sampled_from([0, 0.3, 0.5, 1]), allowed_share=st.sampled_from([0.0, 0.2, 0.8, 1.0]),
)  # fmt: skip
def test_length_no_repeats_and_nothing_that_is_not_allowed(seed, k, run, dated, share, employers, allowed_share):
    scores, allowed, seen, company = board(seed, share_allowed=allowed_share, employers=employers)
    config = ArrangeSettings(employer_run=run, new_share=share)
    order = arrange(scores, allowed, None if dated else seen, company, config, k)
    assert order.at.dtype == np.int32
    for line, may in zip(order.at, allowed, strict=True):
        there = line[line >= 0]
        assert len(there) == min(k, may.sum())
        assert len(set(there.tolist())) == len(there)
        assert may[there].all()
        assert (line[len(there) :] == -1).all()  # no hole before the end


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, k=st.integers(1, 60), most=st.integers(1, 4), dated=st.booleans(), run=st.integers(0, 3))
def test_no_more_of_an_employer_than_are_wanted(seed, k, most, dated, run):
    scores, allowed, seen, company = board(seed)
    config = ArrangeSettings(employer_run=run, employer_most=most)
    order = arrange(scores, allowed, None if dated else seen, company, config, k)
    for at, line in enumerate(lists(order)):
        names, counts = np.unique(company[at, line], return_counts=True)
        assert (counts[names >= 0] <= most).all()
        there, sizes = np.unique(company[at, allowed[at]], return_counts=True)
        assert len(line) == min(k, int(np.where(there < 0, sizes, np.minimum(sizes, most)).sum()))
        if dated and not run:
            for row in set(np.flatnonzero(allowed[at]).tolist()) - set(line):
                ahead = [one for one in line if scores[at, one] >= scores[at, row]]
                full = company[at, row] >= 0 and (company[at, ahead] == company[at, row]).sum() == most
                assert full or len(ahead) == k


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, k=st.integers(1, 100))
def test_where_dates_are_known_the_order_is_by_score_and_ties_by_row(seed, k):
    scores, allowed, _, company = board(seed)
    order = arrange(scores, allowed, None, company, FREE, k)
    for at, line in enumerate(lists(order)):
        expected = sorted(np.flatnonzero(allowed[at]), key=lambda row: (-scores[at, row], row))[:k]
        assert line == expected


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, share=st.sampled_from([0.1, 0.3, 0.5, 0.8]), k=st.integers(1, 60))
def test_every_beginning_of_a_list_holds_its_share_of_new_postings_while_both_last(seed, share, k):
    scores, allowed, seen, company = board(seed)
    order = arrange(scores, allowed, seen, company, ArrangeSettings(employer_run=0, new_share=share), k)
    for at, line in enumerate(lists(order)):
        new = ~seen[at, line]
        left_new, left_seen = (allowed[at] & ~seen[at]).sum(), (allowed[at] & seen[at]).sum()
        for length in range(1, len(line) + 1):
            count = int(new[:length].sum())
            if count < left_new and length - count < left_seen:
                assert abs(count - share * length) <= 1


@pytest.mark.parametrize(("share", "first"), [(0, True), (1, False)])
def test_a_share_of_nothing_or_of_all_puts_the_others_at_the_end(share, first):
    scores, allowed, seen, company = board(3, width=40)
    order = arrange(scores, allowed, seen, company, ArrangeSettings(employer_run=0, new_share=share), 40)
    for at, line in enumerate(lists(order)):
        flags = seen[at, line].tolist()
        assert flags == sorted(flags, reverse=first)


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS)
def test_within_the_seen_and_within_the_new_scores_never_rise(seed):
    scores, allowed, seen, company = board(seed)
    order = arrange(scores, allowed, seen, company, FREE, 90)
    for at, line in enumerate(lists(order)):
        for kind in (True, False):
            of_kind = [row for row in line if seen[at, row] == kind]
            assert of_kind == sorted(of_kind, key=lambda row: (-scores[at, row], row))


def longest_run(employers):
    longest, length, last = 0, 0, -1
    for one in employers:
        length = length + 1 if one == last and one >= 0 else 1
        longest, last = max(longest, length if one >= 0 else 0), one
    return longest


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, run=st.integers(1, 4), employers=st.integers(1, 5), k=st.integers(1, 60))
def test_an_employer_gets_another_place_only_when_nobody_else_is_left(seed, run, employers, k):
    scores, allowed, _, company = board(seed, width=50, employers=employers)
    order = arrange(scores, allowed, None, company, ArrangeSettings(employer_run=run), k)
    for at, line in enumerate(lists(order)):
        names = company[at, line].tolist()
        left = set(np.flatnonzero(allowed[at]).tolist())
        for place, row in enumerate(line):
            before = names[max(0, place - run) : place]
            if names[place] >= 0 and len(before) == run and set(before) == {names[place]}:
                assert {company[at, other] for other in left} == {names[place]}
            left.remove(row)


def test_a_long_run_is_broken_by_the_best_of_another_employer():
    scores = np.arange(8, 0, -1, dtype=np.float32)[None]
    company = np.array([[7, 7, 7, 7, 7, 2, -1, 7]], np.int32)
    order = arrange(scores, np.ones((1, 8), bool), None, company, ArrangeSettings(employer_run=3), 8)
    assert order.at.tolist() == [[0, 1, 2, 5, 3, 4, 6, 7]]


def test_one_from_beyond_the_list_moves_up_to_break_a_run():
    scores = np.arange(8, 0, -1, dtype=np.float32)[None]
    company = np.array([[7, 7, 7, 7, 7, 7, 2, 3]], np.int32)
    order = arrange(scores, np.ones((1, 8), bool), None, company, ArrangeSettings(employer_run=2), 4)
    assert order.at.tolist() == [[0, 1, 6, 2]]


def test_postings_that_are_not_allowed_never_break_a_run():
    scores = np.arange(8, 0, -1, dtype=np.float32)[None]
    allowed = np.array([[True] * 6 + [False] * 2])
    company = np.array([[7] * 6 + [1, 2]], np.int32)
    order = arrange(scores, allowed, None, company, ArrangeSettings(employer_run=3), 8)
    assert order.at.tolist() == [[0, 1, 2, 3, 4, 5, -1, -1]]


def test_postings_without_an_employer_may_follow_one_another():
    scores = np.arange(6, 0, -1, dtype=np.float32)[None]
    order = arrange(
        scores, np.ones((1, 6), bool), None, np.full((1, 6), -1, np.int32), ArrangeSettings(employer_run=1), 6
    )
    assert order.at.tolist() == [[0, 1, 2, 3, 4, 5]]


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, dated=st.booleans())
def test_a_batch_equals_single_calls(seed, dated):
    scores, allowed, seen, company = board(seed, requests=5, employers=2)
    seen = None if dated else seen
    batch = arrange(scores, allowed, seen, company, ArrangeSettings(employer_run=2), 20)
    for at in range(5):
        one = slice(at, at + 1)
        single = arrange(
            scores[one], allowed[one], None if dated else seen[one], company[one], ArrangeSettings(employer_run=2), 20
        )
        np.testing.assert_array_equal(single.at, batch.at[one])


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, k=st.integers(1, 39))
def test_without_an_employer_cap_a_longer_list_begins_as_the_shorter(seed, k):
    scores, allowed, seen, company = board(seed, width=40)
    short, long = (arrange(scores, allowed, seen, company, FREE, one) for one in (k, 40))
    np.testing.assert_array_equal(long.at[:, :k], short.at)


def test_values_are_put_into_the_order():
    scores, allowed = np.array([[1, 3, 2]], np.float32), np.array([[True, True, False]])
    order = arrange(scores, allowed, None, np.full((1, 3), -1, np.int32), FREE, 3)
    assert order.of(np.array([[10, 11, 12]], np.int32), -1).tolist() == [[11, 10, -1]]
    np.testing.assert_array_equal(order.of(scores, np.nan), np.array([[3, 1, np.nan]], np.float32))
