"""The candidates' snapshot that travels in a bundle."""

import shutil
from dataclasses import fields, replace

import numpy as np
import pytest

from recsys.bundle import flatten, open_bundle
from recsys.errors import BundleError, RequestError
from recsys.stored import FOLDER, candidate_arrays, read_candidates
from serving.score import Scorer


@pytest.fixture(scope="module")
def stored(market):
    return read_candidates(open_bundle(market.bundle))


def test_what_is_read_equals_what_was_written(market, stored):
    written = market.prepared.candidates
    arrays = flatten(stored)
    assert set(arrays) == set(flatten(written))
    for name, array in flatten(written).items():
        assert arrays[name].dtype == array.dtype, name
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)
    assert stored.ids.names().tolist() == written.ids.names().tolist()
    assert set(candidate_arrays(stored)) == set(candidate_arrays(written))


def test_queries_of_the_stored_snapshot_are_equal_to_the_bit(market, stored, scorer):
    rows = np.random.default_rng(0).permutation(len(stored))
    events = scorer.engine.settings.events
    ours = stored.queries(rows, market.as_of, events)
    theirs = market.prepared.candidates.queries(rows, market.as_of, events)
    for field in fields(ours):
        np.testing.assert_array_equal(getattr(ours, field.name), getattr(theirs, field.name), err_msg=field.name)


def test_every_candidate_of_every_table_is_there(market, stored):
    assert len(stored) == len(market.prepared.candidates) >= 290
    assert (stored.histories.lengths == 0).any() or (stored.histories.lengths > 0).all()
    assert (stored.profiles.whole < 0).any()  # some left nothing but events


def test_an_unknown_candidate_is_an_error_that_names_the_id(stored):
    with pytest.raises(RequestError, match="there is no candidate with the id 'nobody' in this bundle"):
        stored.ids.row("nobody")


def test_a_bundle_without_candidates_says_so(market, tmp_path):
    bundle = open_bundle(shutil.copytree(market.bundle, tmp_path / "bundle"))
    shutil.rmtree(bundle.path / FOLDER)
    with pytest.raises(BundleError, match="holds no candidates"):
        read_candidates(bundle)
    with pytest.raises(BundleError, match="candidates/"):
        Scorer(bundle.path)


def test_only_events_that_had_happened_are_visible(market, stored, scorer):
    """With all but the first n events cut off, a query equals one that is told to see n."""
    events = scorer.engine.settings.events
    rows = np.flatnonzero(stored.histories.lengths >= 4)[:50]
    histories = stored.histories
    kept = np.zeros(len(histories.posting), bool)
    kept[histories.start[rows][:, None] + np.arange(3)] = True
    cut = replace(stored, histories=histories.where(kept)).queries(rows, market.as_of, events)
    told = stored.queries(rows, market.as_of, events, visible=np.full(len(rows), 3))
    for name in ("history", "weight", "time", "hidden", "shown", "shown_times", "dismissed"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(told, name), err_msg=name)
