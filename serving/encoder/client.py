"""Asking the encoder's process for vectors, from any thread of any process of the host."""

import os
import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsys.errors import EncoderBusy, EncoderError, EncoderGone
from serving.encoder.wire import LONGEST, MOST_TEXTS, pack, unpack

#: Beyond the time that was given, the answer "busy" is waited for so long before the process counts as gone, seconds.
GRACE: Final = 0.25


class EncoderClient:
    """Vectors by the encoder's process; a connection for each thread, made anew when it breaks.

    Args:
        address: the socket of the process.
        name: the encoder that is expected there; None: any.
    """

    def __init__(self, address: Path | str, name: str | None = None) -> None:
        self.address = str(address)
        self.name = name
        self._mine = threading.local()

    def encode(self, texts: Sequence[str], timeout: float = 5.0, bulk: bool = False) -> NDArray[np.float32]:
        """Unit vectors of n texts, float32 (n, d); zeros for one without content or on which the encoder fails.

        Args:
            texts: any number; more than 64 at once are bulk.
            timeout: seconds.
            bulk: whether others may go first.

        Raises:
            EncoderBusy: too many wait, or the time was not enough.
            EncoderGone: the process does not answer.
            EncoderError: it failed on these texts, or another encoder is there.
        """
        deadline = time.monotonic() + timeout
        message = pack({"texts": list(texts), "seconds": timeout, "bulk": bulk})
        if len(message) > LONGEST or len(texts) > MOST_TEXTS:
            found = f"{len(texts)} texts are {len(message) >> 20} MB"
            raise EncoderError(f"{found}; ask for at most {MOST_TEXTS} texts and {LONGEST >> 20} MB at once")
        header, numbers = self._ask(message, deadline)
        if "error" in header:
            raise {"busy": EncoderBusy}.get(header["error"], EncoderError)(header["why"])
        if self.name not in (None, header["encoder"]):
            raise EncoderError(f"the encoder at {self.address} is {header['encoder']}, expected is {self.name}")
        return np.frombuffer(numbers, "<f4").reshape(header["rows"], header["columns"]).astype(np.float32)

    def close(self) -> None:
        """End this thread's connection; another is made when it is needed."""
        line = getattr(self._mine, "line", None)
        self._mine.line = None
        if line is not None:
            line.close()

    def _ask(self, message: bytes, deadline: float) -> tuple[dict[str, Any], memoryview]:
        line: _Line | None = getattr(self._mine, "line", None)
        if line is not None and line.process == os.getpid():
            with suppress(EOFError, ConnectionError):  # of a process that was ended since: ask the one that came after
                return self._over(line, message, deadline)
        self._mine.line = line = _Line(self.address)
        try:
            return self._over(line, message, deadline)
        except (EOFError, ConnectionError) as error:
            raise EncoderGone(f"the encoder's process at {self.address} ended while it was asked") from error

    def _over(self, line: "_Line", message: bytes, deadline: float) -> tuple[dict[str, Any], memoryview]:
        try:
            return line.ask(message, deadline)
        except BaseException:  # whatever it was, an answer may still be on the way: the next asking must not get it
            self.close()
            raise


class _Line:
    """One connection."""

    def __init__(self, address: str) -> None:
        self.process = os.getpid()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(address)
            self._socket.setblocking(True)
        except BlockingIOError as error:
            self._socket.close()
            raise EncoderBusy("too many connect to the encoder at once; ask later") from error
        except OSError as error:
            self._socket.close()
            raise EncoderGone(f"the encoder's process does not answer at {address}: {error.strerror}") from error
        self._connection = Connection(os.dup(self._socket.fileno()))

    def ask(self, message: bytes, deadline: float) -> tuple[dict[str, Any], memoryview]:
        """The answer to a message.

        Raises:
            EncoderGone: none comes in time.
            EOFError, ConnectionError: the other side has ended.
        """
        left = max(deadline - time.monotonic(), 0.0) + GRACE
        limit = struct.pack("ll", int(left), int(left % 1 * 1e6))
        for way in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):  # a process that was stopped reads and writes nothing
            self._socket.setsockopt(socket.SOL_SOCKET, way, limit)
        try:
            self._connection.send_bytes(message)
            if self._connection.poll(max(deadline + GRACE - time.monotonic(), 0.0)):
                return unpack(self._connection.recv_bytes(LONGEST))
        except BlockingIOError as error:
            raise EncoderGone("the encoder's process does not read what it is asked") from error
        raise EncoderGone("the encoder's process did not answer in time")

    def close(self) -> None:
        """End it."""
        self._connection.close()
        self._socket.close()

    def __del__(self) -> None:
        """Of a thread that ended: nobody else closes its connection."""
        with suppress(AttributeError):  # it was never made
            self.close()
