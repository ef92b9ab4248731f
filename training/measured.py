"""What an evaluation measured, query by query: the immutable value between measuring and summarising."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

DEPTH = 100  #: places of a list that are measured
WITHOUT = "without "  #: begins the name of a ranker that lacks some signals
TOP = 10  #: places whose postings are looked at
_BY_SYSTEM = ("place", "top", "percentile", "km")


@dataclass(frozen=True)
class Systems:
    """What is compared.

    Attributes:
        names: of the systems; the first is the engine.
        kinds: of each, one of ``training.summary.KINDS``.
        order: the ranker that the engine uses.
        whole: where that ranker stands among the systems, ordering the whole catalogue.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    order: str
    whole: int

    def of_kind(self, kind: str) -> list[int]:
        """Where the systems of a kind stand."""
        return [at for at, one in enumerate(self.kinds) if one == kind]


@dataclass(frozen=True)
class Measured:
    """Lists of S systems for Q queries, cut to the answer's stratum, and where each query belongs.

    Attributes:
        systems: the engine and what it is compared with.
        postings: size of the catalogue.
        dated: postings carry dates, so that strata need not be told apart.
        place: int32 (S, Q), the answer's place in the list, 1 is best, 0: not among the first 100.
        top: int32 (S, Q, 10), the first ten, -1 padded.
        percentile: float32 (S, Q), mean popularity percentile of the first ten.
        km: float32 (S, Q, 10), from the candidate's nearest known place, NaN where not known.
        chosen_percentile, chosen_km: float32 (Q,), the same of the answer.
        stage: int8 (Q,), what became of the answer, index into ``training.losses.STAGES``.
        history: int32 (Q,), distinct postings that the candidate had chosen before.
        seen: bool (Q,), the answer had events.
        region: object (Q,), where the answer is, "" where not known.
    """

    systems: Systems
    postings: int
    dated: bool
    place: Rows
    top: Rows
    percentile: Numbers
    km: Numbers
    chosen_percentile: Numbers
    chosen_km: Numbers
    stage: NDArray[np.int8]
    history: Rows
    seen: NDArray[np.bool_]
    region: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.stage)

    @classmethod
    def join(cls, parts: "Sequence[Measured]") -> "Measured":
        """The queries of several blocks, asked of the same systems."""
        first = parts[0]
        if any(part.systems != first.systems for part in parts):
            raise ValueError("the parts were asked of different systems")

        def one(field: str) -> Any:
            values = [getattr(part, field) for part in parts]
            return np.concatenate(values, axis=1 if field in _BY_SYSTEM else 0)

        arrays = [field.name for field in fields(cls) if isinstance(getattr(first, field.name), np.ndarray)]
        return replace(first, **{name: one(name) for name in arrays})


@dataclass(frozen=True)
class Probabilities:
    """Predicted probabilities of a response and what happened.

    Attributes:
        predicted: float (N,), between 0 and 1.
        happened: bool (N,).
    """

    predicted: NDArray[np.floating]
    happened: NDArray[np.bool_]
