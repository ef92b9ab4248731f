"""Events become codes; repeated, undone and impossible ones are taken out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources_reading import ANY, read, write

from recsys.schema import APPLY, DISMISS, EVENT_TYPES, IMPRESSION, SAVE, VIEW
from training.sources import csv_file
from training.sources.idmap import SeenBefore

POSTINGS = "posting_id,title\np1,a\np2,b\n10,c\n"


def events_of(folder, text, **config):
    write(folder, postings_csv=POSTINGS, events_csv=text)
    return read(folder, **{**ANY, **config})


def test_order_and_columns(tmp_path):
    tables, _, rejected = events_of(
        tmp_path,
        "posting_id,candidate_id,type,timestamp,value,rank,request_id,surface\n"
        "p2,c2,APPLY,2024-01-02,,,,\np1,c1,view,,0.5,,r,s\n10,c2,impression,1704067200,,3,,\n"
        "p1,c1, Save ,2024-01-01,,,,\n"
        "p2,c2,view,2024-01-02,,99999,,\n",
    )
    events = tables.events
    assert tables.candidates["candidate_id"].tolist() == ["c2", "c1"]
    assert events.candidate.tolist() == [0, 0, 0, 1, 1]
    assert events.posting.tolist() == [2, 1, 1, 0, 0]
    assert events.kind.tolist() == [IMPRESSION, APPLY, VIEW, VIEW, SAVE]  # without a time: before the others
    np.testing.assert_array_equal(events.value, np.float32([np.nan, np.nan, np.nan, 0.5, np.nan]))
    assert events.rank.tolist() == [3, -1, -1, -1, -1]
    dtypes = [
        getattr(events, name).dtype.name for name in ("candidate", "posting", "kind", "time", "value", "rank", "page")
    ]
    assert dtypes == ["int32", "int32", "uint8", "float64", "float32", "int16", "int32"]
    assert rejected[["row", "column", "action"]].values.tolist() == [[5, "rank", "value dropped"]]


def test_rejected_events(tmp_path):
    tables, summary, rejected = events_of(
        tmp_path,
        "event_id,posting_id,candidate_id,type\ne1,p1,c1,view\ne1,p2,c1,view\n,p9,c1,view\n,p1,,view\n"
        ",p1,c1,stare\n,p1,c1,\ne2,p1,c1,stare\ne2,p1,c1,apply\n,p1,c1,view\n,,c1,view\n",
    )
    assert tables.events.kind.tolist() == [VIEW, APPLY, VIEW]
    reasons = dict(zip(rejected["row"], rejected["reason"].str[:18], strict=True))
    assert reasons == {
        2: "duplicate event_id", 3: "event for an unkno", 4: "id is missing", 5: "unknown event type",
        6: "event type is miss", 7: "unknown event type", 10: "id is missing",
    }  # fmt: skip
    assert (summary.tables["events"].read, summary.tables["events"].kept) == (10, 3)
    assert tables.candidates["candidate_id"].tolist() == ["c1"]


def test_undo_takes_back_the_latest_doing(tmp_path):
    text = (
        "posting_id,candidate_id,type,timestamp\np1,c1,save,2024-01-01\np1,c1,undo,2024-01-05\np1,c1,dismiss,2024-01-03\n"
        "p1,c1,impression,2024-01-04\np1,c2,undo,2024-01-09\np2,c1,view,2024-01-02\np1,c1,undo,2023-01-01\n"
    )
    tables, summary, rejected = events_of(tmp_path, text)
    assert tables.events.kind.tolist() == [SAVE, VIEW, IMPRESSION]
    assert DISMISS not in tables.events.kind
    assert rejected[["row", "reason", "file"]].values.tolist() == [
        [5, "undo without an earlier event", "events.csv"],
        [7, "undo without an earlier event", "events.csv"],
    ]
    assert summary.tables["events"].notes == ["1 events were undone by as many undos"]
    assert summary.tables["events"].kept == 5


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from(EVENT_TYPES)), max_size=25))
def test_undo_agrees_with_a_stack(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("undo")
    rows = [f"p{p + 1},c{c},{kind}" for c, p, kind in found]
    tables, _, _ = events_of(folder, "posting_id,candidate_id,type\n" + "\n".join(["p1,cx,view", *rows]) + "\n")
    left: list[tuple[int, int, str]] = []
    for event in found:
        if event[2] != "undo":
            left.append(event)
            continue
        mine = [at for at, (c, p, kind) in enumerate(left) if (c, p) == event[:2] and kind != "impression"]
        if mine:
            del left[mine[-1]]
    names = tables.candidates["candidate_id"].to_numpy()
    got = [
        (int(names[c][1:]), int(p), EVENT_TYPES[k])
        for c, p, k in zip(tables.events.candidate, tables.events.posting, tables.events.kind, strict=True)
        if names[c] != "cx"
    ]
    assert sorted(got) == sorted(left)
    for c in (0, 1):
        assert [event for event in got if event[0] == c] == [event for event in left if event[0] == c]


def test_too_many_bad_events_stop_the_run(tmp_path):
    with pytest.raises(Exception, match=r"events: 2 of 3 rows .*commonest reason: event for an unknown posting"):
        events_of(tmp_path, "posting_id,candidate_id,type\nx,c,view\ny,c,view\np1,c,view\n", max_rejected_share=0.5)


def test_pieces_give_what_one_piece_gives(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    kinds = rng.choice(["view", "save", "undo", "stare"], 3000, p=[0.6, 0.2, 0.1, 0.1])
    frame = pd.DataFrame(
        {
            "event_id": rng.integers(0, 2500, 3000),
            "candidate_id": rng.integers(0, 50, 3000),
            "posting_id": rng.choice(["p1", "p2", "10", "gone"], 3000),
            "type": kinds,
            "timestamp": rng.integers(1_700_000_000, 1_700_000_900, 3000),
        }
    )
    text = frame.to_csv(index=False)
    whole, _, rejected = events_of(tmp_path, text)
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 512)
    parts, _, also = events_of(tmp_path, text)
    assert len(whole.events) > 500
    for name in ("candidate", "posting", "kind", "time", "value", "rank", "page"):
        np.testing.assert_array_equal(getattr(whole.events, name), getattr(parts.events, name))
    pd.testing.assert_frame_equal(*(f.sort_values(["row", "column"], ignore_index=True) for f in (rejected, also)))
    order = np.lexsort((whole.events.time, whole.events.candidate))
    assert (order == np.arange(len(order))).all()


@given(st.lists(st.lists(st.none() | st.sampled_from([f"e{i}" for i in range(9)]), max_size=8), max_size=50))
def test_seen_before_agrees_with_a_set(pieces):
    seen, known = SeenBefore(), set()
    for piece in pieces:
        expected = []
        for value in piece:
            expected.append(value is not None and value in known)
            known.add(value)
        assert seen.repeated(pd.Series(piece, dtype="str")).tolist() == expected


def test_seen_before_over_merges(monkeypatch):
    monkeypatch.setattr("training.sources.idmap._MERGE_AT", 50)
    seen, known = SeenBefore(), set()
    rng = np.random.default_rng(1)
    for _ in range(200):
        values = [str(value) for value in rng.integers(0, 3000, 20)]
        expected = []
        for value in values:
            expected.append(value in known)
            known.add(value)
        assert seen.repeated(pd.Series(values, dtype="str")).tolist() == expected
