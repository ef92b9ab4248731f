"""Whether one thread waits for an answer of the store, for others to see."""

import time


class Asking:
    """Entered by one thread around each question; read by any."""

    def __init__(self) -> None:
        self._since: float | None = None

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *error: object) -> None:
        self._since = None

    @property
    def seconds(self) -> float:
        """For how long the question that is under way has waited; 0 where none is."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since
