"""How popular and how far the postings of lists are."""

import numpy as np
import pytest
from small_catalogue import NOW, ask, make_catalogue

from recsys.request import Interaction, Profile, Request
from training.exposure import mean_percentile, nearest_km, popularity_percentiles

DEGREE = 111.19  # km of a degree of latitude


def test_distance_is_to_the_nearest_known_place():
    north = [[[50, 0], [np.nan, np.nan]], [[52, 0], [51, 0]], [[np.nan, np.nan]] * 2, [[40, 0], [np.nan, np.nan]]]
    catalogue = make_catalogue(np.eye(4, 16), latlon=north)
    profiles = [
        Request("home", Profile(home=(50.0, 0.0)), now=NOW),
        Request("worked", Profile(home=(0.0, 90.0), worked=[(53.0, 0.0)]), now=NOW),
        Request("viewed", history=[Interaction("p0003", "view", NOW - 60)], now=NOW),
        Request("nowhere", now=NOW),
    ]
    rows = np.tile(np.array([0, 1, 2, -1], np.int32), (4, 1))
    found = nearest_km(catalogue, ask(catalogue, profiles), rows)
    nothing = np.nan
    expected = np.array([[0, 1, nothing, nothing], [3, 1, nothing, nothing], [10, 11, nothing, nothing], [nothing] * 4])
    np.testing.assert_allclose(found, expected * DEGREE, rtol=1e-3, atol=1e-2)


def test_remote_work_is_at_no_distance():
    catalogue = make_catalogue(np.eye(3, 16), latlon=np.full((3, 1, 2), 50.0), remote=[1, 0, -1])
    queries = ask(catalogue, [Request("home", Profile(home=(50.0, 50.0)), now=NOW)])
    found = nearest_km(catalogue, queries, np.array([[0, 1, 2]], np.int32))[0]
    assert np.isnan(found).tolist() == [True, False, False]


def test_percentiles_count_ties_half_and_closed_postings_not():
    events = [(0, 1, 1.0), (1, 1, 1.0), (2, 2, 1.0), (3, 3, 9.0)]
    catalogue = make_catalogue(np.eye(5, 16), events=events, open_=[True, True, True, False, True])
    # Of the open ones 0 and 4 have none, 2 has one event, 1 has two; 3, which is closed, has more than all.
    assert popularity_percentiles(catalogue).tolist() == pytest.approx([0.25, 0.875, 0.625, 1.0, 0.25])


def test_mean_percentile_of_lists():
    percentiles = np.array([0.1, 0.5, 0.9], np.float32)
    lists = np.array([[0, 2, -1], [1, -1, -1], [-1, -1, -1]], np.int32)
    found = mean_percentile(percentiles, lists)
    assert found[:2].tolist() == pytest.approx([0.5, 0.5])
    assert np.isnan(found[2])
