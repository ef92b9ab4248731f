"""A small market made for a measurement: trained by the real training, asked through the real engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.encode import Encoder, EncoderConfig, load_encoder
from recsys.engine import Engine
from recsys.lexical import LexicalIndex
from recsys.request import Request
from recsys.text import posting_texts, posting_titles
from recsys.vectors import VectorCache
from serving.profile import profile_from_texts
from training.config import TrainConfig, load_config
from training.sources import read_tables
from training.sources.config import Source, SourcesConfig, TableSources
from training.train import train

Numbers = NDArray[np.float32]
Rows = NDArray[np.int32]
Say = Callable[[str], None]


class CachedEncoder:
    """The default encoder behind the vector cache, so that a second run encodes nothing."""

    def __init__(self, folder: Path) -> None:
        self._encoder: Encoder = load_encoder(EncoderConfig(), folder)
        self._cache = VectorCache(folder, self._encoder.name, self._encoder.dimension)

    @property
    def name(self) -> str:
        return self._encoder.name

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    def encode(self, texts: Sequence[str], progress: bool = False) -> Numbers:
        return self._cache.encode(texts, self._encoder, progress).astype(np.float32)


def read_postings(config: Path, data: Path, scratch: Path) -> pd.DataFrame:
    """The postings of one file by its own YAML, as training reads them."""
    tables, _ = read_tables(load_config(config).sources, data, scratch / f"{config.stem}.rejected.parquet")
    return tables.postings


@dataclass(frozen=True)
class Market:
    """N postings and the engine that was trained on them.

    Attributes:
        engine: loaded from the bundle.
        titles, texts: what the encoder and BM25 read of each posting.
        rows: int32 (N,), row of each posting in the engine's catalogue.
        encoder: behind its cache.
    """

    engine: Engine
    titles: list[str]
    texts: list[str]
    rows: Rows
    encoder: CachedEncoder

    @classmethod
    def build(cls, postings: pd.DataFrame, folder: Path, cache: Path, encoder: CachedEncoder) -> "Market":
        """Train a bundle on ``postings`` (posting_id, title, description) as a file of a customer would be."""
        folder.mkdir(parents=True)
        postings.to_parquet(folder / "postings.parquet", index=False)
        sources = SourcesConfig(tables=TableSources(postings=(Source(path=("postings.parquet",)),)))
        train(TrainConfig(sources=sources), folder, folder / "bundle", cache, lambda line: None)
        engine = Engine.load(folder / "bundle")
        read = postings.assign(skills=None)
        rows = engine.catalogue.ids.rows(postings["posting_id"].tolist())
        return cls(engine, posting_titles(read), posting_texts(read), rows, encoder)

    def __len__(self) -> int:
        return len(self.texts)

    def by_engine(self, queries: Sequence[str], k: int) -> Rows:
        """The engine's lists for texts of candidates, int32 (Q, k), as numbers of postings, -1 padded."""
        self.encoder.encode(queries, progress=True)  # all at once; below they come out of the cache
        requests = [Request(profile=profile_from_texts(self.encoder, text), now=0.0) for text in queries]
        lists = self.engine.answer(self.engine.queries(requests), k).rows
        number = np.full(len(self.engine.catalogue) + 1, -1, np.int32)
        number[self.rows] = np.arange(len(self), dtype=np.int32)
        return number[lists]

    def by_words(self, queries: Sequence[str], k: int) -> Rows:
        """BM25's lists, int32 (Q, min(k, N))."""
        return LexicalIndex.build(self.texts).search(queries, k)[0]


def best(scores: NDArray[np.floating], k: int) -> Rows:
    """The ``k`` best of scores (Q, N), best first, ties by number: int32 (Q, min(k, N))."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :k].astype(np.int32)
