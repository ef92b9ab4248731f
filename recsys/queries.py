"""What B candidates ask, as arrays: the immutable value that every stage of the engine reads."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

VIEWED = 8  #: the latest postings of the history, whose titles and places are compared one by one
WANTED = 4  #: desired titles
PAST = 4  #: titles held
WORKED = 4  #: places of past work
TEXTS = WANTED + PAST + 1  #: texts of a profile whose words are compared: desired titles, titles held, the whole
DISMISSED = 4  #: postings dismissed last, whose likes are held back

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: Arrays of keys (request << 32 | row), and those that hold a value for each key.
_OF_KEYS: dict[str, tuple[str, ...]] = {
    "hidden": (),
    "answered": (),
    "shown": ("shown_times",),
    "muted": (),
    "muted_employers": (),
    "unwanted": ("unwanted_titles",),
}
SPARSE = frozenset(_OF_KEYS) | {value for values in _OF_KEYS.values() for value in values}
#: What is there of somebody of whom nothing is known, where it is not 0.
_UNKNOWN = {"history": -1, "dismissed": -1, "latest": -1, "remote_ok": -1, "skills": -1, "named": -1} | dict.fromkeys(
    ("time", "home", "worked", "reach_km", "seniority", "pay"), np.nan
)


@dataclass(frozen=True)
class Queries:
    """B requests. The first dimension of every array but ``SPARSE`` is B; widths do not depend on B.

    Attributes:
        history: int32 (B, H), catalogue rows of distinct postings, latest first, -1 padded; H is
            ``EventSettings.history``, but no less than ``VIEWED``.
        weight: float32 (B, H), event weights with age counted, 0 where the row is -1.
        time: float64 (B, H), when, NaN where unknown.
        deed: uint8 (B, H), index into ``EVENT_TYPES`` of the most that was done with the posting, 0 for none;
            ``DISMISS`` where that came last.
        hidden: int64 (N,), sorted keys (request << 32 | row) of postings not to be shown.
        answered: int64 (A,), sorted keys of postings whose copies are not to be shown either.
        shown: int64 (M,), sorted keys of postings that were shown to the candidate before.
        shown_times: float32 (M,), how often without an answer, with age counted; see ``recsys.shown``.
        dismissed: int32 (B, DISMISSED), catalogue rows of postings dismissed, latest first, -1 padded.
        muted: int64 (K,), sorted keys of postings that, as their copies, are not to be shown.
        muted_employers: int64 (E,), sorted keys (request << 32 | code of the employer), likewise.
        unwanted: int64 (U,), sorted keys (request << 32 | 0, 1, ...) of interests that are muted.
        unwanted_titles: float32 (U, d), a title of each: what is alike to it is not to be shown.
        latest: int32 (B, 3), catalogue rows of the postings last applied to, saved and viewed, and not dismissed since,
            -1 where none.
        wanted, past: float32 (B, WANTED | PAST, d), title vectors, zeros where not known.
        wanted_known, past_known: bool (B, WANTED | PAST).
        whole: float32 (B, d), the profile as one text; whole_known: bool (B,).
        home: float32 (B, 3); worked: float32 (B, WORKED, 3); NaN where unknown.
        reach_km, seniority, pay: float32 (B,), NaN where not said.
        remote_ok: int8 (B,).
        skills: int32 (B, S), -1 padded.
        words: uint16 (B, TEXTS, T), codes of the words of the desired titles, the titles held and the whole profile.
        word_weights: float32 (B, TEXTS, T), of length 1 over T, or all 0 where a text is not known.
        named: int32 (B, N), the phrases of skills that stand in the profile (``Lexicon.phrase``), -1 padded.
        now: float64 (B,), the moment of the request.
    """

    history: Rows
    weight: Numbers
    time: NDArray[np.float64]
    deed: NDArray[np.uint8]
    hidden: NDArray[np.int64]
    answered: NDArray[np.int64]
    shown: NDArray[np.int64]
    shown_times: Numbers
    dismissed: Rows
    muted: NDArray[np.int64]
    muted_employers: NDArray[np.int64]
    unwanted: NDArray[np.int64]
    unwanted_titles: Numbers
    latest: Rows
    wanted: Numbers
    wanted_known: Flags
    past: Numbers
    past_known: Flags
    whole: Numbers
    whole_known: Flags
    home: Numbers
    worked: Numbers
    reach_km: Numbers
    remote_ok: NDArray[np.int8]
    seniority: Numbers
    pay: Numbers
    skills: Rows
    words: NDArray[np.uint16]
    word_weights: Numbers
    named: Rows
    now: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.now)

    def part(self, at: int, to: int) -> "Queries":
        """Requests ``at`` to ``to`` - 1."""
        first = np.int64(at) << 32
        cut = {f.name: getattr(self, f.name)[at:to] for f in fields(self) if f.name not in SPARSE}
        for name, values in _OF_KEYS.items():
            keys = getattr(self, name)
            low, high = np.searchsorted(keys, [first, np.int64(to) << 32])
            cut[name] = keys[low:high] - first
            cut |= {value: getattr(self, value)[low:high] for value in values}
        return Queries(**cut)

    def take(self, rows: NDArray[np.intp]) -> "Queries":
        """The requests at ``rows``, ascending."""
        number = np.full(len(self), -1, np.int64)
        number[rows] = np.arange(len(rows))
        cut = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name not in SPARSE}
        for name, values in _OF_KEYS.items():
            keys = getattr(self, name)
            owner = number[keys >> 32]
            kept = owner >= 0
            cut[name] = (owner << 32 | (keys & 0xFFFFFFFF))[kept]
            cut |= {value: getattr(self, value)[kept] for value in values}
        return Queries(**cut)

    @property
    def known(self) -> Flags:
        """Of whom anything is known that a list can go by, bool (B,)."""
        said = self.wanted_known.any(axis=1) | self.past_known.any(axis=1) | self.whole_known
        placed = ~np.isnan(self.home[:, 0]) | ~np.isnan(self.worked[:, 0, 0])
        return np.asarray((self.history >= 0).any(axis=1) | said | placed | (self.skills >= 0).any(axis=1))

    def impersonal(self, chosen: Flags | bool = True) -> "Queries":
        """The same, but of the ``chosen`` requests (B,) nothing is known that could order a list.

        What must not be shown to them stays as it is: what they answered, dismissed and muted.
        """
        which = np.broadcast_to(np.asarray(chosen, bool), len(self))
        if not which.any():
            return self
        made: dict[str, NDArray[Any]] = {}
        for field in fields(self):
            if field.name not in SPARSE and field.name != "now":
                values = getattr(self, field.name)
                blank = np.asarray(_UNKNOWN.get(field.name, 0), values.dtype)
                made[field.name] = np.where(which.reshape(-1, *[1] * (values.ndim - 1)), blank, values)
        kept = ~which[self.shown >> 32]
        return replace(self, **made, shown=self.shown[kept], shown_times=self.shown_times[kept])
