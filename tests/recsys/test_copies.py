"""Groups of copies, and one of each in a list."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import DAY, NARROW, NOW, ask, clustered, make_catalogue, random_linear, unit

from recsys.config import CopySettings, EventSettings
from recsys.copies import Copies, freshest_of, groups
from recsys.engine import Engine
from recsys.request import Interaction, Profile, Request
from recsys.sketch import BINS, Sketches, likeness

SEEDS = st.integers(0, 10**6)
ALIKE = CopySettings(alike=0.7)


def drawn(seed, vacancies=40, most=5, keys=6, changed=12):
    """Sketches of vacancies of 1 to ``most`` copies, each with some bytes changed; and which is whose."""
    rng = np.random.default_rng(seed)
    vacancy = np.repeat(np.arange(vacancies), rng.integers(1, most + 1, vacancies))
    rng.shuffle(vacancy)
    texts = rng.integers(1, 256, (vacancies, BINS)).astype(np.uint8)[vacancy]
    for text in texts:
        text[rng.integers(0, BINS, changed)] = rng.integers(1, 256, changed)
    key = rng.integers(1, keys + 1, vacancies).astype(np.uint64)[vacancy]
    return Sketches(key, texts), vacancy


def lowest(vacancy):
    """The lowest row of each row's vacancy."""
    return np.array([np.flatnonzero(vacancy == one)[0] for one in vacancy])


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_copies_are_found_and_nothing_else(seed):
    sketches, vacancy = drawn(seed)
    found = groups(sketches, ALIKE)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, lowest(vacancy))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_postings_makes_no_difference(seed):
    sketches, _ = drawn(seed)
    order = np.random.default_rng(seed + 1).permutation(len(sketches.keys))
    shuffled = groups(Sketches(sketches.keys[order], sketches.texts[order]), ALIKE)
    before, after = groups(sketches, ALIKE)[order], shuffled
    assert ((before[:, None] == before) == (after[:, None] == after)).all()


def test_what_is_alike_under_another_key_or_without_one_is_no_copy():
    text = np.full((4, BINS), 7, np.uint8)
    assert groups(Sketches(np.array([1, 2, 0, 0], np.uint64), text), ALIKE).tolist() == [0, 1, 2, 3]
    assert groups(Sketches(np.array([3, 3, 3, 3], np.uint64), text), ALIKE).tolist() == [0, 0, 0, 0]
    assert groups(Sketches(np.array([3] * 4, np.uint64), text), CopySettings(found=False)).tolist() == [0, 1, 2, 3]
    assert groups(Sketches(np.empty(0, np.uint64), np.empty((0, BINS), np.uint8)), ALIKE).tolist() == []


def test_thousands_of_one_employer_in_one_place_are_told_apart():
    sketches, vacancy = drawn(5, vacancies=1500, most=4, keys=1)
    np.testing.assert_array_equal(groups(sketches, ALIKE), lowest(vacancy))


def test_a_newcomer_joins_what_it_is_most_alike():
    sketches, vacancy = drawn(11, keys=1)
    group = groups(sketches, ALIKE)
    copies = Copies.of(sketches, group, np.ones(len(group), bool), np.full(len(group), np.nan))
    among = copies.known(1)
    assert among.tolist() == list(range(len(group)))
    for row in (0, 9, 30):
        text = sketches.texts[row].copy()
        text[:10] = 1
        assert copies.joined(text, among, ALIKE) == lowest(vacancy)[row]
    strange = np.random.default_rng(0).integers(1, 256, BINS).astype(np.uint8)
    assert copies.joined(strange, among, ALIKE) == -1
    assert copies.joined(sketches.texts[0], among[:0], ALIKE) == -1
    assert len(copies.known(2)) == 0


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_the_freshest_is_open_and_was_posted_last(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 40))
    group = lowest(rng.integers(0, 8, count)).astype(np.int32)
    open_ = rng.random(count) < 0.7
    posted = np.where(rng.random(count) < 0.3, np.nan, rng.integers(0, 4, count))
    freshest = freshest_of(group, open_, posted)
    for name in np.unique(group):
        rows = np.flatnonzero(group == name).tolist()
        best = min(rows, key=lambda row: (not open_[row], -posted[row] if posted[row] == posted[row] else 9, row))
        assert freshest[name] == best


# ---- In lists

GROUP = np.repeat(np.arange(0, 120, 3), 3)  # three of each


def board(seed=0, dated=True, settings=NARROW):
    rng = np.random.default_rng(seed)
    vectors = np.repeat(clustered(rng, 40, 8), 3, axis=0)
    posted = NOW - DAY * rng.integers(1, 90, 120) if dated else np.full(120, np.nan)
    latlon = np.repeat(rng.uniform(40, 44, (40, 1, 2)), 3, axis=0)
    events = [(int(who), int(what), 1.0) for who, what in rng.integers(0, (30, 120), (60, 2))]
    return make_catalogue(vectors, group=GROUP, latlon=latlon, posted=posted, events=events, settings=settings)


def engine_of(catalogue, seed=0):
    return Engine(catalogue, random_linear(np.random.default_rng(seed)), NARROW, {})


def people(count=8, seed=1):
    rng = np.random.default_rng(seed)
    return [
        Request(str(at), Profile(wanted=unit(rng, 1), home=tuple(rng.uniform(40, 44, 2))), now=NOW)
        for at in range(count)
    ]


@pytest.mark.parametrize("dated", [True, False])
def test_a_list_holds_one_of_a_group_and_as_many_as_there_are(dated):
    engine = engine_of(board(dated=dated))
    for line in engine.answer(engine.queries(people()), 10).rows:
        assert (line >= 0).all()
        assert len(set(GROUP[line].tolist())) == 10
    everything = Engine(engine.catalogue, engine.ranker, replace_union(NARROW, 400), {})
    for line in everything.answer(everything.queries(people()), 120).rows:
        assert sorted(GROUP[line[line >= 0]].tolist()) == sorted(set(GROUP.tolist()))


def replace_union(given, union):
    return given.model_copy(update={"retrieve": given.retrieve.model_copy(update={"union": union, "pool": 400})})


def test_the_freshest_is_shown_also_where_the_sources_bring_another():
    catalogue = board()
    engine = engine_of(catalogue)
    assert len(catalogue.by_text.rows) > NARROW.retrieve.union  # the sources choose
    posted = catalogue.attributes.posted
    rows = engine.answer(engine.queries(people()), 10).rows
    for row in rows.ravel().tolist():
        others = np.flatnonzero(GROUP[row] == GROUP)
        assert posted[row] == posted[others].max()
        assert row == others[np.argmax(posted[others])]


def test_where_the_freshest_may_not_be_shown_another_is():
    catalogue = board()
    posted = catalogue.attributes.posted
    first = np.array([rows[np.argmax(posted[rows])] for rows in np.arange(120).reshape(40, 3)])
    engine = engine_of(catalogue.without(first))
    lines = engine.answer(engine.queries(people()), 10).rows
    assert not np.isin(lines, first).any()
    for row in lines.ravel().tolist():
        left = np.setdiff1d(np.flatnonzero(GROUP[row] == GROUP), first)
        assert posted[row] == posted[left].max()


def test_where_no_date_is_known_the_best_scored_is_shown():
    catalogue = board(dated=False)
    engine = Engine(catalogue, random_linear(np.random.default_rng(3)), replace_union(NARROW, 400), {})
    lists = engine.answer(engine.queries(people(1)), 40)
    scores = np.array(engine.score(people(1)[0], catalogue.ids.names().tolist()))
    for row in lists.rows[0]:
        assert scores[row] >= scores[GROUP[row] == GROUP].max() - 1e-5


def test_a_batch_is_answered_as_each_alone():
    engine = engine_of(board(4))
    together = engine.answer(engine.queries(people(20)), 10)
    for at, one in enumerate(people(20)):
        alone = engine.answer(engine.queries([one]), 10)
        np.testing.assert_array_equal(together.rows[at], alone.rows[0])
        np.testing.assert_array_equal(together.scores[at], alone.scores[0])


def test_the_copies_of_what_was_answered_go_as_well():
    catalogue = board()
    history = [Interaction("p0004", "apply", NOW - DAY)]
    request = replace(people(1)[0], history=history)
    engine = Engine(catalogue, random_linear(np.random.default_rng(0)), replace_union(NARROW, 400), {})
    shown = engine.answer(engine.queries([request]), 120).rows
    assert not np.isin(shown, [3, 4, 5]).any()
    assert engine.why(request, "p0005") == "not eligible: a copy of it is already answered"
    assert engine.why(request, "p0004") == "not eligible: already answered"
    kept = NARROW.model_copy(update={"events": EventSettings(hide_copies=False)})
    queries = ask(catalogue, [request], settings=kept)
    assert len(queries.answered) == 0
    rows = engine.answer(queries, 120).rows
    assert np.isin(rows, [3, 5]).sum() == 1
    assert not (rows == 4).any()


def test_queries_are_cut_with_what_was_answered():
    catalogue = board()
    requests = [Request(str(at), history=[Interaction(f"p{at:04d}", "apply", NOW - DAY)]) for at in range(6)]
    queries = ask(catalogue, requests)
    for part in (queries.part(2, 4), queries.take(np.array([2, 3]))):
        assert part.answered.tolist() == [2, 1 << 32 | 3]


def test_why_names_the_copy_that_stands_for_a_posting():
    engine = engine_of(board())
    request = people(1)[0]
    line = engine.recommend([request], 10, explain=False)[0][0]
    row = int(engine.catalogue.ids.rows([line.posting_id])[0])
    other = int(np.flatnonzero((GROUP[row] == GROUP) & (np.arange(120) != row))[0])
    assert engine.why(request, f"p{other:04d}").startswith(f"not listed: its copy {line.posting_id} stands for it")


def test_likeness_broadcasts():
    sketches, _ = drawn(2)
    square = likeness(sketches.texts[:5, None], sketches.texts[None, :7])
    assert square.shape == (5, 7)
    assert (np.diag(square[:, :5]) == 1).all()
