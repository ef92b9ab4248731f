"""The home of a service: its bundles, and which of them is active.

    home/bundles/NAME/      a bundle each, written by `jobrec train --out`, never changed afterwards
    home/active.json        which is active, and which were before it
    home/lock               who changes the pointer holds it

The pointer is written beside its place, on disk before it is renamed, and the folder is on disk before anybody is told:
a crash at any moment leaves the old pointer or the new one.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from recsys.errors import BundleError
from recsys.manifest import read_manifest, verify_files

_MOST_HISTORY: Final = 100  # bundles that a rollback can go back through

#: Raises BundleError where a bundle must not be served; also gets the one to compare it with, if any.
Check = Callable[[Path, Path | None], None]


@dataclass(frozen=True)
class Pointer:
    """What ``active.json`` says.

    Attributes:
        bundle: name of the active bundle's folder.
        serial: rises with every change, rollbacks too.
        at: when it was changed, seconds since 1970.
        before: names that were active, the latest last: what a rollback goes back through.
    """

    bundle: str
    serial: int
    at: float
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listed:
    """One bundle of a home, as its manifest tells; ``damage`` says why it cannot be served, as far as seen at once."""

    name: str
    active: bool
    created: str = ""
    position: int = 0
    postings: int = 0
    encoder: str = ""
    damage: str = ""


class Home:
    """The folder of a service.

    Args:
        path: made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bundles = path / "bundles"

    def pointer(self) -> Pointer | None:
        """What is active; None where nothing was activated yet. Cheap: one small file is read.

        Raises:
            BundleError: the pointer cannot be read.
        """
        file = self.path / "active.json"
        try:
            document = json.loads(file.read_bytes())
            return Pointer(**document | {"before": tuple(document["before"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError):
            raise BundleError(
                f"{file} is damaged: it is not what `jobrec bundles` wrote; remove it and activate a bundle"
            ) from None

    def active(self) -> Path | None:
        """The folder of the active bundle; None where nothing was activated yet.

        Raises:
            BundleError: the pointer cannot be read.
        """
        pointer = self.pointer()
        return None if pointer is None else self.bundles / pointer.bundle

    def folder(self, name: str) -> Path:
        """Where the bundle of this name is.

        Raises:
            BundleError: there is none.
        """
        folder = self.bundles / name
        if not name or name.startswith(".") or Path(name).name != name or not folder.is_dir():
            raise BundleError(f"{self.bundles} holds no bundle {name!r}; `jobrec bundles list` names them")
        return folder

    def list(self) -> list[Listed]:
        """All bundles by name; one that is not whole is in it and says so (hashes are compared at activation only)."""
        pointer = self.pointer()
        folders = sorted(one for one in self.bundles.glob("*") if one.is_dir() and not one.name.startswith("."))
        return [_listed(folder, pointer is not None and pointer.bundle == folder.name) for folder in folders]

    def activate(self, name: str, check: Check) -> Pointer:
        """Make a bundle the active one, once ``check`` has let it through.

        Raises:
            BundleError: there is none of this name, or the check refused it; the old one stays.
        """
        folder = self.folder(name)
        with self._lock():
            now = self.pointer()
            check(folder, None if now is None else self.bundles / now.bundle)
            if now is not None and now.bundle == name:
                return now
            before = () if now is None else (*now.before, now.bundle)[-_MOST_HISTORY:]
            return self._point(folder, before, now)

    def rollback(self, check: Check, say: Callable[[str], None]) -> Pointer:
        """Go back to the bundle that was active before, passing over those that ``check`` refuses.

        Args:
            check: of a bundle.
            say: is told of each that is passed over, and why.

        Raises:
            BundleError: no earlier one can be served; the active one stays.
        """
        with self._lock():
            now = self.pointer()
            before = [] if now is None else [*now.before]
            while before:
                name = before.pop()
                if now is not None and name == now.bundle:
                    continue
                try:
                    folder = self.folder(name)
                    check(folder, None)
                except BundleError as error:
                    say(f"{name} is passed over: {error}")
                    continue
                return self._point(folder, tuple(before), now)
        raise BundleError(f"{self.path} has no earlier bundle to go back to; the active one stays")

    def _point(self, folder: Path, before: tuple[str, ...], now: Pointer | None) -> Pointer:
        pointer = Pointer(folder.name, 1 if now is None else now.serial + 1, time.time(), before)
        _sync_all(folder)  # what is pointed at is on disk before the pointer is
        write_whole(self.path / "active.json", asdict(pointer))
        return pointer

    @contextmanager
    def _lock(self) -> Iterator[None]:
        try:
            self.bundles.mkdir(parents=True, exist_ok=True)
            file = (self.path / "lock").open("ab")
        except OSError as error:
            raise BundleError(f"{self.path} cannot be the home of a service: {error.strerror}") from error
        with file:  # closing it gives the lock back
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def refuse_active(out: Path) -> None:
    """Whether a bundle may be trained into a folder: not over the active one of a home, where no gate would check it.

    Raises:
        BundleError: it is the active one, or the pointer of its home cannot be read.
    """
    for place in (out.parent.resolve() / out.name, out.resolve()):  # either may be a link
        home = Home(place.parent.parent)
        if place.parent == home.bundles and home.active() == place:
            raise BundleError(
                f"{out} is the active bundle of {home.path}, which no gate would check: train into another folder of "
                f"{home.bundles}, then `jobrec bundles activate NAME --home {home.path}`"
            )


def write_whole(file: Path, document: dict[str, Any]) -> None:
    """Write a JSON file so that a crash at any moment leaves the old one or the new one.

    Raises:
        BundleError: it cannot be written; the old one stays.
    """
    beside = file.with_name(f".{file.name}.new")
    try:
        with beside.open("w", encoding="utf-8") as out:
            json.dump(document, out, indent=1)
            out.write("\n")
            out.flush()
            os.fsync(out.fileno())
        os.replace(beside, file)
        _sync(file.parent)
    except OSError as error:
        raise BundleError(f"{file} cannot be written: {error.strerror}") from error


def _listed(folder: Path, active: bool) -> Listed:
    try:
        manifest = read_manifest(folder)
        verify_files(folder, manifest, hashes=False)
    except BundleError as error:
        return Listed(folder.name, active, damage=str(error))
    return Listed(
        folder.name,
        active,
        str(manifest.get("created", "")),
        int(manifest.get("position", 0)),
        int(manifest["postings"]),
        str(manifest.get("encoder", {}).get("name", "")),
    )


def _sync_all(folder: Path) -> None:
    try:
        for path in [*folder.rglob("*"), folder, folder.parent]:
            _sync(path)
    except OSError as error:
        raise BundleError(f"{folder} cannot be brought to the disk: {error.strerror}") from error


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
