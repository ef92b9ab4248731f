"""By what candidates are found for postings: a few small arrays that training stores beside the candidates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import Candidates, event_weights
from recsys.catalogue import Catalogue
from recsys.codes import Codes
from recsys.config import EngineSettings
from recsys.interests import find_interests
from recsys.rank import Ranker
from recsys.reciprocal import measure, yardstick

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

_SAMPLE, _SEED = 1024, 0  # candidates by whom the usual level is told
_AT_ONCE = 64  # candidates


@dataclass(frozen=True)
class Finders:
    """What candidates are found by, C of them.

    Attributes:
        profile: (C, d), what they want, did and say of themselves, as one vector; scale 0 where that is nothing.
        first, second: (C, d), their interests as ``find_interests`` tells them; scale 0 where there are fewer.
        place: float32 (C, 2, 3), where they look, live and worked, likewise; NaN where fewer.
        factors: (C, f), of their history at the time of training; scale 0 without one.
        start: int64 (P + 1,), who chose posting p stands at start[p]:start[p + 1].
        chosen: int32, rows of candidates.
        level: float32 (1,), what is usual on the board, see ``recsys.reciprocal``.
    """

    profile: Codes
    first: Codes
    second: Codes
    place: Numbers
    factors: Codes
    start: NDArray[np.int64]
    chosen: Rows
    level: Numbers


def finders_of(candidates: Candidates, catalogue: Catalogue, settings: EngineSettings, ranker: Ranker) -> Finders:
    """Of all candidates, as training stores them."""
    count, dimension = len(candidates), catalogue.title.dimension
    profile, first, second = (_in_blocks(count, dimension) for _ in range(3))
    place = np.full((count, 2, 3), np.nan, np.float32)
    factors = _in_blocks(count, catalogue.behaviour.factors.postings.shape[1])
    ageless = settings.events.model_copy(update={"half_life_days": None})
    for at in range(0, count, _AT_ONCE):
        rows = np.arange(at, min(at + _AT_ONCE, count))
        interests = find_interests(catalogue, candidates.queries(rows, 0.0, ageless), settings.retrieve)
        _put(profile, rows, profile_vectors(candidates, rows))
        _put(first, rows, interests.vectors[:, 0])
        if interests.vectors.shape[1] > 1:
            _put(second, rows, interests.vectors[:, 1])
        place[rows] = interests.places
        _put(factors, rows, np.nan_to_num(unit(interests.factors)))
    start, chosen = _choosers(candidates, len(catalogue), settings)
    return Finders(
        profile, first, second, place, factors, start, chosen, _level(candidates, catalogue, settings, ranker)
    )


def _level(candidates: Candidates, catalogue: Catalogue, settings: EngineSettings, ranker: Ranker) -> Numbers:
    some = np.random.default_rng(_SEED).permutation(len(candidates))[:_SAMPLE]
    rivals = yardstick(catalogue, settings.reciprocal.rivals)
    levels = [np.zeros(1, np.float32)]
    for at in range(0, len(some) if len(rivals) else 0, _AT_ONCE):
        queries = candidates.queries(np.sort(some[at : at + _AT_ONCE]), 0.0, settings.events)
        interests = find_interests(catalogue, queries, settings.retrieve)
        levels.append(measure(catalogue, ranker, queries, interests, rivals).score)
    return np.array([np.median(np.concatenate(levels[1:] or levels))], np.float32)


def _in_blocks(count: int, width: int) -> Codes:
    return Codes(np.zeros((count, width), np.int8), np.zeros(count, np.float32))


def _put(codes: Codes, rows: NDArray[np.intp], vectors: Numbers) -> None:
    made = Codes.from_vectors(vectors)
    codes.codes[rows], codes.scale[rows] = made.codes, made.scale


def unit(vectors: Numbers) -> Numbers:
    """Vectors (..., d) of length 1, zeros where they are."""
    long: Numbers = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(long, np.float32(1e-9)), np.float32)


def profile_vectors(candidates: Candidates, rows: NDArray[np.integer]) -> Numbers:
    """One vector (B, d) of what each of the candidates at ``rows`` says; zeros where nothing is known."""
    p = candidates.profiles
    kinds = [p.vectors.vectors(pointers[rows]).sum(axis=1) for pointers in (p.wanted, p.past, p.whole[:, None])]
    return unit(np.sum([unit(kind) for kind in kinds], axis=0))


def title_vectors(candidates: Candidates, rows: NDArray[np.integer]) -> Numbers:
    """The first desired title and the latest title held of each, (B, 2, d); zeros where there is none."""
    p = candidates.profiles
    return p.vectors.vectors(np.stack([p.wanted[rows, 0], p.past[rows, 0]], axis=1))


def places_of(candidates: Candidates, rows: NDArray[np.integer]) -> Numbers:
    """Where each of the candidates at ``rows`` lives, and worked last: (B, 2, 3)."""
    return np.stack([candidates.profiles.home[rows], candidates.profiles.worked[rows, 0]], axis=1)


def _choosers(candidates: Candidates, postings: int, settings: EngineSettings) -> tuple[NDArray[np.int64], Rows]:
    histories = candidates.histories
    weight = event_weights(histories.kind, histories.value, settings.events)
    useful = (weight > 0) & (histories.posting >= 0)
    owner = np.repeat(np.arange(len(candidates), dtype=np.int64), histories.lengths)[useful]
    pairs = np.unique(histories.posting[useful].astype(np.int64) << 32 | owner)
    count = np.bincount(pairs >> 32, minlength=postings)
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(count)]).astype(np.int64)
    return start, (pairs & 0xFFFFFFFF).astype(np.int32)
