"""Where the processes of a host find each other."""

from hashlib import blake2b
from pathlib import Path


def socket_of(run: Path, encoder: str) -> Path:
    """The socket of the process of an encoder; its name is short, since a socket's path may hold 107 bytes."""
    return run / f"encoder-{blake2b(encoder.encode(), digest_size=6).hexdigest()}"
