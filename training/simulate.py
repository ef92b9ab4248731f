"""Draws a market of candidates, postings and events whose preferences are known, at any size.

Two passes, each holding one piece of the tables at a time: postings first (of which the numbers are kept, some 150
bytes each), then candidates with what they do. A piece depends on the seed and its own number alone; the events of
a piece depend on the postings as well.
"""

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.errors import DataError
from training.market import tables, truth
from training.market.behaviour import TYPES, act, event_table
from training.market.board import Board, Catalogue
from training.market.config import SimulateConfig
from training.market.people import draw_people
from training.market.people_text import PeopleWriter
from training.market.posting_text import PostingWriter
from training.market.postings import PostingFacts, draw_postings
from training.market.world import World, build_world

__all__ = ["SimulateConfig", "SimulateSummary", "simulate"]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SimulateSummary:
    """What was written.

    Attributes:
        out: the folder.
        postings: rows of postings.parquet.
        candidates: people drawn, those without a profile included (rows of truth_candidates.parquet).
        profiles: rows of candidates.parquet.
        experience: rows of experience.parquet.
        events: rows of events.parquet by type.
        posting_seconds, candidate_seconds: time taken by the two passes.
    """

    out: Path
    postings: int
    candidates: int
    profiles: int
    experience: int
    events: dict[str, int]
    posting_seconds: float
    candidate_seconds: float


def simulate(config: SimulateConfig, out: Path) -> SimulateSummary:
    """Write postings, candidates, experience, events and the two truth files (Parquet) into ``out``.

    Raises:
        ConfigError: a country is unknown.
        DataError: ``out`` cannot be made or written.
    """
    world = build_world(config)
    try:
        out.mkdir(parents=True, exist_ok=True)
        begun = time.perf_counter()
        catalogue = _write_postings(world, out)
        middle = time.perf_counter()
        profiles, experience, events = _write_people(world, catalogue, out)
    except OSError as error:
        raise DataError(f"simulate: cannot write into {out}: {error}; choose another folder with --out") from error
    ended = time.perf_counter()
    return SimulateSummary(
        out=out,
        postings=config.postings,
        candidates=config.candidates,
        profiles=profiles,
        experience=experience,
        events=events,
        posting_seconds=middle - begun,
        candidate_seconds=ended - middle,
    )


def _write_postings(world: World, out: Path) -> Catalogue:
    config, pieces = world.config, list[PostingFacts]()
    words = PostingWriter(world)
    with ExitStack() as stack:
        shown = stack.enter_context(tables.Writer(out / "postings.parquet", tables.POSTINGS))
        schema = tables.truth_schemas(world.vocabulary.skill_words)[0]
        hidden = stack.enter_context(tables.Writer(out / truth.POSTINGS_FILE, schema))
        for piece in range(-(-config.postings // config.piece_rows)):
            facts = draw_postings(world, piece)
            shown.write(words.table(facts, piece))
            hidden.write(truth.posting_truth(world, facts, piece))
            pieces.append(facts)
            _LOG.info("simulate: %d of %d postings", shown.rows, config.postings)
    return Catalogue.from_pieces(pieces)


def _write_people(world: World, catalogue: Catalogue, out: Path) -> tuple[int, int, dict[str, int]]:
    """Rows of candidates, of experience, and of events by type."""
    config, words = world.config, PeopleWriter(world)
    board = Board(world, catalogue)
    posting_ids = tables.ids("p", 0, config.postings)
    counts = np.zeros(len(TYPES), np.int64)
    schema = tables.truth_schemas(world.vocabulary.skill_words)[1]
    files: list[tuple[str, pa.Schema]] = [
        ("candidates.parquet", tables.CANDIDATES),
        ("experience.parquet", tables.EXPERIENCE),
        ("events.parquet", tables.EVENTS),
        (truth.CANDIDATES_FILE, schema),
    ]
    with ExitStack() as stack:
        writers = [stack.enter_context(tables.Writer(out / name, columns)) for name, columns in files]
        for piece in range(-(-config.candidates // config.people_rows)):
            people = draw_people(world, piece)
            actions = act(world, catalogue, board, people, piece)
            pieces = [
                *words.tables(people, piece),
                event_table(world, actions, posting_ids, piece),
                truth.people_truth(world, people, piece),
            ]
            for writer, table in zip(writers, pieces, strict=True):
                writer.write(table)
            counts += np.bincount(actions.kind, minlength=len(TYPES))
            _LOG.info("simulate: %d of %d candidates", writers[3].rows, config.candidates)
    return writers[0].rows, writers[1].rows, dict(zip(TYPES, counts.tolist(), strict=True))
