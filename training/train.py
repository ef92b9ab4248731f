"""From tables to a bundle: prepare, choose the order, refit on everything, write."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from recsys.bundle import RELATED, check_free, write_bundle
from recsys.encode import encoder_languages, load_encoder
from recsys.engine import Engine
from recsys.finders import finders_of
from recsys.language import language_warning
from recsys.schema import Tables
from recsys.smoke import SMOKE, smoke_document
from recsys.stored import FINDERS, FOLDER, candidate_arrays, finder_arrays
from recsys.text import posting_texts
from recsys.vectors import VectorCache
from training.calibration import probability_line
from training.choose import Choice, choose_ranker
from training.config import TrainConfig
from training.prepare import Prepared, prepare
from training.snapshot import catalogue_at, with_words
from training.sources import read_tables
from training.split import latest_moment, validation_blocks

Say = Callable[[str], None]

_SHOWN = ["posting_id", "title", "company", "region", "url"]  # columns of postings.parquet that people read


@dataclass(frozen=True)
class Trained:
    """What a training run did."""

    prepared: Prepared
    choice: Choice
    manifest: dict[str, Any]


def read(config: TrainConfig, data: Path, rejected: Path, say: Say, need_postings: bool = True) -> Tables:
    """The tables in a folder; what is set aside goes to the file ``rejected``."""
    tables, summary = read_tables(config.sources, data, rejected, need_postings)
    for line in summary.lines():
        say(line)
    return tables


def prepare_tables(config: TrainConfig, tables: Tables, cache: Path, say: Say) -> tuple[Prepared, str]:
    """Encode the tables through the cache; also gives the encoder's name."""
    encoder = load_encoder(config.encoder, cache)
    _warn_of_language(tables, config, say)
    say(f"encoding with {encoder.name}")
    vectors = VectorCache(cache, encoder.name, encoder.dimension)
    prepared = prepare(tables, encoder, vectors, progress=True, settings=config.engine)
    return prepared, encoder.name


def _warn_of_language(tables: Tables, config: TrainConfig, say: Say) -> None:
    sample = tables.postings.sample(min(len(tables.postings), 2000), random_state=0)
    warning = language_warning(posting_texts(sample), encoder_languages(config.encoder))
    if warning:
        say(f"warning: {warning}")


def train(config: TrainConfig, data: Path, out: Path, cache: Path, say: Say) -> Trained:
    """Make a bundle at ``out`` from the tables in ``data``, a folder that the paths in the config are relative to.

    Raises:
        JobrecError: what is wrong with the input, in one line.
    """
    check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    tables = read(config, data, out.parent / f"{out.name}.rejected.parquet", say)
    return train_on(config, tables, out, cache, say)


def train_on(config: TrainConfig, tables: Tables, out: Path, cache: Path, say: Say, position: int = 0) -> Trained:
    """Make a bundle at ``out``.

    Args:
        config: of every stage.
        tables: of the board.
        out: the bundle's folder.
        cache: folder of the vector cache.
        say: prints a line of progress.
        position: of a store's log, at which the tables were read; 0: they are from files.

    Raises:
        JobrecError: what is wrong with the input, in one line.
    """
    started = time.time()
    check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    prepared, encoder_name = prepare_tables(config, tables, cache, say)
    now = latest_moment(prepared, started)
    choice = choose_ranker(
        prepared,
        config.engine,
        config.validation,
        validation_blocks(prepared, config.engine.events, config.validation, now),
    )
    say(_sentence(choice, config))
    say(probability_line(choice.calibrated))
    everything = np.ones(len(prepared.candidates.histories.posting), bool)
    catalogue = with_words(catalogue_at(prepared, config.engine, everything, now, now), prepared)
    engine = Engine(catalogue, choice.ranker, config.engine, prepared.skills, cut=choice.cut)
    facts = _facts(config, encoder_name, choice, now, started) | {"position": position}
    finders = finders_of(prepared.candidates, catalogue, config.engine, choice.ranker)
    write_bundle(
        out,
        catalogue,
        choice.ranker,
        config.engine,
        prepared.skills,
        prepared.postings[_SHOWN],
        facts,
        prepared.books,
        {FOLDER: candidate_arrays(prepared.candidates), FINDERS: finder_arrays(finders)},
        choice.cut,
        None if choice.calibrated is None else choice.calibrated.calibration,
        _documents(choice, engine, prepared, now),
    )
    if not catalogue.dated:
        share = config.engine.arrange.new_share
        say(f"postings carry no dates: {share:.0%} of a list is for those without any event (engine.arrange.new_share)")
    say(f"{len(catalogue)} postings, {int(catalogue.open.sum())} of them open, in {out}")
    return Trained(prepared, choice, facts)


def _documents(choice: Choice, engine: Engine, prepared: Prepared, now: float) -> dict[str, dict[str, Any]]:
    """JSON files of the bundle that are there or not, by name."""
    related = {} if choice.related is None else {RELATED: choice.related.to_document()}
    return {SMOKE: smoke_document(engine, prepared.candidates, now)} | related


def _sentence(choice: Choice, config: TrainConfig) -> str:
    if choice.trial is None:
        return f"{choice.queries} validation queries, {config.validation.least} are needed to learn: hand-set weights"
    figures = choice.trial.figures(np.ones(len(choice.trial.seen), bool))
    best = figures[choice.ranker.name]
    measured = f"hit@10 {best['hit@10']}, nDCG@10 {best['ndcg@10']}"
    return f"order: {choice.ranker.name}, chosen on {choice.queries} queries ({measured})"


def _facts(config: TrainConfig, encoder: str, choice: Choice, now: float, started: float) -> dict[str, Any]:
    trial = choice.trial
    packages = ("jobrec", "numpy", "faiss-cpu", "implicit", "pandas", "pyarrow", "scipy", "sentence-transformers")
    return {
        "created": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(started)),
        "as_of": now,
        "encoder": {"name": encoder, "config": config.encoder.model_dump(mode="json")},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "validation": {
            "queries": choice.queries,
            "figures": {} if trial is None else trial.figures(np.ones(len(trial.seen), bool)),
            "calibration": None if choice.calibrated is None else choice.calibrated.figures,
        },
    }
