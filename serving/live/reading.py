"""Documents to arrays, many at once: what reading costs is mostly the same for one as for some hundreds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from recsys.bundle import Bundle
from recsys.candidates import Profiles
from recsys.codes import Codes
from recsys.documents import candidate_frames
from recsys.errors import StoreError
from recsys.profiles import profiles_of
from recsys.terms import Terms
from serving.live.lookup import Lookup

Document = dict[str, Any]
Found = TypeVar("Found")

#: Tables of distinct texts, and the columns of pointers into each.
TABLES: Final = {"vectors": ("wanted", "past", "whole"), "terms": ("texts",)}


@dataclass(frozen=True)
class Unreadable:
    """A document that cannot be read.

    Attributes:
        why: kind and place of the error, without its words, which may repeat a profile.
    """

    why: str

    @classmethod
    def because(cls, error: Exception) -> "Unreadable":
        """The error itself is not kept: it would hold what was worked on, and that a bundle, in a circle."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = "" if trace is None else f" in {trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno}"
        return cls(f"{type(error).__name__}{where}")


def in_parts(
    read: Callable[[Sequence[Document]], Found], documents: Sequence[Document]
) -> Iterator[tuple[int, Found | Unreadable]]:
    """Reads all at once, or by halves down to the one that cannot be read.

    Returns:
        for each part in turn how many documents it has, and what was read of them or, of one, why it cannot be.

    Raises:
        StoreError: the store failed, not a document.
        MemoryError: likewise.
    """
    if not documents:
        return
    found: Found | Unreadable
    try:
        found = read(documents)
    except (StoreError, MemoryError):
        raise
    except Exception as error:
        if len(documents) > 1:
            middle = len(documents) // 2
            yield from in_parts(read, documents[:middle])
            yield from in_parts(read, documents[middle:])
            return
        found = Unreadable.because(error)
    yield len(documents), found


class ProfileReader:
    """Reads profiles as the postings of one bundle are compared with them; for any thread.

    Args:
        bundle: see above.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._lexicon, self._skills = bundle.catalogue.lexicon, bundle.skills
        self._dimension = bundle.catalogue.title.dimension

    def read(self, document: Document, lookup: Lookup | None) -> Profiles:
        """The arrays of a profile; errors as they come.

        Args:
            document: as written.
            lookup: ``ready`` for its texts; None: vectors are left out, and places that are only named.
        """
        return _alone(self._read([document], lookup), 0)

    def read_each(self, documents: Sequence[Document], lookup: Lookup | None) -> list[Profiles | Unreadable]:
        """The same of each of many, or why it cannot be read.

        Raises:
            StoreError: the store failed, not a document.
        """
        each: list[Profiles | Unreadable] = []
        for count, found in in_parts(lambda some: self._read(some, lookup), documents):
            each += [found] if isinstance(found, Unreadable) else [_alone(found, row) for row in range(count)]
        return each

    def _read(self, documents: Sequence[Document], lookup: Lookup | None) -> Profiles:
        candidates, experience = candidate_frames(documents)
        points = given_points if lookup is None else lookup.points
        encode = self._no_vectors if lookup is None else lookup.codes
        where, worked = points(candidates), points(experience)
        return profiles_of(candidates, experience, where, worked, encode, self._lexicon, self._skills)

    def _no_vectors(self, texts: Sequence[str]) -> Codes:
        return Codes(np.zeros((len(texts), self._dimension), np.int8), np.zeros(len(texts), np.float32))


def _alone(profiles: Profiles, row: int) -> Profiles:
    """One of them in arrays of its own, so that it does not keep the others in memory."""
    alone: dict[str, Any] = {
        field.name: getattr(profiles, field.name)[row : row + 1].copy()
        for field in fields(profiles)
        if field.name not in TABLES
    }
    for table, columns in TABLES.items():
        numbers: dict[int, int] = {-1: -1}
        for name in columns:
            pointers = alone[name]
            taken = [numbers.setdefault(one, len(numbers) - 1) for one in pointers.ravel().tolist()]
            alone[name] = np.array(taken, pointers.dtype).reshape(pointers.shape)
        alone[table] = _rows_of(getattr(profiles, table), list(numbers)[1:])
    return Profiles(**alone)


def _rows_of(table: Codes | Terms, rows: list[int]) -> Any:
    at = np.array(rows, np.intp)
    return replace(table, **{field.name: getattr(table, field.name)[at] for field in fields(table)})


def given_points(frame: Any) -> NDArray[np.float32]:
    """Degrees (R, 2) that a table gives, NaN elsewhere."""
    points: NDArray[np.float32] = frame.reindex(columns=["latitude", "longitude"]).to_numpy(np.float32).reshape(-1, 2)
    return points
