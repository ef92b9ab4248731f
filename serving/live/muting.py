"""What one candidate mutes now: what the bundle brought, and what the log said since."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from recsys.codes import Codes
from recsys.mutes import MUTED, Mutes


def muted_of(document: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """What a document says is muted: postings, employers, interests."""
    return tuple(tuple(document.get(name, ())) for name in MUTED)


def mutes_of_one(muted: Sequence[Sequence[str]], titles: Codes) -> Mutes:
    """The mutes of one candidate, from ``muted_of`` and the vectors of interests."""
    return Mutes.of([muted[0]], [muted[1]], [range(len(titles))], titles)


def said_now(
    base: Mutes | None, muted: Sequence[Sequence[str]] | None, unwanted: Codes | None, dimension: int
) -> Mutes | None:
    """The mutes of one candidate; None where there are none.

    Args:
        base: of the bundle; None: it does not count.
        muted: of ``muted_of``, since; None: nothing was written.
        unwanted: vectors of interests, since, which come later; None: none came.
        dimension: of a vector.
    """
    if muted is None and unwanted is None:
        return base
    nothing = Codes(np.empty((0, dimension), np.int8), np.empty(0, np.float32))
    base = base or mutes_of_one(((), ()), nothing)
    said = mutes_of_one(muted or ((), ()), nothing if unwanted is None else unwanted)
    if muted is None:
        said = replace(said, postings=base.postings, employers=base.employers)
    if unwanted is None:
        said = replace(said, start=base.start, interest=base.interest, titles=base.titles)
    return said
