"""Filtered lists: equal to the engine's order over all that the filter leaves, full while anything is left."""

from dataclasses import replace

import numpy as np
import pytest
from filter_board import COMPANIES, RULES, SETTINGS, filter_board
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_at_random import random_requests
from small_catalogue import DAY, NOW, random_linear

from recsys.arrange import arrange
from recsys.config import ArrangeSettings
from recsys.copies import Copies
from recsys.eligible import eligible, eligible_rows
from recsys.engine import Engine
from recsys.errors import RequestError
from recsys.filters import Filters
from recsys.interests import find_interests
from recsys.narrow import conditions, open_postings
from recsys.request import Interaction, Request
from recsys.signals import compute
from recsys.sketch import Sketches

BOARD = filter_board(count=600)
RANKER = random_linear(np.random.default_rng(5))
ENGINE = Engine(BOARD, RANKER, SETTINGS, {})
FEW = Filters(employment=("INTERN",), seniority=("lead",), remote=True, posted_after=NOW - 30 * DAY)
SOME = Filters(employment=("INTERN",), muted_employers=("Acme",))
MANY = Filters(no_permit=True)


def requests(count=12, seed=0):
    return random_requests(np.random.default_rng(seed), BOARD, count)


def passed(filters):
    return np.logical_and.reduce([open_postings(BOARD), *conditions(BOARD, filters).values()])


def whole_order(engine, query, filters, k):
    """Every posting that is left, scored by every signal."""
    rows = np.flatnonzero(passed(filters)).astype(np.int32)[None]
    interests = find_interests(BOARD, query, engine.settings.retrieve)
    scores = engine.ranker.score(compute(BOARD, query, interests, rows))
    company, seen = BOARD.attributes.company[rows], None if BOARD.dated else BOARD.behaviour.seen[rows]
    order = arrange(scores, eligible(BOARD, query, rows), seen, company, engine.settings.arrange, k)
    return [row for row in order.of(rows, -1)[0].tolist() if row >= 0]


def test_where_few_are_left_the_list_is_that_of_brute_force():
    assert 5 < passed(FEW).sum() <= RULES.exact
    queries = ENGINE.queries(requests())
    lists = ENGINE.answer(queries, 20, filters=FEW)
    for at in range(len(queries)):
        found = [row for row in lists.rows[at].tolist() if row >= 0]
        assert found == whole_order(ENGINE, queries.part(at, at + 1), FEW, 20)


@pytest.mark.parametrize("filters", [FEW, SOME, MANY], ids=["few", "some", "many"])
def test_only_what_passes_is_listed_and_lists_are_full(filters):
    queries = ENGINE.queries(requests(30))
    lists = ENGINE.answer(queries, 10, filters=filters)
    allowed = passed(filters)
    for at in range(len(queries)):
        found = lists.rows[at][lists.rows[at] >= 0]
        assert allowed[found].all()
        assert len(found) == min(10, int((eligible_rows(BOARD, queries, at) & allowed).sum()))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_lists_hold_k_whenever_k_may_be_shown(data):
    filters = Filters(
        remote=data.draw(st.sampled_from([None, True, False])),
        seniority=tuple(data.draw(st.sets(st.sampled_from(["intern", "mid", "lead"])))),
        pay_least=data.draw(st.sampled_from([None, 3e4, 8.9e4])),
        pay_known=data.draw(st.booleans()),
        muted_employers=tuple(data.draw(st.sets(st.sampled_from(COMPANIES)))),
        extra_least=data.draw(st.sampled_from([{}, {"grade": 8}])),
    )
    k = data.draw(st.sampled_from([1, 10, 70]))
    queries = ENGINE.queries(requests(3, data.draw(st.integers(0, 50))))
    lists = ENGINE.answer(queries, k, filters=filters)
    for at in range(3):
        may_be = eligible_rows(BOARD, queries, at) & passed(filters)
        found = lists.rows[at][lists.rows[at] >= 0]
        assert len(found) == min(k, int(may_be.sum())) == len(set(found.tolist()))
        assert may_be[found].all()


def test_a_batch_of_many_filters_equals_single_calls():
    filters = [[None, FEW, SOME, MANY][at % 4] for at in range(16)]
    queries = ENGINE.queries(requests(16))
    batch = ENGINE.answer(queries, 7, filters=filters)
    for at, one in enumerate(filters):
        alone = ENGINE.answer(queries.part(at, at + 1), 7, filters=one)
        np.testing.assert_array_equal(alone.rows[0], batch.rows[at])
        np.testing.assert_array_equal(alone.scores[0], batch.scores[at])
        np.testing.assert_array_equal(alone.sources[0], batch.sources[at])


def test_filters_that_say_nothing_change_nothing():
    plain = [replace(one, now=NOW) for one in requests(5)]
    assert ENGINE.recommend([replace(one, filters=Filters()) for one in plain], 9) == ENGINE.recommend(plain, 9)


def test_somebody_who_applied_to_all_that_sources_bring_still_gets_a_list():
    best = ENGINE.recommend([Request(None, now=NOW)], 60)[0]
    for _ in range(4):
        done = [Interaction(line.posting_id, "apply", NOW - DAY) for line in best]
        more = ENGINE.recommend([Request(None, history=done, now=NOW)], 60)[0]
        assert len(more) == 60
        assert not {line.posting_id for line in more} & {line.posting_id for line in best}
        best += more


def test_one_who_needs_another_pool_does_not_change_those_beside():
    done = [Interaction(f"p{row:04d}", "apply", NOW - DAY) for row in range(600) if row % 40]
    queries = ENGINE.queries([*requests(6), Request(None, history=done, now=NOW)])
    batch = ENGINE.answer(queries, 10)
    for at in range(7):
        alone = ENGINE.answer(queries.part(at, at + 1), 10)
        np.testing.assert_array_equal(alone.rows[0], batch.rows[at])
        np.testing.assert_array_equal(alone.scores[0], batch.scores[at])
    assert (batch.rows[-1] >= 0).sum() == min(10, int(eligible_rows(BOARD, queries, 6).sum()))


def test_vetoes_keep_postings_away_and_lists_full():
    rules = RULES.model_copy(update={"vetoes": {"only seven": "not 'night' in posting.extra.shift or posting.km > 90"}})
    board = filter_board(count=600, rules=rules)
    engine = Engine(board, RANKER, SETTINGS.model_copy(update={"filters": rules}), {})
    queries = engine.queries(requests(20))
    lists = engine.answer(queries, 15)
    assert (lists.rows >= 0).any()
    for at in range(len(queries)):
        may_be = eligible_rows(board, queries, at)
        found = lists.rows[at][lists.rows[at] >= 0]
        assert may_be[found].all()
        assert len(found) == min(15, int(may_be.sum()))
    barred = int(np.flatnonzero(board.open & ~eligible_rows(board, queries, 0))[0])
    assert engine.why_of(queries.part(0, 1), f"p{barred:04d}").startswith("not eligible: ")


def test_costs_say_what_each_filter_alone_takes_away():
    queries = ENGINE.queries(requests(4))
    filters = Filters(remote=True, employment=("INTERN",), pay_least=6e4)
    apart = conditions(BOARD, filters)
    for at, costs in enumerate(ENGINE.filter_costs(queries, filters)):
        shown = eligible_rows(BOARD, queries, at)
        left = int((shown & np.logical_and.reduce(list(apart.values()))).sum())
        assert costs.pop("left") == left
        assert list(costs) == ["remote", "employment", "pay"]
        for name, cost in costs.items():
            others = np.logical_and.reduce([one for other, one in apart.items() if other != name])
            assert cost == int((shown & others).sum()) - left


def with_copies():
    """The board, on which each posting in an odd row is a copy of the one before."""
    group = (np.arange(len(BOARD)) // 2 * 2).astype(np.int32)
    sketches = Sketches(BOARD.copies.keys, BOARD.copies.texts)
    return replace(BOARD, copies=Copies.of(sketches, group, BOARD.open, BOARD.attributes.posted))


def test_costs_count_copies_once():
    engine, filters = replace(ENGINE, catalogue=with_copies()), Filters(remote=True, employment=("INTERN",))
    queries, apart = engine.queries(requests(4)), conditions(BOARD, filters)
    for at, costs in enumerate(engine.filter_costs(queries, filters)):
        shown = eligible_rows(engine.catalogue, queries, at)
        left = set((np.flatnonzero(shown & np.logical_and.reduce(list(apart.values()))) // 2).tolist())
        without = set((np.flatnonzero(shown & apart["employment"]) // 2).tolist())
        assert (costs["left"], costs["remote"]) == (len(left), len(without - left))


def test_a_muted_posting_does_not_come_back_as_its_copy():
    engine = replace(ENGINE, catalogue=with_copies())
    query = engine.queries(requests(1))
    listed = engine.answer(query, 10).rows[0]
    muted = Filters(muted_postings=tuple(BOARD.ids.names(listed)))
    after = engine.answer(query, 10, filters=muted).rows[0]
    assert (after >= 0).all()
    assert not np.isin(after // 2, listed // 2).any()


def test_why_a_posting_is_not_listed_where_employers_are_capped():
    settings = SETTINGS.model_copy(update={"arrange": ArrangeSettings(employer_run=0, employer_most=1)})
    engine = replace(ENGINE, settings=settings)
    query = engine.queries(requests(1))
    told = [engine.why_of(query, f"p{row:04d}") for row in ENGINE.answer(query, 40).rows[0].tolist()]
    assert any("enough postings of its employer stand before it" in one for one in told)


def test_why_and_the_list_agree():
    queries = ENGINE.queries(requests(8))
    for at in range(8):
        one = queries.part(at, at + 1)
        for rank, row in list(enumerate(ENGINE.answer(one, 40).rows[0].tolist()))[::9]:
            if row >= 0:
                assert f"rank {rank + 1} of" in ENGINE.why_of(one, f"p{row:04d}", 40)


def test_a_currency_without_a_rate_is_one_error():
    with pytest.raises(RequestError, match="no rate is known for SEK"):
        ENGINE.recommend([replace(requests(1)[0], filters=Filters(pay_least=1, pay_currency="SEK"))])
