"""From what a person writes (a CV, a form) to a profile that the engine reads: the one place online that encodes."""

from collections.abc import Sequence

import numpy as np

from recsys.encode import Encoder
from recsys.queries import PAST, WANTED
from recsys.request import Profile
from recsys.text import normalise


def profile_from_texts(
    encoder: Encoder,
    text: str = "",
    desired_titles: Sequence[str] = (),
    past_titles: Sequence[str] = (),
    skills: Sequence[str] = (),
    home: tuple[float, float] | None = None,
    reach_km: float | None = None,
    remote_ok: bool | None = None,
    muted_postings: Sequence[str] = (),
    muted_employers: Sequence[str] = (),
    muted_interests: Sequence[str] = (),
) -> Profile:
    """Encode a profile.

    Args:
        encoder: the one whose name the bundle's manifest gives.
        text: a whole CV or summary.
        desired_titles: the most important first.
        past_titles: titles held, latest first.
        skills: as the candidate writes them.
        home: latitude, longitude in degrees.
        reach_km: the distance that the candidate accepts.
        remote_ok: whether remote work is welcome.
        muted_postings: ids.
        muted_employers: names.
        muted_interests: titles of work that is not wanted.
    """
    wanted, past = list(desired_titles)[:WANTED], list(past_titles)[:PAST]
    whole = normalise(text) or normalise(". ".join([*wanted, *past, ", ".join(skills)]))
    titles = [*wanted, *past, *muted_interests]
    vectors = encoder.encode([whole, *map(normalise, titles)])
    first_muted = 1 + len(wanted) + len(past)
    return Profile(
        wanted=vectors[1 : 1 + len(wanted)] if wanted else None,
        past=vectors[1 + len(wanted) : first_muted] if past else None,
        whole=vectors[0] if np.any(vectors[0]) else None,
        home=home,
        reach_km=reach_km,
        remote_ok=remote_ok,
        skills=tuple(skills),
        muted_postings=tuple(muted_postings),
        muted_employers=tuple(muted_employers),
        muted_interests=vectors[first_muted:] if muted_interests else None,
        wanted_titles=tuple(wanted),
        past_titles=tuple(past),
        text=whole,
    )
