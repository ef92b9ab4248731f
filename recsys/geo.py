"""Where things are: places of table rows, distances on the sphere, and a grid of cells over postings.

A place is a unit vector (x, y, z) from the centre of the earth, float32, all NaN where unknown: distances then need
no trigonometry per pair, and unknown stays unknown. The earth is a sphere of mean radius 6371.0088 km (Moritz, 2000,
"Geodetic Reference System 1980"); against the ellipsoid that is wrong by 0.6 % at most.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from recsys.errors import BundleError, ConfigError

EARTH_RADIUS_KM: Final = 6371.0088
#: How well a place is known.
UNKNOWN, REGION, CITY, GIVEN = range(4)

_NOT_REMOTE_WORK = re.compile(
    r"(?:\b(?:not?|non|without|isn'?t|hybrid)(?:\s+(?:a|an|be|fully|eligible\s+for))?[\s-]+remote\b)"
    r"|(?:\bremote[\s-]+(?:sens\w*|control\w*|monitor\w*|access|desktop|patient\w*|support|hybrid|area\w*|site\w*|"
    r"communit\w*|location\w*|region\w*|island\w*|village\w*|camp\w*|infrastructure|hands|device\w*|operated)\b)"
)
_REMOTE_WORK = re.compile(
    r"\bremote(?:ly)?\b|\bwork(?:ing)?[\s-]+(?:from|at)[\s-]+(?:home|anywhere)\b|\bwfh\b|\bhome[\s-]based\b|"
    r"\btelecommut\w*|\btele-?work\w*|\banywhere in\b|\bhomeoffice\b|\bt[ée]l[ée]travail\b|\bremot[oa]\b|"
    r"\bteletrabajo\b|\bteletrabalho\b"
)


def unit_vectors(latlon: ArrayLike) -> NDArray[np.float32]:
    """Unit vectors (..., 3) float32 of latitude and longitude (..., 2) in degrees; NaN in either gives all NaN."""
    # In float64 inside: a float32 longitude in radians is already a metre off.
    radians = np.deg2rad(np.asarray(latlon, np.float64))
    latitude, longitude = radians[..., 0], radians[..., 1]
    across = np.cos(latitude)
    z = np.where(np.isnan(longitude), np.nan, np.sin(latitude))
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), z], -1).astype(np.float32)


def chord_to_km(chord: ArrayLike) -> NDArray[np.float32]:
    """Kilometres along the sphere, float32, for straight-line distances between unit vectors (0 to 2; any shape)."""
    half = np.minimum(np.asarray(chord, np.float32) / 2, np.float32(1))
    return np.asarray(np.float32(2 * EARTH_RADIUS_KM) * np.arcsin(half), np.float32)


def distance_km(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Great-circle distance in km, float32 (...), of unit vectors (..., 3) that broadcast; NaN where either is unknown.

    From the chord, not the dot product: a dot product near 1 cannot tell places apart that are under 2 km away
    in float32, the difference vector can to under a metre. Near the antipode it is some 5 km off.
    """
    step = np.asarray(a, np.float32) - np.asarray(b, np.float32)
    return chord_to_km(np.sqrt(np.einsum("...i,...i->...", step, step)))


def squared_chords(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Squared chords of every pair of unit vectors (B, n, 3) and (B, s, 3): float64 (B, n, s), NaN where unknown.

    By way of a matrix product, in float64 and with the true lengths of the vectors: in float32 two equal places would
    be two km apart. A nearest place is cheaper to find here than in km.
    """
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    lengths = np.einsum("bnd,bnd->bn", wide_a, wide_a)[:, None] + np.einsum("bsd,bsd->bs", wide_b, wide_b)[..., None]
    lengths -= 2 * np.matmul(wide_b, wide_a.transpose(0, 2, 1))
    return np.asarray(np.maximum(lengths, 0).transpose(0, 2, 1))


def is_remote(texts: Iterable[object]) -> NDArray[np.int8]:
    """Which texts (titles, locations) say that the work is done from home: int8, 1 yes, -1 not said.

    "Hybrid" is not remote: the place still counts. "Remote sensing" and the like are not about the place of work.
    """
    codes, distinct = pd.factorize(pd.Series(texts, dtype=object))
    flags = np.full(len(distinct) + 1, -1, np.int8)  # the last is for missing texts, whose code is -1
    for at, text in enumerate(distinct):
        words = _NOT_REMOTE_WORK.sub(" ", str(text).casefold().replace("’", "'"))
        if _REMOTE_WORK.search(words):
            flags[at] = 1
    return flags[codes]


@dataclass(frozen=True)
class Places:
    """Places of R table rows.

    Attributes:
        latlon: float32 (R, 2), latitude and longitude in degrees, NaN where unknown.
        precision: uint8 (R,): UNKNOWN; REGION, the centre of a state or a very small country; CITY; GIVEN as numbers.
    """

    latlon: NDArray[np.float32]
    precision: NDArray[np.uint8]


def locate(frame: pd.DataFrame) -> Places:
    """Places of a frame's rows: given coordinates where they are valid, otherwise its names looked up.

    Coordinates are valid within 90 and 180 degrees, except 0, 0, which forms send for "none".

    Args:
        frame: R rows with any of the columns of ``recsys.schema.PLACE_COLUMNS``.
    """
    given = _given_coordinates(frame)
    missing = np.isnan(given[:, 0])
    precision = np.where(missing, UNKNOWN, GIVEN).astype(np.uint8)
    names = frame.reindex(columns=["city", "region", "country"])[missing]
    if names.notna().to_numpy().any():
        # Only training resolves names; scoring processes never load the gazetteer.
        from recsys.gazetteer import gazetteer
        from recsys.places import resolve_names

        codes, distinct = _distinct_names(names)
        latlon, found = resolve_names(distinct, gazetteer())
        given[missing], precision[missing] = latlon[codes], found[codes]
    return Places(given, precision)


def city_points(frame: pd.DataFrame) -> NDArray[np.float32]:
    """Degrees (R, 2) of places known as a city or better, NaN elsewhere.

    The centre of a state is left out: it may be 300 km off, and two such centres would be 0 km apart.
    """
    places = locate(frame)
    return np.where((places.precision >= CITY)[:, None], places.latlon, np.float32(np.nan))


def resolve_places(frame: pd.DataFrame) -> NDArray[np.float32]:
    """Latitude and longitude in degrees of a frame's rows: float32 (R, 2), NaN where unknown. See ``locate``."""
    return locate(frame).latlon


def _given_coordinates(frame: pd.DataFrame) -> NDArray[np.float32]:
    numbers = frame.reindex(columns=["latitude", "longitude"]).apply(pd.to_numeric, errors="coerce")
    latlon = numbers.to_numpy(np.float64, na_value=np.nan)
    valid = (np.abs(latlon) <= [90, 180]).all(1) & (latlon != 0).any(1)
    return np.where(valid[:, None], latlon, np.nan).astype(np.float32)


def _distinct_names(names: pd.DataFrame) -> tuple[NDArray[np.intp], list[tuple[str, str, str]]]:
    """The distinct (city, region, country) and, for each row, which of them it is."""
    columns = [pd.factorize(names[column].astype(object).where(names[column].notna(), "")) for column in names]
    joint = np.zeros(len(names), np.int64)
    for codes, values in columns:
        joint = joint * max(len(values), 1) + codes
    _, first, inverse = np.unique(joint, return_index=True, return_inverse=True)
    texts = [[str(value) for value in values[codes[first]]] for codes, values in columns]
    return inverse, list(zip(*texts, strict=True))


@dataclass(frozen=True)
class Grid:
    """Cells of about equal area over P places, with the places of each cell.

    A cell is ``edge`` degrees of latitude high; its width in degrees grows with latitude so that it stays about as
    wide as it is high. Only cells that hold a place exist: G of them, numbered from south to north, west to east.

    Attributes:
        edge: degrees of latitude.
        cell_of: int32 (P,), -1 where the place is unknown.
        centres: float32 (G, 3), unit vector of the mean of the cell's places.
        counts: int32 (G,).
        start: int64 (G+1,); the places of cell g are ``rows[start[g]:start[g + 1]]``.
        rows: int32 (places known,), ascending in each cell.
    """

    edge: float
    cell_of: NDArray[np.int32]
    centres: NDArray[np.float32]
    counts: NDArray[np.int32]
    start: NDArray[np.int64]
    rows: NDArray[np.int32]

    @classmethod
    def build(cls, latlon: NDArray[np.floating[Any]], edge: float = 0.25) -> "Grid":
        """The grid of places (P, 2) in degrees; NaN are in no cell.

        Raises:
            ConfigError: ``edge`` is not within 0.01 and 45 degrees.
        """
        if not 0.01 <= edge <= 45:
            raise ConfigError(f"a grid cell's edge must be between 0.01 and 45 degrees, not {edge}")
        places = np.asarray(latlon, np.float64).reshape(-1, 2)
        known = np.flatnonzero(~np.isnan(places).any(1))
        codes, member = np.unique(cell_codes(places[known], edge), return_inverse=True)
        counts = np.bincount(member, minlength=len(codes))
        vectors = unit_vectors(places[known])
        sums = np.stack([np.bincount(member, vectors[:, axis], len(codes)) for axis in range(3)], -1)
        cell_of = np.full(len(places), -1, np.int32)
        cell_of[known] = member
        return cls(
            edge=float(edge),
            cell_of=cell_of,
            centres=(sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32),
            counts=counts.astype(np.int32),
            start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            rows=known[np.argsort(member, kind="stable")].astype(np.int32),
        )

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.centres)

    def nearest_cells(self, unit: NDArray[np.float32], m: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The m cells nearest to each place, nearest first, equally near ones by their number.

        Args:
            unit: float32 (B, 3), NaN where unknown.
            m: how many cells.

        Returns:
            cells int32 (B, m), -1 where there are fewer or the place is unknown; km to their centres float32 (B, m),
            NaN there.
        """
        unit = np.asarray(unit, np.float32).reshape(-1, 3)
        cells, km = np.full((len(unit), m), -1, np.int32), np.full((len(unit), m), np.nan, np.float32)
        known = ~np.isnan(unit).any(1)
        # A few more than asked for, so that ties at the border fall by number too and not by the tree's shape.
        wanted = min(m + 4, len(self.counts))
        if m > 0 and wanted and known.any():
            chords, found = self._tree.query(unit[known], k=np.arange(1, wanted + 1))
            order = np.lexsort((found, chords), axis=1)[:, :m]
            cells[known, : order.shape[1]] = np.take_along_axis(found, order, 1)
            km[known, : order.shape[1]] = chord_to_km(np.take_along_axis(chords, order, 1))
        return cells, km

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as plain arrays, for a bundle; ``from_arrays`` gives an equal grid."""
        names = ("cell_of", "centres", "counts", "start", "rows")
        return {"edge": np.array(self.edge), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Grid":
        """The grid that ``to_arrays`` gave.

        Raises:
            BundleError: an array is missing, or sizes do not agree.
        """
        names = ("cell_of", "centres", "counts", "start", "rows")
        absent = [name for name in ("edge", *names) if name not in arrays]
        if absent:
            raise BundleError(f"the grid lacks {', '.join(absent)}; make the bundle again")
        grid = cls(float(arrays["edge"]), *(arrays[name] for name in names))
        cells = len(grid.counts)
        if len(grid.centres) != cells or len(grid.start) != cells + 1 or grid.start[-1] != len(grid.rows):
            sizes = {name: arrays[name].shape for name in names}
            raise BundleError(f"the arrays of the grid do not fit together ({sizes}); make the bundle again")
        return grid


def cell_codes(places: NDArray[np.float64], edge: float) -> NDArray[np.int64]:
    """A number for each place's cell, ascending from south to north and west to east."""
    n_bands = int(np.ceil(180 / edge))
    band = np.clip(((places[:, 0] + 90) / edge).astype(np.int64), 0, n_bands - 1)
    middle = np.minimum((band + 0.5) * edge - 90, 90)
    across = np.maximum(1, np.rint(360 / edge * np.cos(np.deg2rad(middle)))).astype(np.int64)
    column = np.minimum((np.mod(places[:, 1] + 180, 360) / 360 * across).astype(np.int64), across - 1)
    return np.asarray(band * (int(360 / edge) + 2) + column)
