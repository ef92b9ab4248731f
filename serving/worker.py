"""One worker: the HTTP application over the states of the active bundle. Never imports torch."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from recsys.bundle import Bundle, open_bundle
from recsys.candidates import Profiles
from recsys.codes import Codes
from recsys.documents import candidate_frames
from recsys.errors import BundleError
from recsys.profiles import profiles_of
from serving.board import Board
from serving.bundles import Home
from serving.config import ServeConfig
from serving.decisions import DecisionLog
from serving.encoder.client import EncoderClient
from serving.http.app import create_app, stop_asking
from serving.http.wire import server_options
from serving.live.follower import Follower
from serving.live.lookup import Lookup
from serving.live.service import MakeFollower, Service
from serving.live.state import ReadProfile
from serving.rendezvous import socket_of
from serving.store import Store

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
    service = Service(store, board, follower_of(told, store), told.config.live)
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


def follower_of(told: Told, store: Store) -> MakeFollower:
    """Opens the active bundle, where it is not the one that is served."""
    home = Home(told.home)

    def make(serving: str | None) -> Follower | None:
        folder = home.active()
        if folder is None:
            raise BundleError(f"no bundle is active in {told.home}: jobrec bundles activate NAME --home {told.home}")
        if serving is not None and bundle_name(folder) == serving:
            return None
        bundle = open_bundle(folder)
        encoder = str(bundle.manifest["encoder"]["name"])
        lookup = Lookup(store, encoder, bundle.catalogue.title.dimension)
        position = int(bundle.manifest["position"])
        reader = profile_reader(bundle, EncoderClient(socket_of(told.run, encoder), encoder), store)
        follower = Follower(bundle, position, store, lookup, told.config.live.room, reader)
        follower.warm_up()
        return follower

    return make


def bundle_name(folder: Path) -> str:
    """The name that answers give: of the manifest."""
    from recsys.manifest import read_manifest

    return str(read_manifest(folder)["name"])


def profile_reader(bundle: Bundle, client: EncoderClient, store: Store) -> ReadProfile:
    """Reads the profile of somebody who is not stored, by the encoder's process."""

    def read(document: dict[str, Any]) -> Profiles:
        lookup = Lookup(store, client.name or "", bundle.catalogue.title.dimension)
        candidates, experience = candidate_frames([document])
        return profiles_of(
            candidates,
            experience,
            lookup.points(candidates),
            lookup.points(experience),
            lambda texts: Codes.from_vectors(client.encode(texts)) if texts else lookup.codes([]),
            bundle.catalogue.lexicon,
            bundle.skills,
        )

    return read
