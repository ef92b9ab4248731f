"""The seam around FAISS: the only file that imports it.

Three searches share one class: over all open postings by text, over factors, and by text inside grid cells
(an inverted file whose lists are the cells). Scores from a compressed index only choose who enters the pool; the
engine scores the pool again from the stored vectors.
"""

from dataclasses import dataclass
from typing import Any

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from recsys.errors import BundleError

Rows = NDArray[np.int32]
faiss: Any = _faiss  # its own annotations describe the C++ calls, not those that Python makes

_MOST_EFFORT = 1536  # nodes of a graph that a search among a few entries visits
_ENOUGH = 0.5  # times the lists in which a search among some meets as many as among all: it has more queries
_ANY_SCORE = -1e30  # below every inner product
_MARGIN = 16  # entries fetched beyond those asked for, so that ties at the cut are settled here


def set_threads(count: int) -> None:
    """Let FAISS use ``count`` threads."""
    faiss.omp_set_num_threads(count)


def threads() -> int:
    """How many threads FAISS uses."""
    return int(faiss.omp_get_max_threads())


@dataclass(frozen=True)
class Kept:
    """Some of the entries of an index.

    Attributes:
        bits: uint8, one bit an entry, the lowest of a byte first.
        count: how many are kept.
        share: of all entries, above 0 where any is kept.
    """

    bits: NDArray[np.uint8]
    count: int
    share: float

    @classmethod
    def of(cls, entries: NDArray[np.bool_]) -> "Kept":
        """The entries that are True."""
        count = int(np.count_nonzero(entries))
        return cls(np.packbits(entries, bitorder="little"), count, count / max(len(entries), 1))

    def selector(self) -> Any:
        """For FAISS."""
        return faiss.IDSelectorBitmap(self.bits)

    def widened(self, width: float, most: int) -> int:
        """By what a width grows so that as many entries are met, at most ``most``."""
        return int(min(np.ceil(width / max(self.share, 1e-9)), most))


@dataclass(frozen=True)
class VectorIndex:
    """A FAISS index by inner product, and the posting row of each of its entries.

    Attributes:
        index: the FAISS index; None when it holds nothing.
        rows: int32 (N,), posting row of the entry at each position.
    """

    index: Any
    rows: Rows

    def search(self, queries: NDArray[np.float32], k: int, kept: Kept | None = None) -> Rows:
        """Posting rows int32 (Q, k) of the best entries by FAISS' own score, -1 where there are fewer.

        Args:
            queries: float32 (Q, d).
            k: entries a query.
            kept: only these compete; the search is the wider, the fewer they are.
        """
        if self.index is None or k == 0 or len(queries) == 0 or (kept is not None and kept.count == 0):
            return np.full((len(queries), k), -1, np.int32)
        vectors = np.ascontiguousarray(queries, np.float32)
        among = None if kept is None else self._among(kept)
        scores, found = self.index.search(vectors, k + _MARGIN, params=among)
        return _best_rows(scores, found, self.rows, k)

    def _among(self, kept: Kept) -> Any:
        """Parameters of a search among some of the entries."""
        index, selector = faiss.downcast_index(self.index), kept.selector()
        if hasattr(index, "nprobe"):
            lists = max(index.nprobe, kept.widened(_ENOUGH * index.nprobe, index.nlist))
            return faiss.SearchParametersIVF(sel=selector, nprobe=lists)
        if hasattr(index, "hnsw"):
            effort = kept.widened(index.hnsw.efSearch, _MOST_EFFORT)
            return faiss.SearchParametersHNSW(sel=selector, efSearch=effort)
        return faiss.SearchParameters(sel=selector)

    def serialised(self) -> NDArray[np.uint8]:
        """The FAISS index as bytes; empty when it holds nothing."""
        if self.index is None:
            return np.empty(0, np.uint8)
        return np.asarray(faiss.serialize_index(self.index))


def _best_rows(scores: NDArray[np.float32], found: NDArray[np.int64], rows: Rows, k: int) -> Rows:
    """The first ``k`` of an over-fetched result, ties by row.

    FAISS adds in another order for a batch than for one query, so equal entries come in any order and the cut falls
    anywhere among them. Scores are compared in steps of 1e-5 and the rest is settled by the row.
    """
    there = found >= 0  # FAISS pads with -1
    steps = np.rint(np.where(there, -scores, 2e4) * 1e5).astype(np.int64)
    key = (steps << 32) | np.where(there, rows[found], np.int32(2**31 - 1))
    best = np.sort(key, axis=1)[:, :k] & 0xFFFFFFFF
    return np.where(best == 2**31 - 1, -1, best).astype(np.int32)


def read_index(path: str, rows: Rows) -> VectorIndex:
    """Open an index file memory-mapped, so that several processes share one copy.

    Raises:
        BundleError: FAISS cannot read the file, or it does not hold as many entries as ``rows``.
    """
    if len(rows) == 0:
        return VectorIndex(None, rows)
    try:
        index = faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise BundleError(f"{path}: FAISS cannot read this index ({str(error).splitlines()[0][:200]})") from error
    if index.ntotal != len(rows):
        raise BundleError(f"{path}: holds {index.ntotal} entries, but the bundle lists {len(rows)} rows for it")
    return VectorIndex(index, rows)


def build_index(vectors: NDArray[np.float32], rows: Rows, exact_below: int, probes: int) -> VectorIndex:
    """An index over ``vectors`` (N, d): exact up to ``exact_below`` entries, inverted lists of 8-bit codes above."""
    count, dimension = vectors.shape
    if count == 0:
        return VectorIndex(None, rows)
    if count <= exact_below:
        index = faiss.IndexFlatIP(dimension)
    else:
        lists = int(np.clip(2 ** np.round(np.log2(2 * np.sqrt(count))), 16, 4096))
        index = faiss.index_factory(dimension, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
        index.nprobe = probes
        index.cp.seed = 1
        index.cp.min_points_per_centroid = 5
        sample = np.random.default_rng(0).choice(count, min(count, 40 * lists), replace=False)
        index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    index.add(np.ascontiguousarray(vectors))
    return VectorIndex(index, rows)


def build_graph_index(vectors: NDArray[np.float32], rows: Rows, exact_below: int) -> VectorIndex:
    """An index over factors: exact up to ``exact_below`` entries, an HNSW graph above.

    Factors do not cluster, so inverted lists lose answers that a graph finds.
    """
    count, dimension = vectors.shape
    if count <= exact_below:
        return build_index(vectors, rows, exact_below=count, probes=1)
    index = faiss.IndexHNSWSQ(dimension, faiss.ScalarQuantizer.QT_fp16, 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 60
    index.hnsw.efSearch = 96
    index.train(np.ascontiguousarray(vectors[: min(count, 10_000)]))
    index.add(np.ascontiguousarray(vectors))
    return VectorIndex(index, rows)


@dataclass(frozen=True)
class CellIndex:
    """An inverted file whose lists are grid cells: text similarity among the postings of chosen cells.

    An entry is one place of one posting, so a posting with several places stands in several lists.
    """

    index: Any
    rows: Rows

    def search(
        self, queries: NDArray[np.float32], lists: NDArray[np.int64], k: int, kept: Kept | None = None
    ) -> tuple[Rows, NDArray[np.float32]]:
        """The most similar postings in each query's own ``lists``, in no order.

        Args:
            queries: float32 (Q, d).
            lists: int64 (Q, m) list numbers, -1 where fewer.
            k: entries a query.
            kept: only these compete.

        Returns:
            rows int32 (Q, k), -1 where there are fewer, and similarities float32 (Q, k). A posting with two places
            in the lists stands twice.
        """
        if self.index is None or k == 0 or len(queries) == 0:
            return np.full((len(queries), k), -1, np.int32), np.zeros((len(queries), k), np.float32)
        chosen = self._distinct(lists)
        vectors = np.ascontiguousarray(queries, np.float32)
        scores, found = np.empty((len(vectors), k), np.float32), np.empty((len(vectors), k), np.int64)
        none = np.zeros(chosen.shape, np.float32)
        selector = {} if kept is None else {"sel": kept.selector()}
        width = faiss.SearchParametersIVF(nprobe=chosen.shape[1], **selector)  # not the index's own: threads share that
        pointers = [faiss.swig_ptr(array) for array in (chosen, none, scores, found)]
        self.index.search_preassigned_c(len(vectors), faiss.swig_ptr(vectors), k, *pointers, False, width)
        return np.where(found >= 0, self.rows[found], np.int32(-1)).astype(np.int32), scores

    def all_in(
        self, queries: NDArray[np.float32], lists: NDArray[np.int64], kept: Kept | None = None
    ) -> tuple[Rows, NDArray[np.float32]]:
        """As ``search``, but everything that stands in each query's ``lists``; so much wider are the arrays.

        Some three times as quick as a search for so many, which sorts them.
        """
        if self.index is None or len(queries) == 0:
            return np.full((len(queries), 0), -1, np.int32), np.zeros((len(queries), 0), np.float32)
        chosen = self._distinct(lists)
        vectors = np.ascontiguousarray(queries, np.float32)
        found = faiss.RangeSearchResult(len(vectors))
        none = np.zeros(chosen.shape, np.float32)
        selector = {} if kept is None else {"sel": kept.selector()}
        width = faiss.SearchParametersIVF(nprobe=chosen.shape[1], **selector)
        pointers = [faiss.swig_ptr(array) for array in (chosen, none)]
        self.index.range_search_preassigned_c(
            len(vectors), faiss.swig_ptr(vectors), _ANY_SCORE, *pointers, found, False, width
        )
        start = faiss.rev_swig_ptr(found.lims, len(vectors) + 1).astype(np.int64)
        number = np.diff(start)
        shape = (len(vectors), int(number.max(initial=0)))
        there = np.arange(shape[1]) < number[:, None]
        rows, scores = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
        rows[there] = self.rows[faiss.rev_swig_ptr(found.labels, int(start[-1]))]
        scores[there] = faiss.rev_swig_ptr(found.distances, int(start[-1]))
        return rows, scores

    def _distinct(self, lists: NDArray[np.int64]) -> NDArray[np.int64]:
        """Each query's lists once, -1 last, no more columns than there are lists.

        With more columns than lists FAISS reads the lists of other queries.
        """
        chosen = -np.sort(-lists.astype(np.int64), axis=1)
        chosen[:, 1:][chosen[:, 1:] == chosen[:, :-1]] = -1
        return np.ascontiguousarray(-np.sort(-chosen, axis=1)[:, : self.index.nlist])

    def serialised(self) -> NDArray[np.uint8]:
        """The FAISS index as bytes; empty when it holds nothing."""
        if self.index is None:
            return np.empty(0, np.uint8)
        return np.asarray(faiss.serialize_index(self.index))


def read_cell_index(path: str, rows: Rows) -> CellIndex:
    """Open a cell index; errors as in ``read_index``."""
    opened = read_index(path, rows)
    return CellIndex(opened.index, rows)


def build_cell_index(
    vectors: NDArray[np.float32], member: NDArray[np.intp], rows: Rows, lists: NDArray[np.int64], count: int
) -> CellIndex:
    """A cell index of ``count`` lists whose entry i is ``vectors[member[i]]`` in list ``lists[i]``.

    Args:
        vectors: float32 (N, d).
        member: (E,), positions in ``vectors``.
        rows: int32 (E,), posting row of each entry.
        lists: int64 (E,), list of each entry.
        count: number of lists.
    """
    dimension = vectors.shape[1]
    if len(member) == 0:
        return CellIndex(None, np.empty(0, np.int32))
    quantizer = faiss.IndexFlatIP(dimension)
    quantizer.add(np.zeros((count, dimension), np.float32))  # never searched: the caller names the lists
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, dimension, count, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT, False
    )
    sample = np.random.default_rng(0).choice(len(member), min(len(member), 50_000), replace=False)
    index.sq.train(np.ascontiguousarray(vectors[member[np.sort(sample)]]))
    index.is_trained = True
    for at in range(0, len(member), 65_536):
        part = np.ascontiguousarray(vectors[member[at : at + 65_536]])
        assigned = np.ascontiguousarray(lists[at : at + 65_536], np.int64)
        ids = np.arange(at, at + len(part), dtype=np.int64)
        index.add_core(len(part), faiss.swig_ptr(part), faiss.swig_ptr(ids), faiss.swig_ptr(assigned))
    return CellIndex(index, rows)


def split_lists(vectors: NDArray[np.float32], lists: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Split (N, d) vectors into about ``lists`` clusters: centroids (lists, d), and the cluster of each (N,)."""
    means = faiss.Kmeans(
        vectors.shape[1], lists, niter=8, seed=1, spherical=True, max_points_per_centroid=64, min_points_per_centroid=1
    )
    means.train(np.ascontiguousarray(vectors))
    _, nearest = means.index.search(np.ascontiguousarray(vectors), 1)
    return means.centroids, nearest[:, 0]
