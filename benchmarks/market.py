"""A bundle of any size for the speed benchmarks: a simulated market with drawn text vectors.

Encoding a million texts takes hours and its speed is not what is measured here, so a text's vector is drawn: texts
that begin alike lie close together, as real ones do.
"""

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys.bundle import write_bundle
from recsys.candidates import Candidates
from recsys.config import EngineSettings
from recsys.finders import finders_of
from recsys.rank import HAND_SET
from recsys.stored import FINDERS, FOLDER, candidate_arrays, finder_arrays
from recsys.vectors import VectorCache
from training.prepare import Prepared, prepare
from training.simulate import SimulateConfig, simulate
from training.snapshot import catalogue_at, with_words
from training.sources import SourcesConfig, read_tables
from training.split import latest_moment

DIMENSION = 384
_NOISE = 0.8


class DrawnEncoder:
    """Vectors around one of some thousand centres, chosen by the first two words of the text."""

    name = "drawn-384"
    dimension = DIMENSION

    def encode(self, texts: Sequence[str], progress: bool = False) -> NDArray[np.float32]:
        """Unit vectors (N, 384) float32, the same for the same text."""
        centres = np.random.default_rng(0).standard_normal((4096, DIMENSION), dtype=np.float32)
        heads = [zlib.crc32(" ".join(text.split(maxsplit=2)[:2]).encode()) % 4096 for text in texts]
        seed = zlib.crc32("".join(texts).encode())
        drawn = np.random.default_rng(seed).standard_normal((len(texts), DIMENSION), dtype=np.float32)
        vectors = centres[heads] + np.float32(_NOISE) * drawn
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def prepared_market(folder: Path, postings: int, candidates: int, cities: int | None, seed: int = 7) -> Prepared:
    """Simulate a market into ``folder`` (once) and prepare it."""
    data = folder / "data"
    if not (data / "events.parquet").exists():
        simulate(
            SimulateConfig(candidates=candidates, postings=postings, seed=seed, cities=cities, impressions=False), data
        )
    tables, _ = read_tables(SourcesConfig(), data, folder / "rejected.parquet")
    encoder = DrawnEncoder()
    return prepare(tables, encoder, VectorCache(folder / "cache", encoder.name, encoder.dimension))


def market_bundle(
    folder: Path,
    postings: int,
    candidates: int,
    cities: int | None,
    people: Callable[[Candidates], Candidates] = lambda some: some,
    for_ever: bool = False,
) -> Path:
    """A bundle of a simulated market under the hand-set order (a learned one costs the same), made once.

    ``people`` may change the candidates; ``for_ever``: postings do not expire, whenever they are asked for.
    """
    out = folder / "bundle"
    if not out.exists():
        prepared = prepared_market(folder, postings, candidates, cities)
        settings = EngineSettings()
        now = latest_moment(prepared, np.inf)
        known = np.ones(len(prepared.candidates.histories.posting), bool)
        catalogue = catalogue_at(prepared, settings, known, 0.0, now)  # everything stays open: the hardest case
        if for_ever:
            never = np.full(len(catalogue), np.nan)
            catalogue = replace(catalogue, attributes=replace(catalogue.attributes, until=never))
        started = time.perf_counter()
        catalogue = with_words(catalogue, prepared)
        facts = {"as_of": now, "created": "benchmark", "position": 0, "encoder": {"name": "drawn-384", "config": {}}}
        facts["word_index_seconds"] = time.perf_counter() - started
        known_people = people(prepared.candidates)
        finders = finders_of(known_people, catalogue, settings, HAND_SET)
        write_bundle(
            out,
            catalogue,
            HAND_SET,
            settings,
            prepared.skills,
            prepared.postings[["posting_id", "title", "company", "region", "url"]],
            facts,
            prepared.books,
            {FOLDER: candidate_arrays(known_people), FINDERS: finder_arrays(finders)},
        )
    return out
