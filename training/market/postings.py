"""Draws postings as numbers: who seeks whom, where, for how much, from when to when."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from training.market.config import DAY
from training.market.preferences import TASTES, Offers
from training.market.world import POSTINGS, World

EMPLOYMENT = ("FULL_TIME", "PART_TIME", "CONTRACTOR", "TEMPORARY")
#: Hours that turn pay an hour into pay a year.
YEAR_HOURS = 2080
ORIGINAL, REPOST, COPY = range(3)
_LEVEL_SHARES = np.cumsum([0.24, 0.44, 0.23, 0.09])
_PAY_BY_LEVEL = np.array([0.08, 0.36, 0.66, 0.94])


@dataclass(frozen=True)
class PostingFacts:
    """N postings of one piece.

    Attributes:
        offers: what utility depends on.
        employer: int32 (N,), row of the employers.
        city, second_city: int32 (N,), rows of the places; the second is -1 for most.
        employment: int8 (N,), position in ``EMPLOYMENT``.
        skill_mask: bool (N, K), which of the occupation's skills are asked for.
        pay_low, pay_high: float32 (N,), stated range, an hour or a year as the occupation has it, in local currency.
        pay_stated: bool (N,).
        posted, expires: int64 (N,), seconds since 1970 UTC.
        promotion: float32 (N,), how much the board pushes the posting.
        source: int32 (N,), row in the piece that this posting repeats, or its own row.
        kind: int8 (N,), ``ORIGINAL``, ``REPOST`` or ``COPY``.
    """

    offers: Offers
    employer: NDArray[np.int32]
    city: NDArray[np.int32]
    second_city: NDArray[np.int32]
    employment: NDArray[np.int8]
    skill_mask: NDArray[np.bool_]
    pay_low: NDArray[np.float32]
    pay_high: NDArray[np.float32]
    pay_stated: NDArray[np.bool_]
    posted: NDArray[np.int64]
    expires: NDArray[np.int64]
    promotion: NDArray[np.float32]
    source: NDArray[np.int32]
    kind: NDArray[np.int8]

    def take(self, rows: NDArray[np.integer] | slice) -> "PostingFacts":
        """The postings at ``rows``, in that order."""
        offers = Offers(*(getattr(self.offers, field.name)[rows] for field in fields(Offers)))
        return PostingFacts(offers, *(getattr(self, field.name)[rows] for field in fields(self)[1:]))


def typical_pay(world: World, occupation: NDArray[np.integer], level: NDArray[np.integer]) -> NDArray[np.float64]:
    """Usual pay a year (N,) in an average American city, US dollars."""
    pay = np.array([job.pay for job in world.vocabulary.occupations])[occupation]
    return np.asarray(pay[:, 0] + (pay[:, 1] - pay[:, 0]) * _PAY_BY_LEVEL[level], np.float64)


def draw_occupations(world: World, uniform: NDArray[np.float64]) -> NDArray[np.int16]:
    """Occupations (N,) by their weight for uniform numbers in [0, 1)."""
    weight = np.array([job.weight for job in world.vocabulary.occupations])
    rows = np.searchsorted(np.cumsum(weight) / weight.sum(), uniform, side="right")
    return np.minimum(rows, len(weight) - 1).astype(np.int16)


def skill_table(world: World) -> tuple[NDArray[np.int16], NDArray[np.uint64]]:
    """Skills of each occupation: rows (O, K), -1 where it has fewer than K, and their bits (O, K, W)."""
    jobs = world.vocabulary.occupations
    widest = max(len(job.skills) for job in jobs)
    rows = np.full((len(jobs), widest), -1, np.int16)
    for number, job in enumerate(jobs):
        rows[number, : len(job.skills)] = job.skills
    bits = np.zeros((*rows.shape, world.vocabulary.skill_words), np.uint64)
    occupation, position = np.nonzero(rows >= 0)
    skill = rows[occupation, position].astype(np.uint64)
    bits[occupation, position, (skill // 64).astype(np.intp)] = np.uint64(1) << (skill % 64)
    return rows, bits


def bits_of(mask: NDArray[np.bool_], bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Unites the bits (N, K, W) where ``mask`` (N, K) is set, to (N, W)."""
    return np.asarray(np.bitwise_or.reduce(np.where(mask[:, :, None], bits, np.uint64(0)), axis=1), np.uint64)


def draw_postings(world: World, piece: int) -> PostingFacts:
    """The postings of one piece, ``piece_rows`` of them or, in the last piece, as many as the config asks for.

    A full piece is always drawn and then cut, so the first postings of a market do not depend on its size.
    """
    config = world.config
    rng, n = world.generator(POSTINGS, piece), config.piece_rows
    occupation = draw_occupations(world, rng.random(n))
    level = np.searchsorted(_LEVEL_SHARES, rng.random(n), side="right").clip(0, 3).astype(np.int8)
    employer = _draw_employers(world, occupation, rng)
    city, second_city = _draw_cities(world, employer, rng)
    mask, skills = _draw_skills(world, occupation, rng)
    pay_low, pay_high, stated, believed = _draw_pay(world, occupation, level, city, rng)
    posted = config.start_second + (rng.random(n) * (config.end_second - config.start_second)).astype(np.int64)
    places = world.places
    offers = Offers(
        occupation=occupation,
        level=level,
        country=places.country[city],
        place=places.unit[city],
        second=places.unit[np.where(second_city >= 0, second_city, city)],
        remote=rng.random(n) < np.array([job.remote for job in world.vocabulary.occupations])[occupation],
        pay=believed.astype(np.float32),
        skills=skills,
        taste=rng.standard_normal((n, TASTES), dtype=np.float32),
    )
    facts = PostingFacts(
        offers=offers,
        employer=employer,
        city=city,
        second_city=second_city,
        employment=_draw_employment(world, occupation, rng),
        skill_mask=mask,
        pay_low=pay_low,
        pay_high=pay_high,
        pay_stated=stated,
        posted=posted,
        expires=posted + rng.integers(30, 61, n) * DAY,
        promotion=rng.gumbel(size=n).astype(np.float32) * 0.5,
        source=np.arange(n, dtype=np.int32),
        kind=np.zeros(n, np.int8),
    )
    return _repeat_some(world, facts, rng).take(slice(0, min(n, config.postings - piece * n)))


def _draw_employers(world: World, occupation: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.int32]:
    employers, jobs = world.employers, world.vocabulary.occupations
    widest = max(len(job.industries) for job in jobs)
    # The first industry of an occupation is its usual one: it fills the places that the others leave.
    table = np.array(
        [
            [employers.industries.index(job.industries[k if k < len(job.industries) else 0]) for k in range(widest)]
            for job in jobs
        ]
    )
    n = len(occupation)
    industry = table[occupation, rng.integers(0, widest, n)]
    rank = np.searchsorted(employers.cumulative, rng.random(n), side="right").clip(0, employers.per_industry - 1)
    return np.asarray(industry * employers.per_industry + rank, np.int32)


def _draw_cities(
    world: World, employer: NDArray[np.int32], rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    branches, n = world.employers.branches, len(employer)
    city = branches[employer, rng.integers(0, branches.shape[1], n)]
    second = branches[employer, rng.integers(0, branches.shape[1], n)]
    # A second place only in the same country, for about one posting in 25 of the employers that have several.
    several = (rng.random(n) < 0.08) & (second != city) & (world.places.country[city] == world.places.country[second])
    return city, np.where(several, second, -1).astype(np.int32)


def _draw_skills(
    world: World, occupation: NDArray[np.int16], rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
    rows, bits = skill_table(world)
    n, widest = len(occupation), rows.shape[1]
    # Skills named first belong to the core of the occupation and are asked for more often.
    order = np.where(rows[occupation] >= 0, rng.random((n, widest)) + 0.08 * np.arange(widest), np.inf)
    wanted = rng.integers(3, 7, n)
    mask = (order.argsort(axis=1).argsort(axis=1) < wanted[:, None]) & (rows[occupation] >= 0)
    return mask, bits_of(mask, bits[occupation])


def _draw_pay(
    world: World,
    occupation: NDArray[np.int16],
    level: NDArray[np.int8],
    city: NDArray[np.int32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    """Stated range in its own unit, whether it is stated, and the pay a year that people believe in."""
    n = len(occupation)
    usual = typical_pay(world, occupation, level) * world.places.cost[city]
    middle = usual * np.exp(0.1 * rng.standard_normal(n))
    spread = rng.uniform(0.03, 0.14, n)
    hourly = np.array([job.hourly for job in world.vocabulary.occupations])[occupation]
    # Quotes are round numbers: quarters of a dollar an hour, five hundreds a year.
    unit, hours = np.where(hourly, 0.25, 500.0), np.where(hourly, float(YEAR_HOURS), 1.0)
    low = np.round(middle * (1 - spread) / hours / unit) * unit
    high = np.maximum(np.round(middle * (1 + spread) / hours / unit) * unit, low)
    stated = rng.random(n) < 0.6
    return low.astype(np.float32), high.astype(np.float32), stated, np.where(stated, (low + high) / 2 * hours, usual)


def _draw_employment(world: World, occupation: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.int8]:
    part_time = np.array([job.part_time for job in world.vocabulary.occupations])[occupation]
    uniform = rng.random(len(occupation))
    employment = np.where(uniform < part_time, 1, 0)
    return np.where(uniform > 0.94, np.where(uniform > 0.97, 3, 2), employment).astype(np.int8)


def _repeat_some(world: World, facts: PostingFacts, rng: np.random.Generator) -> PostingFacts:
    """Lets some postings repeat an earlier original of the piece: on a later date, or as an exact copy."""
    config, n = world.config, len(facts.posted)
    uniform = rng.random(n)
    copy = uniform < config.exact_duplicates
    repost = ~copy & (uniform < config.exact_duplicates + config.near_duplicates)
    copy[0] = repost[0] = False
    rows = np.arange(n)
    last_original = np.maximum.accumulate(np.where(copy | repost, 0, rows))
    earlier = last_original[(rng.random(n) * rows).astype(np.int64)]
    source = np.where(copy | repost, earlier, rows)
    result = facts.take(source)
    later = result.posted + rng.integers(7, 41, n) * DAY
    span = config.end_second - result.posted
    # A repost that would fall after the window's end comes at some moment between the first date and the end.
    later = np.where(later < config.end_second, later, result.posted + (rng.random(n) * span).astype(np.int64))
    posted = np.where(repost, later, result.posted)
    expires = posted + (result.expires - result.posted)
    kind = np.where(copy, COPY, np.where(repost, REPOST, ORIGINAL)).astype(np.int8)
    changed = {"posted": posted, "expires": expires, "source": source.astype(np.int32), "kind": kind}
    return replace(result, **changed)
