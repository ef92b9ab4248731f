"""``jobrec serve``: checks what is there, then runs the parent of all processes."""

import os
from collections.abc import Callable
from pathlib import Path

from recsys.encode import EncoderConfig
from recsys.errors import BundleError
from recsys.manifest import read_manifest
from serving.bundles import Home
from serving.config import ServeConfig
from serving.encoder.process import EncoderJob
from serving.encoders import Wanted
from serving.job import ServeJob
from serving.rendezvous import socket_of
from serving.store import Store
from serving.supervisor import serve
from serving.worker import TOLD, Told


def run_service(
    home: Path, store: str, run: Path, cache: Path, config: ServeConfig, ready: Callable[[str, int], None]
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        home: folder of the bundles, one of them active; decisions are written there, too.
        store: URL.
        run: folder of this host's sockets and board.
        cache: of distilled encoders.
        config: see there.
        ready: called with the address.

    Raises:
        JobrecError: no bundle is active, the store cannot be used, or the address is in use.
    """
    with Store.open(store):  # says at once what is wrong with it
        pass
    run.mkdir(parents=True, exist_ok=True)
    os.environ[TOLD] = Told(home=home, store=store, run=run, config=config).model_dump_json()
    job = ServeJob(
        run=run,
        workers=config.workers,
        host=config.http.host,
        port=config.http.port,
        notice_seconds=config.notice_seconds,
        drain_seconds=config.drain_seconds,
        hung_seconds=config.hung_seconds,
        options="serving.worker:options",
        draining="serving.worker:draining",
    )
    serve(job, encoders_of(home, store, run, cache), ready)


def encoders_of(home: Path, store: str, run: Path, cache: Path) -> Wanted:
    """The encoder process of the active bundle; it follows the log from the oldest bundle of the same encoder.

    From the oldest: a rollback must find the vectors of all that came after it.
    """
    place = Home(home)

    def wanted() -> list[EncoderJob]:
        active = place.active()
        if active is None:
            raise BundleError(f"no bundle is active in {home}: jobrec bundles activate NAME --home {home}")
        encoder = read_manifest(active)["encoder"]
        alike = [one.position for one in place.list() if one.encoder == encoder["name"] and not one.damage]
        config = EncoderConfig.model_validate(encoder["config"])
        address = socket_of(run, encoder["name"])
        return [EncoderJob(address, config, cache, store, run / "board", min(alike, default=0))]

    return wanted
