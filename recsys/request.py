"""What is asked of the engine, and what it answers, in the customer's own ids."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recsys.filters import Filters

#: Whether a list comes with reasons in words; "full": with what each signal adds to each score besides.
Explain = bool | Literal["full"]


@dataclass(frozen=True)
class Interaction:
    """One event of a candidate.

    Attributes:
        posting_id: an id that the bundle does not know is passed over.
        type: one of ``recsys.schema.EVENT_TYPES``.
        time: seconds since 1970, None where unknown.
        value: the customer's own factor on the event's weight.
    """

    posting_id: str
    type: str = "view"
    time: float | None = None
    value: float | None = None


@dataclass(frozen=True)
class Profile:
    """What a candidate says of themselves, texts already encoded (see ``serving.profile``).

    Attributes:
        wanted: float32 (W, d), unit vectors of desired titles, the most important first.
        past: float32 (H, d), unit vectors of titles held, latest first.
        whole: float32 (d,), unit vector of the whole profile or CV; None if there is none.
        home: latitude, longitude in degrees.
        worked: places of past work, latest first.
        reach_km: the distance that the candidate accepts.
        remote_ok: whether remote work is welcome.
        seniority: level as in ``recsys.attributes.seniority_level``.
        pay: least pay wanted a year.
        skills: as the candidate writes them.
        muted_postings: ids of postings that, as their copies, are not to be listed.
        muted_employers: names of employers of whom nothing is to be listed.
        muted_interests: float32 (U, d), unit vectors of titles: no work that is alike is to be listed or searched for.
        wanted_titles, past_titles, text: the same titles and profile in words, for the signals that compare words.
    """

    wanted: NDArray[np.float32] | None = None
    past: NDArray[np.float32] | None = None
    whole: NDArray[np.float32] | None = None
    home: tuple[float, float] | None = None
    worked: Sequence[tuple[float, float]] = ()
    reach_km: float | None = None
    remote_ok: bool | None = None
    seniority: float | None = None
    pay: float | None = None
    skills: Sequence[str] = ()
    muted_postings: Sequence[str] = ()
    muted_employers: Sequence[str] = ()
    muted_interests: NDArray[np.float32] | None = None
    wanted_titles: Sequence[str] = ()
    past_titles: Sequence[str] = ()
    text: str = ""


@dataclass(frozen=True)
class Request:
    """One candidate asks.

    Attributes:
        candidate_id: for the answer only; None for somebody without an account.
        profile: what the candidate says.
        history: what the candidate did, in any order; where times are missing, oldest first.
        now: the moment of the request, seconds since 1970; None: the moment of the call.
        filters: what may be listed at all; None: everything.
        personal: False: neither profile nor history orders the list, but what was answered, dismissed and muted is
            not in it.
    """

    candidate_id: str | None = None
    profile: Profile = field(default_factory=Profile)
    history: Sequence[Interaction] = ()
    now: float | None = None
    filters: Filters | None = None
    personal: bool = True


@dataclass(frozen=True)
class Recommendation:
    """One line of an answer.

    Attributes:
        posting_id: the customer's id.
        rank: 1 is best.
        score: higher is better, comparable within one list only.
        reasons: up to three, in words, of what decided.
        sources: which sources of the pool brought the posting; empty where the whole board was scored.
        probability: of an answer to the posting shown at the first place, see ``recsys.calibrate``; None where the
            data of the bundle do not say how often what is shown is answered.
        shares: what each signal adds to the score, all of which sum to it, the largest first; of trees their Shapley
            values. None unless asked for, and beyond the first 50 postings.
    """

    posting_id: str
    rank: int
    score: float
    reasons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    probability: float | None = None
    shares: dict[str, float] | None = None
