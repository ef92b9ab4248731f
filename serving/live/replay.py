"""A list that was answered, made again from what its answer names: a bundle and two positions of the log."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from recsys.bundle import Bundle, open_bundle
from recsys.errors import DataError, RequestError, StoreError
from recsys.filters import Filters
from serving.decisions import OWN, Decision, read_decisions, read_file
from serving.live.follower import MANY, Follower
from serving.live.log import Log
from serving.live.lookup import Lookup, Vectors
from serving.live.state import State

_TOLERANCE = 1e-6  #: of scores; they are float32


class Kept(Log, Vectors, Protocol):
    """What is needed of the store: its log, and the vectors that were made of it."""


class Replay:
    """States of one bundle, made from the log. Positions may only rise: what is ahead of one cannot be taken back.

    Args:
        bundle: that answered.
        store: whose log it answered from.
        upto: the last position that is asked for.

    Raises:
        BundleError: the bundle is damaged.
        RequestError: the bundle is newer than ``upto``.
    """

    def __init__(self, bundle: Bundle | Path, store: Kept, upto: int) -> None:
        opened = open_bundle(bundle) if isinstance(bundle, Path) else bundle
        first = int(opened.manifest["position"])
        if upto < first:
            raise RequestError(f"the bundle {opened.name} was made at position {first}, after position {upto}")
        lookup = Lookup(store, str(opened.manifest["encoder"]["name"]), opened.catalogue.title.dimension)
        room = max(upto - first, 1)  # an entry of the log takes a row at most
        self._follower = Follower(opened, first, store, lookup, room, _nobody_asks)

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


def find_decision(log: Path, request_id: str) -> Decision:
    """One decision of a log.

    Args:
        log: a file of it, or the folder.
        request_id: of the request that was answered.

    Raises:
        DataError: there is none, or the file cannot be read.
    """
    try:
        lines = read_decisions(log) if log.is_dir() else read_file(log)
        found = next((one for one in lines if one.request_id == request_id), None)
    except OSError as error:
        raise DataError(f"{log} cannot be read: {error.strerror}") from None
    if found is None:
        raise DataError(f"{log} holds no decision of the request {request_id!r}")
    return found


def list_again(decision: Decision, bundle: Bundle | Path, store: Kept) -> list[Any]:
    """What a decision listed, made again.

    Returns:
        recommendations, with the ids and scores of the decision.

    Raises:
        RequestError: the decision names another bundle or a profile that was not stored.
        DataError: another list comes out: says where it begins to differ.
        JobrecError: as ``Replay``.
    """
    opened = open_bundle(bundle) if isinstance(bundle, Path) else bundle
    if decision.bundle != opened.name:
        raise RequestError(f"the bundle {decision.bundle} answered {decision.request_id}, this one is {opened.name}")
    if decision.candidate_id is None:
        raise RequestError(f"{decision.request_id} asked with a profile that was not stored: it cannot be made again")
    if decision.surface.startswith(OWN):
        what = decision.surface.removeprefix(OWN)
        raise RequestError(f"{decision.request_id} is of {what}: only lists of recommendations can be made again")
    state = state_at(opened, store, decision.position, decision.indexed)
    filters = None if decision.filters is None else Filters.model_validate(decision.filters)
    lines = state.recommend(decision.candidate_id, decision.k, decision.at, filters=filters, personal=decision.personal)
    different = difference(decision.postings, decision.scores, lines)
    if different:
        raise DataError(f"{decision.request_id} is not what comes out: {different}")
    return lines


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


def _nobody_asks(document: dict[str, Any]) -> Any:
    raise RequestError("profiles that are not stored need the encoder's process")
