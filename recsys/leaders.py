"""Several interests, several places: picking a few vectors that stand for many."""

import numpy as np
from numpy.typing import NDArray


def leaders(vectors: NDArray[np.float32], known: NDArray[np.bool_], count: int, alike: float) -> NDArray[np.int32]:
    """Leader clustering for B requests at once: the first vector leads, then the first that no leader covers.

    Args:
        vectors: float32 (B, S, d), in order of importance.
        known: bool (B, S), which of them are there.
        count: leaders wanted.
        alike: a leader covers every vector whose inner product with it is at least this.

    Returns:
        int32 (B, count), positions in S, -1 where fewer.
    """
    requests, slots, _ = vectors.shape
    left = known.copy()
    chosen = np.full((requests, count), -1, np.int32)
    clean = np.where(known[..., None], vectors, np.float32(0))
    for turn in range(min(count, slots)):
        any_left = left.any(axis=1)
        at = np.argmax(left, axis=1)
        chosen[:, turn] = np.where(any_left, at, -1)
        leader = np.take_along_axis(clean, at[:, None, None], axis=1)
        covered = np.matmul(clean, leader.transpose(0, 2, 1))[..., 0] >= alike
        left &= ~covered
        np.put_along_axis(left, at[:, None], False, axis=1)
    return chosen


def take(vectors: NDArray[np.float32], chosen: NDArray[np.int32]) -> NDArray[np.float32]:
    """The chosen vectors (B, count, d); zeros where nothing was chosen."""
    picked = np.take_along_axis(vectors, np.maximum(chosen, 0)[..., None], axis=1)
    return np.where((chosen >= 0)[..., None], picked, np.float32(0))
