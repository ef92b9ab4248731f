"""What is muted is never listed, on any board, and lists stay full."""

from dataclasses import fields, replace

import numpy as np
import pytest
from filter_board import COMPANIES, RULES, SETTINGS, filter_board
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_at_random import random_requests
from small_catalogue import DAY, NOW, ask, make_catalogue, make_numbering, random_linear, unit

from recsys.codes import Codes
from recsys.eligible import CONDITIONS, eligible, eligible_rows, failures
from recsys.engine import Engine
from recsys.errors import RequestError
from recsys.interests import find_interests
from recsys.mutes import Mutes, Texts, join
from recsys.queries import Queries
from recsys.request import Interaction, Profile, Request

BOARD = filter_board(count=600)
ENGINE = Engine(BOARD, random_linear(np.random.default_rng(5)), SETTINGS, {})
TEXTS = st.lists(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=5), max_size=4), max_size=6)


@settings(max_examples=60, deadline=None)
@given(lists=TEXTS, data=st.data())
def test_texts_come_back_as_they_were(lists, data):
    texts = Texts.of(lists)
    rows = np.array(data.draw(st.lists(st.integers(0, max(len(lists) - 1, 0)), max_size=5 if lists else 0)), np.int64)
    whose, found = texts.at(rows)
    assert list(zip(whose.tolist(), found, strict=True)) == [
        (at, one) for at, row in enumerate(rows) for one in lists[row]
    ]
    for row, some in enumerate(lists):
        assert texts.one(row).at(np.array([0]))[1] == some


def test_what_cannot_be_muted_is_one_error():
    with pytest.raises(RequestError, match="the character NUL"):
        ENGINE.queries([Request(profile=Profile(muted_postings=["a\0b"]), now=NOW)])
    with pytest.raises(RequestError, match="muted_employers holds more than 1,000"):
        ENGINE.queries([Request(profile=Profile(muted_employers=["x"] * 1001), now=NOW)])
    with pytest.raises(RequestError, match="has 3 numbers, the bundle's encoder gives 16"):
        ENGINE.queries([Request(profile=Profile(muted_interests=np.ones(3)), now=NOW)])
    with pytest.raises(RequestError, match="not finite"):
        ENGINE.queries([Request(profile=Profile(muted_interests=np.full((1, 16), np.nan)), now=NOW)])


def test_mutes_of_one_are_those_of_all():
    titles = Codes.from_vectors(unit(np.random.default_rng(0), 3))
    mutes = Mutes.of([["a"], [], ["b", "c"]], [[], ["x"], []], [[0], [], [2, 1]], titles)
    one = mutes.one(2)
    assert one.postings.at(np.array([0]))[1] == ["b", "c"]
    assert one.employers.at(np.array([0]))[1] == []
    np.testing.assert_array_equal(one.titles.vectors(one.interest), titles.vectors(np.array([2, 1])))
    assert len(one.titles) == 2  # and no others


def by_construction():
    """Six postings: 0 and 1 are copies, 2 and 3 of Acme, 4 and 5 of one title."""
    title = np.eye(16, dtype=np.float32)[[0, 0, 1, 2, 3, 3]]
    numbering = make_numbering(company=["Acme", "Blue Sky"])
    company = [1, 1, 0, 0, -1, -1]
    return make_catalogue(title, group=[0, 0, 2, 3, 4, 5], company=company, numbering=numbering)


@pytest.mark.parametrize(
    ("muted", "gone", "why"),
    [
        ({"muted_postings": ["p0001", "never seen"]}, [0, 1], "muted"),
        ({"muted_employers": ["  ACME "]}, [2, 3], "its employer is muted"),
        ({"muted_employers": ["Nobody Ltd"]}, [], None),
        ({"muted_interests": np.eye(16, dtype=np.float32)[[3]]}, [4, 5], "its kind of work is muted"),
        ({"muted_interests": np.zeros((1, 16), np.float32)}, [], None),
    ],
)
def test_each_mute_takes_away_what_it_should(muted, gone, why):
    board = by_construction()
    everything = np.arange(6, dtype=np.int32)[None]
    queries = ask(board, [Request(profile=Profile(**muted))])
    assert np.flatnonzero(~eligible(board, queries, everything)[0]).tolist() == gone
    failed = failures(board, queries, everything)[:, 0]
    assert [CONDITIONS[int(np.argmax(one))] for one in failed.T if one.any()] == [why] * len(gone)


def test_an_employer_that_nobody_named_is_not_the_first_one():
    """Postings without an employer have the code -1, which must not pass for any number."""
    board = by_construction()
    queries = ask(board, [Request(profile=Profile(muted_employers=["Acme"]))])
    assert eligible(board, queries, np.array([[4, 5, -1]], np.int32)).tolist() == [[True, True, False]]


def test_a_title_is_muted_up_to_the_bound():
    title = np.zeros((3, 16), np.float32)
    for row, cosine in enumerate((0.71, 0.69, -0.9)):
        title[row, :2] = cosine, np.sqrt(1 - cosine**2)
    board = make_catalogue(title)
    queries = ask(board, [Request(profile=Profile(muted_interests=np.eye(16, dtype=np.float32)[:1]))])
    assert eligible(board, queries, np.arange(3, dtype=np.int32)[None]).tolist() == [[False, True, True]]


def test_a_muted_interest_is_not_searched_for():
    wanted = np.eye(16, dtype=np.float32)[[0, 5]]
    history = [Interaction("p0004", "view", NOW - DAY)]
    asking = Request(profile=Profile(wanted=wanted), history=history)
    board = by_construction()
    muting = replace(asking, profile=replace(asking.profile, muted_interests=np.eye(16, dtype=np.float32)[[0, 3]]))
    before, after = (find_interests(board, ask(board, [one]), SETTINGS.retrieve).vectors[0] for one in (asking, muting))
    assert {int(np.argmax(one)) for one in before if one.any()} == {3, 0}  # the latest two
    assert {int(np.argmax(one)) for one in after if one.any()} == {5}


def muting(rng, requests, postings=30, employers=1, interests=2):
    """The same requests, that mute what their own lists hold, so that it matters."""
    lists = ENGINE.answer(ENGINE.queries(requests), 40).rows
    out = []
    for request, rows in zip(requests, lists, strict=True):
        some = rows[rows >= 0]
        profile = replace(
            request.profile,
            muted_postings=[f"p{row:04d}" for row in rng.permutation(some)[:postings]] + ["unknown"],
            muted_employers=rng.permutation(COMPANIES)[:employers].tolist(),
            muted_interests=BOARD.title.vectors(rng.permutation(some)[:interests]) if interests else None,
        )
        out.append(replace(request, profile=profile, now=NOW))
    return out


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_whatever_is_muted_is_never_listed_and_lists_stay_full(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    k = data.draw(st.sampled_from([1, 10, 40]))
    numbers = (data.draw(st.integers(0, 40)), data.draw(st.integers(0, 2)), data.draw(st.integers(0, 3)))
    asked = muting(rng, random_requests(rng, BOARD, 4), *numbers)
    personal = data.draw(st.booleans())
    queries = ENGINE.queries([replace(one, personal=personal) for one in asked])
    lists = ENGINE.answer(queries, k)
    for at, request in enumerate(asked):
        found = lists.rows[at][lists.rows[at] >= 0]
        profile = request.profile
        names = set(BOARD.ids.names(found))
        assert not names & set(profile.muted_postings)
        muted = [COMPANIES.index(one) for one in profile.muted_employers]
        assert not np.isin(BOARD.attributes.company[found], muted).any()
        if profile.muted_interests is not None:
            alike = BOARD.title.vectors(found) @ profile.muted_interests.T
            assert (alike < RULES.muted_alike + 1e-4).all()
        assert len(found) == min(k, int(eligible_rows(BOARD, queries, at).sum()))


def test_a_batch_of_those_who_mute_equals_single_calls():
    rng = np.random.default_rng(3)
    requests = random_requests(rng, BOARD, 20)
    asked = [one if at % 3 else two for at, (one, two) in enumerate(zip(requests, muting(rng, requests), strict=True))]
    queries = ENGINE.queries([replace(one, now=NOW) for one in asked])
    together = ENGINE.answer(queries, 20)
    for at in range(20):
        alone = ENGINE.answer(queries.part(at, at + 1), 20)
        np.testing.assert_array_equal(alone.rows[0], together.rows[at])
        np.testing.assert_array_equal(alone.scores[0], together.scores[at])


def test_many_titles_are_compared_in_parts_with_equal_results(monkeypatch):
    rng = np.random.default_rng(4)
    queries = ENGINE.queries(muting(rng, random_requests(rng, BOARD, 9)))
    pool = rng.integers(0, 600, (9, 300)).astype(np.int32)
    whole = eligible(BOARD, queries, pool)
    monkeypatch.setattr("recsys.unwanted._AT_ONCE", 70)
    np.testing.assert_array_equal(eligible(BOARD, queries, pool), whole)


def test_without_profile_and_history_a_list_is_a_strangers_but_for_what_is_hidden():
    rng = np.random.default_rng(6)
    requests = [replace(one, now=NOW, personal=False) for one in random_requests(rng, BOARD, 12)]
    stranger = ENGINE.queries([Request(now=NOW)])
    queries = ENGINE.queries(requests)
    for field in fields(Queries):
        if field.name not in ("hidden", "answered"):
            mine, theirs = getattr(queries.part(3, 4), field.name), getattr(stranger, field.name)
            np.testing.assert_array_equal(mine, theirs, strict=True, err_msg=field.name)
    expected, lists = ENGINE.answer(stranger, 10).rows[0], ENGINE.answer(queries, 10).rows
    hidden = {(int(key) >> 32, int(key) & 0xFFFFFFFF) for key in queries.hidden}
    hides = {who for who, _ in hidden}
    assert 0 < len(hides) < 12
    for at, rows in enumerate(lists):
        assert not {(at, row) for row in rows.tolist()} & hidden
        if at not in hides:
            np.testing.assert_array_equal(rows, expected)


def test_only_those_who_ask_so_are_impersonal():
    rng = np.random.default_rng(7)
    requests = [replace(one, now=NOW) for one in random_requests(rng, BOARD, 6)]
    mixed = ENGINE.queries([replace(one, personal=at % 2 == 0) for at, one in enumerate(requests)])
    for at, one in enumerate(requests):
        alone = ENGINE.queries([replace(one, personal=at % 2 == 0)])
        for field in fields(Queries):
            np.testing.assert_array_equal(
                getattr(mixed.part(at, at + 1), field.name), getattr(alone, field.name), err_msg=field.name
            )


def test_not_interested_hides_the_copies_too_and_an_undo_brings_them_back():
    board = by_construction()
    engine = Engine(board, random_linear(np.random.default_rng(0)), SETTINGS, {})
    dismissed = Request(history=[Interaction("p0000", "dismiss", NOW - DAY)], now=NOW)
    assert not {"p0000", "p0001"} & {line.posting_id for line in engine.recommend([dismissed], 6)[0]}
    assert "a copy of it" in engine.why(dismissed, "p0001")
    held = engine.queries([dismissed]).dismissed[0, 0]
    assert board.ids.names([held]).tolist() == ["p0000"]  # what is like it is held back by signals
    again = {line.posting_id for line in engine.recommend([replace(dismissed, history=())], 6)[0]}
    assert again & {"p0000", "p0001"}


def test_taken_and_joined_each_mutes_what_it_muted():
    titles = Codes.from_vectors(np.eye(3, 16, dtype=np.float32))
    said = Mutes.of([["p1"], [], ["p2", "p3"]], [["A"], ["B"], []], [[0], [], [2, 1]], titles)
    order = np.array([2, 0, 1])
    taken = said.take(order)
    for at, row in enumerate(order.tolist()):
        same_mutes(taken.one(at), said.one(row))
    both = join([(said, 3), (None, 2), (taken, 3)], 16)
    assert both is not None
    for at, one in enumerate([said.one(0), said.one(1), said.one(2), None, None, *map(taken.one, range(3))]):
        wanted = one or Mutes.of([()], [()], [()], titles)
        same_mutes(both.one(at), wanted)
    assert join([(None, 2), (None, 1)], 16) is None


def same_mutes(found, wanted):
    """Both name the same postings, employers and titles."""
    nobody = np.zeros(1, np.int64)
    assert found.postings.at(nobody)[1] == wanted.postings.at(nobody)[1]
    assert found.employers.at(nobody)[1] == wanted.employers.at(nobody)[1]
    mine, theirs = (one.titles.vectors(one.interest) for one in (found, wanted))
    np.testing.assert_array_equal(mine, theirs)
