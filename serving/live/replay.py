"""What was answered, made again from what the answer names: a bundle, two positions of the log, and what was asked."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from recsys.browse import Category
from recsys.bundle import Bundle, open_bundle
from recsys.errors import DataError, RequestError, StoreError
from recsys.filters import Filters
from recsys.request import Recommendation
from serving.decisions import OWN, Decision, read_decisions, read_file
from serving.live import pages
from serving.live.follower import MANY, Follower
from serving.live.log import Log
from serving.live.lookup import Lookup, Vectors
from serving.live.pages import Viewer
from serving.live.state import ReadProfile, State
from serving.live.unstored import Encodes, profile_reader

_TOLERANCE = 1e-6  #: of scores; they are float32


class Kept(Log, Vectors, Protocol):
    """What is needed of the store: its log, and the vectors that were made of it."""


def _nobody_asks(document: dict[str, Any]) -> Any:
    raise RequestError("profiles that are not stored need the encoder's process")


class Replay:
    """States of one bundle, made from the log. Positions may only rise: what is ahead of one cannot be taken back.

    Args:
        bundle: that answered.
        store: whose log it answered from.
        upto: the last position that is asked for.
        read_profile: of those who are not stored, and of words that are searched for.

    Raises:
        BundleError: the bundle is damaged.
        RequestError: the bundle is newer than ``upto``.
    """

    def __init__(self, bundle: Bundle | Path, store: Kept, upto: int, read_profile: ReadProfile = _nobody_asks) -> None:
        opened = open_bundle(bundle) if isinstance(bundle, Path) else bundle
        first = int(opened.manifest["position"])
        if upto < first:
            raise RequestError(f"the bundle {opened.name} was made at position {first}, after position {upto}")
        lookup = Lookup(store, str(opened.manifest["encoder"]["name"]), opened.catalogue.title.dimension)
        room = max(upto - first, 1)  # an entry of the log takes a row at most
        self._follower = Follower(opened, first, store, lookup, room, read_profile)

    @property
    def state(self) -> State:
        """Where it is now."""
        return self._follower.state

    def to(self, position: int, indexed: int) -> State:
        """The state at two positions.

        Raises:
            RequestError: they are behind where this stands, or cannot belong together.
            StoreError: the log was pruned, ends before, or lacks vectors of the bundle's encoder.
        """
        now = self._follower.state
        if not now.indexed <= indexed <= position or position < now.position:
            raise RequestError(
                f"position {position}, indexed {indexed} cannot be reached from {now.position}, {now.indexed}"
            )
        while self._follower.state.position < position:
            before = self._follower.state.position
            self._follower.obey(position)
            if self._follower.state.position == before:
                raise StoreError(f"the log of the store ends at {before}, before position {position}")
        while self._follower.state.indexed < indexed:
            if not self._follower.index_some(indexed, MANY):
                raise StoreError(
                    f"the store lacks vectors of {self._follower.encoder} after position {self._follower.state.indexed}"
                )
        return self._follower.state


def state_at(bundle: Bundle | Path, store: Kept, position: int, indexed: int) -> State:
    """The state that an answer names.

    Args:
        bundle: of its name.
        store: whose log it was made from.
        position: as answered.
        indexed: as answered.

    Raises:
        JobrecError: as ``Replay``.
    """
    return Replay(bundle, store, position).to(position, indexed)


def find_decisions(log: Path, request_id: str) -> list[Decision]:
    """The decisions of one request: one, but of a home page as many as it has shelves.

    Args:
        log: a file of it, or the folder.
        request_id: of the request that was answered.

    Raises:
        DataError: there is none, or the file cannot be read.
    """
    try:
        lines = read_decisions(log) if log.is_dir() else read_file(log)
        found = [one for one in lines if one.request_id == request_id]
    except OSError as error:
        raise DataError(f"{log} cannot be read: {error.strerror}") from None
    if not found:
        raise DataError(f"{log} holds no decision of the request {request_id!r}")
    return found


def answer_again(
    decisions: Sequence[Decision],
    bundle: Bundle | Path,
    store: Kept,
    encoder: Callable[[], Encodes],
) -> list[list[Recommendation]]:
    """What the decisions of one request listed, made again.

    Args:
        decisions: of one request.
        bundle: that answered.
        store: whose log it was answered from.
        encoder: makes the bundle's encoder, which a search needs.

    Returns:
        the lines of each, with the ids and scores of the decision.

    Raises:
        RequestError: the decisions name another bundle, or a profile that was not stored.
        DataError: another list comes out: says where it begins to differ.
        JobrecError: as ``Replay``.
    """
    opened = open_bundle(bundle) if isinstance(bundle, Path) else bundle
    first = decisions[0]
    if first.bundle != opened.name:
        raise RequestError(f"the bundle {first.bundle} answered {first.request_id}, this one is {opened.name}")
    if first.candidate_id is None and not first.surface.startswith(OWN):
        raise RequestError(f"{first.request_id} asked with a profile that was not stored: it cannot be made again")
    reads = any((one.about or {}).get("by_meaning") for one in decisions)
    reader = profile_reader(opened, encoder(), store) if reads else _nobody_asks
    state = Replay(opened, store, first.position, reader).to(first.position, first.indexed)
    return [_again(one, state) for one in decisions]


def _again(decision: Decision, state: State) -> list[Recommendation]:
    lines = _made(decision, state)
    different = difference(decision.postings, decision.scores, lines)
    if different:
        what = f" ({decision.surface})" if decision.surface.startswith(OWN) else ""
        raise DataError(f"{decision.request_id}{what} is not what comes out: {different}")
    return lines


def _made(decision: Decision, state: State) -> list[Recommendation]:
    """The lines that the surface of a decision shows in a state."""
    filters = _filters(decision)
    who, k, about = decision.candidate_id, decision.k, decision.about or {}
    if not decision.surface.startswith(OWN):
        return state.recommend(who or "", k, decision.at, filters=filters, personal=decision.personal)
    surface, _, shelf = decision.surface.removeprefix(OWN).partition("/")
    viewer = Viewer(who, decision.at, decision.personal)
    try:
        if surface == "home":
            page = pages.home_page(state, viewer)
            number = int(shelf.partition("/")[0])
            return page[number - 1].recommendations if number <= len(page) else []
        if surface == "browse":
            return pages.browse_page(state, viewer, Category(**about), k, filters).lines
        if surface == "related":
            return pages.related_page(state, viewer, about["posting_id"], k, filters).lines
        if surface == "search":
            found = pages.search_page(state, viewer, about["q"], k, filters, about["by_meaning"]).found
            return pages.as_lines(found)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{decision.request_id} does not say what was asked of {surface}: {error!r}") from None
    raise RequestError(f"{decision.request_id} is of {surface}: that cannot be made again")


def _filters(decision: Decision) -> Filters | None:
    try:
        return None if decision.filters is None else Filters.model_validate(decision.filters)
    except ValueError as error:
        raise DataError(f"{decision.request_id} was asked with filters that cannot be read: {error!r}") from None


def difference(postings: Sequence[str], scores: Sequence[float], lines: Sequence[Any]) -> str:
    """Where ids in order, or scores by more than 1e-6, differ from recommendations; "" where nowhere."""
    ids = [one.posting_id for one in lines]
    if len(ids) != len(postings):
        return f"{len(postings)} postings were listed, {len(ids)} come out"
    for rank, (was, now, score, line) in enumerate(zip(postings, ids, scores, lines, strict=True), 1):
        if was != now:
            return f"rank {rank} was {was!r}, {now!r} comes out"
        if not np.isclose(score, line.score, rtol=0, atol=_TOLERANCE):
            return f"the score of rank {rank}, {was!r}, was {score}, {line.score} comes out"
    return ""
