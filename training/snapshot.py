"""The catalogue as it stood at a moment: factors, co-occurrence and popularity from the events before it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recsys.assemble import assemble
from recsys.candidates import event_weights
from recsys.catalogue import Behaviour, Catalogue
from recsys.codebook import Numbering
from recsys.codes import Codes
from recsys.collab import interaction_matrix, train_factors
from recsys.config import EngineSettings
from recsys.copies import Copies
from recsys.geo import unit_vectors
from recsys.lexical import build_word_index
from recsys.neighbours import find_neighbours, neighbours_of_codes
from recsys.unseen import map_text_to_factors
from recsys.wordindex import counted_words, fingerprint
from training.next_choices import next_title_of
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
        copies=Copies.of(prepared.sketches, prepared.group, open_, attributes.posted),
        numbering=Numbering(prepared.books),
        rules=settings.filters,
    )


def with_words(catalogue: Catalogue, prepared: Prepared) -> Catalogue:
    """The same catalogue, whose open postings can be searched by their words."""
    rows = np.flatnonzero(catalogue.open).astype(np.int32)
    said = np.zeros(len(catalogue), np.uint64)

    def noted() -> Iterator[list[str]]:
        for row, words in zip(rows.tolist(), counted_words(prepared.postings.iloc[rows]), strict=True):
            said[row] = fingerprint(words)
            yield words

    return replace(catalogue, by_word=build_word_index(noted(), rows), said=said)


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
        kin=kin_popularity(popularity.astype(np.float64), _kinds(prepared)),
        seen=seen,
        factors=map_text_to_factors(factors, text.vectors(np.arange(postings)), seen, words=words),
        neighbours=find_neighbours(interactions, settings.factors),
        industries=neighbours_of_codes(interactions, prepared.attributes.industry, settings.factors.neighbours),
        occupations=neighbours_of_codes(interactions, prepared.attributes.occupation, settings.factors.neighbours),
        next_title=next_title_of(prepared, settings.events, known, now),
    )


def _kinds(prepared: Prepared) -> list[NDArray[np.int64]]:
    """Of each posting its title, employer and first place as numbers (P,), -1 where it has none."""
    places = prepared.latlon[:, 0]
    degrees = np.rint(np.nan_to_num(places.astype(np.float64)) * 1000).astype(np.int64)
    placed = np.where(np.isnan(places).any(axis=1), -1, (degrees[:, 0] + 90_000) * 400_000 + degrees[:, 1] + 180_000)
    return [_title_numbers(prepared.title), prepared.attributes.company.astype(np.int64), placed]


def _title_numbers(title: Codes, block: int = 16_384) -> NDArray[np.int64]:
    """Equal for titles of equal codes (P,), -1 without a title."""
    mixed = np.random.default_rng(0).integers(1, 2**40, title.dimension)
    out = np.full(len(title), -1, np.int64)
    for at in range(0, len(title), block):  # widened, all codes at once would not fit
        part = np.abs(title.codes[at : at + block].astype(np.int64) @ mixed)
        out[at : at + block] = np.where(title.scale[at : at + block] > 0, part, -1)
    return out


def kin_popularity(popularity: NDArray[np.float64], kinds: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """log(1 + summed event weight of the others of the same kind), float32 (P, kinds); NaN where a number is below 0.

    Args:
        popularity: float64 (P,), summed event weights.
        kinds: each int64 (P,), equal numbers are of one kind.
    """
    out = np.full((len(popularity), len(kinds)), np.nan, np.float32)
    for at, numbers in enumerate(kinds):
        known = numbers >= 0
        kind = np.unique(numbers[known], return_inverse=True)[1]
        total = np.bincount(kind, popularity[known])
        out[known, at] = np.log1p(np.maximum(total[kind] - popularity[known], 0))
    return out
