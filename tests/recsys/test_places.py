import numpy as np
import pytest

from recsys.gazetteer import gazetteer
from recsys.geo import CITY, REGION, UNKNOWN, distance_km, unit_vectors
from recsys.places import resolve_names, split_places


def resolve(*names):
    return resolve_names(names, gazetteer())


@pytest.mark.parametrize(
    ("names", "latlon"),
    [
        (("New York City", "NY", "US"), (40.714, -74.006)),
        (("New York", "New York", ""), (40.714, -74.006)),
        (("St. Louis", "Missouri", ""), (38.627, -90.198)),
        (("Mcallen ", "TX", ""), (26.203, -98.230)),
        (("Manhattan", "NY", ""), (40.783, -73.966)),
        (("Manhattan", "KS", ""), (39.184, -96.572)),
        (("BROOKLYN", "NY", "USA"), (40.650, -73.950)),
        (("Seattle, WA", "", ""), (47.606, -122.332)),
        (("Seattle, WA", "Washington", "United States"), (47.606, -122.332)),
        (("Boston MA 02110", "", ""), (42.358, -71.060)),
        (("Zürich, Switzerland", "", ""), (47.367, 8.55)),
        (("Zurich", "", "CH"), (47.367, 8.55)),
        (("Mexico City, Mexico", "", ""), (19.428, -99.128)),
        (("Toronto", "ON", "Canada"), (43.706, -79.399)),
        (("Toronto", "CA", ""), (43.706, -79.399)),
        (("Perth", "WA", "Australia"), (-31.952, 115.861)),
        (("San Juan", "PR", "US"), (18.466, -66.106)),
        (("Greater Chicago Area", "IL", ""), (41.85, -87.65)),
        (("Raleigh-Durham", "NC", ""), (35.772, -78.639)),
        (("San Diego", "Colorado", ""), (32.716, -117.165)),
        (("Bengaluru", "Karnataka", "India"), (12.972, 77.594)),
        (("Washington D.C.", "", ""), (38.895, -77.036)),
        (("東京", "", ""), (35.69, 139.69)),
    ],
)
def test_cities_as_people_write_them(names, latlon):
    found, precision = resolve(names)
    assert precision.tolist() == [CITY]
    assert distance_km(*unit_vectors([found[0], latlon])) < 12


@pytest.mark.parametrize(
    ("names", "precision"),
    [
        (("", "Washington", ""), REGION),
        (("No Such Town", "WA", "US"), REGION),
        (("Midland", "GA", ""), REGION),  # not the large Midland of Texas
        (("Bay Area", "California", ""), REGION),
        (("", "", "Singapore"), REGION),
        (("Virginia, United States", "", ""), REGION),
        (("", "", "United States"), UNKNOWN),
        (("US Remote", "", ""), UNKNOWN),
        (("", "", ""), UNKNOWN),
        (("Qqqq", "", ""), UNKNOWN),
        (("98101", "", ""), UNKNOWN),
        (("N/A", "", ""), UNKNOWN),
        (("Various", "", "US"), UNKNOWN),
    ],
)
def test_what_is_not_a_city(names, precision):
    found, precisions = resolve(names)
    assert precisions.tolist() == [precision]
    assert np.isnan(found).all() == (precision == UNKNOWN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Seattle, San Francisco ", [("Seattle", "", ""), ("San Francisco", "", "")]),
        ("San Francisco, CA | New York City, NY", [("San Francisco", "CA", ""), ("New York City", "NY", "")]),
        ("San Francisco, CA, New York, NY", [("San Francisco", "CA", ""), ("New York", "NY", "")]),
        ("US-CA-Menlo Park", [("Menlo Park", "CA", "US")]),
        ("US-NY-New York", [("New York", "NY", "US")]),
        ("India - Hyderabad", [("Hyderabad", "", "India")]),
        ("Arvada, CO - US", [("Arvada", "CO", "US")]),
        ("CA - Canada", [("", "", "Canada")]),
        ("MX - Mexico City, Mexico", [("Mexico City", "", "Mexico")]),
        ("Cluj-Napoca, CJ, Romania", [("Cluj-Napoca", "CJ", "Romania")]),
        ("Bronx NY", [("Bronx", "NY", "")]),
        ("Salt Lake City, UT United States", [("Salt Lake City", "UT", "United States")]),
        ("New York, NY, US; Remote, US", [("New York", "NY", "US"), ("", "", "US")]),
        ("Berlin (Germany), Paris (France)", [("Berlin", "", "Germany"), ("Paris", "", "France")]),
        ("Remote-Melbourne, Australia", [("Melbourne", "", "Australia")]),
        ("New York", [("New York", "", "")]),
        ("Virginia", [("", "Virginia", "")]),
        ("Remote - Georgia, USA", [("", "Georgia", "USA")]),
        ("Remote", []),
        ("2 Locations", []),
        ("Remote - North America", []),
        ("", []),
    ],
)
def test_texts_that_name_several_places_or_none(text, expected):
    assert split_places(text, gazetteer()) == expected


def test_many_names_keep_their_order():
    names = [("Paris", "", "France"), ("x y z", "", ""), ("Austin", "TX", "")]
    found, precision = resolve(*names, *names)
    assert precision.tolist() == [CITY, UNKNOWN, CITY] * 2
    np.testing.assert_array_equal(found[:3], found[3:])
    assert found.dtype == np.float32
