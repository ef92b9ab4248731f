"""The folder of figures: emptied, joined, left. Real workers in it: tests/serving/http/test_http_workers.py."""

import errno
import os
import subprocess
import sys

import pytest

from recsys.errors import ConfigError
from serving.figures import VARIABLE, empty_folder, join, leave

COUNT = """
import os, sys
from pathlib import Path
from serving.figures import join
join(Path(sys.argv[1]))
from prometheus_client import Counter, Gauge
Gauge("depth", "x", multiprocess_mode="livesum").set(2)
if sys.argv[2] != "0":
    Counter("asked", "x", ["who"]).labels("me").inc(int(sys.argv[2]))
print(os.getpid())
"""


def count(folder, times):
    told = [sys.executable, "-c", COUNT, str(folder), str(times)]
    return int(subprocess.run(told, capture_output=True, text=True, check=True).stdout)


def page(folder):
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    found = MultiProcessCollector(CollectorRegistry(), str(folder)).collect()
    return {sample.name: sample.value for metric in found for sample in metric.samples}


def test_the_folder_is_empty_at_the_start(tmp_path):
    folder = empty_folder(tmp_path)
    (folder / "counter_1.db").write_bytes(b"of an earlier service")
    assert empty_folder(tmp_path) == folder
    assert list(folder.iterdir()) == []
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "metrics").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be made anew"):
        empty_folder(tmp_path / "other")


def test_counts_stay_and_gauges_go_with_their_process(tmp_path):
    folder = empty_folder(tmp_path)
    first, second, idle = count(folder, 3), count(folder, 4), count(folder, 0)
    blocks = sum(file.stat().st_blocks * 512 for file in folder.glob(f"*_{first}.db"))
    assert blocks >= 3 << 18, "there is no room on the disk for what is mapped"
    assert page(folder) == {"asked_total": 7, "depth": 6}
    for process in (first, idle):
        leave(folder, process)
        leave(folder, process)
    assert page(folder) == {"asked_total": 7, "depth": 2}
    assert {file.name for file in folder.iterdir() if str(second) not in file.name} == {f"counter_{first}.db"}
    assert (folder / f"counter_{first}.db").stat().st_size < 1000


def test_a_worker_without_room_counts_for_itself(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv(VARIABLE, "what somebody set by hand")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    join(tmp_path)
    assert VARIABLE not in os.environ
    assert "No space left on device" in caplog.text
