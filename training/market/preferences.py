"""What people want: the true utility of a posting for a person, which rankers are to find out from behaviour.

    fit     = transition[occupation, occupation'] ** 0.7 * (0.3 + 0.7 * (1 - exp(-3 * coverage))) * step
    commute = max(mobility, 1 / (1 + exp((minutes - tolerable) / steepness)))    minutes up to the cap, else mobility
              (a remote posting of the same country: the person's liking of working from home)
    pay     = 1 - exp(-2 x) where x = ln(pay / reservation) >= 0, else -2.25 * |x| ** 0.88
    taste   = tanh(z . z' / 2)
    utility = 6 * sqrt(fit * commute) * (1 + 0.35 * taste) + 1.2 * pay - 4

``coverage`` is the share of the posting's skills that the person has; ``step`` depends on how many levels up or down
the job is; ``minutes`` is travel time, slow in the first kilometres and faster later. Losses against the reservation
wage weigh 2.25 times (Tversky and Kahneman 1992). None of these is linear in what a recommender sees; ``z`` it never
sees. Freshness and rank act on attention (`training.market.behaviour`), not on utility.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from training.market.places import EARTH_KM

TASTES = 6
#: Share of the fit that is left when the job is (lower by 3, 2, 1; same; higher by 1, 2, 3) levels.
LEVEL_STEPS = np.array([0.1, 0.25, 0.6, 1.0, 0.85, 0.35, 0.1], np.float32)
LOSS_AVERSION, LOSS_CURVE = 2.25, 0.88


@dataclass(frozen=True)
class Wants:
    """What utility depends on, of C people.

    Attributes:
        occupation: int16 (C,), row of the vocabulary.
        level: int8 (C,), position in ``LEVELS``.
        country: int16 (C,).
        home: float32 (C, 3), unit vector.
        reservation: float32 (C,), pay a year below which a job is a loss.
        tolerable: float32 (C,), minutes of travel accepted half of the time.
        steepness: float32 (C,), minutes over which acceptance falls.
        cap: float32 (C,), minutes beyond which only moving house helps.
        mobility: float32 (C,), acceptance of a job that means moving house.
        home_office: float32 (C,), liking of remote work, 0 to 1.
        skills: uint64 (C, W), one bit for each skill held.
        taste: float32 (C, 6).
    """

    occupation: NDArray[np.int16]
    level: NDArray[np.int8]
    country: NDArray[np.int16]
    home: NDArray[np.float32]
    reservation: NDArray[np.float32]
    tolerable: NDArray[np.float32]
    steepness: NDArray[np.float32]
    cap: NDArray[np.float32]
    mobility: NDArray[np.float32]
    home_office: NDArray[np.float32]
    skills: NDArray[np.uint64]
    taste: NDArray[np.float32]


@dataclass(frozen=True)
class Offers:
    """What utility depends on, of P postings.

    Attributes:
        occupation: int16 (P,).
        level: int8 (P,).
        country: int16 (P,).
        place: float32 (P, 3), unit vector.
        second: float32 (P, 3), a second place, or the first again.
        remote: bool (P,).
        pay: float32 (P,), pay a year that people believe in: the middle of the range if stated, else what is usual.
        skills: uint64 (P, W), one bit for each skill asked for.
        taste: float32 (P, 6).
    """

    occupation: NDArray[np.int16]
    level: NDArray[np.int8]
    country: NDArray[np.int16]
    place: NDArray[np.float32]
    second: NDArray[np.float32]
    remote: NDArray[np.bool_]
    pay: NDArray[np.float32]
    skills: NDArray[np.uint64]
    taste: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: "list[Offers]") -> "Offers":
        """The offers of several pieces, one after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def travel_minutes(kilometres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Minutes from door to door, any shape: 6 to set out, then 25 km/h near home rising towards 80 km/h far away."""
    return 6 + 60 * kilometres / (25 + 55 * kilometres / (kilometres + 20))


def true_utility(
    wants: Wants,
    offers: Offers,
    people: NDArray[np.integer],
    postings: NDArray[np.integer],
    transition: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Utility (n,) of posting ``postings[i]`` for person ``people[i]`` (row numbers); formula at the module's top.

    About -6 (of no use) to 5; above 0 it is worth a look.
    """
    fit = _fit(wants, offers, people, postings, transition)
    commute = _commute(wants, offers, people, postings)
    pay = _pay_value(np.log(offers.pay[postings] / wants.reservation[people]))
    taste = np.tanh(np.einsum("nd,nd->n", wants.taste[people], offers.taste[postings]) / 2)
    utility = 6 * np.sqrt(fit * commute) * (1 + 0.35 * taste) + 1.2 * pay - 4
    return np.asarray(utility, np.float32)


def _fit(
    wants: Wants,
    offers: Offers,
    people: NDArray[np.integer],
    postings: NDArray[np.integer],
    transition: NDArray[np.float32],
) -> NDArray[np.float32]:
    asked = offers.skills[postings]
    held = np.bitwise_count(wants.skills[people] & asked).sum(axis=1, dtype=np.float32)
    coverage = held / np.maximum(np.bitwise_count(asked).sum(axis=1, dtype=np.float32), 1)
    related = (transition**0.7)[wants.occupation[people], offers.occupation[postings]]
    step = LEVEL_STEPS[(offers.level[postings] - wants.level[people] + 3).astype(np.intp)]
    return np.asarray(related * (0.3 + 0.7 * (1 - np.exp(-3 * coverage))) * step, np.float32)


def _commute(
    wants: Wants, offers: Offers, people: NDArray[np.integer], postings: NDArray[np.integer]
) -> NDArray[np.float32]:
    home = wants.home[people]
    first, second = offers.place[postings] - home, offers.second[postings] - home
    chord = np.sqrt(np.minimum(np.einsum("nd,nd->n", first, first), np.einsum("nd,nd->n", second, second)))
    minutes = travel_minutes(2 * EARTH_KM * np.arcsin(np.minimum(chord / 2, 1)))
    mobility = wants.mobility[people]
    worse = np.minimum((minutes - wants.tolerable[people]) / wants.steepness[people], 50)
    accepted = np.where(minutes > wants.cap[people], 0, 1 / (1 + np.exp(worse)))
    at_home = offers.remote[postings] & (offers.country[postings] == wants.country[people])
    return np.asarray(np.where(at_home, wants.home_office[people], np.maximum(mobility, accepted)), np.float32)


def _pay_value(gain: NDArray[np.float32]) -> NDArray[np.float32]:
    loss = -LOSS_AVERSION * np.abs(np.minimum(gain, 0)) ** LOSS_CURVE
    return np.asarray(np.where(gain >= 0, 1 - np.exp(-2 * np.maximum(gain, 0)), loss), np.float32)
