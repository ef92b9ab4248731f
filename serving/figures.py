"""One page of figures for all workers of a host.

prometheus_client keeps the figures of each process in mapped files of one folder, which any worker adds up for a
scrape. The parent empties the folder when it starts; what workers counted that ended since stays, so that no sum falls.
"""

import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Final

from recsys.errors import ConfigError

log = logging.getLogger(__name__)

#: What prometheus_client asks, once, when it is imported.
VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
#: Bytes on the disk for each kind of file, more than what they hold comes to: a mapped page for which there is no room
#: when it is first written ends the process.
_ROOM: Final = {
    "counter": 1 << 18,
    "histogram": 1 << 19,
    "gauge_livesum": 1 << 16,
    "gauge_livemin": 1 << 16,
    "gauge_livemax": 1 << 16,
}


def empty_folder(run: Path) -> Path:
    """The folder in a run folder, without what an earlier service left; called by the parent.

    Raises:
        ConfigError: it cannot be emptied or made.
    """
    folder = run / "metrics"
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made anew: {error.strerror}; remove it") from error
    return folder


def join(folder: Path) -> None:
    """Count in a folder from now on; called by a worker before prometheus_client is imported.

    Where the disk has no room, this worker counts for itself.
    """
    try:
        for kind, size in _ROOM.items():
            with _file(folder, kind, os.getpid()).open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        log.error("this worker's figures are not on the common page: %s cannot be written: %s", folder, error.strerror)
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = str(folder)


def leave(folder: Path, process: int) -> None:
    """Forget the gauges of a worker that has ended and keep what it counted; called by the parent."""
    from prometheus_client.multiprocess import mark_process_dead

    try:
        mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]
        for file in (_file(folder, "counter", process), _file(folder, "histogram", process)):
            if used := _used(file):
                os.truncate(file, used)
            else:
                file.unlink(missing_ok=True)
    except OSError as error:  # the parent has more to do than this
        log.error("the figures of process %d stay as they are: %s", process, error)


def _file(folder: Path, kind: str, process: int) -> Path:
    """Where prometheus_client keeps one kind of figures of a process."""
    return folder / f"{kind}_{process}.db"


def _used(file: Path) -> int:
    """Bytes that hold something, 0 where no figure is in it: prometheus_client begins a file with that number."""
    if not file.exists():
        return 0
    with file.open("rb") as opened:
        used = int.from_bytes(opened.read(4), sys.byteorder)
    return used if used > 8 else 0
