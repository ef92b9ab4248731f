"""An immutable snapshot of the postings, as arrays that the engine answers from.

Rows are sorted by posting id, so that "by score, then by posting id" is a stable sort by score.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recsys.codebook import Numbering
from recsys.codes import Codes
from recsys.collab import Factors
from recsys.config import FilterSettings
from recsys.copies import Copies, freshest_of
from recsys.expression import Expression
from recsys.geo import Grid
from recsys.ids import Ids
from recsys.index import CellIndex, Kept, VectorIndex
from recsys.neighbours import Neighbours
from recsys.next_title import NextTitle
from recsys.recent import Recent
from recsys.terms import Lexicon
from recsys.wordindex import NO_WORDS, LateWords, WordIndex
from recsys.wordlists import WordLists

Flags = NDArray[np.bool_]
Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Attributes:
    """What a posting says of itself, P rows.

    Attributes:
        company, industry, occupation, region: int32 codes, equal where the cleaned words are equal, -1 where not given;
            the region is that of the first place that names one.
        seniority: float32 level (0 intern ... 5 executive), NaN where not given.
        pay_low, pay_high: float32 a year in the posting's own currency, NaN where not given.
        remote: int8, 1 yes, 0 no, -1 not said.
        skills: int32 (P, S) codes, -1 padded.
        posted, until: float64 seconds since 1970, NaN where not given.
        employment: uint8, bits of ``recsys.attributes.EMPLOYMENT``, 0 where not said.
        language: int32 code, -1 where not said.
        worth_low, worth_high: float32, pay a year in the board's currency, NaN where not given or of a currency
            without a rate.
        permit: int8, 1 only those may apply who have the permit to work there, 0 no, -1 not said.
        extra_words: int32 (P, W, 4) codes of the customer's own fields of words, -1 padded.
        extra_numbers: float32 (P, N), the customer's own numbers, NaN where not given.
    """

    company: Rows
    industry: Rows
    occupation: Rows
    region: Rows
    seniority: Numbers
    pay_low: Numbers
    pay_high: Numbers
    remote: NDArray[np.int8]
    skills: Rows
    posted: NDArray[np.float64]
    until: NDArray[np.float64]
    employment: NDArray[np.uint8]
    language: Rows
    worth_low: Numbers
    worth_high: Numbers
    permit: NDArray[np.int8]
    extra_words: Rows
    extra_numbers: Numbers


@dataclass(frozen=True)
class Behaviour:
    """What candidates did with the postings, as it stood when the catalogue was made.

    Attributes:
        popularity: float32 (P,), log(1 + summed and decayed event weight).
        kin: float32 (P, 3), the same of the other postings of equal title, employer and place; NaN where the posting
            has none or arrived after training.
        seen: bool (P,), there is an event on the posting.
        factors: posting factors and the fold-in.
        neighbours: co-occurring postings.
        industries, occupations: the same of their codes; of those that training knew.
        next_title: what is chosen after what.
    """

    popularity: Numbers
    kin: Numbers
    seen: Flags
    factors: Factors
    neighbours: Neighbours
    industries: Neighbours
    occupations: Neighbours
    next_title: NextTitle


@dataclass(frozen=True)
class Shelves:
    """Short ready-made lists for those of whom little is known.

    Attributes:
        newest: int32 (G, T), the newest open postings of each grid cell, -1 padded.
        popular: int32 (G, T), the most popular open postings of each grid cell, -1 padded.
        newest_overall, popular_overall: int32 (U,).
    """

    newest: Rows
    popular: Rows
    newest_overall: Rows
    popular_overall: Rows


@dataclass(frozen=True)
class CellLists:
    """Grid cells as inverted lists. A crowded cell is split by text into several lists.

    Attributes:
        start: int64 (G + 2,), cell g's lists are start[g] ... start[g + 1] - 1; the last cell, G, is "anywhere":
            remote postings and those of no known place.
        counts: int32 (lists,), places in each list.
        centroids: float32 (lists, d), mean text vector of the list; zeros for the only list of a cell.
    """

    start: NDArray[np.int64]
    counts: NDArray[np.int32]
    centroids: Numbers


@dataclass(frozen=True)
class Fresh:
    """Postings that arrived after the indices were made, few enough to be compared one by one.

    Attributes:
        rows: int32 (N,), ascending; some of them may be gone.
        vectors: float32 (N, d), as in ``recsys.assemble.search_vectors``.
        was: int32 (M,), ascending, rows that a posting had before it changed.
        now: int32 (M,), the row of the same posting now.
    """

    rows: Rows
    vectors: Numbers
    was: Rows
    now: Rows

    def now_of(self, rows: Rows) -> Rows:
        """For rows (any shape), -1 for none, the rows that their postings have now."""
        return mapped(rows, self.was, self.now)

    def learned_of(self, rows: Rows) -> Rows:
        """The other way round: for rows (any shape), the rows under which training knew their postings, if it did."""
        now, was = self._learned
        return mapped(rows, now, was)

    @cached_property
    def _learned(self) -> tuple[Rows, Rows]:
        """Rows now, ascending, and in the bundle, of the postings of the bundle that changed."""
        old = self.was < self.rows[0] if len(self.rows) else np.zeros(0, bool)
        was, now = self.was[old], self.now[old]
        order = np.argsort(now)
        return now[order], was[order]


def mapped(rows: Rows, known: Rows, to: Rows) -> Rows:
    """Rows (any shape), those among ``known``, ascending, replaced."""
    if len(known) == 0:
        return rows
    at = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    return np.where(known[at] == rows, to[at], rows)


#: Of a catalogue as training makes it.
NONE_FRESH = Fresh(np.empty(0, np.int32), np.empty((0, 0), np.float32), *[np.empty(0, np.int32)] * 2)


@dataclass(frozen=True)
class Within:
    """What filters leave of a catalogue, for the sources of the pool.

    Attributes:
        rows: int32, ascending, the postings that are left.
        named: bool (P,), the same by the rows that the indices name: of a posting that changed since, its old row.
        counts: int32 (G,), places of them in each grid cell.
        share: of the open postings.
        by_text, by_cell, by_factor: the entries of each index that are left.
    """

    rows: Rows
    named: Flags
    counts: Rows
    share: float
    by_text: Kept
    by_cell: Kept
    by_factor: Kept


@dataclass(frozen=True)
class Catalogue:
    """Everything about P postings that scoring needs.

    Attributes:
        ids: posting ids, sorted.
        title: vectors of the titles.
        text: vectors of title, skills and description together; None where no posting has more than a title.
        lexicon: the same titles and texts as words.
        place: float32 (P, L, 3) unit vectors of the posting's places, NaN padded.
        attributes, behaviour, shelves: see there.
        grid: grid over the places of open postings; its entries are places, not postings.
        cells: for each grid cell, how its inverted lists in ``by_cell`` are numbered.
        words: inverted lists of the words of open postings, block by block.
        open: bool (P,), could be recommended when the catalogue was made.
        dated: postings carry dates, so it is known which were on the board at a moment.
        by_text, by_cell, by_factor: indices over open postings.
        gone: bool (P,), taken down since.
        copies: which postings are copies of one another.
        numbering: of the words of coded attributes.
        rules: what filters and vetoes need to know of the board.
        within: what the filters of a request leave; all else is ``gone`` then. None: there are none.
        fresh: what is not in the indices. Where there is any, the arrays have room for more rows than there are ids;
            rows beyond are never named.
        by_word: the open postings by their words, for search.
        said: uint64 (P,), fingerprints of their words; empty where there is no index of words.
        late_words: the same of those that arrived since; None: there are none.
    """

    ids: Ids
    title: Codes
    text: Codes | None
    lexicon: Lexicon
    place: Numbers
    attributes: Attributes
    behaviour: Behaviour
    shelves: Shelves
    grid: Grid
    cells: CellLists
    words: WordLists
    open: Flags
    dated: bool
    by_text: VectorIndex
    by_cell: CellIndex
    by_factor: VectorIndex
    gone: Flags
    copies: Copies
    numbering: Numbering
    rules: FilterSettings
    within: Within | None = None
    fresh: Fresh = NONE_FRESH
    by_word: WordIndex = NO_WORDS
    said: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    late_words: LateWords | None = None

    @cached_property
    def vetoes(self) -> dict[str, Expression]:
        """Conditions under which a posting is not shown, by name."""
        return self.rules.conditions()

    @cached_property
    def narrowings(self) -> "Recent[Catalogue]":
        """What the latest filters left of it, by their key. Another state is another catalogue and has its own."""
        return Recent(self.rules.remembered_mb * 1_000_000)

    def __len__(self) -> int:
        return len(self.ids)

    def spoken_for(self, history: Rows, weight: Numbers) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """What histories say by their neighbours, as ``Neighbours.add_up``, in the rows that postings have now."""
        fresh, neighbours = self.fresh, self.behaviour.neighbours
        keys, sums = neighbours.add_up(fresh.learned_of(history), weight)
        if len(fresh.was) == 0:
            return keys, sums
        keys = keys >> 32 << 32 | fresh.now_of((keys & 0xFFFFFFFF).astype(np.int32))
        order = np.argsort(keys)
        return keys[order], sums[order]

    def without(self, rows: Rows) -> "Catalogue":
        """The same catalogue, with the postings at ``rows`` taken down."""
        gone = self.gone.copy()
        gone[rows] = True
        copies = self.copies
        freshest = freshest_of(copies.group, self.open & ~gone, self.attributes.posted)
        return replace(self, gone=gone, copies=replace(copies, freshest=freshest))
