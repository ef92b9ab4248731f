"""The board: which postings are up at a moment, and which of them it puts on a page."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from training.market.config import DAY
from training.market.places import cells_of
from training.market.postings import PostingFacts
from training.market.preferences import Offers
from training.market.world import World

#: A page may be looked at for this long, so what is shown must stay up until then. Seconds.
VISIT = 2 * 3600
_LONGEST = 60 * DAY
_SHIFT = 32
_DEGREE_KM = 111.0


@dataclass(frozen=True)
class Catalogue:
    """What is kept of all P postings while candidates act.

    Attributes:
        offers: what utility depends on.
        posted, expires: int64 (P,), seconds since 1970 UTC.
        promotion: float32 (P,).
        city: int32 (P,).
    """

    offers: Offers
    posted: NDArray[np.int64]
    expires: NDArray[np.int64]
    promotion: NDArray[np.float32]
    city: NDArray[np.int32]

    @classmethod
    def from_pieces(cls, pieces: list[PostingFacts]) -> "Catalogue":
        """All postings, piece after piece."""
        columns = [np.concatenate([getattr(piece, field.name) for piece in pieces]) for field in fields(cls)[1:]]
        return cls(Offers.joined([piece.offers for piece in pieces]), *columns)


class _Shelf:
    """Postings sorted by group and time, from which active ones of a group are drawn."""

    def __init__(self, group: NDArray[np.int64], posted: NDArray[np.int64], start: int) -> None:
        keys = (group << _SHIFT) + (posted - start)
        self._order = np.argsort(keys, kind="stable").astype(np.int32)
        self._keys = keys[self._order]
        self._start = start

    def draw(
        self, group: NDArray[np.int64], time: NDArray[np.int64], uniform: NDArray[np.float32]
    ) -> NDArray[np.int32]:
        """Postings (S, n) for groups (S,), moments (S,) and numbers in [0, 1) (S, n); -1 where the group is empty.

        Posted at most 60 days before the moment; whether they are still up is for the caller to see.
        """
        now = (group << _SHIFT) + np.maximum(time - self._start, 0)
        oldest = (group << _SHIFT) + np.maximum(time - self._start - _LONGEST, 0)
        low = np.searchsorted(self._keys, oldest)[:, None]
        high = np.searchsorted(self._keys, now, side="right")[:, None]
        rows = self._order[np.minimum(low + (uniform * (high - low)).astype(np.int64), len(self._order) - 1)]
        return np.where(high > low, rows, -1)


@dataclass(frozen=True)
class Pages:
    """S pages of at most L postings.

    Attributes:
        person: int32 (S,), row of the piece's people.
        time: int64 (S,), seconds since 1970 UTC.
        postings: int32 (S, L), rows of the catalogue from the first rank on, -1 where the page is shorter.
    """

    person: NDArray[np.int32]
    time: NDArray[np.int64]
    postings: NDArray[np.int32]


class Board:
    """Composes pages: near the home, of the trade, and popular or new ones, ordered by a crude rule with noise."""

    #: Share of a page's candidates by source, and how much the board's rule likes each source.
    _SOURCES = (("near_own", 0.36, 1.5), ("near_related", 0.18, 0.9), ("near", 0.14, 0.3),
                ("own", 0.12, 0.6), ("related", 0.06, 0.2), ("any", 0.14, 0.0))  # fmt: skip
    _POOL = 2.4

    def __init__(self, world: World, catalogue: Catalogue) -> None:
        self._world, self._catalogue = world, catalogue
        start = world.config.start_second
        occupation, cell = catalogue.offers.occupation.astype(np.int64), world.places.cell[catalogue.city]
        self._by_trade = _Shelf(occupation, catalogue.posted, start)
        self._by_cell = _Shelf(cell, catalogue.posted, start)
        self._by_both = _Shelf(cell * 64 + occupation, catalogue.posted, start)
        self._all = _Shelf(np.zeros_like(occupation), catalogue.posted, start)
        self._related = _related_table(world)

    def pages(
        self,
        person: NDArray[np.int32],
        city: NDArray[np.int32],
        occupation: NDArray[np.int16],
        time: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> Pages:
        """One page for each of S visits: who (a row number), home city, occupation, and when (all (S,))."""
        size = self._world.config.page_size
        pool = self._pool(city, occupation.astype(np.int64), time, rng)
        source = pool & 7
        postings = np.where(pool < 0, -1, pool >> 3).astype(np.int32)
        likes = np.array([like for _, _, like in self._SOURCES])[np.where(pool < 0, 0, source)]
        age = (time[:, None] - self._catalogue.posted[postings]) / DAY
        noise = 0.8 * rng.gumbel(size=pool.shape)
        score = likes + self._catalogue.promotion[postings] + 0.5 * np.exp(-age / 10) + noise
        up = (postings >= 0) & (age >= 0) & (self._catalogue.expires[postings] > time[:, None] + VISIT)
        score = np.where(up, score, -np.inf)
        order = np.argsort(-score, axis=1, kind="stable")[:, : size + 5]
        length = rng.integers(size - 5, size + 6, len(time))
        shown = np.isfinite(np.take_along_axis(score, order, axis=1)) & (np.arange(order.shape[1]) < length[:, None])
        return Pages(person, time, np.where(shown, np.take_along_axis(postings, order, axis=1), -1))

    def _pool(
        self,
        city: NDArray[np.int32],
        occupation: NDArray[np.int64],
        time: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Postings times 8 plus the number of their source (S, n), each posting once a row; -8 and less where none."""
        width = self._POOL * self._world.config.page_size
        counts = [max(2, round(share * width)) for _, share, _ in self._SOURCES]
        visits = len(time)

        def near(spread: float) -> NDArray[np.int64]:
            latitude, longitude = self._world.places.latitude[city], self._world.places.longitude[city]
            jitter = rng.standard_normal((2, visits)) * spread / _DEGREE_KM
            stretch = np.maximum(np.cos(np.radians(latitude)), 0.1)
            return cells_of(np.clip(latitude + jitter[0], -90, 89.9), longitude + jitter[1] / stretch)

        def related() -> NDArray[np.int64]:
            return self._related[occupation, rng.integers(0, self._related.shape[1], visits)]

        def both(group: NDArray[np.int64], spread: float, count: int) -> NDArray[np.int32]:
            return drawn(self._by_both, near(spread) * 64 + group, count)

        def drawn(shelf: _Shelf, group: NDArray[np.int64], count: int) -> NDArray[np.int32]:
            return shelf.draw(group, time, rng.random((visits, count), np.float32))

        third = [counts[0] - 2 * (counts[0] // 3), counts[0] // 3, counts[0] // 3]
        half = [(count - count // 2, count // 2) for count in counts]
        parts = [
            [both(occupation, spread, n) for n, spread in zip(third, (0, 25, 60), strict=True)],
            [both(related(), spread, n) for n, spread in zip(half[1], (10, 40), strict=True)],
            [drawn(self._by_cell, near(spread), n) for n, spread in zip(half[2], (0, 35), strict=True)],
            [drawn(self._by_trade, occupation, counts[3])],
            [drawn(self._by_trade, related(), n) for n in half[4]],
            [drawn(self._all, np.zeros(visits, np.int64), counts[5])],
        ]
        keys = np.concatenate(
            [block.astype(np.int64) * 8 + source for source, blocks in enumerate(parts) for block in blocks], axis=1
        )
        keys.sort(axis=1)
        keys[:, 1:][keys[:, 1:] >> 3 == keys[:, :-1] >> 3] = -8
        return keys


def _related_table(world: World) -> NDArray[np.int64]:
    """For each occupation 64 related ones (O, 64), each as often as its people care for it."""
    shares = world.vocabulary.related_shares()
    return np.stack([np.searchsorted(row, (np.arange(64) + 0.5) / 64) for row in shares])
