"""Browsing: all of an industry, an occupation, an employer, a region or a place, in the order that suits the candidate.

What does not belong to the category is gone from the catalogue (``recsys.narrow``), so that as many postings come as
there are, however few of them the candidate's own pool would have held.
"""

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from recsys.catalogue import Catalogue
from recsys.engine import Engine
from recsys.errors import RequestError, UnknownError
from recsys.filters import Filters
from recsys.lists import Lists
from recsys.narrow import Flags, conditions, narrowed
from recsys.queries import Queries

#: The book in which each part of a category is numbered.
_BOOKS: Final = {"industry": "industry", "occupation": "occupation", "employer": "company", "region": "region"}


@dataclass(frozen=True)
class Category:
    """What is browsed, as the board names it, however it is spaced and capitalised; a posting has to be of all parts.

    Attributes:
        industry, occupation, employer, region: None: any. The region is that of a posting's first place.
    """

    industry: str | None = None
    occupation: str | None = None
    employer: str | None = None
    region: str | None = None

    def said(self) -> dict[str, str]:
        """The parts that are named."""
        return {part.name: word for part in fields(self) if (word := getattr(self, part.name)) is not None}


def browse(
    engine: Engine,
    queries: Queries,
    category: Category,
    k: int,
    explain: bool = False,
    filters: Filters | None = None,
) -> Lists:
    """Lists of at most ``k`` postings of a category for B requests: ``k`` whenever so many may be shown.

    Args:
        engine: whose postings and order.
        queries: of the requests; ``Queries.impersonal`` where only the category counts.
        category: the same for all.
        k: length.
        explain: with reasons.
        filters: of all requests; a place to browse is one of them.

    Raises:
        UnknownError: no posting was ever of a part of the category.
        RequestError: the filters name what the board does not know, or neither says anything.
    """
    return in_category(engine, category, filters).answer(queries, k, explain)


def in_category(engine: Engine, category: Category, filters: Filters | None = None) -> Engine:
    """The same engine over the postings of a category that filters leave; errors as ``browse``.

    Where an employer is browsed, how many of its postings a list may hold is not limited.
    """
    passed = _parts(engine.catalogue, category)
    if filters is not None:
        passed += list(conditions(engine.catalogue, filters).values())
    if not passed:
        names = ", ".join(_BOOKS)
        raise RequestError(f"nothing to browse: name one of {names}, or a place by latitude, longitude and within_km")
    found = replace(engine, catalogue=narrowed(engine.catalogue, np.logical_and.reduce(passed)))
    return found if category.employer is None else found.of_one_employer()


def browse_costs(engine: Engine, queries: Queries, category: Category, filters: Filters) -> list[dict[str, int]]:
    """How many postings of the category each filter alone takes away, see ``Engine.filter_costs``; errors as there."""
    whole = category == Category()
    return (engine if whole else in_category(engine, category)).filter_costs(queries, filters)


def _parts(catalogue: Catalogue, category: Category) -> list[Flags]:
    """For each part that is said which postings are of it, bool (P,)."""
    found = []
    for part, word in category.said().items():
        numbers = catalogue.numbering.find(_BOOKS[part], [word])
        if len(numbers) == 0:
            raise UnknownError(f"no posting of this board has the {part} {word!r}")
        codes = getattr(catalogue.attributes, _BOOKS[part])[: len(catalogue)]
        found.append(np.asarray(codes == numbers[0]))
    return found
