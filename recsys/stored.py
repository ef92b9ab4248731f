"""The candidates' snapshot that training stores beside the postings, for export and the online function."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.bundle import Bundle, flatten, read_arrays
from recsys.candidates import Candidates, Histories, Profiles
from recsys.codes import Codes
from recsys.errors import BundleError
from recsys.finders import Finders
from recsys.ids import Ids
from recsys.mutes import Muted, Mutes, Texts
from recsys.terms import Terms

FOLDER = "candidates"
FINDERS = "finders"


def candidate_arrays(candidates: Candidates) -> dict[str, NDArray[Any]]:
    """Everything as plain arrays; ``read_candidates`` gives an equal snapshot."""
    if candidates.mutes is None:
        nobody: list[tuple[str, ...]] = [()] * len(candidates)
        nothing = Codes.from_vectors(np.empty((0, candidates.profiles.vectors.dimension), np.float32))
        said = Mutes.of(nobody, nobody, [()] * len(candidates), nothing)
    else:
        said = candidates.mutes.said
    return (
        flatten(replace(candidates, mutes=None)) | flatten(said, "mutes.") | {"candidate_ids": candidates.ids.names()}
    )


def read_candidates(bundle: Bundle) -> Candidates:
    """The snapshot in a bundle.

    Raises:
        BundleError: the bundle was written without one.
    """
    folder: Path = bundle.path / FOLDER
    if not folder.is_dir():
        raise BundleError(f"{folder} is missing: this bundle holds no candidates; train again")
    arrays = read_arrays(folder)

    def inner(prefix: str) -> dict[str, NDArray[Any]]:
        return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

    profiles = {name: array for name, array in inner("profiles.").items() if "." not in name}
    return Candidates(
        Ids(arrays["candidate_ids"], "candidate"),
        Profiles(vectors=Codes(**inner("profiles.vectors.")), terms=Terms(**inner("profiles.terms.")), **profiles),
        Histories(**inner("histories.")),
        Muted(_mutes(inner("mutes.")), bundle.catalogue.ids, bundle.catalogue.numbering),
    )


def _mutes(arrays: dict[str, NDArray[Any]]) -> Mutes:
    return Mutes(
        postings=Texts(arrays["postings.start"], arrays["postings.data"]),
        employers=Texts(arrays["employers.start"], arrays["employers.data"]),
        start=arrays["start"],
        interest=arrays["interest"],
        titles=Codes(arrays["titles.codes"], arrays["titles.scale"]),
    )


def finder_arrays(finders: Finders) -> dict[str, NDArray[Any]]:
    """Everything as plain arrays; ``read_finders`` gives equal ones."""
    return flatten(finders)


def read_finders(bundle: Bundle) -> Finders:
    """By what the candidates in a bundle are found for postings, memory-mapped.

    Raises:
        BundleError: the bundle was written without them.
    """
    folder: Path = bundle.path / FINDERS
    if not folder.is_dir():
        raise BundleError(f"{folder} is missing: this bundle cannot list candidates for postings; train again")
    a = read_arrays(folder)
    parts: dict[str, Any] = {
        name: Codes(a[f"{name}.codes"], a[f"{name}.scale"]) for name in ("profile", "first", "second", "factors")
    }
    return Finders(**parts, **{name: a[name] for name in ("place", "start", "chosen", "level")})
