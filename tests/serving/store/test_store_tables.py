"""Files to store to tables is the same as files to tables."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import update
from store_writes import candidate, did, posting

from recsys.errors import StoreError
from recsys.schema import EVENT_TYPES, Tables
from serving.store import Write
from serving.store import tables as tables_module
from serving.store.commands import store_import
from serving.store.connect import writing
from serving.store.from_tables import documents_of
from serving.store.left_out import LeftOut
from serving.store.model import CANDIDATES, CHANGES, EVENTS, POSTINGS
from serving.store.tables import tables_at
from serving.store.writes import canonical
from training.simulate import SimulateConfig, simulate
from training.sources import read_tables
from training.sources.config import SourcesConfig


def by_id(tables: Tables) -> Tables:
    """The same tables in the order of the ids, those of events alone last, as the store gives them."""
    postings = np.argsort(tables.postings["posting_id"].to_numpy(object), kind="stable")
    only_id = tables.candidates.drop(columns=["candidate_id", "remote_ok", "findable"]).isna().all(axis=1)
    active = np.isin(np.arange(len(only_id)), tables.events.candidate)
    candidates = np.lexsort((tables.candidates["candidate_id"].to_numpy(object), only_id & active))
    new_posting, new_candidate = np.argsort(postings), np.argsort(candidates)

    def moved(frame, column, rows):
        frame = frame.assign(**{column: rows[frame[column].to_numpy()].astype(np.int32)})
        return frame.sort_values(column, kind="stable", ignore_index=True)

    events = tables.events
    order = np.argsort(new_candidate[events.candidate], kind="stable")
    values = {field.name: getattr(events, field.name)[order] for field in fields(events)}
    values["candidate"] = new_candidate[values["candidate"]].astype(np.int32)
    values["posting"] = new_posting[values["posting"]].astype(np.int32)
    return Tables(
        tables.postings.iloc[postings].reset_index(drop=True),
        moved(tables.locations, "posting", new_posting),
        tables.candidates.iloc[candidates].reset_index(drop=True),
        moved(tables.experience, "candidate", new_candidate),
        type(events)(**values),
    )


def assert_same(left: Tables, right: Tables):
    for name in ("postings", "locations", "candidates", "experience"):
        pd.testing.assert_frame_equal(getattr(left, name), getattr(right, name), obj=name)
    for field in fields(left.events):
        one, other = (getattr(tables.events, field.name) for tables in (left, right))
        assert one.dtype == other.dtype
        if field.name != "page":
            np.testing.assert_array_equal(one, other, err_msg=field.name)
    assert_same_pages(left.events, right.events)


def assert_same_pages(left, right):
    """Numbers of pages may differ; which events of a candidate share one may not."""
    np.testing.assert_array_equal(left.page < 0, right.page < 0)
    pairs = {(who, one, other) for who, one, other in zip(left.candidate, left.page, right.page, strict=True)}
    assert len(pairs) == len({pair[:2] for pair in pairs}) == len({(pair[0], pair[2]) for pair in pairs})


def test_a_simulated_market_survives_the_way_through_the_store(store, tmp_path, monkeypatch):
    monkeypatch.setattr(tables_module, "_PIECE", 100)  # several pieces, whose rows must fit together
    simulate(SimulateConfig(candidates=60, postings=250, seed=3), tmp_path / "data")
    read, _ = read_tables(SourcesConfig(), tmp_path / "data", tmp_path / "rejected.parquet")
    assert len(read.events) > 100
    assert len(read.experience) > 0
    writes = list(documents_of(read))
    counts = store_import(store, writes)
    assert counts["stored"] == len(writes) == counts["position"]
    tables, position = tables_at(store)
    assert position == store.head()
    assert_same(tables, by_id(read))
    again = store_import(store, documents_of(read))
    assert "stored" not in again
    assert store.head() == position


def test_the_log_folded_is_what_is_there(store):
    store.write([posting("b", locations=[{"city": "Rome"}]), posting("a"), posting("gone"), candidate("y")])
    store.write([did("1", "x", "a"), did("2", "y", "b", at=9.0), did("3", "y", "gone"), did("4", "z", "nowhere")])
    store.write([Write("posting_gone", "gone"), did("5", "y", "b", "apply", 3.0), did("6", "y", "b", "undo", 4.0)])
    then = store.head()
    before, _ = tables_at(store)
    store.write([Write("candidate_gone", "y"), posting("c"), posting("a", title="Baker"), did("7", "y", "a")])
    after, position = tables_at(store)
    assert position == then + 4
    assert_same(tables_at(store, then)[0], before)
    assert before.postings["posting_id"].tolist() == ["a", "b"]
    assert before.candidates["candidate_id"].tolist() == ["y", "x"]
    assert before.locations[["posting", "city"]].to_numpy().tolist() == [[1, "Rome"]]
    assert before.events.candidate.tolist() == [0, 1]
    assert [EVENT_TYPES[kind] for kind in before.events.kind] == ["view", "view"]
    assert after.postings["title"].tolist() == ["Baker", "Cook", "Cook"]
    assert after.candidates["candidate_id"].tolist() == ["x", "y"]
    assert after.events.posting.tolist() == [0, 0]
    store.write([candidate("late")])
    assert_same(tables_at(store, position)[0], after)


UNREADABLE = [
    posting("odd-place", locations="here"),
    posting("odd-pay", salary_min="secret"),
    candidate("odd-job", experience="secret"),
    did("odd-value", what="p1", value="secret"),
    did("odd-rank", what="p1", rank="secret", who="only in an event that cannot be read"),
]


def damaged(store, table, key, text, old):
    """What a disk or a hand may do to a document, in its table and in the log."""
    with writing(store.engine) as connection:
        for one in (table, CHANGES):
            done = connection.execute(update(one).where(one.c.document == old).values(document=text))
            assert done.rowcount == 1, key


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_what_cannot_be_read_is_left_out_by_name(store, monkeypatch, piece):
    monkeypatch.setattr(tables_module, "_PIECE", piece)
    good = [posting(f"p{number}", locations=[{"city": "Rome"}]) for number in range(9)]
    good += [candidate(f"c{number}", experience=[{"title": "Cook"}]) for number in range(9)]
    good += [did(f"e{number}", f"c{number}", f"p{number}", at=number + 1.0) for number in range(9)]
    store.write([*good, did("last", "somebody else", "p1")])
    expected = tables_at(store)[0]
    store.write([*UNREADABLE, posting("torn", title="secret"), did("cut", "c1"), candidate("other")])
    damaged(store, POSTINGS, "torn", "{", canonical(posting("torn", title="secret").document))
    damaged(store, EVENTS, "cut", "[1]", canonical(did("cut", "c1").document))
    damaged(store, CANDIDATES, "other", '{"candidate_id":"c1"}', canonical(candidate("other").document))
    position = store.head()
    store.write([posting("later")])
    for at in (position, None):
        said = []
        left_out = LeftOut(said.append, 0.5)
        if at is None:
            store.write([Write("posting_gone", "later")])
        tables, _ = tables_at(store, at, left_out)
        assert_same(tables, expected)
        assert left_out.counts == {"posting": 3, "candidate": 2, "event": 3}
        named = {line.split(" cannot")[0] for line in said}
        names = ("odd-place", "odd-pay", "torn"), ("odd-job", "other"), ("odd-value", "odd-rank", "cut")
        kinds = ("posting", "candidate", "event")
        assert named >= {f"{kind} {name!r}" for kind, some in zip(kinds, names, strict=True) for name in some}
        assert "3 of 12 stored documents of the kind posting cannot be read and are left out" in said
        assert len(said) == 8 + 3
        assert "secret" not in " ".join(said)
    with pytest.raises(StoreError, match=r"3 of 12 stored .* more than sources\.max_rejected_share = 0\.2"):
        tables_at(store, None, LeftOut(said.append, 0.2))


def test_it_is_told_in_the_log_where_nobody_asks(store, caplog):
    store.write([posting("p"), posting("odd", salary_min="secret")])
    assert tables_at(store)[0].postings["posting_id"].tolist() == ["p"]
    assert "posting 'odd' cannot be read and is left out: ValueError" in caplog.text


def test_positions_that_cannot_be_read(store):
    assert len(tables_at(store)[0].postings) == 0
    store.write([posting("p"), posting("q")])
    with pytest.raises(StoreError, match="ends at 2"):
        tables_at(store, 3)
    assert len(tables_at(store, 0)[0].postings) == 0
    store.prune(before=2)
    with pytest.raises(StoreError, match="pruned"):
        tables_at(store, 1)
    assert tables_at(store, 2)[0].postings["posting_id"].tolist() == ["p", "q"]


def test_times_that_are_not_known(store):
    store.write([posting("p"), did("a", at=5.0), did("b", at=0.0, rank=3, value=2.5), did("c", at=1.0, rank=99999)])
    events = tables_at(store)[0].events
    np.testing.assert_array_equal(events.time, [np.nan, 1.0, 5.0])
    assert events.rank.tolist() == [3, 32767, -1]
    np.testing.assert_array_equal(events.value, np.array([2.5, np.nan, np.nan], np.float32))
