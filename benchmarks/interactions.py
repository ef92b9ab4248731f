"""More interactions: the engine against plain systems on two dense public sets; writes docs/interactions.md.

    python -m benchmarks.interactions --data DIR --out docs/interactions.md [--work DIR]

``DIR`` holds the folders citeulike_t and ml100k. Figures of every finished question are kept in ``--work``, so that
an interrupted run goes on where it was.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.interactions_data import (
    Cut,
    Films,
    Papers,
    hold_out_items,
    hold_out_later,
    hold_out_pairs,
    read_films,
    read_papers,
)
from benchmarks.interactions_engine import WHOLE, Trained, engine_config, engine_lists, kept, train_engine, write_tables
from benchmarks.interactions_report import page
from benchmarks.interactions_systems import Fit, Measured, als, bm25, encoder, lists, measure, tfidf, tune
from recsys.encode import EncoderConfig, load_encoder
from recsys.vectors import VectorCache

BUDGET = 6  # trials of each system on the validation cut
ASKERS, TUNING_ASKERS = 1000, 400  # users asked in the test and while tuning
SEED = 0
VALIDATION = {"blocks": 2, "most": 1500, "most_ranked": 100, "negatives": 100}  # two refits instead of four
MODELS = ("cosine", "bm25", "ease")  # neighbours that the engine tries on its own validation queries


@dataclass(frozen=True)
class Question:
    """Figures of one question.

    Attributes:
        name: of the question.
        users, known, asked, items: sizes.
        figures: by table, then by system: recall@50 and ndcg@20 of each asker.
        notes: what was chosen.
    """

    name: str
    sizes: dict[str, int]
    figures: dict[str, dict[str, Measured]]
    notes: list[str]


def main() -> None:
    """Run everything that is not yet in the work folder, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--only", nargs="*", default=["pairs", "items", "films"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        for name, run in (("pairs", papers_by_pairs), ("items", papers_by_items), ("films", films_by_time)):
            if name in given.only and not (work / f"{name}.json").exists():
                started = time.time()
                question = run(given.data, work)
                question.notes.append(f"This question took {(time.time() - started) / 60:.0f} minutes.")
                (work / f"{name}.json").write_text(json.dumps(_document(question)), encoding="utf-8")
        found = [_question(work / f"{name}.json") for name in ("pairs", "items", "films")
                 if (work / f"{name}.json").exists()]  # fmt: skip
        given.out.write_text(page(found, BUDGET, ASKERS), encoding="utf-8")


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)


def _document(question: Question) -> dict[str, Any]:
    figures = {
        table: {name: [one.recall.tolist(), one.ndcg.tolist()] for name, one in systems.items()}
        for table, systems in question.figures.items()
    }
    return {"name": question.name, "sizes": question.sizes, "figures": figures, "notes": question.notes}


def _question(path: Path) -> Question:
    document = json.loads(path.read_text(encoding="utf-8"))
    figures = {
        table: {name: Measured(np.array(recall), np.array(ndcg)) for name, (recall, ndcg) in systems.items()}
        for table, systems in document["figures"].items()
    }
    return Question(document["name"], document["sizes"], figures, document["notes"])


def _sizes(cut: Cut) -> dict[str, int]:
    asked = cut.asked[cut.users]
    return {"users asked": len(cut.users), "known pairs": cut.known.nnz, "pairs asked for": asked.nnz,
            "items listed": int(cut.among.sum())}  # fmt: skip


def text_systems(papers: Papers, items: pd.DataFrame, work: Path) -> dict[str, Fit]:
    """TF-IDF and the encoder on the texts that the engine reads."""
    static = load_encoder(EncoderConfig(encoder="static", threads=1), work / "cache")
    cache = VectorCache(work / "cache", static.name, static.dimension)
    texts = [f"{title}. {text}" for title, text in zip(items["title"], items["description"], strict=True)]
    vectors = (cache.encode(column, static, progress=True) for column in (texts, items["title"].tolist()))
    return {"TF-IDF": tfidf(papers.words), "encoder": encoder(*vectors)}


def plain(systems: dict[str, Fit], tuning: Cut, cut: Cut) -> tuple[dict[str, Callable[..., Any]], list[str], Any]:
    """Tune each system on ``tuning`` and fit it to ``cut``: scores by name, what was chosen, in words and as it is."""
    chosen = {name: tune(name, fit, tuning, BUDGET, SEED, say) for name, fit in systems.items()}
    scores = {name: fit(cut.known, chosen[name]) for name, fit in systems.items()}
    notes = [f"{name}: " + ", ".join(f"{key} {value}" for key, value in chosen[name].items()) for name in systems]
    return scores, notes, chosen


def engine_settings(chosen: dict[str, Any], model: str, history: int) -> dict[str, Any]:
    """The engine's settings: factors and neighbours as the plain systems were tuned."""
    factors, neighbours = chosen["implicit ALS"], chosen["implicit BM25 item-kNN"]
    return {
        "events": {"half_life_days": None, "history": history, "hide": ["view", "apply", "dismiss", "hire"]},
        "factors": {
            **factors,
            "neighbours": neighbours["neighbours"],
            "neighbours_model": model,
            "bm25_k1": neighbours["k1"],
            "bm25_b": neighbours["b"],
        },
        "retrieve": {"pool": 1000, "text": 200, "near": 0, "factors": 400, "cooccur": 400, "popular": 50,
                     "interests": 8, "exact_below": 100_000},
        "arrange": {"employer_run": 0},
    }  # fmt: skip


def best_engine(
    cut: Cut,
    items: pd.DataFrame,
    chosen: dict[str, Any],
    dated: bool,
    history: int,
    models: tuple[str, ...],
    work: Path,
) -> tuple[Trained, list[str]]:
    """The engine with the neighbours that order its own validation queries best."""
    shutil.rmtree(work, ignore_errors=True)
    write_tables(cut, items, work, SEED)
    runs = {}
    for model in models:
        config = engine_config(engine_settings(chosen, model, history), dated, cut.time is not None, VALIDATION)
        runs[model] = train_engine(config, work, work.parent / "cache", model, say)
        say(f"engine with {model}: {runs[model].ranker} {runs[model].worth}")
    best = max(runs, key=lambda model: runs[model].worth)
    tried = ", ".join(f"{model} {run.worth}" for model, run in runs.items())
    return runs[best], [f"Engine: order {runs[best].ranker}; nDCG@10 on its validation queries by neighbours: {tried}"]


def papers_by_pairs(data: Path, work: Path) -> Question:
    """Q1: a share of each user's papers."""
    papers = read_papers(data / "citeulike_t")
    items = papers.texts()
    cut = hold_out_pairs(papers.chosen, ASKERS, SEED)
    tuning = hold_out_pairs(cut.known, TUNING_ASKERS, SEED + 1)
    systems: dict[str, Fit] = {"implicit ALS": als, "implicit BM25 item-kNN": bm25, **text_systems(papers, items, work)}
    scores, notes, chosen = plain(systems, tuning, cut)
    found = {name: measure(lists(score, cut), cut) for name, score in scores.items()}
    (work / "chosen.json").write_text(json.dumps(chosen), encoding="utf-8")
    trained, more = best_engine(cut, items, chosen, True, 200, ("bm25",), work / "pairs")
    whole = engine_lists(trained, cut, items, 50, retrieve={"pool": WHOLE})
    pooled = engine_lists(trained, cut, items, 50)
    found |= {"engine, whole catalogue": measure(whole, cut), "engine, through its pool": measure(pooled, cut)}
    return Question("citeulike-t, a fifth of each user's pairs", _sizes(cut), {"all items": found}, notes + more)


def papers_by_items(data: Path, work: Path) -> Question:
    """Q2: whole papers that nobody is known to have."""
    papers = read_papers(data / "citeulike_t")
    items = papers.texts()
    every = np.ones(papers.chosen.shape[1], bool)
    cut = hold_out_items(papers.chosen, every, ASKERS, SEED)
    tuning = hold_out_items(cut.known, ~cut.among, TUNING_ASKERS, SEED + 1)
    scores, notes, _ = plain(text_systems(papers, items, work), tuning, cut)
    among = {name: measure(lists(score, cut), cut) for name, score in scores.items()}
    everywhere = {name: measure(lists(score, cut, every), cut) for name, score in scores.items()}
    chosen = json.loads((work / "chosen.json").read_text(encoding="utf-8"))
    for name, fit in {"implicit ALS": als, "implicit BM25 item-kNN": bm25}.items():
        everywhere[name] = measure(lists(fit(cut.known, chosen[name]), cut, every), cut)
    trained, more = best_engine(cut, items, chosen, False, 200, ("bm25",), work / "items")
    ways = {"engine, whole catalogue": {"retrieve": {"pool": WHOLE}}, "engine, through its pool": {}}
    for name, changed in ways.items():
        first = engine_lists(trained, cut, items, 150, **changed, arrange={"new_share": 1.0})
        among[name] = measure(kept(first, cut.among, 50), cut)
        everywhere[name] = measure(engine_lists(trained, cut, items, 50, **changed), cut)
    tables = {"the held-out items among themselves": among, "among all items": everywhere}
    return Question("citeulike-t, a fifth of the items", _sizes(cut), tables, notes + more)


def films_by_time(data: Path, work: Path) -> Question:
    """MovieLens: what comes after."""
    films: Films = read_films(data / "ml100k")
    cut = hold_out_later(films.times, ASKERS, SEED)
    row = np.repeat(np.arange(cut.known.shape[0]), np.diff(cut.known.indptr))
    earlier = (cut.time, (row, cut.known.indices))
    tuning = hold_out_later(type(films.times)(earlier, shape=cut.known.shape), TUNING_ASKERS, SEED)
    systems: dict[str, Fit] = {"implicit ALS": als, "implicit BM25 item-kNN": bm25}
    scores, notes, chosen = plain(systems, tuning, cut)
    found = {name: measure(lists(score, cut), cut) for name, score in scores.items()}
    trained, more = best_engine(cut, films.films, chosen, True, 400, MODELS, work / "films")
    whole = engine_lists(trained, cut, films.films, 50, retrieve={"pool": WHOLE})
    pooled = engine_lists(trained, cut, films.films, 50)
    found |= {"engine, whole catalogue": measure(whole, cut), "engine, through its pool": measure(pooled, cut)}
    return Question("MovieLens 100k by time", _sizes(cut), {"all items": found}, notes + more)


if __name__ == "__main__":
    main()
