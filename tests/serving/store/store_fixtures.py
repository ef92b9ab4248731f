"""A real PostgreSQL, one for each process that tests, and empty stores in it and in files."""

import shutil

import pytest
from postgres import running_server

from serving.store import Store, migrate


@pytest.fixture(scope="session")
def server():
    with running_server() as server:
        yield server


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
