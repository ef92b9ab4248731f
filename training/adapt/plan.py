"""The whole run laid out beforehand: which groups are held out, and every batch in its order.

So a run that is killed and resumed sees the same batches as one that is not.
"""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.errors import DataError
from training.adapt.config import AdaptConfig
from training.adapt.groups import Groups
from training.adapt.judge import Question, questions
from training.adapt.noise import roughen
from training.adapt.pairs import Keys, Pairs, batches, draw_pairs


@dataclass(frozen=True)
class Plan:
    """S batches of B pairs, and the questions on held-out groups.

    Attributes:
        left, right: S * B texts, batch after batch.
        steps: S.
        batch_size: B.
        questions: see ``judge``.
        held_out: number of groups held out.
        available: pairs of all passes before they were put into batches.
    """

    left: list[str]
    right: list[str]
    steps: int
    batch_size: int
    questions: list[Question]
    held_out: int
    available: int

    def fingerprint(self, config: AdaptConfig) -> str:
        """Twelve hex digits over settings, pairs and questions: what a resumed run must share."""
        digest = hashlib.sha256(json.dumps(config.model_dump(mode="json"), sort_keys=True).encode())
        for texts in (self.left, self.right, *(one.queries for one in self.questions)):
            digest.update("\n".join(texts).encode("utf-8", "backslashreplace") + b"\0")
        return digest.hexdigest()[:12]


def make_plan(groups: Groups, config: AdaptConfig) -> Plan:
    """Hold groups out, draw the pairs of every pass, put them into batches.

    Raises:
        DataError: there are too few groups to hold one out or to fill a batch.
    """
    apart = np.random.default_rng(config.hold_out.seed)
    held_out = _held_out(groups, config.hold_out.share, apart)
    asked = questions(groups, held_out, config.hold_out.most, apart)
    if not asked:
        raise DataError(f"{len(groups)} groups of titles are too few to hold some out: nothing could be chosen")
    rng = np.random.default_rng(config.learning.seed)
    keys, size = Keys(groups), config.learning.batch_size
    # A title of another file may put a held-out group's title into a group that is trained: such pairs go too.
    away = frozenset(np.flatnonzero(held_out).tolist())
    left: list[str] = []
    right: list[str] = []
    available = 0
    for _ in range(config.learning.passes):
        pairs = draw_pairs(groups, ~held_out, config.pairs, rng)
        pairs = _take(pairs, np.array([away.isdisjoint(one) for one in keys.touched(pairs)], bool))
        available += len(pairs)
        rows = batches(pairs, keys.of(pairs), groups.texts, size, rng).reshape(-1)
        rough = rng.random(len(rows)) < config.pairs.noise
        left += [
            roughen(groups.texts[row], rng) if noisy else groups.texts[row]
            for row, noisy in zip(pairs.left[rows].tolist(), rough.tolist(), strict=True)
        ]
        right += [groups.texts[row] for row in pairs.right[rows].tolist()]
    steps = min(len(left) // size, config.learning.steps or len(left))
    if not steps:
        raise DataError(
            f"{available:,} pairs fill no batch of {size} pairs of different work: lower learning.batch_size"
        )
    return Plan(left[: steps * size], right[: steps * size], steps, size, asked, int(held_out.sum()), available)


def _held_out(groups: Groups, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The share of each name's groups, at least one, (G,)."""
    held = np.zeros(len(groups), bool)
    for at in range(len(groups.names)):
        mine = np.flatnonzero(groups.kind == at)
        if len(mine) > 1:
            held[rng.permutation(mine)[: max(1, round(share * len(mine)))]] = True
    return held


def _take(pairs: Pairs, kept: NDArray[np.bool_]) -> Pairs:
    return Pairs(pairs.left[kept], pairs.right[kept], pairs.group[kept], pairs.is_text[kept])
