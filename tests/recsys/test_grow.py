"""Postings that arrive after training, beside those of a bundle."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from recsys.attributes import EMPLOYMENT
from recsys.codebook import Numbering
from recsys.codes import Codes
from recsys.config import CopySettings, FilterSettings
from recsys.documents import posting_documents
from recsys.encode import HashEncoder
from recsys.engine import Engine
from recsys.errors import RequestError
from recsys.filters import Filters
from recsys.geo import city_points
from recsys.grow import Growth
from recsys.interests import find_interests
from recsys.narrow import narrowed
from recsys.newcomers import Describer
from recsys.pool import SOURCES
from recsys.retrieve import retrieve
from recsys.signals import NAMES, compute
from training.sources import read_tables

#: Twins are put beside one another here; that a list shows one of them is looked at in ``test_arrivals.py``.
APART = CopySettings(found=False)
NOT_COPIED = {"factors", "factors_score", "factors_new", "cooccur", "popularity"}
NOT_COPIED |= {"title_popularity", "employer_popularity", "place_popularity"}


@pytest.fixture(scope="module")
def documents(market):
    from conftest import CONFIG

    tables, _ = read_tables(CONFIG.sources, market.data, market.data.parent / "rejected.parquet")
    found = {one["posting_id"]: one for one in posting_documents(tables.postings, tables.locations)}
    return [found[one] for one in market.prepared.ids.names()]


@pytest.fixture
def describer(market):
    encoder = HashEncoder()
    lexicon, skills = market.prepared.lexicon, market.prepared.skills
    return Describer(
        lexicon,
        skills,
        Numbering(market.prepared.books),
        FilterSettings(),
        lambda texts: Codes.from_vectors(encoder.encode(texts)),
        city_points,
    )


@pytest.fixture(params=["scorer", "searching"])
def serving(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def growth(serving):
    return Growth(serving.engine.catalogue, 500, APART)


def copies(documents, rows):
    return [documents[row] | {"posting_id": f"{documents[row]['posting_id']}-copy"} for row in rows]


def all_queries(serving, count=40):
    rows = np.arange(count)
    return serving.candidates.queries(rows, serving.as_of, serving.engine.settings.events)


def test_who_arrives_together_makes_no_difference(serving, describer, documents):
    new = copies(documents, range(30))
    whole, single = Growth(serving.engine.catalogue, 500, APART), Growth(serving.engine.catalogue, 500, APART)
    whole.add(describer.describe(new))
    for one in new:
        single.add(describer.describe([one]))
    assert_equal_rows(whole.snapshot(), single.snapshot(), slice(len(serving.engine.catalogue), None))


def assert_equal_rows(one, other, rows):
    """All arrays of two catalogues, to the last digit."""
    for field in fields(one):
        mine, its = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            assert np.array_equal(mine[rows], its[rows], equal_nan=mine.dtype.kind == "f"), field.name
        elif is_dataclass(mine):
            assert_equal_rows(mine, its, rows)


def test_a_newcomer_is_described_as_training_describes(serving, growth, describer, documents):
    rows = [0, 5, 77, 200]
    growth.add(describer.describe(copies(documents, rows)))
    grown, base = growth.snapshot(), len(serving.engine.catalogue)
    queries = all_queries(serving)
    interests = find_interests(grown, queries, serving.engine.settings.retrieve)
    old = np.tile(np.array(rows, np.int32), (len(queries), 1))
    new = np.tile(np.arange(base, base + 4, dtype=np.int32), (len(queries), 1))
    ours, theirs = compute(grown, queries, interests, new), compute(grown, queries, interests, old)
    for at, name in enumerate(NAMES):
        if name not in NOT_COPIED and not name.startswith("shown"):
            np.testing.assert_array_equal(ours[..., at], theirs[..., at], err_msg=name)


def test_a_newcomer_stands_in_lists_beside_its_twin(serving, growth, describer, documents):
    queries = all_queries(serving, 60)
    engine = serving.engine
    before = engine.answer(queries, 10)
    firsts = np.unique(before.rows[:, 0])
    growth.add(describer.describe(copies(documents, firsts.tolist())))
    after = replace(engine, catalogue=growth.snapshot()).answer(queries, 10)
    met = (after.rows >= len(engine.catalogue)).any(axis=1)
    assert met.mean() > 0.9
    assert growth.snapshot().ids.names(after.rows[met][:, :1]).shape == (int(met.sum()), 1)


def test_without_newcomers_the_lists_are_the_same_to_the_bit(serving, growth):
    queries, engine = all_queries(serving), serving.engine
    ours, theirs = replace(engine, catalogue=growth.snapshot()).answer(queries, 20), engine.answer(queries, 20)
    np.testing.assert_array_equal(ours.rows, theirs.rows)
    np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_a_snapshot_stays_what_it_was(serving, growth, describer, documents):
    queries, engine = all_queries(serving), serving.engine
    growth.add(describer.describe(copies(documents, range(10))))
    snapshot = replace(engine, catalogue=growth.snapshot())
    before = snapshot.answer(queries, 20)
    growth.add(describer.describe(copies(documents, range(10, 60))))
    growth.add(describer.describe([documents[3] | {"title": "Another title altogether"}]))
    growth.add(describer.describe([documents[4] | {"valid_through": 1.0}]))
    growth.remove([documents[7]["posting_id"], f"{documents[1]['posting_id']}-copy"])
    after = snapshot.answer(queries, 20)
    np.testing.assert_array_equal(before.rows, after.rows)
    np.testing.assert_array_equal(before.scores, after.scores)
    assert snapshot.catalogue.ids.row(documents[3]["posting_id"]) == 3
    assert growth.snapshot().ids.row(documents[3]["posting_id"]) > 3


def test_a_posting_that_changes_is_one_posting(serving, growth, describer, documents):
    engine = serving.engine
    one = documents[3]
    growth.add(describer.describe([one | {"title": "Submarine captain"}]))
    growth.add(describer.describe([one | {"title": "Submarine cook"}]))
    grown = growth.snapshot()
    row = grown.ids.row(one["posting_id"])
    assert row == len(engine.catalogue) + 1
    assert grown.gone[[3, row - 1]].all()
    assert not grown.gone[row]
    assert grown.fresh.now_of(np.array([-1, 2, 3, row - 1, row], np.int32)).tolist() == [-1, 2, row, row, row]
    assert grown.behaviour.seen[row] == grown.behaviour.seen[3]
    assert grown.behaviour.popularity[row] == grown.behaviour.popularity[3]
    np.testing.assert_array_equal(grown.behaviour.kin[row], grown.behaviour.kin[3])


def test_what_only_gets_other_dates_keeps_its_row(serving, growth, describer, documents):
    later = serving.as_of + 1e6
    growth.add(describer.describe([one | {"valid_through": later} for one in documents[:20]]))
    open_ = serving.engine.catalogue.open[:20]
    assert growth.added == int((~open_).sum()), "what was not indexed has to be added"
    grown = growth.snapshot()
    rows = grown.ids.rows([one["posting_id"] for one in documents[:20]])
    assert (grown.attributes.until[rows] == later).all()
    assert (rows[open_] == np.flatnonzero(open_)).all()


def test_what_is_removed_can_come_back(serving, growth, describer, documents):
    one = documents[8]
    growth.remove([one["posting_id"], "never heard of"])
    assert growth.snapshot().gone[8]
    growth.add(describer.describe([one]))
    grown = growth.snapshot()
    assert not grown.gone[grown.ids.row(one["posting_id"])]


def test_room_ends_with_one_clear_line(serving, describer, documents):
    growth = Growth(serving.engine.catalogue, 3, APART)
    growth.add(describer.describe(copies(documents, range(3))))
    with pytest.raises(RequestError, match="room for 0 more postings beside the bundle, not for 2: train again"):
        growth.add(describer.describe(copies(documents, range(5, 7))))


def test_one_by_one_is_as_all_at_once(serving, describer, documents):
    together, apart = Growth(serving.engine.catalogue, 300, APART), Growth(serving.engine.catalogue, 300, APART)
    some = copies(documents, range(300))
    together.add(describer.describe(some))
    for one in some:
        apart.add(describer.describe([one]))
    a, b = together.snapshot(), apart.snapshot()
    np.testing.assert_array_equal(a.fresh.vectors, b.fresh.vectors)
    for field in fields(a.attributes):
        np.testing.assert_array_equal(getattr(a.attributes, field.name), getattr(b.attributes, field.name))
    queries = all_queries(serving)
    lists = [replace(serving.engine, catalogue=one).answer(queries, 30).rows for one in (a, b)]
    np.testing.assert_array_equal(*lists)


def test_a_batch_is_as_single_requests(serving, growth, describer, documents):
    growth.add(describer.describe(copies(documents, range(150))))
    engine: Engine = replace(serving.engine, catalogue=growth.snapshot())
    queries = all_queries(serving, 30)
    batch = engine.answer(queries, 20)
    for at in range(30):
        single = engine.answer(queries.part(at, at + 1), 20)
        np.testing.assert_array_equal(single.rows[0], batch.rows[at])
        np.testing.assert_allclose(single.scores[0], batch.scores[at], atol=1e-6)


@pytest.fixture
def changed(serving, growth, describer, documents):
    """Rows of the postings that were chosen most, changed once or twice since, and the catalogue then."""
    catalogue = serving.engine.catalogue
    rows = np.argsort(-catalogue.behaviour.popularity)[:60]
    growth.add(describer.describe(copies(documents, range(5))))
    for times in range(2):
        some = rows[:: times + 1].tolist()
        growth.add(describer.describe([documents[row] | {"company": f"Renamed {times}"} for row in some]))
    return rows, growth.snapshot()


def test_a_posting_that_changes_keeps_what_was_learned_of_it(serving, changed):
    rows, grown = changed
    base, settings = serving.engine.catalogue, serving.engine.settings.retrieve
    before = all_queries(serving, 150)
    after = replace(before, history=grown.fresh.now_of(before.history))
    assert (after.history != before.history).sum() > 100
    wanted = np.tile(np.arange(len(base), dtype=np.int32), (len(before), 1))
    now = grown.fresh.now_of(wanted)
    assert (now[0] != wanted[0]).sum() == len(rows)
    then = compute(base, before, find_interests(base, before, settings), wanted)
    found = compute(grown, after, find_interests(grown, after, settings), now)
    for name in ("cooccur", "popularity", "factors", "factors_score", "title_popularity"):
        at = NAMES.index(name)
        np.testing.assert_allclose(found[..., at], then[..., at], rtol=1e-5, atol=1e-6, err_msg=name)
    assert np.nanmax(then[:, rows, NAMES.index("cooccur")]) > 0
    np.testing.assert_array_equal(grown.fresh.learned_of(now), wanted)


def test_the_sources_bring_a_posting_that_changed(searching, describer, documents):
    base, settings = searching.engine.catalogue, searching.engine.settings.retrieve
    before = all_queries(searching, 100)
    pool = retrieve(base, before, find_interests(base, before, settings), settings, 10)
    learned = sum(1 << SOURCES.index(name) for name in ("cooccur", "factors"))
    rows = np.unique(pool.rows[(pool.sources & learned) > 0])[:40]
    growth = Growth(base, 500, APART)
    growth.add(describer.describe([documents[row] | {"company": "Renamed"} for row in rows.tolist()]))
    grown = growth.snapshot()
    after = replace(before, history=grown.fresh.now_of(before.history))
    # without the source that compares newcomers one by one
    alone = settings.model_copy(update={"fresh": 0})
    again = retrieve(grown, after, find_interests(grown, after, alone), alone, 10)
    asked = np.broadcast_to(np.arange(len(before))[:, None], pool.rows.shape)
    brought = np.isin(pool.rows, rows) & ((pool.sources & learned) > 0)
    wanted = set(zip(asked[brought].tolist(), grown.fresh.now_of(pool.rows[brought]).tolist(), strict=True))
    got = set(zip(asked[again.rows >= 0].tolist(), again.rows[again.rows >= 0].tolist(), strict=True))
    assert len(wanted) > 100
    assert not grown.gone[grown.fresh.now_of(rows)].any()
    assert wanted <= got


def test_a_snapshot_keeps_its_dates_and_what_was_there(serving, growth, documents):
    """Many changes between two snapshots are made in one copy, of which the first snapshot sees nothing."""
    one, other = documents[0]["posting_id"], documents[1]["posting_id"]
    first = growth.snapshot()
    before = first.attributes.until.copy(), first.gone.copy()
    growth.redate(one, 1.0, 2.0)
    growth.remove([one])
    growth.redate(other, np.nan, 3.0)
    growth.remove([other])
    second = growth.snapshot()
    growth.redate(one, 1.0, 9.0)
    np.testing.assert_array_equal(first.attributes.until, before[0])
    np.testing.assert_array_equal(first.gone, before[1])
    assert second.attributes.until[:2].tolist() == [2.0, 3.0]
    assert second.gone[:2].all()
    assert growth.snapshot().attributes.until[:2].tolist() == [9.0, 3.0]
    with pytest.raises(ValueError, match="soon"):
        growth.redate(one, 5.0, "soon")
    assert growth.snapshot().attributes.posted[0] == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_a_row_is_known_by_the_row_of_today(serving, describer, documents, seed):
    growth, rng, base = (
        Growth(serving.engine.catalogue, 300, APART),
        np.random.default_rng(seed),
        serving.engine.catalogue,
    )
    whose = {row: documents[row]["posting_id"] for row in range(len(base))}
    for turn in range(12):
        rows = rng.choice(15, int(rng.integers(1, 6)), replace=False)
        some = [documents[row] | {"company": f"Renamed {turn} {row}"} for row in rows.tolist()]
        some += copies(documents, rng.choice(4, 1).tolist())
        whose |= {len(base) + growth.added + at: one["posting_id"] for at, one in enumerate(some)}
        growth.add(describer.describe(some), np.zeros(len(some), bool))
        grown, every = growth.snapshot(), np.array(sorted(whose), np.int32)
        today = grown.ids.rows([whose[row] for row in every.tolist()])
        np.testing.assert_array_equal(grown.fresh.now_of(every), today)
        assert (np.diff(grown.fresh.was) > 0).all()
        assert [grown.ids.find(whose[row]) for row in every.tolist()] == today.tolist()


# ---- Copies


def reposted(documents, rows, days):
    return [
        documents[row] | {"posting_id": f"z{row}", "date_posted": documents[row]["date_posted"] + 86_400.0 * days}
        for row in rows
    ]


def test_a_copy_joins_the_group_that_training_gave(serving, describer, documents):
    catalogue, rows = serving.engine.catalogue, list(range(0, 120, 3))
    growth = Growth(catalogue, 500)
    growth.add(describer.describe(reposted(documents, rows, 1)))
    copies = growth.snapshot().copies
    new = np.arange(len(catalogue), len(catalogue) + len(rows))
    np.testing.assert_array_equal(copies.keys[new], catalogue.copies.keys[rows])
    np.testing.assert_array_equal(copies.texts[new], catalogue.copies.texts[rows])
    np.testing.assert_array_equal(copies.group[new], catalogue.copies.group[rows])
    assert (copies.keys[new] != 0).mean() > 0.9


def test_the_fresher_copy_stands_for_the_older_as_long_as_it_is_there(serving, describer, documents):
    engine, queries = serving.engine, all_queries(serving, 60)
    base, posted = len(engine.catalogue), engine.catalogue.attributes.posted
    before = engine.answer(queries, 10)
    rows = np.unique(before.rows[before.rows >= 0])
    rows = rows[posted[rows] < serving.as_of - 86_400][:100]
    growth = Growth(engine.catalogue, 500)
    growth.add(describer.describe(reposted(documents, rows.tolist(), 0.5)))
    grown = replace(engine, catalogue=growth.snapshot())
    with_copies = grown.answer(queries, 10).rows
    assert not np.isin(with_copies, rows).any()
    assert (with_copies >= base).any(axis=1).mean() > 0.9
    growth.redate(f"z{rows[0]}", posted[rows[0]] - 86_400.0, np.nan)
    copies = growth.snapshot().copies
    assert copies.freshest[copies.group[rows[0]]] == rows[0]
    growth.remove([f"z{row}" for row in rows])
    again = replace(engine, catalogue=growth.snapshot()).answer(queries, 10)
    np.testing.assert_array_equal(again.rows, before.rows)
    np.testing.assert_array_equal(grown.answer(queries, 10).rows, with_copies)  # an older snapshot stays what it was


def test_newcomers_and_changes_obey_filters(serving, growth, describer, documents):
    queries, kind = all_queries(serving, 12), {"employment_type": "volunteer"}
    new = [one | kind | {"date_posted": serving.as_of - 1.0} for one in copies(documents, range(30))]
    for one in new:
        one.pop("valid_through", None)
    changed = documents[40] | kind
    growth.add(describer.describe([*new, changed]))
    early = growth.snapshot()
    growth.add(describer.describe([new[1] | {"employment_type": "full time"}]))
    late = growth.snapshot()
    filters = Filters(employment=("VOLUNTEER",), muted_postings=(new[0]["posting_id"],))
    for catalogue, first in ((early, 1), (late, 2)):
        expected = {one["posting_id"] for one in new[first:]}
        lists = replace(serving.engine, catalogue=catalogue, explainer=None).answer(queries, 60, filters=filters)
        for rows in lists.rows:
            found = set(catalogue.ids.names(rows[rows >= 0]))
            assert expected <= found <= expected | {changed["posting_id"]}


def test_a_posting_that_changed_is_searched_by_what_it_says_now(growth, describer, documents):
    growth.add(describer.describe([documents[40] | {"employment_type": "volunteer"}]))
    catalogue = growth.snapshot()
    only = catalogue.attributes.employment[: len(catalogue)] == 1 << list(EMPLOYMENT).index("VOLUNTEER")
    within = narrowed(catalogue, only).within
    assert within.rows.tolist() == [len(catalogue) - 1]
    assert np.flatnonzero(within.named).tolist() == [40, len(catalogue) - 1]
