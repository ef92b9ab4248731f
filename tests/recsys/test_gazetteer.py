import numpy as np
import pytest

from recsys.gazetteer import gazetteer
from recsys.placenames import Region, keys, spellings


@pytest.fixture(scope="module")
def cities():
    return gazetteer()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("St. Louis", "Saint Louis"), ("Ft Worth", "FORT WORTH"), ("Mt. Vernon", "Mount Vernon"), ("Zürich", "zurich"),
        ("Mc Allen", "McAllen"), ("DeSoto", "De Soto"), ("O'Fallon", "O’Fallon"), ("Łódź", "Lodz"),
        ("D.C.", "DC"), ("N. Little Rock", "North Little Rock"), ("Gießen", "Giessen"),
        ("Winston-Salem", "winston salem "), ("St.Paul", "St Paul"),
    ],
)  # fmt: skip
def test_one_spelling(one, other):
    assert keys([one]) == keys([other])


def test_spellings_keep_apart_what_differs():
    assert len(set(keys(["Stow", "St. Ow", "Norwalk", "東京", "Nord", ""]))) == 6
    assert keys(["Paris\nFrance", "Rome"]) == ["parisfrance", "rome"]
    assert spellings([" Ste.  Genevieve ", "Port-au-Prince"]) == ["sainte genevieve", "port au prince"]


def test_every_city_is_found_by_its_own_name_in_its_region(cities):
    regions, countries = list(cities.regions), list(cities.countries)
    rng = np.random.default_rng(0)
    for row in rng.integers(0, len(cities.names), 300):
        region = regions[cities.region[row]]
        assert region.country == countries[cities.country[row]]
        found = cities.find(cities.names[row], region.country, region if region.code else None)
        # Another of that name may be larger, but none that is smaller is preferred.
        assert cities.population[found] >= cities.population[row] or cities.names[found] == cities.names[row]
        assert cities.country[found] == cities.country[row]


def test_arrays_fit_together(cities):
    n = len(cities.names)
    assert n > 200_000
    assert (np.diff(cities.population) <= 0).all()
    assert (cities.name_hash[1:] >= cities.name_hash[:-1]).all()
    assert cities.name_city.max() < n
    assert cities.name_own.sum() == np.count_nonzero(cities.names != "")


def named(cities, row):
    return cities.names[row], list(cities.regions)[cities.region[row]]


@pytest.mark.parametrize(
    ("key", "country", "region", "expected"),
    [
        ("portland", "US", Region("US", "ME"), ("portland", Region("US", "ME"))),
        ("newyork", "US", Region("US", "NY"), ("newyorkcity", Region("US", "NY"))),
        ("bangalore", "IN", None, ("bengaluru", Region("IN", "19"))),
        ("paris", None, None, ("paris", Region("FR", "11"))),
        ("paris", "US", None, ("paris", Region("US", "TX"))),
        ("nyc", None, None, ("newyorkcity", Region("US", "NY"))),
    ],
)
def test_find(cities, key, country, region, expected):
    assert named(cities, cities.find(key, country, region)) == expected


def test_find_nothing(cities):
    assert cities.find("qqqq") == -1
    assert cities.find("seattle", "US", Region("US", "ME")) == -1
    assert cities.find("seattle", "FR") == -1
    assert cities.find("add") == -1  # an airport's code
    assert cities.find("newyork", "US", Region("US", "NY"), own_only=True) == -1


def test_countries_and_regions_by_any_name(cities):
    areas = cities.areas
    assert [areas.country(text) for text in ("USA", "u.s.", "United States", "GBR", "UK", "Türkiye", "Oz")] == [
        "US", "US", "US", "GB", "GB", "TR", None
    ]  # fmt: skip
    assert areas.region("Calif.") == areas.region("ca") == areas.region("California", "US") == Region("US", "CA")
    assert areas.region("WA") == Region("US", "WA")
    assert areas.region("WA", "AU") == Region("AU", "08")
    assert areas.region("Québec") == Region("CA", "10")
    assert areas.region("CA", "FR") is None
    assert areas.region("Puerto Rico", "US") == Region("PR", "")


@pytest.mark.parametrize(
    ("country", "code", "largest"),
    [("CA", "08", "toronto"), ("CA", "10", "montreal"), ("CA", "01", "calgary"), ("CA", "02", "vancouver"),
     ("CA", "07", "halifax"), ("CA", "03", "winnipeg"), ("CA", "05", "saintjohns"), ("CA", "09", "charlottetown"),
     ("CA", "12", "whitehorse"), ("CA", "13", "yellowknife"), ("CA", "14", "iqaluit"), ("CA", "11", "saskatoon"),
     ("CA", "04", "moncton"), ("AU", "01", "canberra"), ("AU", "02", "sydney"), ("AU", "03", "darwin"),
     ("AU", "04", "brisbane"), ("AU", "05", "adelaide"), ("AU", "06", "hobart"), ("AU", "07", "melbourne"),
     ("AU", "08", "perth"), ("GB", "ENG", "london"), ("GB", "SCT", "glasgow"), ("GB", "WLS", "cardiff"),
     ("GB", "NIR", "belfast")],
)  # fmt: skip
def test_codes_of_provinces_are_those_of_the_data(cities, country, code, largest):
    region = Region(country, code)
    row = int(np.flatnonzero(cities.region == cities.regions[region])[0])
    assert cities.names[row] == largest


def test_centres(cities):
    washington = cities.centre("US", Region("US", "WA"))
    assert 46 < washington[0] < 48.5
    assert -123 < washington[1] < -119
    np.testing.assert_allclose(cities.centre("SG", None), [1.35, 103.85], atol=0.1)
    assert cities.centre("DE", None) is None
    assert cities.centre(None, None) is None
    assert 17.8 < cities.centre("PR", Region("PR", ""))[0] < 18.6
