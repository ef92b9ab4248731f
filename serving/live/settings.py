"""How a worker follows the log."""

from pydantic import Field

from recsys.config import Settings


class LiveSettings(Settings):
    """How a worker keeps up with the log.

    Attributes:
        room: postings that may arrive or change before another bundle is needed; each is compared with every request.
        most_changed: candidates whose changes since the bundle are held in memory by each worker, 0.3 kB each, 7 kB
            with a new profile; where there are more, those whose last change is longest ago are looked up in the store.
        poll_seconds: how often other hosts' writes are looked for.
        wait_seconds: a request that names a ``min_position`` is held for so long at most.
        patience_seconds: a store that gives no answer for so long counts as gone: reads go on from memory.
    """

    room: int = Field(30_000, ge=1)
    most_changed: int = Field(200_000, ge=1)
    poll_seconds: float = Field(0.2, gt=0, le=60)
    wait_seconds: float = Field(2.0, gt=0, le=60)
    patience_seconds: float = Field(0.5, gt=0, le=60)
