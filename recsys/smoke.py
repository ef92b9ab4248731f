"""Smoke requests: a few real candidates with the answers that training got, kept in the bundle.

Who opens the bundle elsewhere asks them again: files may be whole and their library another.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import Candidates
from recsys.engine import Engine

#: The file in a bundle.
SMOKE: Final = "smoke.json"
#: How many candidates are asked for, and for how many postings each.
REQUESTS, POSTINGS = 8, 10
#: Scores may differ by so much, absolutely and as a share: other processors add in another order.
_CLOSE: Final = 1e-5


def smoke_document(engine: Engine, candidates: Candidates, now: float) -> dict[str, Any]:
    """Requests of candidates of every kind, and what the engine answers to them at ``now``."""
    rows = _spread(candidates)
    answers: list[dict[str, Any]] = []
    if len(rows) == 0:
        return {"now": now, "k": POSTINGS, "answers": answers}
    lists = engine.answer(candidates.queries(rows, now, engine.settings.events), POSTINGS)
    for at, who in enumerate(candidates.ids.names(rows)):
        there = lists.rows[at] >= 0
        ids = engine.catalogue.ids.names(lists.rows[at][there])
        scores = [float(score) for score in lists.scores[at][there]]
        answers.append({"candidate_id": str(who), "postings": [str(one) for one in ids], "scores": scores})
    return {"now": now, "k": POSTINGS, "answers": answers}


def smoke_difference(engine: Engine, candidates: Candidates, document: dict[str, Any]) -> str | None:
    """Asks the requests of a ``smoke_document`` again: the first difference in one line, None where there is none."""
    expected = document["answers"]
    if not expected:
        return None
    rows = np.array([candidates.ids.row(one["candidate_id"]) for one in expected], np.int64)
    lists = engine.answer(candidates.queries(rows, document["now"], engine.settings.events), document["k"])
    for at, one in enumerate(expected):
        there = lists.rows[at] >= 0
        ids = [str(id_) for id_ in engine.catalogue.ids.names(lists.rows[at][there])]
        if ids != one["postings"]:
            rank = _first_difference(ids, one["postings"])
            found, wanted = _at(ids, rank), _at(one["postings"], rank)
            return f"candidate {one['candidate_id']!r} gets {found} at rank {rank + 1}, in training it was {wanted}"
        scores, wanted_scores = lists.scores[at][there], np.array(one["scores"], np.float32)
        close = np.isclose(scores, wanted_scores, rtol=_CLOSE, atol=_CLOSE)
        if not close.all():
            rank = int(np.argmin(close))
            found, wanted = f"{scores[rank]:.6f}", f"{wanted_scores[rank]:.6f}"
            return f"candidate {one['candidate_id']!r} has score {found} at rank {rank + 1}, in training {wanted}"
    return None


def _spread(candidates: Candidates) -> NDArray[np.int64]:
    """Rows of some candidates of each kind: with and without a history, with and without a profile."""
    history = candidates.histories.lengths > 0
    profiles = candidates.profiles
    profile = (profiles.whole >= 0) | np.any(profiles.wanted >= 0, axis=1)
    kinds = [np.flatnonzero(a & b) for a in (history, ~history) for b in (profile, ~profile)]
    kinds = [kind for kind in kinds if len(kind)]
    chosen: set[int] = set()
    for left, kind in zip(range(len(kinds), 0, -1), sorted(kinds, key=len), strict=True):
        share = -(-(REQUESTS - len(chosen)) // left)
        chosen |= set(kind[np.linspace(0, len(kind) - 1, min(share, len(kind))).astype(np.int64)].tolist())
    return np.array(sorted(chosen), np.int64)


def _first_difference(found: list[str], wanted: list[str]) -> int:
    same = [a == b for a, b in zip(found, wanted, strict=False)]
    return same.index(False) if False in same else len(same)


def _at(ids: list[str], rank: int) -> str:
    return repr(ids[rank]) if rank < len(ids) else "nothing"
