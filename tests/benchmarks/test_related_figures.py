"""The benchmark of what goes with a posting: whom it asks, and on the real board that ours is above each alone."""

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.related import ALONE, OURS, last_first, measure, pairs, part_of
from jobrec import default_cache
from recsys.schema import VIEW
from training.config import load_config
from training.sittings import SITTING
from training.snapshot import event_candidates
from training.train import prepare_tables, read


def test_parts_are_of_candidates_and_none_is_small():
    part = part_of(np.arange(3000), 0)
    assert set(part.tolist()) == {0, 1, 2}
    assert np.bincount(part).min() > 800
    np.testing.assert_array_equal(part, part_of(np.arange(3000), 0))


def test_pairs_are_first_views_shortly_after_another_view_of_the_same_candidate(market):
    prepared = market.prepared
    histories, owner = prepared.candidates.histories, event_candidates(prepared)
    found = pairs(prepared, np.ones(len(owner), bool))
    assert len(found) > 50
    for at in found[:200].tolist():
        mine = np.flatnonzero((owner == owner[at]) & (np.arange(len(owner)) < at))
        mine = mine[histories.kind[mine] == VIEW]
        view = mine[-1]
        assert histories.time[at] - histories.time[view] < SITTING
        assert histories.posting[at] not in histories.posting[mine]
        assert prepared.group[histories.posting[view]] != prepared.group[histories.posting[at]]


def test_the_last_first_event_of_each_candidate_is_one(market):
    owner, last = event_candidates(market.prepared), last_first(market.prepared)
    assert np.bincount(owner[last]).max() == 1
    assert set(owner[last].tolist()) == set(owner.tolist())


@pytest.mark.long
def test_on_a_real_board_ours_is_above_text_place_and_co_occurrence_alone(tmp_path):
    folder = os.environ.get("JOBREC_DATA")
    if not folder:
        pytest.skip("JOBREC_DATA names no folder with the public files")
    config = load_config(Path(__file__).parents[2] / "configs" / "jobviews.yaml")
    tables = read(config, Path(folder) / "jobviews", tmp_path / "rejected.parquet", print)
    prepared, _ = prepare_tables(config, tables, default_cache(), print)
    part = part_of(event_candidates(prepared), config.validation.seed)
    found = measure(prepared, config, (part == 0) & ~last_first(prepared), (part == 1) & ~last_first(prepared))
    ndcg = found.values("ndcg@10").mean(axis=0)
    assert all(ndcg[found.names.index(OURS)] > 1.1 * ndcg[found.names.index(name)] for name in ALONE)
