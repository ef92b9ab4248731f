"""One worker: the HTTP application over the states of the active bundle. Never imports torch."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from recsys.bundle import open_bundle
from recsys.errors import BundleError
from recsys.manifest import read_manifest
from serving.board import Board
from serving.bundles import Home
from serving.config import ServeConfig
from serving.decisions import DecisionLog
from serving.encoder.client import EncoderClient
from serving.http.app import create_app, stop_asking
from serving.http.wire import server_options
from serving.live.follower import Follower
from serving.live.lookup import Lookup
from serving.live.service import Service
from serving.live.unstored import profile_reader
from serving.rendezvous import socket_of
from serving.store import Store

log = logging.getLogger(__name__)

#: The environment variable by which the parent tells its workers what to do.
TOLD: Final = "JOBREC_WORKER"


class Told(BaseModel):
    """What a worker is told.

    Attributes:
        home: folder of the bundles.
        store: URL.
        run: folder of sockets and the board.
        config: of the service.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path
    store: str
    run: Path
    config: ServeConfig


#: The application of this process, once it is made.
_APPLICATIONS: list[Any] = []


def create() -> Any:
    """The application, for uvicorn's ``factory``."""
    app = application(_told())
    _APPLICATIONS.append(app)
    return app


def options() -> dict[str, Any]:
    """What uvicorn has to know."""
    return server_options(_told().config.http)


def draining() -> None:
    """Called when the worker is told to end: balancers are told before the server closes its door."""
    for app in _APPLICATIONS:
        stop_asking(app)


def _told() -> Told:
    return Told.model_validate_json(os.environ[TOLD])


def application(told: Told) -> Any:
    """The application of one worker, with its service and its log of decisions."""
    store = Store.open(told.store)
    board = Board(told.run / "board", store.identity())
    service = Service(store, board, ActiveBundle(told, store), told.config.live)
    kept = told.config.decisions
    decisions = DecisionLog(told.home / "decisions", kept.retention_days) if kept.write else None
    app = create_app(service, told.config.http, decisions)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(one: Any) -> AsyncIterator[None]:
        async with inner(one):
            yield
        service.close()
        if decisions is not None:
            decisions.close()
        store.close()

    app.router.lifespan_context = lifespan
    return app


class ActiveBundle:
    """Opens the active bundle of a home.

    Args:
        told: where it is.
        store: whose log is followed.
    """

    def __init__(self, told: Told, store: Store) -> None:
        self._told, self._store = told, store
        self._home = Home(told.home)

    def active(self) -> str:
        """Its name, as answers give it.

        Raises:
            BundleError: none is active, or its manifest is damaged.
        """
        return str(read_manifest(self._folders()[0])["name"])

    def open(self) -> Follower:
        """A follower of the active bundle.

        Raises:
            BundleError: it is damaged.
        """
        return self._open(self._folders()[0])

    def open_first(self) -> Follower:
        """A follower of the active bundle, or of the latest before it that is whole.

        Raises:
            BundleError: what is wrong with the active one; none is whole.
        """
        folders = self._folders()
        try:
            return self._open(folders[0])
        except BundleError as error:
            for folder in folders[1:]:
                with suppress(BundleError):
                    follower = self._open(folder)
                    log.error("the active bundle is not served, %s before it is: %s", folder.name, error)
                    return follower
            raise

    def _folders(self) -> list[Path]:
        """The active bundle, and those before it, the latest first."""
        home, pointer = self._told.home, self._home.pointer()
        if pointer is None:
            raise BundleError(f"no bundle is active in {home}: jobrec bundles activate NAME --home {home}")
        return [self._home.bundles / one for one in dict.fromkeys([pointer.bundle, *reversed(pointer.before)])]

    def _open(self, folder: Path) -> Follower:
        bundle = open_bundle(folder)
        encoder = str(bundle.manifest["encoder"]["name"])
        lookup = Lookup(self._store, encoder, bundle.catalogue.title.dimension)
        position = int(bundle.manifest["position"])
        reader = profile_reader(bundle, EncoderClient(socket_of(self._told.run, encoder), encoder), self._store)
        live = self._told.config.live
        limits = (live.most_changed, live.patience_seconds)
        follower = Follower(bundle, position, self._store, lookup, live.room, reader, *limits)
        follower.warm_up()
        return follower
