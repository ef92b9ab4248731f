"""Ways to read texts that the engine does not have, tried on vectors alone, so that their worth is known first."""

from collections.abc import Sequence

import numpy as np

from benchmarks.text_market import CachedEncoder, Numbers

WINDOW = 1_200  # characters: about the 256 tokens that the encoder reads


def unit(vectors: Numbers) -> Numbers:
    """Rows at length 1; zero rows stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def windows(text: str, size: int = WINDOW) -> list[str]:
    """The text cut between words into pieces of at most ``size`` characters; a last piece under a quarter is joined."""
    pieces: list[str] = []
    while len(text) > size:
        cut = text.rfind(" ", 0, size)
        cut = size if cut <= 0 else cut
        pieces.append(text[:cut])
        text = text[cut:].lstrip()
    if pieces and len(text) < size // 4:
        pieces[-1] += " " + text
        return pieces
    return [*pieces, text]


def by_windows(encoder: CachedEncoder, texts: Sequence[str]) -> tuple[Numbers, int]:
    """The mean of the vectors of a text's windows, at length 1: float32 (N, d); and how many windows there were."""
    pieces = [windows(text) for text in texts]
    owner = np.repeat(np.arange(len(texts)), [len(some) for some in pieces])
    total = np.zeros((len(texts), encoder.dimension), np.float32)
    np.add.at(total, owner, encoder.encode([piece for some in pieces for piece in some], progress=True))
    return unit(total), len(owner)


def centred(vectors: Numbers, of: Numbers) -> Numbers:
    """``vectors`` without the mean of the vectors ``of``, at length 1."""
    return unit(vectors - of.mean(axis=0))
