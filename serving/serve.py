"""``jobrec serve``: checks what is there, then runs the parent of all processes."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from serving.config import ServeConfig
from serving.job import ServeJob
from serving.store import Store
from serving.supervisor import serve
from serving.wanted import WantedEncoders
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
    with closing(WantedEncoders(home, store, run, cache)) as wanted:
        serve(job, wanted, ready)
