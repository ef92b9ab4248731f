"""What no column shows: written beside the tables, and read again to ask for the truth of any pair, from both sides."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recsys.errors import DataError
from training.market import tables
from training.market.needs import Means, Needs, draw_means, draw_needs, true_chance
from training.market.people import KINDS, PeopleFacts
from training.market.postings import PostingFacts
from training.market.preferences import Offers, Wants, true_utility
from training.market.vocabulary import load_vocabulary
from training.market.world import World

POSTINGS_FILE, CANDIDATES_FILE = "truth_postings.parquet", "truth_candidates.parquet"
_REPEATS = ("original", "repost", "copy")


def posting_truth(world: World, facts: PostingFacts, piece: int) -> pa.Table:
    """The rows of ``truth_postings.parquet``."""
    ids = tables.ids("p", piece * world.config.piece_rows, len(facts.posted))
    columns = (
        _columns(facts.offers)
        | _columns(draw_needs(world, piece, facts))
        | {
            "posting_id": ids,
            "occupation": _occupations(world, facts.offers.occupation),
            "posted": tables.times(facts.posted),
            "expires": tables.times(facts.expires),
            "kind": pa.array(_REPEATS).take(pa.array(facts.kind)),
            "source_id": ids.take(pa.array(facts.source)),
        }
    )
    schema = tables.truth_schemas(world.vocabulary.skill_words)[0]
    return pa.table({name: columns[name] for name in schema.names})


def people_truth(world: World, facts: PeopleFacts, piece: int) -> pa.Table:
    """The rows of ``truth_candidates.parquet``: everyone, also those without a profile."""
    means = draw_means(world, piece, facts.former)
    columns = (
        _columns(facts.wants)
        | _columns(means)
        | {
            "candidate_id": tables.ids("c", piece * world.config.people_rows, len(facts)),
            "occupation": _occupations(world, facts.wants.occupation),
            "former": _occupations(world, means.former),
            "kind": pa.array(KINDS).take(pa.array(facts.kind)),
            "patience": pa.array(facts.patience),
        }
    )
    schema = tables.truth_schemas(world.vocabulary.skill_words)[1]
    return pa.table({name: columns[name] for name in schema.names})


@dataclass(frozen=True)
class Truth:
    """The known preferences of a simulated market.

    Attributes:
        candidate_ids: C texts in the order of ``wants``.
        posting_ids: P texts in the order of ``offers``.
        wants, offers: see their classes.
        posted, expires: int64 (P,), seconds since 1970 UTC.
        means, needs: the employers' side, see ``training.market.needs``.
    """

    candidate_ids: NDArray[np.str_]
    posting_ids: NDArray[np.str_]
    wants: Wants
    offers: Offers
    posted: NDArray[np.int64]
    expires: NDArray[np.int64]
    means: Means
    needs: Needs

    @classmethod
    def load(cls, folder: Path) -> "Truth":
        """Read what `training.simulate.simulate` wrote into ``folder``.

        Raises:
            DataError: the folder has no such files.
        """
        for name in (POSTINGS_FILE, CANDIDATES_FILE):
            if not (folder / name).is_file():
                raise DataError(f"{folder / name} is missing: only a folder written by `jobrec simulate` has it")
        postings = pq.read_table(folder / POSTINGS_FILE).combine_chunks()
        people = pq.read_table(folder / CANDIDATES_FILE).combine_chunks()
        return cls(
            candidate_ids=np.array(people["candidate_id"].to_pylist()),
            posting_ids=np.array(postings["posting_id"].to_pylist()),
            wants=Wants(**{field.name: _values(people, field.name) for field in fields(Wants)}),
            offers=Offers(**{field.name: _values(postings, field.name) for field in fields(Offers)}),
            posted=_seconds(postings["posted"]),
            expires=_seconds(postings["expires"]),
            means=Means(**{field.name: _values(people, field.name) for field in fields(Means)}),
            needs=Needs(**{field.name: _values(postings, field.name) for field in fields(Needs)}),
        )

    def utility(self, people: NDArray[np.integer], postings: NDArray[np.integer]) -> NDArray[np.float32]:
        """True utility (n,) of the pairs of row numbers ``people[i]``, ``postings[i]``; see `preferences`."""
        return true_utility(self.wants, self.offers, people, postings, load_vocabulary().transition)

    def chance(self, people: NDArray[np.integer], postings: NDArray[np.integer]) -> NDArray[np.float32]:
        """True chance (n,) that the employer would invite, of the same pairs; see `needs`."""
        transition = load_vocabulary().transition
        return true_chance(self.wants, self.means, self.offers, self.needs, people, postings, transition)

    def rows(
        self, candidate_ids: NDArray[np.str_], posting_ids: NDArray[np.str_]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row numbers of ids.

        Raises:
            DataError: an id is not of this market.
        """
        return _find(self.candidate_ids, candidate_ids), _find(self.posting_ids, posting_ids)


def _find(known: NDArray[np.str_], asked: NDArray[np.str_]) -> NDArray[np.intp]:
    # Ids carry their number with leading zeros, so that the files are sorted by id.
    rows = np.searchsorted(known, asked).clip(0, len(known) - 1)
    strange = known[rows] != asked
    if strange.any():
        raise DataError(f"{np.asarray(asked)[strange][0]!r} is not an id of this simulated market")
    return np.asarray(rows, np.intp)


def _occupations(world: World, rows: NDArray[np.int16]) -> pa.Array:
    return pa.array([job.key for job in world.vocabulary.occupations]).take(pa.array(rows))


def _columns(record: Wants | Offers | Means | Needs) -> dict[str, pa.Array]:
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: tables.fixed_lists(value) if value.ndim == 2 else pa.array(value) for name, value in values.items()}


def _values(table: pa.Table, name: str) -> NDArray[Any]:
    """A column as an array (N,) or, for lists of d, (N, d)."""
    column = table[name].combine_chunks()
    if name in ("occupation", "former"):
        numbers = {job.key: number for number, job in enumerate(load_vocabulary().occupations)}
        words = column.dictionary_encode()
        known = np.array([numbers[key] for key in words.dictionary.to_pylist()], np.int16)
        return known[np.asarray(words.indices.to_numpy(), np.intp)]
    if pa.types.is_fixed_size_list(column.type):
        return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(-1, int(column.type.list_size))
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _seconds(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.cast(pa.timestamp("s", "UTC")).cast(pa.int64()).to_numpy(), np.int64)
