"""The vector cache: every text is encoded once per encoder, on this machine.

One folder per encoder holds segment files; a segment is immutable and complete in itself:

    header   magic, dimension d, rows n     24 bytes
    keys     n x 16 bytes                   128-bit BLAKE2b of the normalised texts
    vectors  n x d float16                  memory-mapped, so that processes share one copy

A segment appears by one rename, so a crash leaves whole segments only. Writers take turns by a file lock; small
segments are merged as new ones come, so that their number stays low.
"""

import fcntl
import hashlib
import os
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from recsys.encode import Encoder
from recsys.errors import ConfigError, DataError
from recsys.text import normalise

#: Distinct texts encoded between two writes: what an interruption can cost.
CHUNK: Final = 5_000

_MAGIC: Final = b"jobrecV1"
_HEADER: Final = struct.Struct("<8sQQ")
_KEY_BYTES: Final = 16
# Segments up to this size are merged with their successors; larger ones are left, so that a row is rewritten
# a few times at most.
_MERGED_ROWS: Final = 8 * CHUNK

_Keys = NDArray[np.bytes_]  # (N,) of "S16"


@dataclass(frozen=True)
class _Segment:
    path: Path
    keys: _Keys
    vectors: NDArray[np.float16]


class VectorCache:
    """Vectors of texts by one encoder, kept on disk.

    Args:
        folder: where the caches of all encoders lie; made if missing.
        encoder_name: whose vectors these are, see ``Encoder.name``.
        dimension: length d of a vector.

    Raises:
        DataError: a segment is damaged or the folder cannot be written.
    """

    def __init__(self, folder: Path, encoder_name: str, dimension: int) -> None:
        self.encoder_name = encoder_name
        self.dimension = dimension
        slug = re.sub(r"[^\w.-]+", "_", encoder_name)[:80]
        self.folder = folder / f"{slug}-{hashlib.blake2b(encoder_name.encode(), digest_size=4).hexdigest()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"the vector cache {self.folder} cannot be made: {error.strerror}") from error
        self._segments: list[_Segment] = []
        self._keys: _Keys = np.empty(0, dtype=f"S{_KEY_BYTES}")
        self._rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        with self._lock(exclusive=False):
            self._refresh()

    def __len__(self) -> int:
        """Number of vectors held."""
        return len(self._keys)

    def lookup(self, texts: Sequence[str]) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        """What is known of the texts, without encoding anything.

        Returns:
            Vectors, float16 (N, d), zero where unknown, and which are known, bool (N,). A text without content has
            the zero vector and counts as known.
        """
        keys, filled = _hash([normalise(text) for text in texts])
        rows = np.where(filled, self._find(keys), -1)
        return self._gather(rows), (rows >= 0) | ~filled

    def encode(self, texts: Sequence[str], encoder: Encoder, progress: bool = False) -> NDArray[np.float16]:
        """Vectors of N texts, float16 (N, d), in their order; encodes the distinct missing texts and keeps them.

        Every ``CHUNK`` texts are written as they are done, so that an interrupted run continues where it was.

        Raises:
            ConfigError: the encoder is not the one this cache was made for.
            DataError: a segment is damaged or cannot be written.
        """
        if (encoder.name, encoder.dimension) != (self.encoder_name, self.dimension):
            raise ConfigError(
                f"the vector cache {self.folder} holds {self.encoder_name} ({self.dimension} dimensions), "
                f"but the encoder is {encoder.name} ({encoder.dimension}): open a cache under the encoder's name"
            )
        cleaned = [normalise(text) for text in texts]
        keys, filled = _hash(cleaned)
        with self._lock(exclusive=False):
            self._refresh()
        distinct, first = np.unique(keys[filled], return_index=True)
        missing = np.flatnonzero(filled)[first[self._find(distinct) < 0]]
        with tqdm(total=len(missing), desc="encode", unit="text", disable=not progress or not len(missing)) as bar:
            # In the order of the hashes: a random order, so that the bar's estimate of the time left is right.
            for start in range(0, len(missing), CHUNK):
                chunk = missing[start : start + CHUNK]
                vectors = encoder.encode([cleaned[row] for row in chunk.tolist()])
                self._append(keys[chunk], self._checked(vectors, len(chunk)))
                bar.update(len(chunk))
        return self._gather(np.where(filled, self._find(keys), -1))

    def _checked(self, vectors: NDArray[np.float32], count: int) -> NDArray[np.float16]:
        if vectors.shape != (count, self.dimension) or not np.isfinite(vectors).all():
            raise DataError(
                f"encoder {self.encoder_name} gave {vectors.shape} for {count} texts of dimension {self.dimension}, or "
                "values that are not finite: set `precision: float32`, or choose another encoder"
            )
        return vectors.astype(np.float16)

    def _find(self, keys: _Keys) -> NDArray[np.int64]:
        """Row of every key over all segments, int64 (N,), -1 where unknown."""
        if not len(self._keys):
            return np.full(len(keys), -1, dtype=np.int64)
        spots = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        return np.where(self._keys[spots] == keys, self._rows[spots], -1)

    def _gather(self, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        """Vectors at rows over all segments, float16 (N, d); zero for row -1."""
        vectors = np.zeros((len(rows), self.dimension), dtype=np.float16)
        order = np.argsort(rows, kind="stable")  # in the order of the files
        ends = np.cumsum([0, *(len(segment.keys) for segment in self._segments)])
        cuts = np.searchsorted(rows[order], ends)
        for segment, offset, start, stop in zip(self._segments, ends, cuts, cuts[1:], strict=False):
            picked = order[start:stop]
            vectors[picked] = segment.vectors[rows[picked] - offset]
        return vectors

    def _append(self, keys: _Keys, vectors: NDArray[np.float16]) -> None:
        """Write new vectors as one segment, merged with the small ones before it; safe against other writers."""
        try:
            with self._lock(exclusive=True):
                self._refresh()
                for remains in self.folder.glob("*.tmp"):  # of a writer that died: the lock is ours
                    remains.unlink()
                new = self._find(keys) < 0  # another process may have encoded the same
                keys, vectors = keys[new], vectors[new]
                merged: list[_Segment] = []
                count = len(keys)
                for segment in reversed(self._segments):
                    if len(segment.keys) > count or len(segment.keys) + count > _MERGED_ROWS:
                        break
                    merged.append(segment)
                    count += len(segment.keys)
                if count:
                    number = 1 + max((int(segment.path.stem) for segment in self._segments), default=0)
                    parts = [*merged[::-1], _Segment(self.folder, keys, vectors)]
                    _write_segment(self.folder / f"{number:08d}.vectors", parts, self.dimension)
                for segment in merged:
                    segment.path.unlink()
                self._refresh()
        except OSError as error:
            raise DataError(f"the vector cache {self.folder} cannot be written: {error.strerror}") from error

    def _refresh(self) -> None:
        """Take in what any process has written or merged since; the lock must be held."""
        paths = sorted(self.folder.glob(f"{'[0-9]' * 8}.vectors"))
        if paths == [segment.path for segment in self._segments]:
            return
        known = {segment.path: segment for segment in self._segments}
        self._segments = [known.get(path) or _open_segment(path, self.dimension) for path in paths]
        keys = np.concatenate([np.empty(0, f"S{_KEY_BYTES}"), *(segment.keys for segment in self._segments)])
        self._rows = np.argsort(keys, kind="stable")
        self._keys = keys[self._rows]

    @contextmanager
    def _lock(self, exclusive: bool) -> Iterator[None]:
        try:
            file = (self.folder / "lock").open("ab")
        except OSError as error:
            raise DataError(f"the vector cache {self.folder} cannot be written: {error.strerror}") from error
        with file:  # closing it gives the lock back
            fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
            yield


def _hash(cleaned: Sequence[str]) -> tuple[_Keys, NDArray[np.bool_]]:
    """Keys of normalised texts, (N,) of "S16", and which have content at all, bool (N,)."""
    blake = hashlib.blake2b
    digests = b"".join([blake(text.encode(), digest_size=_KEY_BYTES).digest() for text in cleaned])
    filled = np.fromiter((bool(text) for text in cleaned), dtype=np.bool_, count=len(cleaned))
    return np.frombuffer(digests, dtype=f"S{_KEY_BYTES}"), filled


def _open_segment(path: Path, dimension: int) -> _Segment:
    remedy = "it may be deleted: its texts are then encoded again"
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size or not head.startswith(_MAGIC):
            raise DataError(f"{path} is not a segment of the vector cache; {remedy}")
        _, found, rows = _HEADER.unpack(head)
        if found != dimension:
            raise DataError(f"{path} holds vectors of {found} dimensions, the encoder gives {dimension}; {remedy}")
        expected, actual = _HEADER.size + rows * (_KEY_BYTES + 2 * dimension), os.fstat(file.fileno()).st_size
        if actual != expected or not rows:
            raise DataError(f"{path} is damaged: {actual} bytes where {expected} belong; {remedy}")
        keys = np.frombuffer(file.read(rows * _KEY_BYTES), dtype=f"S{_KEY_BYTES}")
        offset = _HEADER.size + rows * _KEY_BYTES
        vectors = np.memmap(file, dtype="<f2", mode="r", offset=offset, shape=(rows, dimension))
    return _Segment(path, keys, vectors)


def _write_segment(path: Path, parts: Sequence[_Segment], dimension: int) -> None:
    """The parts as one segment, on disk before it appears under its name."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, dimension, sum(len(part.keys) for part in parts)))
        for part in parts:
            file.write(part.keys.tobytes())
        for part in parts:
            file.write(np.ascontiguousarray(part.vectors, dtype="<f2").tobytes())
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name too must survive a power cut before merged segments are removed
    finally:
        os.close(folder)
