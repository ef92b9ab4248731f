"""The run folder of a service, taken from whoever was there before."""

import socket

import pytest

from recsys.errors import ConfigError
from serving.hold import take
from serving.rendezvous import socket_of


def test_what_an_earlier_service_left_is_gone_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    left = [socket_of(tmp_path, "minilm"), tmp_path / "encoder-0123.77", tmp_path / "a.sock"]
    for one in left:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(one.name)
    (tmp_path / "board").write_text("of another store")
    (tmp_path / "notes.sock").write_text("no socket")
    with take(tmp_path):
        assert sorted(one.name for one in tmp_path.iterdir()) == ["lock", "notes.sock"]
        with pytest.raises(ConfigError, match="is in use by another `jobrec serve`"):
            take(tmp_path)
    take(tmp_path).close()
