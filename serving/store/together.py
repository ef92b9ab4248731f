"""Writes of several threads that wait at the same time share one transaction, and so one flush to disk."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Generic, TypeVar

from recsys.errors import JobrecError

L = TypeVar("L")
A = TypeVar("A")
_MOST: Final = 2000  # lines of one transaction; a larger write stands alone


@dataclass(eq=False)
class _Job(Generic[L, A]):
    lines: list[L]
    answers: list[A] = field(default_factory=list)
    error: BaseException | None = None
    done: bool = False


class Together(Generic[L, A]):
    """Runs jobs in groups: whoever gets the turn runs all that wait, in the order in which they came.

    Args:
        run: writes lines in one transaction, all or none.
    """

    def __init__(self, run: Callable[[list[L]], list[A]]) -> None:
        self._run = run
        self._turn = Lock()
        self._waiting: deque[_Job[L, A]] = deque()

    def write(self, lines: list[L]) -> list[A]:
        """The answers to ``lines`` once they are committed, perhaps along with others'.

        Raises:
            StoreError: what the transaction failed with; nothing of the group was written.
        """
        job = _Job[L, A](lines)
        self._waiting.append(job)
        while not job.done:
            with self._turn:
                if not job.done:
                    self._run_group()
        if isinstance(job.error, JobrecError):
            raise type(job.error)(*job.error.args) from job.error  # of its own: several threads raise it
        if job.error is not None:
            raise job.error
        return job.answers

    def _run_group(self) -> None:
        group = [self._waiting.popleft()]
        size = len(group[0].lines)
        while self._waiting and size + len(self._waiting[0].lines) <= _MOST:
            group.append(self._waiting.popleft())
            size += len(group[-1].lines)
        try:
            answers = iter(self._run([line for job in group for line in job.lines]))
            for job in group:
                job.answers = [next(answers) for _ in job.lines]
        except BaseException as error:
            for job in group:
                job.error = error
        finally:
            for job in group:
                job.done = True
