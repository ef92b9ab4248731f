"""Titles in groups: those of one group mean the same work, or meet in one person's history."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recsys.text import normalise

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Groups:
    """G groups over T distinct texts.

    Attributes:
        texts: T normalised texts.
        start: int64 (G + 1,), where each group's members begin in ``member``.
        member: int32 (M,), rows of ``texts``; no text twice in one group.
        main: int32 (G,), the group's main title, -1 where none is known.
        about: int32 (G,), a sentence on the work, -1 where none is known.
        kind: int16 (G,), position in ``names``.
        names: what the groups come from.
        same_work: of each name, whether a title in two groups makes these groups alike. In histories it does not:
            everybody has looked at a "Cashier".
    """

    texts: list[str]
    start: NDArray[np.int64]
    member: Rows
    main: Rows
    about: Rows
    kind: NDArray[np.int16]
    names: list[str]
    same_work: list[bool]

    def __len__(self) -> int:
        return len(self.main)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Members of each group, (G,)."""
        return np.diff(self.start)

    @property
    def owner(self) -> NDArray[np.int64]:
        """The group of each member, (M,)."""
        return np.repeat(np.arange(len(self)), self.sizes)


@dataclass
class _Group:
    members: dict[str, None] = field(default_factory=dict)  # keeps order and drops repetitions
    main: str | None = None
    about: str | None = None


class GroupBuilder:
    """Collects titles by name and group; groups that say nothing (one title, no sentence) are left out."""

    def __init__(self) -> None:
        self._found: dict[str, dict[Hashable, _Group]] = {}
        self._same_work: dict[str, bool] = {}

    def add(
        self,
        name: str,
        group: Hashable,
        titles: Iterable[str],
        main: str | None = None,
        about: str | None = None,
        same_work: bool = True,
    ) -> None:
        """Adds titles, the main title and a sentence to a group; the first main title and sentence stay."""
        self._same_work[name] = same_work
        one = self._found.setdefault(name, {}).setdefault(group, _Group())
        cleaned = normalise(main or "")
        if cleaned:
            one.members.setdefault(cleaned)
            one.main = one.main or cleaned
        for title in map(normalise, titles):
            if title:
                one.members.setdefault(title)
        one.about = one.about or normalise(about or "") or None

    def groups(self) -> Groups:
        """All that was added."""
        numbers: dict[str, int] = {}

        def number(text: str | None) -> int:
            return -1 if text is None else numbers.setdefault(text, len(numbers))

        member: list[int] = []
        sizes, main, about, kind = [], [], [], []
        names = list(self._found)
        for at, name in enumerate(names):
            for group in self._found[name].values():
                if len(group.members) < 2 and (group.about is None or not group.members):
                    continue
                member += [number(title) for title in group.members]
                sizes.append(len(group.members))
                main.append(number(group.main))
                about.append(number(group.about))
                kind.append(at)
        return Groups(
            texts=list(numbers),
            start=np.concatenate([[0], np.cumsum(np.array(sizes, np.int64))]).astype(np.int64),
            member=np.array(member, np.int32),
            main=np.array(main, np.int32),
            about=np.array(about, np.int32),
            kind=np.array(kind, np.int16),
            names=names,
            same_work=[self._same_work[name] for name in names],
        )


def folded(texts: Sequence[str]) -> NDArray[np.int64]:
    """The same number for texts that differ in upper and lower case alone, (T,)."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text.casefold(), len(numbers)) for text in texts], np.int64)
