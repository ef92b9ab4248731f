"""``jobrec serve`` with two things that a crash test needs in its workers; everything else is the real one.

A clock that stands still, at ``CRASH_NOW``, so that answers can be made again to the last digit. And death between the
store's commit and the answer: of the next write after the file ``CRASH_FILE`` is there, by SIGKILL to the worker
("self") or to all processes ("all"), as the file says. Nothing is told of the write by then: not the board, not the
client.
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

NOW, FILE = "CRASH_NOW", "CRASH_FILE"


def create():
    import serving.http.lists
    import serving.worker
    from serving.store import Store

    serving.http.lists.time = SimpleNamespace(time=lambda: float(os.environ[NOW]))
    Store.write = dying(Store.write, Path(os.environ[FILE]))
    return serving.worker.create()


def dying(write, file):
    def write_and_die(self, writes):
        receipt = write(self, writes)
        if file.exists():
            die(file)
        return receipt

    return write_and_die


def die(file):
    mine = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.rename(mine)  # of several threads and workers, one
    except FileNotFoundError:
        return
    if mine.read_text() == "all":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    import jobrec
    import serving.serve

    serving.serve.ServeJob = partial(serving.serve.ServeJob, app="crash_app:create")
    sys.exit(jobrec.main())
