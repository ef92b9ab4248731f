"""Which posting stands for its vacancy in a list: of its copies that may be shown the one that was posted last."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.copies import later, later_first
from recsys.eligible import eligible
from recsys.queries import Queries

Rows = NDArray[np.int32]


def standing(catalogue: Catalogue, queries: Queries, rows: Rows) -> Rows:
    """For rows (B, n) that were found, -1 for none, what each request is shown in their place: int32 (B, n).

    The freshest of all copies is known, and is looked at first. Where it has expired since, or must not be shown to who
    asks, the others are looked for.
    """
    several = (rows >= 0) & catalogue.copies.several[rows]
    columns = np.flatnonzero(several.any(axis=0))  # few: most postings have no copies
    if len(columns) == 0:
        return rows
    some = rows[:, columns]
    best = catalogue.copies.fresher(some, catalogue.attributes.posted)
    lost = several[:, columns] & ~eligible(catalogue, queries, best)
    found = rows.copy()
    found[:, columns] = _next_best(catalogue, queries, some, best, lost) if lost.any() else best
    return found


def _next_best(catalogue: Catalogue, queries: Queries, rows: Rows, best: Rows, lost: NDArray[np.bool_]) -> Rows:
    """``standing`` where the freshest is ``lost`` (B, n) to some requests."""
    posted = catalogue.attributes.posted
    vacancies, of = np.unique(np.nonzero(lost)[0] << 32 | catalogue.copies.group[rows[lost]], return_inverse=True)
    at, members = catalogue.copies.members((vacancies & 0xFFFFFFFF).astype(np.int32))
    request = vacancies[at] >> 32
    place = np.arange(len(at)) - np.searchsorted(request, request)
    asked = np.full((len(rows), int(place.max(initial=-1)) + 1), -1, np.int32)
    asked[request, place] = members
    may = eligible(catalogue, queries, asked)[request, place] & catalogue.open[members]
    at, members = at[may], members[may]
    order = later_first(posted[members], np.ones(len(members), bool))
    order = order[np.argsort(at[order], kind="stable")]
    first = order[np.diff(at[order], prepend=-1) != 0]
    others = np.full(len(vacancies), -1, np.int32)
    others[at[first]] = members[first]
    own, other = rows[lost], others[of]
    better = later(posted[other], posted[own]) | ~eligible(catalogue, queries, rows)[lost]
    found = best.copy()
    found[lost] = np.where((other >= 0) & better, other, own)
    return found
