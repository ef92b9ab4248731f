"""Pairs of texts that belong together, drawn from groups, and batches in which no pair punishes another."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.adapt.config import PairSettings
from training.adapt.groups import Groups, Rows, folded

_SHELVES = 8  # batches of titles of about the same length: less padding


@dataclass(frozen=True)
class Pairs:
    """N pairs: rows of ``Groups.texts``, the group they are from, and whether the right side is a sentence."""

    left: Rows
    right: Rows
    group: NDArray[np.int64]
    is_text: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.left)


def draw_pairs(groups: Groups, chosen: NDArray[np.bool_], settings: PairSettings, rng: np.random.Generator) -> Pairs:
    """One pass: each title of each chosen group once on the left, with a random partner of its group.

    Args:
        groups: where from.
        chosen: bool (G,), the groups that may be used.
        settings: how partners are drawn.
        rng: of every random choice.
    """
    owner, sizes = groups.owner, groups.sizes
    place = np.arange(len(groups.member)) - groups.start[owner]
    kept = chosen[owner] & (_shuffled_place(owner, groups.start, rng) < settings.most)
    titles = np.flatnonzero(kept & (sizes[owner] > 1))
    group, left = owner[titles], groups.member[titles]
    other = (place[titles] + 1 + rng.integers(0, sizes[group] - 1)) % sizes[group]
    right = groups.member[groups.start[group] + other]
    main = groups.main[group]
    to_main = (main >= 0) & (main != left) & (rng.random(len(titles)) < settings.main_share)
    right = np.where(to_main, main, right)
    told = kept & (groups.about[owner] >= 0) & (rng.random(len(owner)) < settings.text_share)
    texts = np.flatnonzero(told)
    return Pairs(
        left=np.concatenate([left, groups.member[texts]]),
        right=np.concatenate([right, groups.about[owner[texts]]]).astype(np.int32),
        group=np.concatenate([group, owner[texts]]),
        is_text=np.repeat([False, True], [len(titles), len(texts)]),
    )


def _shuffled_place(owner: NDArray[np.int64], start: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Each member's place in a random order of its group."""
    order = np.lexsort((rng.random(len(owner)), owner))
    place = np.empty(len(owner), np.int64)
    place[order] = np.arange(len(owner)) - start[owner[order]]
    return place


class Keys:
    """What two pairs of one batch must not share: a text (in any case), a group, or the groups of their titles."""

    def __init__(self, groups: Groups) -> None:
        self._text = folded(groups.texts)
        owner = groups.owner
        strict = np.array(groups.same_work, bool)[groups.kind[owner]] if len(groups) else np.empty(0, bool)
        self._groups_of: dict[int, list[int]] = {}
        for text, group in zip(self._text[groups.member[strict]].tolist(), owner[strict].tolist(), strict=True):
            self._groups_of.setdefault(text, []).append(group)

    def touched(self, pairs: Pairs) -> list[frozenset[int]]:
        """Groups that each pair belongs to: its own, and those that its titles stand in; N sets."""
        columns = (self._text[pairs.left].tolist(), self._text[pairs.right].tolist(), pairs.group.tolist())
        none: list[int] = []
        return [
            frozenset([group, *self._groups_of.get(left, none), *self._groups_of.get(right, none)])
            for left, right, group in zip(*columns, strict=True)
        ]

    def of(self, pairs: Pairs) -> list[frozenset[int]]:
        """All that must not be shared: groups as they are, texts as negative numbers."""
        columns = (self._text[pairs.left].tolist(), self._text[pairs.right].tolist(), self.touched(pairs))
        return [groups | {-1 - left, -1 - right} for left, right, groups in zip(*columns, strict=True)]


def batches(
    pairs: Pairs, keys: list[frozenset[int]], texts: list[str], batch_size: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Full batches in random order, as rows of ``pairs``, int64 (S, batch_size); what fills none is left out.

    Sentences have batches of their own, and titles meet those of about their length.
    """
    lengths = np.array([len(text) for text in texts], np.int64)
    longest = np.maximum(lengths[pairs.left], lengths[pairs.right])
    titles = longest[~pairs.is_text]
    cuts = np.quantile(titles, np.arange(1, _SHELVES) / _SHELVES) if len(titles) else np.empty(0)
    shelf = np.where(pairs.is_text, _SHELVES, np.searchsorted(cuts, longest))
    full = [
        batch
        for one in range(_SHELVES + 1)
        for batch in _fill(rng.permutation(np.flatnonzero(shelf == one)).tolist(), keys, batch_size)
    ]
    if not full:
        return np.empty((0, batch_size), np.int64)
    return np.array(full, np.int64)[rng.permutation(len(full))]


def _fill(rows: list[int], keys: list[frozenset[int]], batch_size: int) -> list[list[int]]:
    """Batches filled in the order given; a pair that clashes waits for the next one."""
    full: list[list[int]] = []
    waiting = deque(rows)
    while len(waiting) >= batch_size:
        batch: list[int] = []
        taken: set[int] = set()
        passed: list[int] = []
        while waiting and len(batch) < batch_size:
            row = waiting.popleft()
            if taken.isdisjoint(keys[row]):
                batch.append(row)
                taken |= keys[row]
            else:
                passed.append(row)
        if len(batch) < batch_size:
            break
        full.append(batch)
        waiting.extendleft(reversed(passed))
    return full
