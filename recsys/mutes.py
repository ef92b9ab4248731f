"""What candidates do not want to see: postings, employers, and kinds of work, named by a title.

Postings and employers are kept as they were named, not as rows and numbers: what comes back under its id, or comes for
the first time after it was muted, is muted still.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsys.codebook import Numbering
from recsys.codes import Codes
from recsys.errors import RequestError
from recsys.filters import MOST_INTERESTS, MOST_MUTED
from recsys.ids import Ids

Keys = NDArray[np.int64]

#: Fields of a candidate's document and table (ids of postings, names of employers, titles), and the most of each.
MUTED: Final = {"muted_postings": MOST_MUTED, "muted_employers": MOST_MUTED, "muted_interests": MOST_INTERESTS}
_END: Final = "\0"


@dataclass(frozen=True)
class Texts:
    """Some texts of each of C candidates.

    Attributes:
        start: int64 (C + 1,), the bytes of candidate c are start[c] ... start[c + 1] - 1.
        data: uint8 (N,), UTF-8, a NUL behind each text.
    """

    start: Keys
    data: NDArray[np.uint8]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]]) -> "Texts":
        """The texts of each candidate.

        Raises:
            RequestError: one holds a NUL.
        """
        if any(_END in one for some in lists for one in some):
            raise RequestError("what is muted holds the character NUL, which no id and no name has")
        parts = ["".join(one + _END for one in some).encode("utf-8", "surrogatepass") for some in lists]
        start = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        return cls(start, np.frombuffer(b"".join(parts), np.uint8))

    def one(self, row: int) -> "Texts":
        """Those of one candidate."""
        first, past = int(self.start[row]), int(self.start[row + 1])
        return Texts(np.array([0, past - first], np.int64), self.data[first:past])

    def take(self, rows: NDArray[np.integer]) -> "Texts":
        """Those of the candidates at ``rows``, in that order."""
        _, at = _entries(self.start, rows)
        return Texts(_starts(self.start, rows), self.data[at])

    def at(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.intp], list[str]]:
        """The texts (N,) of the candidates at ``rows`` (B,), and whose each is: positions in ``rows``, ascending."""
        request, at = _entries(self.start, rows)
        if len(at) == 0:
            return np.empty(0, np.intp), []
        data = self.data[at]
        return request[data == 0], data.tobytes().decode("utf-8", "surrogatepass").split(_END)[:-1]


@dataclass(frozen=True)
class Mutes:
    """What C candidates muted.

    Attributes:
        postings: ids.
        employers: names.
        start: int64 (C + 1,), the interests of candidate c are start[c] ... start[c + 1] - 1.
        interest: int32 (N,), rows of ``titles``.
        titles: distinct vectors of the titles that name interests; one without a vector mutes nothing.
    """

    postings: Texts
    employers: Texts
    start: Keys
    interest: NDArray[np.int32]
    titles: Codes

    @classmethod
    def of(
        cls,
        postings: Sequence[Sequence[str]],
        employers: Sequence[Sequence[str]],
        interests: Sequence[Sequence[int]],
        titles: Codes,
    ) -> "Mutes":
        """Of each candidate ids, names, and rows of ``titles``.

        Raises:
            RequestError: somebody mutes more than there may be.
        """
        for lists, (name, most) in zip((postings, employers, interests), MUTED.items(), strict=True):
            if any(len(some) > most for some in lists):
                raise RequestError(f"{name} holds more than {most:,}")
        start = np.concatenate([[0], np.cumsum([len(some) for some in interests])]).astype(np.int64)
        flat = np.array([one for some in interests for one in some], np.int32)
        return cls(Texts.of(postings), Texts.of(employers), start, flat, titles)

    def one(self, row: int) -> "Mutes":
        """Those of one candidate."""
        first, past = int(self.start[row]), int(self.start[row + 1])
        interest, titles = _own(self.interest[first:past], self.titles)
        start = np.array([0, past - first], np.int64)
        return Mutes(self.postings.one(row), self.employers.one(row), start, interest, titles)

    def take(self, rows: NDArray[np.integer]) -> "Mutes":
        """Those of the candidates at ``rows``, in that order."""
        _, at = _entries(self.start, rows)
        interest, titles = _own(self.interest[at], self.titles)
        return Mutes(self.postings.take(rows), self.employers.take(rows), _starts(self.start, rows), interest, titles)


def _own(interest: NDArray[np.int32], titles: Codes) -> tuple[NDArray[np.int32], Codes]:
    """Rows of titles, and of these those that are pointed to."""
    used, at = np.unique(interest, return_inverse=True)
    return at.astype(np.int32), replace(titles, **{one.name: getattr(titles, one.name)[used] for one in fields(titles)})


def join(parts: "Sequence[tuple[Mutes | None, int]]", dimension: int) -> Mutes | None:
    """The mutes of several groups of candidates, one group after the other; None where nobody mutes anything.

    Args:
        parts: what a group mutes, None for nothing, and how many candidates it has.
        dimension: of a vector.
    """
    if all(said is None for said, _ in parts):
        return None
    nothing = Codes(np.empty((0, dimension), np.int8), np.empty(0, np.float32))
    groups = [said or Mutes.of([()] * count, [()] * count, [()] * count, nothing) for said, count in parts]
    before = np.cumsum([0, *(len(one.titles) for one in groups[:-1])])
    titles = [one.titles for one in groups]
    columns = {field.name: np.concatenate([getattr(one, field.name) for one in titles]) for field in fields(titles[0])}
    return Mutes(
        _joined_texts([one.postings for one in groups]),
        _joined_texts([one.employers for one in groups]),
        _joined_starts([one.start for one in groups]),
        np.concatenate([one.interest + first for one, first in zip(groups, before, strict=True)]).astype(np.int32),
        replace(titles[0], **columns),
    )


def _joined_texts(parts: Sequence[Texts]) -> Texts:
    return Texts(_joined_starts([one.start for one in parts]), np.concatenate([one.data for one in parts]))


def _joined_starts(parts: Sequence[Keys]) -> Keys:
    lengths = np.concatenate([np.diff(one) for one in parts])
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _starts(start: Keys, rows: NDArray[np.integer]) -> Keys:
    length = start[np.asarray(rows) + 1] - start[rows]
    return np.concatenate([[0], np.cumsum(length)]).astype(np.int64)


@dataclass(frozen=True)
class Muted:
    """The mutes of C candidates, and the board on which they hold.

    Attributes:
        said: as the candidates said it.
        ids: of the postings.
        numbering: of the employers.
    """

    said: Mutes
    ids: Ids
    numbering: Numbering

    def queries(self, rows: NDArray[np.integer]) -> dict[str, NDArray[Any]]:
        """The arrays of ``Queries`` that tell what the candidates at ``rows`` (B,) muted."""
        whose, names = self.said.postings.at(rows)
        muted = _keys(whose, self.ids.rows(names)) if names else _NONE
        whose, names = self.said.employers.at(rows)
        employers = _keys(whose, self.numbering.numbers("company", names)) if names else _NONE
        request, at = _entries(self.said.start, rows)
        titles = self.said.interest[at]
        known = self.said.titles.scale[titles] > 0
        request, titles = request[known], titles[known]
        place = np.arange(len(request)) - np.searchsorted(request, request)
        return {
            "muted": muted,
            "muted_employers": employers,
            "unwanted": request.astype(np.int64) << 32 | place,
            "unwanted_titles": self.said.titles.vectors(titles),
        }


_NONE: Final = np.empty(0, np.int64)


def nothing_muted(dimension: int) -> dict[str, NDArray[Any]]:
    """The same of those who muted nothing."""
    return {
        "muted": _NONE,
        "muted_employers": _NONE,
        "unwanted": _NONE,
        "unwanted_titles": np.empty((0, dimension), np.float32),
    }


def _keys(whose: NDArray[np.intp], numbers: NDArray[np.int32]) -> Keys:
    """Sorted keys (request << 32 | number) of what has a number."""
    known = numbers >= 0
    keys: Keys = np.unique(whose[known].astype(np.int64) << 32 | numbers[known])
    return keys


def _entries(start: Keys, rows: NDArray[np.integer]) -> tuple[NDArray[np.intp], Keys]:
    """Whose each entry of the candidates at ``rows`` is, and where it stands."""
    first, past = start[rows], start[np.asarray(rows) + 1]
    length = past - first
    request = np.repeat(np.arange(len(first)), length)
    at = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length) + np.repeat(first, length)
    return request, at
