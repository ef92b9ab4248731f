"""Hiding a random share of the events, where no time says what came before what."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import event_weights
from recsys.config import EventSettings
from training.config import ValidationSettings
from training.prepare import Prepared
from training.snapshot import event_candidates

_MOST = 0.2  # share of the events that is hidden at once: what is left must still be like the whole


def hidden_parts(
    prepared: Prepared, events: EventSettings, asking: NDArray[np.intp], settings: ValidationSettings
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """For each block of validation, which events ask and which the catalogue knows.

    Every block hides another share of the pairs of a candidate and a posting, drawn at random, with all events of
    each. Where postings carry no dates, half of the share are pairs and half are whole postings, so that postings
    without any event are asked for too. A candidate asks who keeps an event that counts, or has a profile.

    Yields:
        rows of the asking events, ascending; bool (E,), the events that are not hidden.
    """
    histories = prepared.candidates.histories
    rng = np.random.default_rng(settings.seed)
    share = min(_MOST, 1 / max(settings.blocks, 2))
    dated = np.isfinite(prepared.attributes.posted).mean() > 0.5
    candidate = event_candidates(prepared)
    _, pair = np.unique(candidate.astype(np.int64) << 32 | histories.posting, return_inverse=True)
    each = share if dated else share / 2
    part = np.floor(rng.random(int(pair.max(initial=-1)) + 1) / each)[pair]
    of_posting = np.floor(rng.random(len(prepared.ids)) / (share / 2))[histories.posting]
    useful = event_weights(histories.kind, histories.value, events) > 0
    profiles = prepared.candidates.profiles
    described = (profiles.wanted[:, 0] >= 0) | (profiles.past[:, 0] >= 0) | (profiles.whole >= 0)
    for block in range(settings.blocks):
        known = (part != block) & (dated | (of_posting != block))
        left = np.bincount(candidate[known & useful], minlength=len(described)) > 0
        inside = asking[~known[asking] & (left | described)[candidate[asking]]]
        most = settings.most // settings.blocks
        if len(inside) > most:
            inside = np.sort(rng.choice(inside, most, replace=False))
        if len(inside):
            yield inside, known
