"""Signals of place: how near the posting is to where the candidate looked, lives and worked."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.geo import chord_to_km, squared_chords
from recsys.interests import Interests
from recsys.queries import VIEWED, Queries
from recsys.signal import NOTHING, Signal

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

_PLACES = {
    "near_viewed": "the nearest place of a posting viewed; where none is known, to where the candidate says to live",
    "near_last": "the place of the posting viewed last, likewise",
    "near_home": "where the candidate lives, or worked last where that is not known",
    "near_worked": "the nearest place of past work",
}
_KERNELS = {"log": "-log(1 + km / 10)", "20": "exp(-km / 20)", "80": "exp(-km / 80)"}

SIGNALS = (
    *(
        Signal(f"{name}_{kernel}", "place", f"{formula} to {place}")
        for name, place in _PLACES.items()
        for kernel, formula in _KERNELS.items()
    ),
    Signal("near_any", "place", "1 / (1 + km / 10) to the nearest of all these places"),
    Signal("in_reach", "place", "1 within the distance that the candidate accepts, 0 beyond"),
    Signal("remote_fit", "place", "for remote work: 1 if the candidate accepts that, 0 if not"),
)


def places(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """How near the posting is to where the candidate looked, lives and worked."""
    looked = _looked(catalogue, queries)
    looked[:, 0] = np.where(_only_home(looked, queries)[:, None], queries.home, looked[:, 0])
    first_work = queries.worked[:, :1]
    home = np.where(np.isnan(queries.home[:, None]), first_work, queries.home[:, None])
    chords = _chords(np.take(catalogue.place, rows, axis=0), np.concatenate([looked, home, queries.worked], axis=1))
    nearest_viewed = _nearest_km(chords[..., :VIEWED])
    nearest_worked = _nearest_km(chords[..., VIEWED + 1 :])
    home_km = _nearest_km(chords[..., VIEWED : VIEWED + 1])
    found = {
        **_kernels("near_viewed", nearest_viewed),
        **_kernels("near_last", _nearest_km(chords[..., :1])),
        **_kernels("near_home", home_km),
        **_kernels("near_worked", nearest_worked),
    }
    nearest = np.fmin(np.fmin(nearest_viewed, nearest_worked), home_km)
    found["near_any"] = (1 / (1 + nearest / 10)).astype(np.float32, copy=False)
    reach = queries.reach_km[:, None]
    found["in_reach"] = np.where(np.isnan(home_km) | np.isnan(reach), NOTHING, home_km <= reach)
    remote, accepts = catalogue.attributes.remote[rows], queries.remote_ok[:, None]
    found["remote_fit"] = np.where((remote < 1) | (accepts < 0), NOTHING, accepts == 1)
    return found


def only_home(catalogue: Catalogue, queries: Queries) -> NDArray[np.bool_]:
    """Of whom a home is all that says where they look, bool (B,).

    It stands for where they looked: on a board whose candidates state no home, an order learns from nothing else what
    nearness is worth.
    """
    return _only_home(_looked(catalogue, queries), queries)


def _only_home(looked: Numbers, queries: Queries) -> NDArray[np.bool_]:
    return np.isnan(looked[..., 0]).all(axis=1) & ~np.isnan(queries.home[:, 0])


def _looked(catalogue: Catalogue, queries: Queries) -> Numbers:
    """Where the postings viewed last are: (B, VIEWED, 3), NaN where that is not known."""
    viewed = queries.history[:, :VIEWED]
    return np.where((viewed >= 0)[..., None], catalogue.place[np.maximum(viewed, 0), 0], NOTHING)


def _chords(posting: Numbers, places: Numbers) -> NDArray[np.float64]:
    """Squared chords (B, n, s) from the nearest of each posting's places (B, n, L, 3) to each place (B, s, 3)."""
    return np.asarray(np.fmin.reduce([squared_chords(posting[:, :, one], places) for one in range(posting.shape[2])]))


def _nearest_km(chords: NDArray[np.float64]) -> Numbers:
    """Kilometres (B, n) to the nearest of s places, from squared chords (B, n, s)."""
    return chord_to_km(np.sqrt(np.fmin.reduce(chords, axis=2)))


def _kernels(name: str, km: Numbers) -> dict[str, Numbers]:
    close = np.exp(km / -80)
    return {f"{name}_log": -np.log1p(km / 10), f"{name}_20": (close * close) ** 2, f"{name}_80": close}
