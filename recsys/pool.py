"""Pools: which postings are looked at for each request, and which sources brought them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]

#: Sources of the pool, in the order of their bits.
SOURCES = ("text", "near", "factors", "cooccur", "words", "fresh", "recent", "popular")


@dataclass(frozen=True)
class Pool:
    """Postings to be scored for B requests.

    Attributes:
        rows: int32 (B, n), ascending in each request, -1 where empty. The width depends on the settings and the
            catalogue alone, so the arithmetic of a request is the same in every batch.
        sources: uint8 (B, n), bit i is set if ``SOURCES[i]`` brought the posting.
        quick: float32 (B, n, Q), ``recsys.cut.QUICK``, the signals by which the pool was cut; None where all was kept.
    """

    rows: Rows
    sources: NDArray[np.uint8]
    quick: NDArray[np.float32] | None = None

    def part(self, at: int, to: int) -> "Pool":
        """Requests ``at`` to ``to`` - 1."""
        quick = None if self.quick is None else self.quick[at:to]
        return Pool(self.rows[at:to], self.sources[at:to], quick)

    def take(self, at: NDArray[np.intp]) -> "Pool":
        """The requests ``at``."""
        return Pool(self.rows[at], self.sources[at], None if self.quick is None else self.quick[at])

    def padded(self, width: int) -> "Pool":
        """The same pools with room for ``width`` postings, if they had less; such have no quick signals."""
        lacking = width - self.rows.shape[1]
        if lacking <= 0:
            return self
        beyond = ((0, 0), (0, lacking))
        return Pool(np.pad(self.rows, beyond, constant_values=-1), np.pad(self.sources, beyond))

    def exchanged(self, at: NDArray[np.intp], part: "Pool") -> "Pool":
        """The same pools, those of the requests ``at`` exchanged for others of the same width, in that order."""
        fresh = Pool(self.rows.copy(), self.sources.copy(), None if self.quick is None else self.quick.copy())
        fresh.rows[at], fresh.sources[at] = part.rows, part.sources
        if fresh.quick is not None:
            fresh.quick[at] = part.quick
        return fresh

    @classmethod
    def join(cls, parts: "Sequence[Pool]") -> "Pool":
        """The requests of several pools of one width."""
        quick = [part.quick for part in parts if part.quick is not None]
        return cls(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.sources for part in parts]),
            np.concatenate(quick) if len(quick) == len(parts) else None,
        )


def everything(open_rows: Rows, requests: int) -> Pool:
    """The pool of a small catalogue: all open postings."""
    rows = np.broadcast_to(open_rows, (requests, len(open_rows)))
    return Pool(rows, np.zeros(rows.shape, np.uint8))


def unite(found: list[Rows], width: int, spare: list[Rows] | None = None) -> Pool:
    """Merge the lists of the sources into one pool of ``width`` postings.

    Where the union is larger, each source loses its tail in proportion to its length.

    Args:
        found: for each source int32 (B, n_i), best first, -1 where fewer; a posting may stand several times.
        width: postings kept for each request.
        spare: more of some sources, of the last ones in their order, for places that are empty otherwise.
    """
    behind = np.arange(len(found) + len(spare or [])) >= len(found)
    found = [*found, *(spare or [])]
    priority = np.concatenate(
        [late + (np.arange(f.shape[1]) + 1) / max(f.shape[1], 1) for f, late in zip(found, behind, strict=True)]
    )
    order = np.argsort(priority, kind="stable")
    number = np.where(behind, np.arange(len(found)) - int(behind.sum()), np.arange(len(found)))
    bits = np.repeat(np.uint8(1) << number.astype(np.uint8), [f.shape[1] for f in found])[order]
    rows = np.concatenate(found, axis=1)[:, order]
    requests, columns = rows.shape
    if columns < width:
        rows = np.pad(rows, ((0, 0), (0, width - columns)), constant_values=-1)
        bits = np.pad(bits, (0, width - columns))
        columns = width
    keys = np.sort((rows.astype(np.int64) << 32) | np.arange(columns), axis=1)
    row, column = keys >> 32, keys & 0xFFFFFFFF
    first = (row >= 0) & np.diff(row, axis=1, prepend=-1).astype(bool)
    brought = _or_runs(np.where(row >= 0, bits[column], np.uint8(0)), first)
    rank = np.where(first, column, columns + np.arange(columns))  # distinct, so that exactly `width` are kept
    last = np.partition(rank, width - 1, axis=1)[:, width - 1 : width]
    kept = rank <= last
    shape = (requests, width)
    flat = first[kept].reshape(shape)
    chosen = np.where(flat, row[kept].reshape(shape), -1).astype(np.int32)
    sources = np.where(flat, brought[kept].reshape(shape), 0).astype(np.uint8)
    return _fold_left(chosen, sources)


def joined(one: Pool, other: Pool) -> Pool:
    """What either of two pools of the same requests holds; quick signals are not taken over."""
    rows = np.concatenate([one.rows, other.rows], axis=1)
    order = np.argsort(rows, axis=1, kind="stable")
    rows = np.take_along_axis(rows, order, 1)
    bits = np.take_along_axis(np.concatenate([one.sources, other.sources], axis=1), order, 1)
    first = (rows >= 0) & np.diff(rows, axis=1, prepend=-1).astype(bool)
    brought = _or_runs(bits, first)
    return _fold_left(np.where(first, rows, np.int32(-1)), np.where(first, brought, np.uint8(0)))


def _or_runs(bits: NDArray[np.uint8], first: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """At the first of each run of equal postings, the bits of the whole run."""
    starts = first.copy()
    starts[:, 0] = True
    at = np.flatnonzero(starts)
    merged = np.bitwise_or.reduceat(bits.ravel(), at)
    out = np.zeros(bits.size, np.uint8)
    out[at] = merged
    return out.reshape(bits.shape)


def _fold_left(rows: Rows, sources: NDArray[np.uint8]) -> Pool:
    """Move the empty places to the right, the postings in ascending order."""
    last = np.int64(2**31 - 1)
    packed = np.sort((np.where(rows >= 0, rows, last) << 8) | sources, axis=1)
    sorted_rows = packed >> 8
    return Pool(np.where(sorted_rows == last, -1, sorted_rows).astype(np.int32), (packed & 0xFF).astype(np.uint8))
