"""Both sides of a candidate and a posting: would they apply, do they bring what it asks, and the two together.

*Apply.* A score of the engine orders one candidate's list and means little beside another's. So it is compared with
the same candidate's scores for a yardstick, postings drawn at random once for the whole board:
``apply = e / (e + odds)`` where ``e = exp(score - own * level - (1 - own) * usual)``; ``level`` is the log of the
candidate's mean of exp(score) over the yardstick, ``usual`` the median of it over candidates, and exp is that of the
softmax by which a linear order is learned. *Brings.* The mean, weighted by ``PARTS``, of what is known of skills,
trade, text, level and way to work; what is not known does not count. *Together.* The geometric mean of both.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.config import ReciprocalSettings
from recsys.interests import Interests
from recsys.queries import Queries
from recsys.rank import Ranker
from recsys.signals import COLUMN, compute

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

#: What fitness is made of, and how much each part weighs.
PARTS = {"skills": 3.0, "trade": 2.5, "text": 1.5, "level": 1.0, "way": 1.0}
MIDDLING = 0.3  #: the fitness that ``ReciprocalSettings.prior`` adds
_TELLING = ("skills", "trade", "text")  # without any of these nothing is known of a candidate's fitness
_ALIKE = ("title_past", "title_profile", "text_profile")  # cosines, that are read against those of the yardstick
_LEVELS = 2.0  # levels apart at which the level speaks wholly against a candidate
_SEED = 0


@dataclass(frozen=True)
class Measure:
    """What is usual for each of B candidates.

    Attributes:
        score: float32 (B,), log of the mean of exp(score) over the yardstick.
        alike: float32 (B, 3), mean cosines of the yardstick, NaN where there are none.
    """

    score: Numbers
    alike: Numbers


@dataclass(frozen=True)
class Sides:
    """Of pairs, any shape.

    Attributes:
        apply, brings, together: float32, 0 to 1; brings is NaN where nothing is known, and together with it.
        score: float32, the engine's own.
    """

    apply: Numbers
    brings: Numbers
    together: Numbers
    score: Numbers


def yardstick(catalogue: Catalogue, count: int) -> Rows:
    """The postings that every candidate is measured by: at most ``count`` of those that training found open."""
    known = np.sort(catalogue.by_text.rows)
    if len(known) <= count:
        return known
    return np.sort(np.random.default_rng(_SEED).choice(known, count, replace=False))


def measure(catalogue: Catalogue, ranker: Ranker, queries: Queries, interests: Interests, rivals: Rows) -> Measure:
    """How B candidates score the postings ``rivals`` (R,)."""
    signals = compute(catalogue, queries, interests, np.tile(rivals, (len(queries), 1)))
    scores = ranker.score(signals).astype(np.float64)
    if scores.shape[1] == 0:
        return Measure(np.full(len(queries), np.nan, np.float32), np.full((len(queries), 3), np.nan, np.float32))
    top = scores.max(axis=1, keepdims=True)
    level = top[:, 0] + np.log(np.exp(scores - top).mean(axis=1))
    alike = signals[..., [COLUMN[name] for name in _ALIKE]]
    known = ~np.isnan(alike)
    total, number = np.where(known, alike, 0).sum(axis=1), known.sum(axis=1)
    mean = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return Measure(level.astype(np.float32), mean.astype(np.float32))


def sides(signals: Numbers, ranker: Ranker, usual: Measure, level: float, settings: ReciprocalSettings) -> Sides:
    """Both sides of the pairs of a signal matrix (B, n, F), as (B, n); ``level`` is what is usual on the board."""
    score = ranker.score(signals)
    would, fit = apply(score, usual, level, settings), brings(signals, usual, settings.prior)
    return Sides(would, fit, together(would, fit, settings.weight), score)


def apply(score: Numbers, usual: Measure, level: float, settings: ReciprocalSettings) -> Numbers:
    """Whether candidates would apply, 0 to 1, from scores (B, n)."""
    own = np.where(np.isnan(usual.score), level, usual.score).astype(np.float64)[:, None]
    above = score.astype(np.float64) - settings.own * own - (1 - settings.own) * level
    return np.asarray(1 / (1 + settings.odds * np.exp(np.clip(-above, -80, 80))), np.float32)


def brings(signals: Numbers, usual: Measure, prior: float) -> Numbers:
    """Whether candidates have what postings ask, 0 to 1, from signals (B, n, F); NaN where nothing is known."""
    parts = fitness(signals, usual)
    weight = np.full(signals.shape[:2], prior, np.float32)
    total = weight * np.float32(MIDDLING)
    for name, part in parts.items():
        known = ~np.isnan(part)
        weight += np.where(known, np.float32(PARTS[name]), np.float32(0))
        total += np.where(known, part, np.float32(0)) * np.float32(PARTS[name])
    silent = np.logical_and.reduce([np.isnan(parts[name]) for name in _TELLING])
    return np.where(silent, np.nan, total / np.maximum(weight, np.float32(1e-9))).astype(np.float32)


def fitness(signals: Numbers, usual: Measure) -> dict[str, Numbers]:
    """The parts of fitness, each (B, n) from 0 to 1, NaN where not known."""

    def of(name: str) -> Numbers:
        return signals[..., COLUMN[name]]

    def above(name: str) -> Numbers:
        mean = usual.alike[:, _ALIKE.index(name)][:, None]
        return np.clip((of(name) - mean) / np.maximum(1 - mean, np.float32(1e-3)), 0, 1)

    return {
        "skills": np.fmax(of("skills_met"), of("words_skills")),
        "trade": np.fmax(above("title_past"), above("title_profile")),
        "text": above("text_profile"),
        "level": np.clip(1 + of("seniority_gap") / np.float32(_LEVELS), 0, 1),
        "way": of("near_home_80"),
    }


def together(would: Numbers, fit: Numbers, weight: float) -> Numbers:
    """Geometric mean of both sides, the first with ``weight`` of 1; NaN where either is not known."""
    return np.asarray(would**weight * fit ** (1 - weight), np.float32)
