"""More interactions: the engine against plain systems on two dense public sets; writes docs/interactions.md.

    python -m benchmarks.interactions --data DIR --out docs/interactions.md [--work DIR]

``DIR`` holds the folders citeulike_t and ml100k. Figures of every finished question, and every trial, are kept in
``--work``, so that an interrupted run goes on where it was.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.interactions_data import (
    Cut,
    Papers,
    hold_out_items,
    hold_out_later,
    hold_out_pairs,
    read_films,
    read_papers,
)
from benchmarks.interactions_engine import Document, Opened, Trained, engine_document, kept, train_engine, write_tables
from benchmarks.interactions_examples import film_example, paper_example
from benchmarks.interactions_report import page
from benchmarks.interactions_results import Question, read_question, remembered, sizes, write_question
from benchmarks.interactions_systems import Fit, Score, als, bm25, encoder, lists, measure, tfidf
from benchmarks.interactions_tuning import ALS, BM25, ENGINE, Chosen, Shares, Tried, best, tune
from recsys.encode import EncoderConfig, load_encoder
from recsys.vectors import VectorCache

BUDGET = 12  # trials of each system on the validation cut
ASKERS, TUNING_ASKERS = 1000, 400  # users asked in the test and while tuning
SEED = 0
WHOLE = 30_000  # a pool that holds every item
MIXED = 8 * 50  # half of a list is new: so long that 50 of the items asked about stand in it
VALIDATION = {"blocks": 2, "most": 1500, "negatives": 100}  # the defaults would take twice as long
MODELS = ("bm25", "ease", "cosine")  # kinds of neighbours
PAPERS = Shares(5, 4, tuple({"neighbours": model} for model in MODELS[:2]))
NEW_PAPERS = Shares(5, 4, ({"neighbours": "bm25"},))  # no kind says anything of a paper that nobody has
FILMS = Shares(
    3, 3, (*({"neighbours": model, "times": "left out"} for model in MODELS), {"neighbours": "cosine", "times": "read"})
)
PLAIN: dict[str, Fit] = {ALS: als, BM25: bm25}


def main() -> None:
    """Run everything that is not yet in the work folder, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path)
    questions = {"pairs": papers_by_pairs, "items": papers_by_items, "films": films_by_time}
    parser.add_argument("--only", nargs="*", default=list(questions), choices=list(questions))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        files = {name: work / f"{name}.json" for name in questions}
        for name in given.only:
            if not files[name].exists():
                started = time.time()
                question = questions[name](given.data, work)
                question.notes.append(f"This question took {(time.time() - started) / 60:.0f} minutes.")
                write_question(files[name], question)
        found = [read_question(file) for file in files.values() if file.exists()]
        given.out.write_text(page(found, BUDGET, TUNING_ASKERS), encoding="utf-8")


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)


def papers_by_pairs(data: Path, work: Path) -> Question:
    """A share of each user's papers."""
    papers = read_papers(data / "citeulike_t")
    items = papers.texts()
    cut = hold_out_pairs(papers.chosen, ASKERS, SEED)
    tuning = hold_out_pairs(cut.known, TUNING_ASKERS, SEED + 1)
    systems = PLAIN | text_systems(papers, items, work)
    run = Run("pairs", items, work, True, Pool(1000), PAPERS, 200)
    scores = run.plain(systems, tuning, cut)
    found = {name: lists(score, cut) for name, score in scores.items()}
    opened = Opened.of(run.engine(tuning, cut), items)
    found["engine"] = opened.lists(cut, 50)
    pooled = opened.kept_by_pool(cut, 50).mean()
    run.notes.append(f"Of what is asked for, {pooled:.1%} stand in the engine's pool.")
    figures = {"all items": {name: measure(rows, cut) for name, rows in found.items()}}
    example = paper_example(papers, cut, found["engine"], found["TF-IDF"], "TF-IDF")
    return run.question("citeulike-t, a fifth of each user's pairs", sizes(cut), figures, example)


def papers_by_items(data: Path, work: Path) -> Question:
    """Whole papers that nobody is known to have."""
    papers = read_papers(data / "citeulike_t")
    items = papers.texts()
    every = np.ones(papers.chosen.shape[1], bool)
    cut = hold_out_items(papers.chosen, every, ASKERS, SEED)
    tuning = hold_out_items(cut.known, ~cut.among, TUNING_ASKERS, SEED + 1)
    run = Run("items", items, work, False, Pool(WHOLE), NEW_PAPERS, 200)
    texts = run.plain(text_systems(papers, items, work), tuning, cut)
    others = run.plain(PLAIN, hold_out_pairs(cut.known, TUNING_ASKERS, SEED + 1), cut)
    among = {name: lists(score, cut) for name, score in texts.items()}
    everywhere = {name: lists(score, cut, every) for name, score in (texts | others).items()}
    trained = run.engine(tuning, cut)
    ways = {"engine": WHOLE, "engine, through a pool of 1,000": 1000}
    for name, width in ways.items():
        rows = Opened.of(trained, items, retrieve=Pool(width).settings).lists(cut, MIXED)
        among[name], everywhere[name] = kept(rows, cut.among, 50), rows[:, :50]
    fewer = Opened.of(trained, items, arrange={"new_share": 0.2})
    everywhere["engine, new_share 0.2"] = fewer.lists(cut, 50)
    tables = {"the held-out items among themselves": among, "among all items": everywhere}
    figures = {table: {name: measure(rows, cut) for name, rows in each.items()} for table, each in tables.items()}
    example = paper_example(papers, cut, among["engine"], among["TF-IDF"], "TF-IDF")
    return run.question("citeulike-t, a fifth of the items", sizes(cut), figures, example)


def films_by_time(data: Path, work: Path) -> Question:
    """MovieLens: what comes after."""
    films = read_films(data / "ml100k")
    cut = hold_out_later(films.times, ASKERS, SEED)
    row = np.repeat(np.arange(cut.known.shape[0]), np.diff(cut.known.indptr))
    earlier = sparse.coo_matrix((cut.time, (row, cut.known.indices)), shape=cut.known.shape)
    tuning = hold_out_later(earlier, TUNING_ASKERS, SEED)
    run = Run("films", films.films, work, True, Pool(WHOLE), FILMS, 400)
    found = {name: lists(score, cut) for name, score in run.plain(PLAIN, tuning, cut).items()}
    found["engine"] = Opened.of(run.engine(tuning, cut), films.films).lists(cut, 50)
    figures = {"all items": {name: measure(rows, cut) for name, rows in found.items()}}
    example = film_example(films, cut, found["engine"], found[ALS], ALS)
    return run.question("MovieLens 100k by time", sizes(cut), figures, example)


@dataclass(frozen=True)
class Pool:
    """How many items the engine scores for each user."""

    width: int

    @property
    def settings(self) -> Document:
        """Of the stage ``retrieve``."""
        return {"pool": self.width, "union": self.width}


def text_systems(papers: Papers, items: pd.DataFrame, work: Path) -> dict[str, Fit]:
    """TF-IDF and the encoder on the texts that the engine reads."""
    static = load_encoder(EncoderConfig(encoder="static", threads=1), work / "cache")
    cache = VectorCache(work / "cache", static.name, static.dimension)
    texts = [f"{title}. {text}" for title, text in zip(items["title"], items["description"], strict=True)]
    vectors = (cache.encode(column, static, progress=True) for column in (texts, items["title"].tolist()))
    return {"TF-IDF": tfidf(papers.words), "encoder": encoder(*vectors)}


class Run:
    """One question: trials, the engine, what was chosen.

    Args:
        name: of its files in the work folder.
        items: their texts.
        work: folder of everything that is kept.
        dated: all items were there from the start.
        pool: of the engine.
        shares: of the engine's budget.
        history: so many of a user's items are read.
    """

    def __init__(
        self, name: str, items: pd.DataFrame, work: Path, dated: bool, pool: Pool, shares: Shares, history: int
    ) -> None:
        self.name, self.items, self.work, self.dated, self.pool = name, items, work, dated, pool
        self.shares, self.history = shares.checked(BUDGET), history
        self.tried: dict[str, list[Tried]] = {}
        self.notes: list[str] = []
        self.document: Document = {}
        self.trained: Trained

    def plain(self, systems: dict[str, Fit], tuning: Cut, cut: Cut) -> dict[str, Score]:
        """Tune each system on ``tuning`` and fit the best to ``cut``: scores by name."""
        scores = {}
        for name, fit in systems.items():
            tried = remembered(
                self.work / f"{self.name}.{name}.json",
                lambda name=name, fit=fit: tune(name, fit, tuning, BUDGET, SEED, say),
            )
            self.tried[name] = tried
            self.notes.append(f"{name}: {best(tried).line()}")
            scores[name] = fit(cut.known, best(tried).chosen)
        return scores

    def engine(self, tuning: Cut, cut: Cut) -> Trained:
        """Train each variant on ``tuning``, then the best on ``cut``."""
        tried = [
            remembered(self.work / f"{self.name}.{ENGINE}.{at}.json", lambda one=one: [self._variant(one, tuning)])[0]
            for at, one in enumerate(self.shares.whole)
        ]
        self.notes += [f"engine: {one.line()}" for one in tried]
        chosen = best(tried).chosen
        self.document = self._document(chosen)
        folder = self.work / self.name
        write_tables(cut, self.items, folder, SEED)
        self.trained = train_engine(self.document, folder, self.work / "cache", "bundle", say)
        self.notes.append(f"Taken: {chosen}; training then chose the order: {self.trained.ranker}.")
        return self.trained

    def question(self, name: str, count: dict[str, int], figures: dict[str, Any], example: list[str]) -> Question:
        """What was found."""
        return Question(name, count, figures, self.notes, example, self.document)

    def _variant(self, chosen: Chosen, tuning: Cut) -> Tried:
        folder = self.work / f"{self.name}.tuning"
        write_tables(tuning, self.items, folder, SEED)
        trained = train_engine(self._document(chosen), folder, self.work / "cache", "bundle", say)
        rows = kept(Opened.of(trained, self.items).lists(tuning, 50 if self.dated else MIXED), tuning.among, 50)
        tried = Tried.of(chosen, measure(rows, tuning))
        say(f"engine: {tried.line()}, order {trained.ranker}, {trained.worth} on its own queries")
        return tried

    def _document(self, chosen: Chosen) -> Document:
        factors, neighbours = self.shares.parts(self.tried)
        model = {"neighbours": neighbours["neighbours"], "neighbours_model": chosen["neighbours"]}
        if chosen["neighbours"] == "bm25":
            model |= {"bm25_k1": neighbours["k1"], "bm25_b": neighbours["b"]}
        engine = {
            "events": {"half_life_days": None, "history": self.history, "hide": ["view", "apply", "dismiss", "hire"]},
            "factors": factors | model,
            "retrieve": self.pool.settings
            | {"text": 200, "near": 0, "recent": 0, "factors": 400, "cooccur": 400, "popular": 50, "interests": 8},
            "arrange": {"employer_run": 0},
        }
        return engine_document(engine, self.dated, chosen.get("times") == "read", VALIDATION)


if __name__ == "__main__":
    main()
