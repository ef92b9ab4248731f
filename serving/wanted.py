"""Which encoder processes the bundles of a home want."""

from pathlib import Path
from typing import Any

from recsys.encode import EncoderConfig
from recsys.errors import BundleError
from recsys.manifest import read_manifest
from serving.board import Board
from serving.bundles import Home
from serving.encoder.process import EncoderJob
from serving.rendezvous import socket_of
from serving.store import Store


class WantedEncoders:
    """Asked by the parent each second: the encoder of the active bundle, and those that are still needed beside it.

    An encoder follows the log from the oldest bundle of the home that was made with it, since a rollback must find the
    vectors of all that came after. Where a bundle older than that becomes active, the position moves back, and the
    parent starts the process again.

    Where the active bundle has another encoder, workers answer from the one before until all newcomers are encoded
    again. Until then its encoder is wanted, too, however long that takes: what arrives meanwhile is found, and profiles
    are read.

    Args:
        home: folder of the bundles.
        store: URL.
        run: folder of the sockets and the board.
        cache: of distilled encoders.
    """

    def __init__(self, home: Path, store: str, run: Path, cache: Path) -> None:
        self._home, self._store, self._run, self._cache = Home(home), store, run, cache
        self._jobs: dict[str, EncoderJob] = {}  # by the encoder's name, as they were wanted last
        self._last: str | None = None  # the encoder of the bundle that is active
        self._until: dict[str, int] = {}  # of those before it: what the active one's must have reached
        self._board: Board | None = None

    def __call__(self) -> list[EncoderJob]:
        """The jobs, that of the active bundle first.

        Raises:
            BundleError: no bundle is active, or it is damaged.
            StoreError: the board cannot be opened.
        """
        active = self._home.active()
        if active is None:
            home = self._home.path
            raise BundleError(f"no bundle is active in {home}: jobrec bundles activate NAME --home {home}")
        manifest = read_manifest(active)
        name = str(manifest["encoder"]["name"])
        job = self._job(name, manifest)
        self._note_change(name)
        if self._until:
            reached = self._indexed(name)
            self._until = {one: least for one, least in self._until.items() if reached < least}
        self._jobs[name] = job
        return [job, *(self._jobs[one] for one in self._until)]

    def close(self) -> None:
        """Let go of the board."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def _job(self, name: str, manifest: dict[str, Any]) -> EncoderJob:
        alike = [one.position for one in self._home.list() if one.encoder == name and not one.damage]
        served = int(manifest["position"])
        position, before = min([served, *alike]), self._jobs.get(name)
        if before is not None and before.position <= served:
            position = max(position, before.position)  # nothing that is older is active
        config = EncoderConfig.model_validate(manifest["encoder"]["config"])
        return EncoderJob(socket_of(self._run, name), config, self._cache, self._store, self._run / "board", position)

    def _note_change(self, name: str) -> None:
        if self._last is not None and self._last != name:
            self._until[self._last] = self._indexed(self._last)
        self._until.pop(name, None)
        self._last = name

    def _indexed(self, encoder: str) -> int:
        if self._board is None:
            with Store.open(self._store) as store:
                self._board = Board(self._run / "board", store.identity())
        return self._board.indexed(encoder)
