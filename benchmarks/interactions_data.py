"""Two public sets of interactions, cut into what is known and what is asked for."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

Flags = NDArray[np.bool_]

HELD_OUT = 0.2  # share of a user's pairs, of the items, or of the time
TITLE_WORDS = 8


@dataclass(frozen=True)
class Cut:
    """Interactions of C users with P items.

    Attributes:
        known, asked: CSR (C, P) of ones: what a system learns from, and what it should find.
        users: int64 (Q,), who is asked for.
        among: bool (P,), the items that may be listed.
        time: float64 (known.nnz,), when, in the order of ``known``; None where the set has no times.
    """

    known: sparse.csr_matrix
    asked: sparse.csr_matrix
    users: NDArray[np.int64]
    among: Flags
    time: NDArray[np.float64] | None = None


def ones(rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]) -> sparse.csr_matrix:
    """A matrix with 1 at each (row, column)."""
    matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def _askers(known: sparse.csr_matrix, asked: sparse.csr_matrix, most: int, seed: int) -> NDArray[np.int64]:
    """Users with something known and something asked; no more than ``most``, drawn at random."""
    users = np.flatnonzero((np.diff(known.indptr) > 0) & (np.diff(asked.indptr) > 0))
    chosen = np.random.default_rng(seed).permutation(users)[:most]
    return np.sort(chosen).astype(np.int64)


def hold_out_pairs(whole: sparse.csr_matrix, most: int, seed: int) -> Cut:
    """A share of each user's items is asked for."""
    rng = np.random.default_rng(seed)
    row = np.repeat(np.arange(whole.shape[0]), np.diff(whole.indptr))
    order = np.lexsort((rng.random(whole.nnz), row))
    place = np.arange(whole.nnz) - whole.indptr[row]
    held = np.zeros(whole.nnz, bool)
    held[order] = place < np.rint(HELD_OUT * np.diff(whole.indptr))[row]
    known, asked = (ones(row[part], whole.indices[part], whole.shape) for part in (~held, held))
    return Cut(known, asked, _askers(known, asked, most, seed), np.ones(whole.shape[1], bool))


def hold_out_items(whole: sparse.csr_matrix, among: Flags, most: int, seed: int) -> Cut:
    """A share of the items ``among`` is wholly held out, and listed among themselves."""
    rng = np.random.default_rng(seed)
    held = among & (rng.random(whole.shape[1]) < HELD_OUT)
    row = np.repeat(np.arange(whole.shape[0]), np.diff(whole.indptr))
    kept = among[whole.indices]
    known, asked = (
        ones(row[part & kept], whole.indices[part & kept], whole.shape)
        for part in (~held[whole.indices], held[whole.indices])
    )
    return Cut(known, asked, _askers(known, asked, most, seed), held)


def hold_out_later(known: sparse.coo_matrix, most: int, seed: int) -> Cut:
    """The last share of all events is asked for; ``known.data`` are times, and stay with what is known."""
    later = known.data >= np.quantile(known.data, 1 - HELD_OUT)
    asked = ones(known.row[later], known.col[later], known.shape)
    order = np.lexsort((known.col[~later], known.row[~later]))
    before = ones(known.row[~later], known.col[~later], known.shape)
    asked = (asked - asked.multiply(before)).tocsr()
    asked.eliminate_zeros()
    users = _askers(before, asked, most, seed)
    return Cut(before, asked, users, np.ones(known.shape[1], bool), known.data[~later][order])


@dataclass(frozen=True)
class Papers:
    """citeulike-t: libraries of users, and the counts of words of each paper (P, V)."""

    chosen: sparse.csr_matrix
    words: sparse.csr_matrix
    vocabulary: list[str]

    def texts(self) -> pd.DataFrame:
        """posting_id, title and description: a paper's words, the rarest first, each as often as it stands there."""
        rarity = np.log(self.words.shape[0] / np.maximum(np.diff(self.words.tocsc().indptr), 1))
        titles, texts = [], []
        for at in range(self.words.shape[0]):
            one = slice(self.words.indptr[at], self.words.indptr[at + 1])
            column, count = self.words.indices[one], self.words.data[one].astype(int)
            order = np.argsort(-(1 + np.log(count)) * rarity[column], kind="stable")
            title = " ".join(self.vocabulary[word] for word in column[order[:TITLE_WORDS]])
            titles.append(title or "untitled")
            texts.append(" ".join(" ".join([self.vocabulary[column[o]]] * count[o]) for o in order))
        ids = [f"i{at:06d}" for at in range(self.words.shape[0])]
        return pd.DataFrame({"posting_id": ids, "title": titles, "description": texts})


def read_papers(folder: Path) -> Papers:
    """The three files of citeulike-t: a line a user or paper, a count first."""
    libraries = [line.split()[1:] for line in (folder / "users.dat").read_text(encoding="utf-8").splitlines()]
    papers = [line.split()[1:] for line in (folder / "mult.dat").read_text(encoding="utf-8").splitlines()]
    vocabulary = (folder / "vocabulary.dat").read_text(encoding="utf-8").split("\n")
    row = np.repeat(np.arange(len(libraries)), [len(one) for one in libraries])
    chosen = ones(row, np.array([int(item) for one in libraries for item in one]), (len(libraries), len(papers)))
    pairs = np.array([pair.split(":") for one in papers for pair in one], np.int64).reshape(-1, 2)
    owner = np.repeat(np.arange(len(papers)), [len(one) for one in papers])
    words = sparse.csr_matrix(
        (pairs[:, 1].astype(np.float32), (owner, pairs[:, 0])), shape=(len(papers), len(vocabulary))
    )
    return Papers(chosen, words, [word.strip() for word in vocabulary])


@dataclass(frozen=True)
class Films:
    """MovieLens 100k: times of ratings (C, P), and what is known of the films."""

    times: sparse.coo_matrix
    films: pd.DataFrame


def read_films(folder: Path) -> Films:
    """The tab-separated files in RecBole's form; a rating is an interaction, whatever its stars."""
    events = pd.read_csv(folder / "ml-100k.inter", sep="\t")
    films = pd.read_csv(folder / "ml-100k.item", sep="\t", dtype=str, keep_default_na=False)
    events.columns, films.columns = ([name.split(":")[0] for name in table.columns] for table in (events, films))
    number = {film: at for at, film in enumerate(films["item_id"])}
    item = events["item_id"].astype(str).map(number).to_numpy()
    user = pd.factorize(events["user_id"], sort=True)[0]
    shape = (int(user.max()) + 1, len(films))
    times = sparse.coo_matrix((events["timestamp"].to_numpy(np.float64), (user, item)), shape=shape)
    frame = pd.DataFrame(
        {
            "posting_id": [f"i{at:06d}" for at in range(len(films))],
            "title": films["movie_title"].where(films["movie_title"] != "", "untitled"),
            "description": films["class"],
        }
    )
    return Films(times, frame)
