"""The catalogue as it stood at a moment: factors, co-occurrence and popularity from the events before it."""

import numpy as np
from numpy.typing import NDArray

from recsys.assemble import assemble
from recsys.candidates import event_weights
from recsys.catalogue import Behaviour, Catalogue
from recsys.collab import interaction_matrix, train_factors
from recsys.config import EngineSettings
from recsys.geo import unit_vectors
from recsys.neighbours import find_neighbours
from recsys.unseen import map_text_to_factors
from training.prepare import Prepared

_DAY = 86_400.0


def event_candidates(prepared: Prepared) -> NDArray[np.int32]:
    """The candidate row of each event, int32 (E,)."""
    lengths = prepared.candidates.histories.lengths
    return np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)


def catalogue_at(
    prepared: Prepared, settings: EngineSettings, known: NDArray[np.bool_], opened: float, closed: float
) -> Catalogue:
    """A catalogue that knows only some of the events.

    Args:
        prepared: everything.
        settings: of the engine.
        known: bool (E,), the events that had happened.
        opened: seconds since 1970; only postings that had not expired then are indexed.
        closed: nor those that were posted later than this; unknown dates count as open.
    """
    attributes = prepared.attributes
    behaviour = _behaviour(prepared, settings, known, opened)
    open_ = ~(attributes.posted > closed) & ~(attributes.until < opened)
    parts = assemble(
        prepared.title,
        prepared.text,
        prepared.lexicon,
        prepared.latlon,
        attributes.remote,
        attributes.posted,
        behaviour.popularity,
        behaviour.factors.postings,
        open_,
        settings,
    )
    return Catalogue(
        ids=prepared.ids,
        title=prepared.title,
        text=prepared.text,
        lexicon=prepared.lexicon,
        place=unit_vectors(prepared.latlon),
        attributes=attributes,
        behaviour=behaviour,
        shelves=parts.shelves,
        grid=parts.grid,
        cells=parts.cells,
        words=parts.words,
        open=open_,
        dated=bool(np.isfinite(attributes.posted).mean() > 0.5),
        by_text=parts.by_text,
        by_cell=parts.by_cell,
        by_factor=parts.by_factor,
        gone=np.zeros(len(prepared.ids), bool),
    )


def _behaviour(prepared: Prepared, settings: EngineSettings, known: NDArray[np.bool_], now: float) -> Behaviour:
    histories = prepared.candidates.histories
    weights = event_weights(histories.kind, histories.value, settings.events) * known
    if settings.events.half_life_days is not None:
        age = np.maximum(now - histories.time, 0) / (_DAY * settings.events.half_life_days)
        weights = weights * np.where(np.isnan(age), 1, 0.5**age)
    weights = weights.astype(np.float32)
    postings = len(prepared.ids)
    candidates = len(prepared.candidates)
    interactions = interaction_matrix(event_candidates(prepared), histories.posting, weights, (candidates, postings))
    popularity = np.bincount(histories.posting, weights, postings)
    seen = np.bincount(histories.posting[weights > 0], minlength=postings) > 0
    factors = train_factors(interactions, settings.factors)
    text = prepared.title if prepared.text is None else prepared.text
    words = prepared.lexicon.title if prepared.lexicon.text is None else prepared.lexicon.text
    return Behaviour(
        popularity=np.log1p(popularity).astype(np.float32),
        seen=seen,
        factors=map_text_to_factors(factors, text.vectors(np.arange(postings)), seen, words=words),
        neighbours=find_neighbours(interactions, settings.factors),
    )
