"""What the HTTP side asks of the service behind it, as structural types: any class with these members will do."""

# ruff: noqa: D102 - what a property is stands in the docstring of its class

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, Protocol

from recsys.engine import Engine
from recsys.filters import Filters
from recsys.mutual import Match
from recsys.queries import Queries
from recsys.request import Explain, Recommendation
from serving.decisions import Decision
from serving.store.alerts import AlertBook

Document = dict[str, Any]


class Decisions(Protocol):
    """Where lists that were answered are written down."""

    def write(self, decision: Decision, /) -> object:
        """Take one; must not wait."""


class Receipt(Protocol):
    """What became of writes.

    Attributes:
        position: whoever reads with ``min_position`` = this finds all of them obeyed.
        outcomes: one a write: stored, unchanged, duplicate, conflict, missing.
    """

    @property
    def position(self) -> int: ...
    @property
    def outcomes(self) -> Sequence[str]: ...


class Readiness(Protocol):
    """Whether requests should come here, and why not."""

    @property
    def ok(self) -> bool: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def bundle(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def indexed(self) -> int: ...
    @property
    def head(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def unplaced(self) -> int: ...
    @property
    def waiting(self) -> int: ...


class Scored(Protocol):
    """One posting scored for one candidate.

    Attributes:
        score: None where the posting cannot be scored; ``status`` says why.
    """

    @property
    def posting_id(self) -> str: ...
    @property
    def score(self) -> float | None: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def status(self) -> str: ...


class State(Protocol):
    """Everything that one answer is made from; never changes."""

    @property
    def bundle(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def indexed(self) -> int: ...
    @property
    def ranker(self) -> str: ...
    @property
    def policy(self) -> str: ...

    @property
    def engine(self) -> Engine: ...

    def knows(self, candidate_id: str, /) -> bool:
        """Whether a profile or an event of the candidate is there."""

    def queries(
        self,
        who: str | Document | None,
        events: Sequence[Document] = (),
        now: float | None = None,
        personal: bool = True,
        before: float | None = None,
    ) -> Queries:
        """What a stored candidate, somebody who is not stored, or nobody brings.

        Not ``personal``: neither profile nor history, but what was answered, dismissed and muted stays hidden.
        With ``before``, without what was done then or later.
        """

    def recommend(
        self,
        candidate_id: str,
        k: int,
        now: float | None = None,
        explain: Explain = True,
        filters: Filters | None = None,
        personal: bool = True,
    ) -> list[Recommendation]:
        """The list of a known candidate."""

    def filter_costs(
        self,
        who: str | Document,
        events: Sequence[Document],
        filters: Filters,
        now: float | None = None,
        personal: bool = True,
    ) -> dict[str, int]:
        """How many postings each filter alone takes from a candidate or from somebody who is not stored."""

    def recommend_profile(
        self,
        document: Document,
        events: Sequence[Document],
        k: int,
        now: float | None = None,
        explain: Explain = True,
        filters: Filters | None = None,
        personal: bool = True,
    ) -> list[Recommendation]:
        """The list of somebody who is not stored; an empty document is somebody who brings nothing."""

    def score(
        self, who: str | Document, posting_ids: Sequence[str], now: float | None = None, personal: bool = True
    ) -> Sequence[Scored]:
        """Named postings, in the order of the names."""

    def candidates_for(self, posting_id: str, k: int, now: float | None = None) -> list[Match]:
        """Whom to show a posting; raises RequestError where it is unknown."""

    def why(
        self,
        candidate_id: str,
        posting_id: str,
        k: int = 10,
        now: float | None = None,
        filters: Filters | None = None,
        personal: bool = True,
    ) -> str:
        """Why a posting is where it is for a candidate; raises RequestError where it is unknown."""


class Service(Protocol):
    """One a worker process.

    Attributes:
        alerts: that candidates have set up.
    """

    @property
    def alerts(self) -> AlertBook: ...

    def state(self, min_position: int | None = None) -> State:
        """The state of now; with ``min_position`` waits for it, and raises Behind in the end."""

    def write(self, writes: Sequence[Any], /) -> Receipt:
        """Store all of them in one transaction, acknowledged after commit; raises StoreUnavailable."""

    def document(self, kind: Literal["posting", "candidate", "mutes"], key: str, /) -> Document | None:
        """As it was stored."""

    def readiness(self) -> Readiness:
        """How things are; quick, and never raises."""

    def keys(self) -> Mapping[str, tuple[str, Collection[str]]]:
        """Key id -> SHA-256 of its secret in hex, and its scopes; from memory."""
