"""Asking the validation queries: lessons to learn from, and ranks of the answers among the whole catalogue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.config import EngineSettings
from recsys.eligible import eligible
from recsys.interests import Interests, find_interests
from recsys.queries import Queries
from recsys.rank import Ranker
from recsys.signals import SIGNALS, compute
from training.config import ValidationSettings
from training.learn import Lessons
from training.prepare import Prepared
from training.snapshot import catalogue_at
from training.split import Block, folds

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

FOLDS = 2
_SHOWN = np.flatnonzero(["shown" in signal.family.split() for signal in SIGNALS])
_AT_ONCE = 8  # queries whose whole catalogue is scored at once


@dataclass(frozen=True)
class Asked:
    """A block of queries with the catalogue that answers them.

    Attributes:
        block: who asks for what.
        catalogue: as it stood when the block began.
        queries: Q requests.
        interests: of the same requests.
    """

    block: Block
    catalogue: Catalogue
    queries: Queries
    interests: Interests

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Whether the answer had events, bool (Q,)."""
        return self.catalogue.behaviour.seen[self.block.answer]

    @property
    def with_history(self) -> NDArray[np.bool_]:
        """Whether the candidate had a history, bool (Q,)."""
        return np.asarray(np.any(self.queries.history >= 0, axis=1))

    def sample(self, chosen: NDArray[np.bool_]) -> "Asked":
        """The chosen queries, with the same catalogue."""
        rows = np.flatnonzero(chosen)
        return Asked(self.block.take(rows), self.catalogue, self.queries.take(rows), self.interests.take(rows))

    def fold(self, seed: int) -> NDArray[np.int64]:
        """The fold of each query."""
        return folds(self.block.candidate, FOLDS, seed)


def ask(prepared: Prepared, settings: EngineSettings, block: Block) -> Asked:
    """Make the catalogue of a block and cut its queries from the candidates' histories."""
    catalogue = catalogue_at(prepared, settings, block.known, block.opened, block.closed)
    queries = _queries(prepared, settings, block)
    return Asked(block, catalogue, queries, find_interests(catalogue, queries, settings.retrieve))


def _queries(prepared: Prepared, settings: EngineSettings, block: Block) -> Queries:
    if not block.around:
        return prepared.candidates.queries(block.candidate, block.now, settings.events, block.visible)
    queries = prepared.candidates.only(block.known).queries(block.candidate, block.now, settings.events)
    weights = settings.events.weights.model_dump()
    chosen = tuple(kind for kind, weight in weights.items() if weight > 0)
    other = prepared.candidates.only(~block.known).hidden(block.candidate, chosen)
    answers = np.arange(len(block), dtype=np.int64) << 32 | block.answer
    return replace(queries, hidden=np.union1d(queries.hidden, np.setdiff1d(other, answers)))


def lessons_of(asked: Asked, settings: ValidationSettings) -> Lessons:
    """Signals of each answer, of negatives drawn uniformly from what it could have been, and of what was passed over.

    Where postings carry no dates, an answer that had events is compared with others that had, a new one with new ones.
    What a list shows is the board's choice: an answer stood in one, a posting drawn uniformly hardly ever did. So the
    signals of what was shown before tell these two apart by the board's habits, not by the candidate's liking; they
    are levelled there, and learned from what stood in the same list alone.
    """
    return lessons_against(asked, _draw(asked, settings.negatives, np.random.default_rng(settings.seed)), settings.seed)


def lessons_against(asked: Asked, drawn: Rows, seed: int) -> Lessons:
    """Signals of each answer, of the negatives that were drawn for it, and of what was passed over.

    Args:
        asked: Q queries.
        drawn: int32 (Q, 1 + N), the answer first; the answer once more where a negative is lacking.
        seed: of the folds.
    """
    passed = asked.block.passed
    rows = np.concatenate([drawn, np.where(passed >= 0, passed, drawn[:, :1])], axis=1)
    signals = np.concatenate(
        [
            compute(asked.catalogue, asked.queries.part(a, b), asked.interests.part(a, b), rows[a:b])
            for a, b in _spans(len(rows), 32)
        ]
    )
    allowed = np.concatenate(
        [eligible(asked.catalogue, asked.queries.part(a, b), rows[a:b]) for a, b in _spans(len(rows), 512)]
    )
    lacking = ~allowed | asked.catalogue.copies.same(rows, rows[:, :1])
    lacking[:, 0] = False
    level = np.ix_(np.arange(len(rows)), np.arange(1, drawn.shape[1]), _SHOWN)
    signals[level] = signals[:, :1, _SHOWN]
    return Lessons(signals, lacking, asked.fold(seed))


def _draw(asked: Asked, count: int, rng: np.random.Generator) -> Rows:
    answers = asked.block.answer
    rows = np.empty((len(answers), 1 + count), np.int32)
    rows[:, 0] = answers
    for like, among in _strata(asked):
        pool = np.flatnonzero(among).astype(np.int32)
        rows[np.ix_(like, np.arange(1, 1 + count))] = rng.choice(pool, (int(like.sum()), count)) if len(pool) else -1
    rows[:, 1:] = np.where(rows[:, 1:] < 0, answers[:, None], rows[:, 1:])
    return rows


def _strata(asked: Asked) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """For each stratum: which queries (Q,) belong to it, and which postings (P,) their answers could have been."""
    catalogue = asked.catalogue
    if catalogue.dated:
        yield np.ones(len(asked.block), bool), catalogue.open
        return
    for stratum in (True, False):
        yield asked.seen == stratum, catalogue.open & (catalogue.behaviour.seen == stratum)


Contenders = Sequence[Sequence[Ranker]]  # each a list of one ranker a fold, learned on the other folds


def ranks(asked: Asked, rankers: Contenders, singles: Sequence[int], seed: int) -> NDArray[np.int64]:
    """Rank of each answer among all postings that it could have been, for every ranker.

    Args:
        asked: Q queries.
        rankers: see ``Contenders``.
        singles: columns of the signals that are asked too, each by itself, missing values last.
        seed: of the folds.

    Returns:
        int64 (Q, rankers + singles), 1 is best.
    """
    width = len(rankers) + len(singles)
    out = np.zeros((len(asked.block), width), np.int64)
    for chosen, rows, against, scores in _scored(asked, rankers, singles, seed):
        out[chosen] = np.stack([_rank_of_first(score, rows, against) for score in scores], axis=1)
    return out


def whole_lists(asked: Asked, rankers: Contenders, singles: Sequence[int], seed: int, k: int) -> Rows:
    """The first ``k`` of all postings that the answer could have been: int32 (rankers + singles, Q, k), -1 padded.

    A single signal lists only postings for which it has evidence.
    """
    width = len(rankers) + len(singles)
    out = np.full((width, len(asked.block), k), -1, np.int32)
    for chosen, rows, against, scores in _scored(asked, rankers, singles, seed):
        against[:, 0] = True  # the answer stands once, at the front
        for at, score in enumerate(scores):
            best, there = _top(np.where(against, score, _NOTHING), rows, k)
            out[at, chosen, : best.shape[1]] = np.where(there, best, -1)
    return out


_NOTHING = np.float32(-1e30)


def _top(scores: Numbers, rows: Rows, k: int) -> tuple[Rows, NDArray[np.bool_]]:
    """Rows of the ``k`` highest scores of each request, ties by row, and which of them have a score."""
    k = min(k, scores.shape[1])
    some = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    score, row = np.take_along_axis(scores, some, 1), np.take_along_axis(rows, some, 1)
    order = np.lexsort((row, -score), axis=1)
    return np.take_along_axis(row, order, 1), np.take_along_axis(score, order, 1) > _NOTHING


Scored = tuple[NDArray[np.intp], Rows, NDArray[np.bool_], list[Numbers]]


def _scored(asked: Asked, rankers: Contenders, singles: Sequence[int], seed: int) -> Iterator[Scored]:
    """Every query against the whole of its stratum.

    Yields:
        which queries (b,), all of one fold; rows (b, 1 + n), the answer first; which of the rest compete; scores
        (b, 1 + n) of each ranker and of each of the signals.
    """
    fold = asked.fold(seed)
    for (like, among), one in product(_strata(asked), range(FOLDS)):
        pool = np.flatnonzero(among).astype(np.int32)
        members = np.flatnonzero(like & (fold == one))
        for a, b in _spans(len(members), _AT_ONCE):
            chosen = members[a:b]
            queries, interests = asked.queries.take(chosen), asked.interests.take(chosen)
            answers = asked.block.answer[chosen]
            rows = np.concatenate([answers[:, None], np.broadcast_to(pool, (len(chosen), len(pool)))], axis=1)
            signals = compute(asked.catalogue, queries, interests, rows)
            against = eligible(asked.catalogue, queries, rows) & ~asked.catalogue.copies.same(rows, answers[:, None])
            scores = [by_fold[one].score(signals) for by_fold in rankers]
            scores += [np.where(np.isnan(signals[..., at]), _NOTHING, signals[..., at]) for at in singles]
            yield chosen, rows, against, scores


def _rank_of_first(scores: Numbers, rows: Rows, against: NDArray[np.bool_]) -> NDArray[np.int64]:
    """1 + how many of the others stand before the first column, ties by row."""
    ahead = (scores > scores[:, :1]) | ((scores == scores[:, :1]) & (rows < rows[:, :1]))
    return 1 + np.asarray((ahead & against).sum(axis=1), np.int64)


def _spans(count: int, step: int) -> Iterator[tuple[int, int]]:
    for at in range(0, count, step):
        yield at, min(at + step, count)
