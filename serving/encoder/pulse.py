"""Whether the encoder's process gets on, for its parent, which kills one that does not.

A thread that merely shows that the process lives would hide a batch that never ends; and one batch, on a machine that
is busy with other things, may take much longer than was planned. So what counts is the thread that encodes. It gets on
when it has finished a batch, when it comes by with nothing to do, and within a batch when it used processor time since
the last look, up to ``LONGEST`` of it for one batch. One that waits for a lock, or that is stopped, uses none.
"""

from typing import Final

from serving.encoder.batcher import Batcher
from serving.encoder.server import Server

#: Seconds between two looks.
PULSE: Final = 0.1
#: Seconds of processor time of the encoding thread that one batch may take; some 0.1 are planned.
LONGEST: Final = 600.0


class Pulse:
    """Looks at a batcher and its door; of one thread.

    Args:
        batcher: started.
        server: its door, started.
        longest: see ``LONGEST``.
    """

    def __init__(self, batcher: Batcher, server: Server, longest: float = LONGEST) -> None:
        self._batcher, self._server, self._longest = batcher, server, longest
        self._turns = -1
        self._used = self._used_before = 0.0

    def got_on(self) -> bool:
        """Whether there was progress since the last look."""
        if not (self._server.alive and self._batcher.alive):
            return False
        turns, used = self._batcher.turns, self._batcher.processor_seconds()
        more, self._used = used > self._used, used
        if turns != self._turns:
            self._turns, self._used_before = turns, used
            return True
        return more and used - self._used_before <= self._longest
