"""What employers want: the true chance that an employer would invite a person, apart from what the person wants.

    fit    = 3 * coverage + 2.5 * trade - strict * (levels short) - 0.4 * (levels above) - local * min(km / 100, 1.5)
    worth  = fit + 0.6 * tanh(m . m' / 2) + 0.4 * standing - bar
    chance = 0.15 ** (musts missing) / (1 + exp(-worth / 0.7)), and 0 where a permit is needed and the person lives in
             another country

``coverage`` is the share of the posting's skills that the person has, of which the employer insists on one or two, the
musts, without saying so; ``trade`` how far their work leads to it, the
former trade's four fifths at most; a remote posting asks for no nearness. ``bar``, ``strict`` and ``local`` differ by
posting, ``standing`` by person, and ``m`` is what no column shows. All are drawn apart from the tables, from streams
of their own, so that these do not change.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from training.market.places import EARTH_KM
from training.market.postings import PostingFacts, bits_of, skill_table
from training.market.preferences import Offers, Wants
from training.market.world import MEANS, NEEDS, World

MANNERS = 4
_ERROR = 0.7
_WITHOUT = 0.15  # of the chance that is left for each must that is missing
_BAR = 5.0
_SEVERAL = 0.5  # of the employers insist on two skills, the others on one
_PERMIT_SHARE = 0.15


@dataclass(frozen=True)
class Needs:
    """What the employers of P postings ask beyond what ``Offers`` says.

    Attributes:
        bar: float32 (P,), worth below which the chance is under one half.
        strict: float32 (P,), what a missing level costs.
        local: float32 (P,), what a distance of 100 km costs.
        permit: bool (P,), only who lives in the country is invited.
        manner: float32 (P, 4).
        musts: uint64 (P, W), one bit for each skill without which hardly anybody is invited.
    """

    bar: NDArray[np.float32]
    strict: NDArray[np.float32]
    local: NDArray[np.float32]
    permit: NDArray[np.bool_]
    manner: NDArray[np.float32]
    musts: NDArray[np.uint64]

    def take(self, rows: NDArray[np.integer]) -> "Needs":
        """Those of the postings at ``rows``."""
        return Needs(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Means:
    """What C people bring beyond what ``Wants`` says.

    Attributes:
        former: int16 (C,), an earlier occupation, the present one for most.
        standing: float32 (C,), how anybody thinks of them.
        manner: float32 (C, 4).
    """

    former: NDArray[np.int16]
    standing: NDArray[np.float32]
    manner: NDArray[np.float32]


def draw_needs(world: World, piece: int, facts: PostingFacts) -> Needs:
    """The needs of a piece of postings; a repeated one has those of what it repeats."""
    rng, n = world.generator(NEEDS, piece), world.config.piece_rows
    drawn_keys = np.where(facts.skill_mask, rng.random((n, facts.skill_mask.shape[1]))[facts.source], np.inf)
    rank = drawn_keys.argsort(axis=1).argsort(axis=1)
    several = (rng.random(n) < _SEVERAL)[facts.source]
    insisted = facts.skill_mask & (rank < 1 + several[:, None])
    drawn = Needs(
        bar=(_BAR + 0.6 * rng.standard_normal(n)).astype(np.float32),
        strict=rng.uniform(0.6, 1.6, n).astype(np.float32),
        local=rng.uniform(0, 1.2, n).astype(np.float32),
        permit=rng.random(n) < _PERMIT_SHARE,
        manner=rng.standard_normal((n, MANNERS), dtype=np.float32),
        musts=np.zeros((n, 1), np.uint64),
    )
    musts = bits_of(insisted, skill_table(world)[1][facts.offers.occupation])
    return replace(drawn.take(facts.source), musts=musts)


def draw_means(world: World, piece: int, former: NDArray[np.int16]) -> Means:
    """The means of a piece of people, whose earlier occupations are known, int16 (C,)."""
    rng, n = world.generator(MEANS, piece), world.config.people_rows
    standing = rng.standard_normal(n).astype(np.float32)
    manner = rng.standard_normal((n, MANNERS), dtype=np.float32)
    return Means(former, standing[: len(former)], manner[: len(former)])


def true_chance(
    wants: Wants,
    means: Means,
    offers: Offers,
    needs: Needs,
    people: NDArray[np.integer],
    postings: NDArray[np.integer],
    transition: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Chance (n,) that ``postings[i]`` would invite ``people[i]`` (row numbers); formula at the module's top."""
    asked = offers.skills[postings]
    held = np.bitwise_count(wants.skills[people] & asked).sum(axis=1, dtype=np.float32)
    coverage = held / np.maximum(np.bitwise_count(asked).sum(axis=1, dtype=np.float32), 1)
    job = offers.occupation[postings]
    trade = np.maximum(transition[wants.occupation[people], job], 0.8 * transition[means.former[people], job])
    steps = offers.level[postings].astype(np.float32) - wants.level[people]
    level = needs.strict[postings] * np.maximum(steps, 0) + 0.4 * np.maximum(-steps, 0)
    far = needs.local[postings] * np.minimum(_kilometres(wants, offers, people, postings) / 100, 1.5)
    fit = 3 * coverage + 2.5 * trade - level - np.where(offers.remote[postings], 0, far)
    manner = np.tanh(np.einsum("nd,nd->n", means.manner[people], needs.manner[postings]) / 2)
    chance = expit((fit + 0.6 * manner + 0.4 * means.standing[people] - needs.bar[postings]) / _ERROR)
    lacking = np.bitwise_count(needs.musts[postings] & ~wants.skills[people]).sum(axis=1, dtype=np.float32)
    chance = chance * np.float32(_WITHOUT) ** lacking
    barred = needs.permit[postings] & (offers.country[postings] != wants.country[people])
    return np.where(barred, 0, chance).astype(np.float32)


def _kilometres(
    wants: Wants, offers: Offers, people: NDArray[np.integer], postings: NDArray[np.integer]
) -> NDArray[np.float32]:
    home = wants.home[people]
    first, second = offers.place[postings] - home, offers.second[postings] - home
    chord = np.sqrt(np.minimum(np.einsum("nd,nd->n", first, first), np.einsum("nd,nd->n", second, second)))
    return np.asarray(2 * EARTH_KM * np.arcsin(np.minimum(chord / 2, 1)), np.float32)
