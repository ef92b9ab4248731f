"""What every piece of a market shares: words, cities, employers and the window of time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.market.config import SimulateConfig
from training.market.places import Places, load_places
from training.market.vocabulary import Vocabulary, load_vocabulary

#: Streams of random numbers; one generator for each (seed, stream, piece).
EMPLOYERS, POSTINGS, POSTING_WORDS, PEOPLE, PEOPLE_WORDS, BEHAVIOUR, SHUFFLE, NEEDS, MEANS = range(9)
#: Places where a large employer may have jobs.
_BRANCHES = 24
_NAMED_CITIES = 250


@dataclass(frozen=True)
class Employers:
    """Employers by industry: row = industry * ``per_industry`` + rank, the large ones first.

    Attributes:
        names: one text a row, unique.
        industries: names of the industries.
        branches: int32 (rows, 24), cities of the employer, repeated where it has fewer.
        cumulative: float64 (per_industry,), cumulated share of an industry's postings by rank (Zipf, exponent .9).
    """

    names: tuple[str, ...]
    industries: tuple[str, ...]
    branches: NDArray[np.int32]
    cumulative: NDArray[np.float64]

    @property
    def per_industry(self) -> int:
        """Employers in each industry."""
        return len(self.cumulative)


@dataclass(frozen=True)
class World:
    """See the attributes' own classes."""

    config: SimulateConfig
    vocabulary: Vocabulary
    places: Places
    employers: Employers

    def generator(self, stream: int, piece: int) -> np.random.Generator:
        """The random numbers of one piece, which depend on nothing but the seed, the stream and the piece."""
        return np.random.default_rng([self.config.seed, stream, piece])


def build_world(config: SimulateConfig) -> World:
    """Everything that is drawn once.

    Raises:
        ConfigError: a country is unknown.
    """
    vocabulary = load_vocabulary()
    places = load_places(config.countries, vocabulary.phrases["countries"], config.cities)
    employers = _draw_employers(vocabulary, places, np.random.default_rng([config.seed, EMPLOYERS, 0]))
    return World(config, vocabulary, places, employers)


def _draw_employers(vocabulary: Vocabulary, places: Places, rng: np.random.Generator) -> Employers:
    industries: dict[str, dict[str, list[str]]] = vocabulary.phrases["industries"]
    first = list(vocabulary.phrases["company_first"])
    homes = [-1] * len(first)
    for city, name in enumerate(places.names[:_NAMED_CITIES]):
        if name not in first:
            first.append(name)
            homes.append(city)
    suffixes = len(next(iter(industries.values()))["names"])
    per_industry = len(first) * suffixes
    names: list[str] = []
    home: list[int] = []
    for words in industries.values():
        order = rng.permutation(per_industry)
        names += [f"{first[number // suffixes]} {words['names'][number % suffixes]}" for number in order]
        home += [homes[number // suffixes] for number in order]
    branches = places.draw(rng.random((len(names), _BRANCHES)))
    branches[:, 0] = np.where(np.array(home) >= 0, home, branches[:, 0])
    rank = np.tile(np.arange(per_industry), len(industries))
    reach = np.clip(np.round(60 / (rank + 1)), 1, _BRANCHES).astype(np.int64)
    branches = np.take_along_axis(branches, np.arange(_BRANCHES) % reach[:, None], axis=1)
    share = (1.0 + np.arange(per_industry)) ** -0.9
    return Employers(tuple(names), tuple(industries), branches, np.cumsum(share) / share.sum())
