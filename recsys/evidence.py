"""What speaks for a posting: the signals gathered into kinds of evidence that can be named, and how much each adds."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.rank import Owner, Ranker
from recsys.signals import COLUMN, NAMES

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: Kinds of evidence, and the signals that speak of each. Those made of several stand in ``_JOINT``.
EVIDENCE: Final[dict[str, tuple[str, ...]]] = {
    "viewed": ("title_viewed", "title_viewed_mean", "title_last", "text_viewed", "words_title_viewed",
               "words_text_viewed", "occupation_met", "industry_met"),
    "wanted": ("title_wanted", "title_wanted_mean", "words_title_wanted"),
    "past": ("title_past", "title_past_last", "words_title_past"),
    "profile": ("title_profile", "text_profile"),
    "looked": ("near_viewed_log", "near_viewed_20", "near_viewed_80", "near_last_log", "near_last_20", "near_last_80"),
    "home": ("near_home_log", "near_home_20", "near_home_80", "in_reach"),
    "worked": ("near_worked_log", "near_worked_20", "near_worked_80"),
    "remote": ("remote_fit",),
    "others": ("factors", "factors_score", "factors_new", "cooccur"),
    "next": ("title_next", "industry_cooccur", "occupation_cooccur"),
    "popular": ("popularity", "title_popularity", "employer_popularity", "place_popularity"),
    "employer": ("employer_met",),
    "level": ("seniority_gap",),
    "pay": ("pay_fit",),
    "skills": ("skills_met",),
    "asks": ("words_skills",),
    "words": ("words_text_profile",),
    "fresh": ("freshness",),
}  # fmt: skip
KINDS: Final = {name: at for at, name in enumerate(EVIDENCE)}

#: Signals that are the best of several, the signals that they are the best of, and the kinds that these speak of.
_JOINT: Final = (
    (("title_any",), ("title_viewed", "title_wanted", "title_past"), ("viewed", "wanted", "past")),
    (
        ("near_any", "title_near"),
        ("near_viewed_log", "near_home_log", "near_worked_log"),
        ("looked", "home", "worked"),
    ),
)
_FRESH: Final = -np.log1p(30 / 7)  # the signal of a posting of 30 days: an older one is not news
#: Kinds that say that something is like, close or fitting; the cosines of which one has to bear it out, and how high.
#: Read from pairs of titles by all-MiniLM-L6-v2: unrelated trades reach .57, a CV and its own trade lie above .4.
_LIKENESS: Final = {
    "viewed": (("title_viewed", "text_viewed"), 0.6),
    "wanted": (("title_wanted",), 0.6),
    "past": (("title_past",), 0.6),
    "profile": (("title_profile", "text_profile"), 0.3),
}


def _owned() -> Owner:
    owner = np.full(len(NAMES), -1, np.int8)
    for kind, signals in EVIDENCE.items():
        owner[[COLUMN[name] for name in signals]] = KINDS[kind]
    return owner


_OWNER: Final = _owned()


def gains(
    ranker: Ranker, signals: Numbers, there: Flags, at: Rows, no_home: Flags, only_home: Flags | None = None
) -> Numbers:
    """How much each kind of evidence adds to postings beyond what it adds to an average one of their pool.

    Where the words of a kind would not be true - unknown, old, paid less, unlike, never chosen - it is 0.

    Args:
        ranker: gives what a kind adds, see ``Ranker.gains``.
        signals: float32 (B, n, F) of the pools.
        there: bool (B, n), False for padding.
        at: int32 (B, k), positions in the pool.
        no_home: bool (B,); a home that is not said is guessed from past work, which is then named instead.
        only_home: bool (B,); of these the home stands for where they looked, and is named. None: of nobody.

    Returns:
        float32 (B, k, kinds).
    """
    chosen = np.take_along_axis(signals, at[..., None], 1)
    gain = ranker.gains(signals, there, at, owners(chosen, no_home, only_home), len(EVIDENCE))
    _keep_true(gain, chosen)
    return gain


def owners(signals: Numbers, no_home: Flags, only_home: Flags | None = None) -> Owner:
    """Which kind of evidence each signal of postings (B, k, F) speaks of: int8 (B, k, F), -1 for none.

    A joint signal speaks of the kind that made it what it is.
    """
    owner = np.broadcast_to(_OWNER, signals.shape).copy()
    for joint, parts, kinds in _JOINT:
        values = signals[..., [COLUMN[name] for name in parts]]
        winner = np.argmax(np.where(np.isnan(values), -np.inf, values), axis=2)
        kind = np.where(np.isnan(values).all(axis=2), -1, np.array([KINDS[name] for name in kinds])[winner])
        owner[..., [COLUMN[name] for name in joint]] = kind[..., None]
    if only_home is not None:
        owner[only_home[:, None, None] & (owner == KINDS["looked"])] = KINDS["home"]
    return np.where(no_home[:, None, None] & (owner == KINDS["home"]), np.int8(KINDS["worked"]), owner)


def _keep_true(gain: Numbers, signals: Numbers) -> None:
    gain[..., KINDS["fresh"]][signals[..., COLUMN["freshness"]] < _FRESH] = 0
    for kind, names in EVIDENCE.items():
        unknown = np.isnan(signals[..., [COLUMN[name] for name in names]]).all(axis=2)
        gain[..., KINDS[kind]][unknown] = 0
    gain[..., KINDS["pay"]][signals[..., COLUMN["pay_fit"]] < 0] = 0
    gain[..., KINDS["employer"]][~(signals[..., COLUMN["employer_met"]] > 0)] = 0
    # Others of its title, employer or place may have been chosen; of this one the words would be wrong.
    gain[..., KINDS["popular"]][~(signals[..., COLUMN["popularity"]] > 0)] = 0
    for kind, (names, least) in _LIKENESS.items():
        like = (signals[..., [COLUMN[name] for name in names]] >= least).any(axis=2)
        gain[..., KINDS[kind]][~like] = 0
