"""What a candidate muted, and how one write changes it: lists put whole, added to, or taken from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from recsys.errors import DataError
from recsys.mutes import MUTED

Document = dict[str, Any]
Lists = dict[str, tuple[str, ...]]

_LONGEST: Final = 512  # characters
_WAYS: Final = ("put", "add", "take_away")


@dataclass(frozen=True)
class MuteChange:
    """One write on what a candidate muted; each by the fields of ``recsys.mutes.MUTED``.

    Attributes:
        put: what stands there afterwards.
        add: what is added behind.
        take_away: what is taken away.
    """

    put: Lists = field(default_factory=dict)
    add: Lists = field(default_factory=dict)
    take_away: Lists = field(default_factory=dict)

    @classmethod
    def from_document(cls, document: Document) -> "MuteChange":
        """From ``{"candidate_id": ID, "put" | "add" | "take_away": {FIELD: [TEXT, ...]}}``.

        Raises:
            DataError: it is none.
        """
        unknown = set(document) - {"candidate_id", *_WAYS}
        if unknown:
            raise DataError(f"mutes: {sorted(unknown)[0]!r:.60} is none of {', '.join(_WAYS)}")
        return cls(**{way: _lists(document.get(way, {}), way) for way in _WAYS})

    def applied(self, before: Mapping[str, Sequence[str]]) -> Lists | None:
        """What is muted after it, without empty lists; None where it would be more than may be."""
        after: Lists = {}
        for name, most in MUTED.items():
            held: dict[str, str] = {}
            for one in (*self.put.get(name, before.get(name, ())), *self.add.get(name, ())):
                held.setdefault(same(name, one), one)
            for one in self.take_away.get(name, ()):
                held.pop(same(name, one), None)
            if len(held) > most:
                return None
            after |= {name: tuple(held.values())} if held else {}
        return after


def muted_in(document: Document) -> tuple[Document, MuteChange | None]:
    """A candidate's document without what it mutes, and that: a field that it does not name stays as it is."""
    named = {name: document[name] for name in MUTED if name in document}
    if not named:
        return document, None
    change = MuteChange(put=_lists(named, "a candidate"))
    return {name: value for name, value in document.items() if name not in named}, change


def _lists(given: object, where: str) -> Lists:
    if not isinstance(given, dict) or not set(given) <= set(MUTED):
        raise DataError(f"{where} mutes by lists named {', '.join(MUTED)}, not {given!r:.60}")
    for name, some in given.items():
        if not isinstance(some, list | tuple) or not all(_fit(one) for one in some):
            fit = f"texts of 1 to {_LONGEST} characters without NUL, line ends and half surrogates"
            raise DataError(f"{name} must be a list of {fit}")
        if len(some) > MUTED[name]:
            raise DataError(f"{name} holds {len(some):,}, more than {MUTED[name]:,}")
    return {name: tuple(some) for name, some in given.items()}


def _fit(one: object) -> bool:
    """Whether this is a text that ids, and tables that join them by line ends, can hold."""
    if not isinstance(one, str) or not 0 < len(one) <= _LONGEST or set("\0\r\n") & set(one):
        return False
    return one.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in one)


def same(name: str, one: str) -> str:
    """Equal for what mutes the same: ids as they are, names and titles without case and superfluous space."""
    return one if name == "muted_postings" else " ".join(one.casefold().split())
