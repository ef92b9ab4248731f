"""Processes of the real service are killed while it writes: what was acknowledged is there, once, and is obeyed."""

import pytest
from crash_rounds import IN_FLIGHT, Rounds
from postgres import running_server

from serving.store import migrate

#: Six in twenty end everything at a random moment, five right after a commit, the others a part of it.
LONG = (
    "all", "commit all", "worker", "all", "commit all", "encoder", "all", "commit worker", "parent", "commit all",
    "all", "worker", "commit all", "all", "encoder", "commit worker", "parent", "commit all", "all", "commit all",
)  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def crashing(request, live_market, tmp_path):
    """Makes rounds over a store of either kind."""
    made = []

    def make(seed, workers):
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / 'store.db'}"
        else:
            server = request.getfixturevalue("server")
            url = server.make_schema()
        migrate(url)
        made.append(Rounds(tmp_path, live_market, url, seed, workers))
        if request.param == "postgresql":
            made[-1].kill_session = server.kill_a_session
        return made[-1]

    yield make
    for one in made:
        print(request.param, one.figures)
        one.close()


def run(rounds, kinds):
    with rounds.host as host:
        rounds.figures.ready.append(host.start())
        for kind in kinds:
            rounds.round(kind)
            print(kind, rounds.figures, flush=True)
        assert host.stop() == 0
    assert min(rounds.figures.flying) >= IN_FLIGHT


@pytest.mark.long
def test_three_crashes(crashing):
    run(crashing(seed=1, workers=1), ("all", "commit worker", "commit all"))


@pytest.mark.long
def test_twenty_crashes(crashing):
    run(crashing(seed=2, workers=2), LONG)


@pytest.mark.long
@pytest.mark.parametrize("crashing", ["postgresql"], indirect=True)
def test_the_database_server_crashes(crashing):
    run(crashing(seed=3, workers=2), ("all", "session", "session", "session"))
