"""Draws people as numbers: what they can do, where they live, what they want and how much of it they tell."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from training.market.postings import bits_of, draw_occupations, skill_table, typical_pay
from training.market.preferences import TASTES, Wants
from training.market.world import PEOPLE, World

#: How much a person tells: all, a headline with wishes, a CV as one text, the city alone, or nothing (no row at all).
KINDS = ("full", "partial", "cv", "city", "events")
FULL, PARTIAL, CV, CITY, EVENTS = range(5)
_KIND_SHARES = np.cumsum([0.40, 0.18, 0.17, 0.13, 0.12])
#: Least and largest exponent by which attention falls with the rank; uniform between.
PATIENCE = (0.1, 0.55)
_LEVEL_SHARES = np.cumsum([0.28, 0.40, 0.23, 0.09])
_YEARS_BY_LEVEL = np.array([1.0, 4.0, 9.0, 13.0])


@dataclass(frozen=True)
class PeopleFacts:
    """C people of one piece.

    Attributes:
        wants: what utility depends on.
        city: int32 (C,), row of the places.
        kind: int8 (C,), position in ``KINDS``.
        former: int16 (C,), an earlier occupation, the present one for most.
        years: float32 (C,), years of work.
        skill_mask, former_mask: bool (C, K), which skills of the present and of the former occupation they have.
        says_distance, says_pay, says_remote: bool (C,), whether the profile states these wishes.
        patience: float32 (C,), exponent by which attention falls with the rank.
        sessions: int32 (C,), number of result pages looked at.
    """

    wants: Wants
    city: NDArray[np.int32]
    kind: NDArray[np.int8]
    former: NDArray[np.int16]
    years: NDArray[np.float32]
    skill_mask: NDArray[np.bool_]
    former_mask: NDArray[np.bool_]
    says_distance: NDArray[np.bool_]
    says_pay: NDArray[np.bool_]
    says_remote: NDArray[np.bool_]
    patience: NDArray[np.float32]
    sessions: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.city)

    def take(self, rows: NDArray[np.integer] | slice) -> "PeopleFacts":
        """The people at ``rows``, in that order."""
        wants = Wants(*(getattr(self.wants, field.name)[rows] for field in fields(Wants)))
        return PeopleFacts(wants, *(getattr(self, field.name)[rows] for field in fields(self)[1:]))


def draw_people(world: World, piece: int) -> PeopleFacts:
    """The people of one piece, ``people_rows`` of them or fewer in the last piece.

    As with postings, the first people of a market do not depend on its size.
    """
    config = world.config
    rng, n = world.generator(PEOPLE, piece), config.people_rows
    occupation = draw_occupations(world, rng.random(n))
    level = np.searchsorted(_LEVEL_SHARES, rng.random(n), side="right").clip(0, 3).astype(np.int8)
    city = world.places.draw(rng.random(n))
    kind = np.searchsorted(_KIND_SHARES, rng.random(n), side="right").clip(0, len(KINDS) - 1).astype(np.int8)
    former = _draw_former(world, occupation, rng)
    mask, former_mask, skills = _draw_skills(world, occupation, former, level, rng)
    told = rng.random((3, n))
    # Gamma-Poisson: most people look a few times, some every day.
    sessions = rng.poisson(config.sessions_per_candidate * rng.gamma(0.9, 1 / 0.9, n))
    facts = PeopleFacts(
        wants=_draw_wants(world, occupation, level, city, skills, rng),
        city=city,
        kind=kind,
        former=former,
        years=(_YEARS_BY_LEVEL[level] * rng.gamma(4, 0.25, n)).astype(np.float32),
        skill_mask=mask,
        former_mask=former_mask,
        says_distance=told[0] < 0.5,
        says_pay=told[1] < 0.4,
        says_remote=told[2] < 0.5,
        patience=rng.uniform(*PATIENCE, n).astype(np.float32),
        # Of those without any profile we know only because they did something.
        sessions=np.where(kind == EVENTS, np.maximum(sessions, 1), sessions).astype(np.int32),
    )
    return facts.take(slice(0, min(n, config.candidates - piece * n)))


def _draw_former(world: World, occupation: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.int16]:
    """A third of the people once worked in another occupation, mostly a related one."""
    cumulative = world.vocabulary.related_shares()
    uniform = rng.random(len(occupation))
    other = (uniform[:, None] > cumulative[occupation]).sum(axis=1).clip(0, len(cumulative) - 1)
    return np.where(rng.random(len(occupation)) < 0.33, other, occupation).astype(np.int16)


def _draw_skills(
    world: World,
    occupation: NDArray[np.int16],
    former: NDArray[np.int16],
    level: NDArray[np.int8],
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.uint64]]:
    rows, bits = skill_table(world)
    shape = (len(occupation), rows.shape[1])
    mask = (rng.random(shape) < 0.45 + 0.12 * level[:, None]) & (rows[occupation] >= 0)
    # Nobody is without any skill of the trade.
    mask[np.arange(len(mask)), rng.integers(0, 6, len(mask))] = True
    former_mask = (rng.random(shape) < 0.4) & (rows[former] >= 0) & (former != occupation)[:, None]
    return mask, former_mask, bits_of(mask, bits[occupation]) | bits_of(former_mask, bits[former])


def _draw_wants(
    world: World,
    occupation: NDArray[np.int16],
    level: NDArray[np.int8],
    city: NDArray[np.int32],
    skills: NDArray[np.uint64],
    rng: np.random.Generator,
) -> Wants:
    n, places = len(occupation), world.places
    usual = typical_pay(world, occupation, level) * places.cost[city]
    tolerable = 35 * np.exp(0.45 * rng.standard_normal(n))
    moves = rng.random(n) < 0.12
    return Wants(
        occupation=occupation,
        level=level,
        country=places.country[city],
        home=places.unit[city],
        reservation=(usual * 0.93 * np.exp(0.14 * rng.standard_normal(n))).astype(np.float32),
        tolerable=tolerable.astype(np.float32),
        steepness=rng.uniform(4, 12, n).astype(np.float32),
        cap=(tolerable * rng.uniform(1.6, 2.6, n)).astype(np.float32),
        mobility=np.where(moves, rng.uniform(0.2, 0.6, n), 0.01).astype(np.float32),
        home_office=rng.beta(2.5, 1.2, n).astype(np.float32),
        skills=skills,
        taste=rng.standard_normal((n, TASTES), dtype=np.float32),
    )
