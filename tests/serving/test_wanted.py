"""Which encoder processes are wanted, as bundles of a home come, go and become active."""

import pytest

from recsys.errors import BundleError
from recsys.manifest import write_manifest
from serving.board import Board
from serving.bundles import Home
from serving.rendezvous import socket_of
from serving.store import Store, migrate
from serving.wanted import WantedEncoders


class Place:
    """A home of bundles that have nothing but a manifest."""

    def __init__(self, folder):
        self.home, self.run, self.url = Home(folder / "home"), folder / "run", f"sqlite:///{folder / 'store.db'}"
        migrate(self.url)
        with Store.open(self.url) as store:
            self.board = Board(self.run / "board", store.identity())
        self.wanted = WantedEncoders(self.home.path, self.url, self.run, folder / "cache")

    def add(self, name, encoder, position):
        folder = self.home.bundles / name
        folder.mkdir(parents=True)
        encoders = {"name": encoder, "config": {"encoder": "hash"}}
        write_manifest(folder, {"encoder": encoders, "position": position, "postings": 1})

    def activate(self, name):
        self.home.activate(name, lambda folder, active: None)

    def found(self):
        names = {socket_of(self.run, one): one for one in ("one", "two", "three")}
        return [(names[job.address], job.position) for job in self.wanted()]


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    place.wanted.close()
    place.board.close()


def test_no_bundle_is_active(place):
    with pytest.raises(BundleError, match="no bundle is active"):
        place.wanted()


def test_the_log_is_followed_from_the_oldest_bundle_of_the_encoder(place):
    for name, encoder, position in (("a", "one", 30), ("b", "one", 20), ("c", "two", 10)):
        place.add(name, encoder, position)
    place.activate("a")
    assert place.found() == [("one", 20)]
    place.activate("b")
    assert place.found() == [("one", 20)]


def test_the_position_moves_back_only_where_an_older_bundle_is_active(place):
    place.add("a", "one", 30)
    place.activate("a")
    assert place.found() == [("one", 30)]
    place.add("older", "one", 10)
    assert place.found() == [("one", 30)]
    place.activate("older")
    assert place.found() == [("one", 10)]
    place.activate("a")
    assert place.found() == [("one", 10)]


def test_the_position_moves_on_once_older_bundles_are_gone(place):
    place.add("a", "one", 10)
    place.add("b", "one", 30)
    place.activate("b")
    assert place.found() == [("one", 10)]
    (place.home.bundles / "a" / "manifest.json").unlink()
    assert place.found() == [("one", 30)]


def test_the_encoder_before_stays_until_the_other_one_has_encoded_all_again(place):
    for name, encoder in (("a", "one"), ("b", "two"), ("c", "three")):
        place.add(name, encoder, 10)
    place.activate("a")
    assert place.found() == [("one", 10)]
    place.board.raise_indexed(100, "one")
    place.activate("b")
    assert place.found() == [("two", 10), ("one", 10)]
    place.board.raise_indexed(60, "two")
    place.board.raise_indexed(120, "one")
    assert place.found() == [("two", 10), ("one", 10)]
    place.activate("c")
    assert place.found() == [("three", 10), ("one", 10), ("two", 10)]
    place.board.raise_indexed(60, "three")
    assert place.found() == [("three", 10), ("one", 10)]
    place.board.raise_indexed(100, "three")  # all that was encoded when the bundle became active
    assert place.found() == [("three", 10)]
    place.activate("a")
    assert place.found() == [("one", 10)]
