"""What a service holds alone on its host: the run folder and the address."""

import fcntl
import socket
from pathlib import Path
from typing import IO

from recsys.errors import ConfigError


def take(run: Path) -> IO[bytes]:
    """The run folder, for this process alone, without what an earlier one left: sockets, and a board of another store.

    Raises:
        ConfigError: it is in use, or cannot be made.
    """
    try:
        run.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (run / "lock").open("ab")
    except OSError as error:
        raise ConfigError(f"the run folder {run} cannot be made: {error.strerror}; give another") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise ConfigError(f"{run} is in use by another `jobrec serve`; stop it, or give another run folder") from None
    for remains in [*run.glob("board*"), *(one for one in run.iterdir() if one.is_socket())]:
        remains.unlink(missing_ok=True)
    return lock


def bind(host: str, port: int, backlog: int) -> socket.socket:
    """A socket that listens and does not block.

    Raises:
        ConfigError: the address is in use, or cannot be.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(backlog)
    except OSError as error:
        listening.close()
        raise ConfigError(f"cannot listen at {host}:{port}: {error.strerror}; give another port") from error
    listening.setblocking(False)
    return listening
