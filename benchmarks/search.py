"""Search: titles of vacancies as queries for occupations, slips of the hand, and speed. Writes a page of figures.

    python -m benchmarks.search --data DIR --work DIR [--postings 1000000] [--out docs/search-figures.md] [--cache DIR]

``--data`` holds ``titles/vacancy_titles_esco.csv`` and ``esco/occupations_en.csv``. Each occupation becomes a posting,
its preferred label the title and its other labels the description, and the product's own search runs over them.
``--postings 0`` leaves the speed out.
"""

import argparse
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.market import market_bundle
from benchmarks.speed import in_turn, origin
from benchmarks.title_encoders import Titles, measure, read_titles
from jobrec import default_cache
from recsys.codes import Codes
from recsys.config import EngineSettings
from recsys.encode import EncoderConfig, load_encoder
from recsys.engine import Engine, one_thread_each
from recsys.ids import Ids
from recsys.manifest import read_manifest
from recsys.meaning import meanings
from recsys.metrics import paired_bootstrap
from recsys.rank import HAND_SET
from recsys.request import Request
from recsys.search import Wording, search, wording
from recsys.spelling import Speller
from recsys.vectors import VectorCache
from recsys.wording import search_words
from serving.score import Scorer
from training.prepare import prepare
from training.snapshot import catalogue_at, with_words
from training.sources import SourcesConfig, read_tables

Floats = NDArray[np.float64]
FUSED = "fused, corrected"
K = 100  # a rank beyond counts as 0
AT_ONCE = 64
WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Board:
    """The occupations as a board, and what encodes a query."""

    engine: Engine
    encode: Callable[[Sequence[str]], NDArray[np.float32]]

    def with_likeness(self, weight: float) -> Engine:
        """The engine in which likeness of texts weighs so much."""
        search_ = self.engine.settings.search.model_copy(update={"likeness": weight})
        return replace(self.engine, settings=self.engine.settings.model_copy(update={"search": search_}))


def occupations_board(titles: Titles, work: Path, cache: Path) -> Board:
    """Train on the occupations as on any board, but for what candidates do."""
    data = work / "occupations"
    data.mkdir(parents=True, exist_ok=True)
    ends = [*titles.start[1:].tolist(), len(titles.labels)]
    rows = [
        {
            "posting_id": named(at),
            "title": titles.labels[start],
            "description": ". ".join(titles.labels[start + 1 : end]),
        }
        for at, (start, end) in enumerate(zip(titles.start.tolist(), ends, strict=True))
    ]
    pd.DataFrame(rows).to_csv(data / "postings.csv", index=False)
    tables, _ = read_tables(SourcesConfig(), data, work / "rejected.parquet")
    encoder = load_encoder(EncoderConfig(), cache)
    vectors = VectorCache(cache, encoder.name, encoder.dimension)
    apart = EngineSettings().copies.model_copy(update={"found": False})
    settings = EngineSettings().model_copy(update={"copies": apart})
    prepared = prepare(tables, encoder, vectors, progress=True, settings=settings)
    nothing = np.zeros(0, bool)
    catalogue = with_words(catalogue_at(prepared, settings, nothing, 0.0, time.time()), prepared)

    def coded(texts: Sequence[str]) -> NDArray[np.float32]:
        found = Codes.from_vectors(vectors.encode(list(texts), encoder))
        return found.vectors(np.arange(len(texts)))

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        return meanings(texts, coded)

    return Board(Engine(catalogue, HAND_SET, settings, prepared.skills), encode)


def named(at: int) -> str:
    """Id of an occupation."""
    return f"{at:05d}"


def slip(text: str, rng: np.random.Generator) -> str:
    """One letter left out, put in, exchanged for another, or exchanged with the next."""
    at = [i for i, letter in enumerate(text) if letter.isalpha()]
    if not at:
        return text
    i, letter, kind = int(rng.choice(at)), str(rng.choice(list(_LETTERS))), rng.integers(4)
    if kind == 0:
        return text[:i] + text[i + 1 :]
    if kind == 1:
        return text[:i] + letter + text[i:]
    if kind == 2 or i + 1 == len(text):
        return text[:i] + letter + text[i + 1 :]
    return text[:i] + text[i + 1] + text[i] + text[i + 2 :]


def corrected(engine: Engine, texts: Sequence[str]) -> list[Wording | None]:
    """As the product reads them; None where no word is left."""
    return [wording(engine.catalogue, text) if search_words(text) else None for text in texts]


def as_typed(engine: Engine, texts: Sequence[str]) -> list[Wording | None]:
    """Without corrections."""
    found: list[Wording | None] = []
    for text in texts:
        words = list(dict.fromkeys(search_words(text)))
        known = engine.catalogue.by_word.words.rows(words) >= 0
        kept = tuple(word for word, there in zip(words, known, strict=True) if there)
        found.append(Wording(text, kept, {}, ()) if words else None)
    return found


def reciprocal_ranks(
    engine: Engine, asked: Sequence[Wording | None], right: Sequence[str], vectors: NDArray[np.float32] | None
) -> Floats:
    """1 / rank of the right posting of each query, by its id; 0 beyond ``K``."""
    found = np.zeros(len(asked))
    there = [at for at, one in enumerate(asked) if one is not None]
    for begin in range(0, len(there), AT_ONCE):
        part = there[begin : begin + AT_ONCE]
        queries = engine.queries([Request(now=time.time())] * len(part))
        wordings = [one for at in part if (one := asked[at]) is not None]
        answers = search(engine, queries, wordings, None if vectors is None else vectors[part], K, personal=False)
        for at, answer in zip(part, answers, strict=True):
            found[at] = next((1 / hit.rank for hit in answer.hits if hit.posting_id == right[at]), 0.0)
    return found


def texts_of(asked: Sequence[Wording | None]) -> list[str]:
    return ["" if one is None else one.text for one in asked]


def quality(args: argparse.Namespace) -> list[str]:
    """The page's part on what is found."""
    titles = read_titles(args.data)
    board = occupations_board(titles, args.work, args.cache)
    right = [named(at) for at in titles.right.tolist()]
    half = np.array([zlib.crc32(title.encode()) & 1 for title in titles.queries], bool)
    asked = corrected(board.engine, titles.queries)
    vectors = board.encode(texts_of(asked))
    sample = np.sort(np.random.default_rng(2).permutation(np.flatnonzero(half))[: args.choose_on])
    tried = {}
    for weight in WEIGHTS:
        some = [asked[at] for at in sample]
        ranks = reciprocal_ranks(board.with_likeness(weight), some, [right[at] for at in sample], vectors[sample])
        tried[weight] = float(ranks.mean())
        print(f"likeness {weight}: {tried[weight]:.4f}", flush=True)
    best = max(tried, key=lambda weight: (tried[weight], -abs(weight - 0.5)))
    rng = np.random.default_rng(0)
    slips = [slip(title, rng) for title in titles.queries]
    lines = [
        f"{len(titles.queries):,} distinct titles with the occupation that a person gave them, {len(titles.start):,} "
        "occupations. MRR: the mean of 1 / rank of the right occupation, 0 beyond the first 100. The weight of",
        f"likeness was chosen among {', '.join(map(str, WEIGHTS))} on {len(sample):,} titles of one half "
        f"(by a hash of the title): {best}. There MRR was "
        + ", ".join(f"{value:.3f} ({weight})" for weight, value in tried.items())
        + ".",
        "",
        "| titles | search | MRR, half of the choice | MRR, other half | MRR, all | of its own without slips |",
        "|---|---|---|---|---|---|",
    ]
    clean: dict[str, float] = {}
    fused = np.empty(0)
    for said, texts in (("as they are", titles.queries), ("one slip in each", slips)):
        for name, ranks in _systems(board, texts, right, best).items():
            cells = [ranks[half].mean(), ranks[~half].mean(), ranks.mean()]
            base = clean.setdefault(name, float(ranks.mean()))
            fused = ranks if name == FUSED and texts is titles.queries else fused
            share = f"{ranks.mean() / base:.3f}"
            lines.append(f"| {said} | {name} | " + " | ".join(f"{one:.3f}" for one in cells) + f" | {share} |")
            print(lines[-1], flush=True)
    return [*lines, "", *_beside_all_labels(titles, fused, args.cache)]


def _beside_all_labels(titles: Titles, fused: Floats, cache: Path) -> list[str]:
    """Beside vectors that know each label by itself, as no posting has them; their ranks are not cut off."""
    alone = measure("MiniLM", "minilm", titles, cache)
    lines = [
        f"Vectors alone over all {len(titles.labels):,} labels, each a text of its own and an occupation as near as "
        "its best label; fused minus these, paired, with a 95 % interval of a bootstrap over titles:",
        "",
        "| of occupations with an equal label | MRR of vectors | fused minus vectors |",
        "|---|---|---|",
    ]
    for name, ranks in (("half count as better", alone.best), ("none counts as better", alone.lenient)):
        mean, low, high, _ = paired_bootstrap(fused, ranks)
        lines.append(f"| {name} | {ranks.mean():.3f} | {mean:+.3f} [{low:+.3f}, {high:+.3f}] |")
    return lines


def _systems(board: Board, texts: Sequence[str], right: Sequence[str], best: float) -> dict[str, Floats]:
    engine = board.engine
    plain, mended = as_typed(engine, texts), corrected(engine, texts)
    of_plain, of_mended = board.encode(texts_of(plain)), board.encode(texts_of(mended))
    return {
        "BM25 alone, as typed": reciprocal_ranks(engine, plain, right, None),
        "BM25 alone, corrected": reciprocal_ranks(engine, mended, right, None),
        "vectors alone, as typed": reciprocal_ranks(board.with_likeness(1.0), plain, right, of_plain),
        "vectors alone, corrected": reciprocal_ranks(board.with_likeness(1.0), mended, right, of_mended),
        FUSED: reciprocal_ranks(board.with_likeness(best), mended, right, of_mended),
    }


def speed(args: argparse.Namespace) -> list[str]:
    """The page's part on time and room."""
    folder = args.work / str(args.postings)
    folder.mkdir(parents=True, exist_ok=True)
    candidates, cities = (4_000, 300) if args.postings <= 100_000 else (20_000, None)
    bundle = market_bundle(folder, args.postings, candidates, cities)
    scorer, seconds = Scorer(bundle, verify=False), float(read_manifest(bundle)["word_index_seconds"])
    engine, index = scorer.engine, scorer.engine.catalogue.by_word
    rng = np.random.default_rng(1)
    titles = engine.explainer.titles.take(rng.integers(0, len(engine.catalogue), args.searches).tolist())
    who = rng.integers(0, len(scorer.candidates), args.searches)
    times = []
    engine.catalogue.by_word.speller.nearest("warmng")
    slow = _spelling(200_000)
    with one_thread_each():
        for title, row in zip(titles, who, strict=True):
            query = scorer.candidates.queries(np.array([row]), scorer.as_of, engine.settings.events)
            text = slip(title, rng)
            asked = wording(engine.catalogue, text) if search_words(text) else wording(engine.catalogue, title)
            vector = engine.catalogue.title.vectors(rng.integers(0, len(engine.catalogue), 1))
            read = in_turn(lambda text=text: search_words(text), lambda text=text: _read(engine, text), pairs=3)
            timed = in_turn(
                lambda query=query, asked=asked, vector=vector: search(engine, query, [asked], vector, 10),
                lambda query=query: engine.answer(query, 10),
                pairs=3,
            )
            times.append([np.median(timed.first), np.median(timed.second), np.median(read.second)])
    ms = 1e3 * np.array(times)
    size = sum(one.nbytes for one in (index.idf, index.start, index.rows, index.weights)) / len(engine.catalogue)
    names = ("search, facets counted", "the list without words", "words read and corrected")
    return [
        f"{len(engine.catalogue):,} simulated postings, {args.searches} searches by titles with one slip each, one "
        "thread; a search and a list of the same candidate in turn.",
        "",
        "| | ms, median | ms, 95 % |",
        "|---|---|---|",
        *(
            f"| {name} | {np.median(column):.1f} | {np.quantile(column, 0.95):.1f} |"
            for name, column in zip(names, ms.T, strict=True)
        ),
        f"| a slip looked up among 200,000 drawn words | {np.median(slow):.1f} | {np.quantile(slow, 0.95):.1f} |",
        "",
        "The simulated texts have few different words, so a slip is looked up among drawn ones as well.",
        f"The word index holds {len(index.words):,} words and takes {size:.0f} bytes a posting,",
        f"the words themselves not counted. It was built in {seconds:.0f} s.",
    ]


def _spelling(count: int) -> Floats:
    """Milliseconds for each of a hundred words of letters that nobody uses, among ``count`` others."""
    rng = np.random.default_rng(3)
    drawn = sorted({"".join(rng.choice(list(_LETTERS), rng.integers(3, 14))) for _ in range(count)})
    speller = Speller(Ids(np.array(drawn, object), "word"), rng.integers(1, 1000, len(drawn)))
    speller.nearest("warming")
    took = []
    for word in rng.choice(np.array([one for one in drawn if len(one) > 4], object), 100):
        started = time.perf_counter()
        speller.nearest(slip(str(word), rng) + "q", unfinished=True)
        took.append(1e3 * (time.perf_counter() - started))
    return np.array(took)


def _read(engine: Engine, text: str) -> Wording | None:
    return wording(engine.catalogue, text) if search_words(text) else None


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for the boards, kept for the next run")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--postings", type=int, default=1_000_000)
    parser.add_argument("--searches", type=int, default=100)
    parser.add_argument("--choose-on", type=int, default=3_000, help="titles on which the weight is chosen")
    parser.add_argument("--out", type=Path, default=Path("docs/search-figures.md"))
    args = parser.parse_args()
    lines = ["# Search: figures", "", origin("benchmarks.search"), "", "## What is found", "", *quality(args)]
    if args.postings:
        lines += ["", "## Speed and room", "", *speed(args)]
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
