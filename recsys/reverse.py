"""Whom to look at for a posting: retrieval in reverse, from postings to candidates.

All candidates are compared by one short product each, in blocks: by likeness of profile and posting, by nearness, by
both together, and by collaborative factors. Those who chose what is chosen together with the posting come besides.
Eight postings are compared at once, padded where there are fewer, so that a posting's arithmetic does not depend on its
company.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import Candidates
from recsys.catalogue import Catalogue
from recsys.codes import Codes
from recsys.config import ReciprocalSettings
from recsys.finders import Finders, unit
from recsys.geo import EARTH_RADIUS_KM

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]

AT_ONCE = 8  #: postings that are compared in one product
_BLOCK = 16_384  # candidates
_CHOOSERS = 256  # of each neighbour of a posting: those in the lowest rows
_SKILL = np.float32(0.5)  # what a posting's skill set, wholly met, adds to the quick order


@dataclass(frozen=True)
class Asked:
    """What n postings ask, for the comparison with candidates.

    Attributes:
        title: float32 (n, d), unit; text: the same of title and text together.
        place: float32 (n, L, 3), NaN where not known, and of remote work.
        factors: float32 (n, f), unit, zeros where there are none.
    """

    title: Numbers
    text: Numbers
    place: Numbers
    factors: Numbers


def asked_by(catalogue: Catalogue, rows: Rows) -> Asked:
    """Of the postings at ``rows`` (n,)."""
    title = catalogue.title.vectors(rows)
    text = title if catalogue.text is None else title + catalogue.text.vectors(rows)
    remote = catalogue.attributes.remote[rows] == 1
    place = np.where(remote[:, None, None], np.float32(np.nan), catalogue.place[rows])
    return Asked(title, unit(text), place, unit(np.nan_to_num(catalogue.behaviour.factors.postings[rows])))


def alike(asked: Asked, profile: Numbers, first: Numbers, second: Numbers) -> Numbers:
    """Likeness (n, b) of n postings and b candidates: of the text to the profile, and of the title to an interest."""
    return np.asarray(asked.text @ profile.T + np.maximum(asked.title @ first.T, asked.title @ second.T), np.float32)


def near(asked: Asked, place: Numbers) -> Numbers:
    """Nearness (n, b) of n postings to the places (b, 2, 3) of candidates; 0 where not known."""
    spots = np.ascontiguousarray(place.transpose(1, 2, 0))
    pairs = [asked.place[:, one] @ spot for one in range(asked.place.shape[1]) for spot in spots]
    km = np.sqrt(np.maximum(2 - 2 * np.fmax.reduce(pairs), 0)) * np.float32(EARTH_RADIUS_KM)
    return np.asarray(np.nan_to_num(1 / (1 + km / 10)), np.float32)


def find(
    finders: Finders,
    candidates: Candidates,
    catalogue: Catalogue,
    rows: Rows,
    listed: Flags,
    settings: ReciprocalSettings,
    k: int,
) -> list[Rows]:
    """Candidates for the postings at ``rows`` (n,), n at most ``AT_ONCE``: the rows of at most the pool of each.

    Args:
        finders: of the candidates.
        candidates: as they were when the bundle was made.
        catalogue: of now.
        rows: of the postings.
        listed: bool (C,), who may be listed.
        settings: how many.
        k: length of the lists; what is brought grows with it.
    """
    padded = np.resize(rows, AT_ONCE).astype(np.int32)
    grown = max(1, -(-3 * k // settings.pool))
    asked = asked_by(catalogue, padded)
    best = _scanned(finders, asked, listed, settings, grown)
    also = _by_choice(finders, catalogue, padded, settings.cooccur * grown)
    found = []
    for at in range(len(rows)):
        union = np.unique(np.concatenate([one[at] for one in best] + [also[at]]))
        union = union[union >= 0]
        union = union[listed[union]]
        quick = _quick(finders, candidates, catalogue, asked, at, union, int(rows[at]))
        order = np.lexsort((union, -quick))[: settings.pool * grown]
        found.append(np.sort(union[order]).astype(np.int32))
    return found


def _scanned(
    finders: Finders, asked: Asked, listed: Flags, settings: ReciprocalSettings, grown: int
) -> list[NDArray[np.int64]]:
    """Of each source the best candidates (n, width), -1 where fewer."""
    widths = [settings.alike, settings.near, settings.joint, settings.factors]
    best = [_Best(len(asked.text), width * grown) for width in widths]
    for at in range(0, len(listed), _BLOCK):
        part = slice(at, at + _BLOCK)
        likeness = alike(asked, *(_wide(codes, part) for codes in (finders.profile, finders.first, finders.second)))
        nearness = near(asked, finders.place[part])
        chosen = asked.factors @ _wide(finders.factors, part).T
        off = ~listed[part]
        for one, values in zip(best, (likeness, nearness, likeness + 2 * nearness, chosen), strict=True):
            values[:, off] = 0
            one.see(values, at)
    return [one.rows for one in best]


def _wide(codes: Codes, part: slice) -> Numbers:
    wide = codes.codes[part].astype(np.float32)
    wide *= codes.scale[part, None]
    return wide


class _Best:
    """The best of many blocks, by value and then by row; only what is above 0 counts."""

    def __init__(self, requests: int, width: int) -> None:
        self.values = np.zeros((requests, width), np.float32)
        self.rows = np.full((requests, width), -1, np.int64)

    def see(self, values: Numbers, first: int) -> None:
        width = self.values.shape[1]
        if width == 0:
            return
        if values.shape[1] > width:
            at = np.argpartition(-values, width - 1, axis=1)[:, :width]
            values = np.take_along_axis(values, at, 1)
        else:
            at = np.broadcast_to(np.arange(values.shape[1]), values.shape)
        together = np.concatenate([self.values, values], axis=1)
        rows = np.concatenate([self.rows, np.where(values > 0, at + first, -1)], axis=1)
        order = np.lexsort((rows, -together), axis=1)[:, :width]
        self.values, self.rows = np.take_along_axis(together, order, 1), np.take_along_axis(rows, order, 1)


def _by_choice(finders: Finders, catalogue: Catalogue, rows: Rows, width: int) -> list[Rows]:
    """Who chose the neighbours of each posting, those first who chose the closest."""
    learned = catalogue.fresh.learned_of(rows)
    neighbours = catalogue.behaviour.neighbours
    known = np.where(learned < len(finders.start) - 1, learned, np.int32(-1))
    close, weight = neighbours.gather(known[:, None], neighbours.width)
    close, weight = close[:, 0], np.where(close[:, 0] >= 0, weight[:, 0], 0)
    safe = np.where((close >= 0) & (close < len(finders.start) - 1), close, 0)
    first, past = finders.start[safe], finders.start[safe + 1]
    past = np.where((close >= 0) & (weight > 0), np.minimum(past, first + _CHOOSERS), first)
    length = (past - first).ravel()
    at = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length - first.ravel(), length)
    posting = np.repeat(np.repeat(np.arange(len(rows), dtype=np.int64), close.shape[1]), length)
    keys, inverse = np.unique(posting << 32 | finders.chosen[at], return_inverse=True)
    sums = np.bincount(inverse, np.repeat(weight.ravel(), length), len(keys))
    order = np.lexsort((keys, -sums, keys >> 32))
    keys = keys[order]
    cuts = np.searchsorted(keys >> 32, np.arange(len(rows) + 1))
    pieces = [keys[cuts[one] : cuts[one + 1]][:width] & 0xFFFFFFFF for one in range(len(rows))]
    return [piece.astype(np.int32) for piece in pieces]


def _quick(
    finders: Finders,
    candidates: Candidates,
    catalogue: Catalogue,
    asked: Asked,
    at: int,
    union: NDArray[Any],
    row: int,
) -> Numbers:
    """The order by which a union (m,) of posting ``at`` is cut: likeness, twice the nearness, skills."""
    one = Asked(*(getattr(asked, name)[at : at + 1] for name in ("title", "text", "place", "factors")))
    likeness = alike(one, *(codes.vectors(union) for codes in (finders.profile, finders.first, finders.second)))
    nearness = near(one, finders.place[union])
    wanted = catalogue.attributes.skills[row]
    wanted = wanted[wanted >= 0]
    met = np.isin(candidates.profiles.skills[union], wanted).sum(axis=1) / max(len(wanted), 1)
    return np.asarray(likeness[0] + 2 * nearness[0] + _SKILL * met, np.float32)
