"""A child that does not outlive its parent."""

import multiprocessing
import os
import threading
from collections.abc import Callable


def when_parent_ends(act: Callable[[], None], at_most: float) -> None:
    """Call ``act`` once the process that spawned this one has ended, however it did, and leave ``at_most`` s later.

    The parent's end is seen by a pipe that only it holds open, so it is seen after SIGKILL too. Does nothing in a
    process that ``multiprocessing`` did not start.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        timer = threading.Timer(at_most, os._exit, (1,))
        timer.daemon = True
        timer.start()
        act()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
