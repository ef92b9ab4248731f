"""The encoder's door: a Unix domain socket, a thread for each connection, and the batcher behind them."""

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from recsys.errors import EncoderBusy, EncoderError
from serving.encoder.batcher import Batcher
from serving.encoder.wire import LONGEST, MOST_TEXTS, pack, unpack

log = logging.getLogger(__name__)

#: More texts than this in one question are bulk, whatever the question says.
ONLINE_TEXTS: Final = 64
_LONGEST_WAIT: Final = 600.0  # seconds
_PAUSE: Final = 0.1  # seconds, when there are no more files to be had


class Server:
    """Answers clients until it is stopped.

    Args:
        address: of the socket; what lies there is replaced. Only this user may connect.
        batcher: already started.
        most_connections: further ones are closed at once.
    """

    def __init__(self, address: Path, batcher: Batcher, most_connections: int = 512) -> None:
        self.address = address
        self.batcher = batcher
        self._free = threading.BoundedSemaphore(most_connections)
        self._stopping = False
        self._listener = _listen(address)
        self._inode = os.stat(address).st_ino
        self._thread = threading.Thread(target=self._accept, name="encoder-door", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether there is still a thread that accepts."""
        return self._thread.is_alive()

    def stop(self, seconds: float) -> None:
        """Accept nobody more, finish what waits within ``seconds``, remove the socket."""
        self._stopping = True
        with suppress(FileNotFoundError):
            if os.stat(self.address).st_ino == self._inode:  # not that of a process that came after a killed parent
                self.address.unlink()
        with suppress(OSError):  # whoever waits in accept wakes up
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.batcher.stop(seconds)
        self._thread.join(1)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                if self._stopping:
                    return
                log.exception("a connection to the encoder could not be accepted")
                time.sleep(_PAUSE)
                continue
            if not self._free.acquire(blocking=False):
                client.close()
                continue
            connection = Connection(client.detach())
            threading.Thread(target=self._serve, args=(connection,), name="encoder-client", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            with connection:
                while True:
                    connection.send_bytes(self._answer(connection.recv_bytes(LONGEST)))
        except (EOFError, OSError):
            return  # the client has gone, or sent more than is read: its connection ends
        finally:
            self._free.release()

    def _answer(self, message: bytes) -> bytes:
        try:
            question, _ = unpack(message)
            texts, seconds, bulk = _read(question)
            vectors, _ = self.batcher.encode_each(texts, seconds, bulk)  # zeros for some, as where they are stored
        except EncoderBusy as error:
            return pack({"error": "busy", "why": str(error)})
        except EncoderError as error:
            return pack({"error": "failed", "why": str(error)})
        rows, columns = vectors.shape
        return pack({"rows": rows, "columns": columns, "encoder": self.batcher.encoder.name}, vectors)


def _read(question: dict[str, Any]) -> tuple[list[str], float, bool]:
    texts, seconds = question.get("texts"), question.get("seconds")
    if not isinstance(texts, list) or len(texts) > MOST_TEXTS or not all(isinstance(text, str) for text in texts):
        raise EncoderError(f"a question to the encoder holds a list of at most {MOST_TEXTS} texts")
    if not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST_WAIT:
        raise EncoderError(f"a question to the encoder says how many seconds it waits, at most {_LONGEST_WAIT:g}")
    return texts, float(seconds), bool(question.get("bulk")) or len(texts) > ONLINE_TEXTS


def _listen(address: Path) -> socket.socket:
    """A listening socket that only this user may connect to: bound under a name of its own, then renamed."""
    address.parent.mkdir(parents=True, exist_ok=True)
    own = address.with_name(f"{address.name}.{os.getpid()}")
    own.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(own))
        os.chmod(own, 0o600)
        listener.listen(128)
        os.replace(own, address)
    except OSError as error:
        listener.close()
        own.unlink(missing_ok=True)
        raise EncoderError(
            f"the encoder cannot listen at {address}: {error}; give a shorter or another run folder"
        ) from error
    return listener
