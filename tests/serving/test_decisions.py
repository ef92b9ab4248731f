"""The log of decisions: what is written is read, in order; what a crash, a full queue or disk, and time take away."""

import json
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from recsys.errors import DataError
from serving.decisions import Decision, DecisionLog, read_decisions

SPAWN = multiprocessing.get_context("spawn")
DECISION = Decision(
    request_id="r",
    at=1_767_323_000.5,
    candidate_id="c/ö\n",
    surface="home",
    bundle="b",
    position=7,
    indexed=6,
    k=2,
    ranker="linear",
    policy="p1",
    postings=("p1", "p2"),
    scores=(0.5, -1.25),
    reasons=(("near", "like your last job"), ()),
    propensities=(1.0, None),
)


@pytest.fixture
def log_in(tmp_path):
    opened = []

    def make(**settings):
        opened.append(DecisionLog(tmp_path / "log", **{"retention_days": 1, "flush_seconds": 0.05} | settings))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def ids(folder, *between):
    return [one.request_id for one in read_decisions(folder, *between)]


def write_steadily(folder, pipe):
    mine = DecisionLog(folder, 1)
    number = 0
    while True:
        now = time.time()
        mine.write(replace(DECISION, request_id=str(number), at=now))
        pipe.send((number, now))
        number += 1
        time.sleep(0.002)


def test_what_is_written_is_read(log_in):
    log = log_in()
    written = [replace(DECISION, request_id=str(number), at=DECISION.at + number) for number in range(2500)]
    written.append(replace(DECISION, request_id="nobody", candidate_id=None, postings=(), scores=(), reasons=(),
                           propensities=()))  # fmt: skip
    assert all(log.write(one) for one in written)
    log.close()
    assert list(read_decisions(log.folder)) == written
    assert (log.written, log.dropped) == (2501, 0)


def test_it_is_on_the_disk_soon_without_closing(log_in):
    log = log_in()
    log.write(DECISION)
    deadline = time.monotonic() + 5
    while log.written < 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ids(log.folder) == ["r"]


def test_many_threads(log_in):
    log = log_in()
    threads = [
        threading.Thread(
            target=lambda at=at: [log.write(replace(DECISION, request_id=f"{at} {n}")) for n in range(300)]
        )
        for at in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    found = ids(log.folder)
    assert len(found) == len(set(found)) == 2400
    for at in range(8):
        assert [one for one in found if one.startswith(f"{at} ")] == [f"{at} {n}" for n in range(300)]


def test_a_range_of_time(log_in):
    log = log_in()
    now = time.time()
    for number in range(10):
        log.write(replace(DECISION, request_id=str(number), at=now + number))
    log.close()
    assert ids(log.folder, now + 3, now + 6) == ["3", "4", "5"]
    assert ids(log.folder, None, now + 2) == ["0", "1"]
    assert ids(log.folder, now + 8) == ["8", "9"]
    assert ids(log.folder, now + 4 * 3600) == []


def test_a_file_for_each_hour(log_in, monkeypatch):
    log, hours = log_in(), iter(["20260102T23", "20260103T00", "20260103T00"])
    monkeypatch.setattr("serving.decisions.time.strftime", lambda form, moment: next(hours, "20260103T00"))
    log._removed_at = float("inf")
    for number in range(3):
        log.write(replace(DECISION, request_id=str(number)))
        while log.written <= number:
            time.sleep(0.005)
    monkeypatch.undo()
    log.close()
    names = sorted(path.name for path in log.folder.iterdir())
    assert names == [f"20260102T23-{os.getpid()}-000.jsonl", f"20260103T00-{os.getpid()}-000.jsonl"]
    assert ids(log.folder) == ["0", "1", "2"]


def test_old_files_are_removed_whole_and_nothing_else(log_in, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    now = time.time()
    names = {
        hours: time.strftime("%Y%m%dT%H", time.gmtime(now - hours * 3600)) + "-1-000.jsonl"
        for hours in (0, 23, 27, 400)
    }
    for name in (*names.values(), "notes.jsonl", "20200101.txt"):
        (folder / name).write_bytes(DECISION.line())
    log_in(retention_days=1).close()
    left = {path.name for path in folder.iterdir()}
    assert left == {names[0], names[23], "notes.jsonl", "20200101.txt"}


def test_a_full_queue_drops_and_counts_and_never_waits(log_in, monkeypatch):
    real, go = os.fsync, threading.Event()

    def slow(number):
        go.wait(10)
        real(number)

    monkeypatch.setattr(os, "fsync", slow)
    log = log_in(most_waiting=5)
    log.write(DECISION)
    time.sleep(0.3)  # the thread has it and waits for the disk
    began = time.perf_counter()
    kept = [log.write(replace(DECISION, request_id=str(number))) for number in range(50)]
    assert time.perf_counter() - began < 0.2
    assert kept == [True] * 5 + [False] * 45
    assert log.dropped == 45
    go.set()
    log.close()
    assert ids(log.folder) == ["r", *map(str, range(5))]


def test_a_full_disk_drops_and_goes_on_by_itself(log_in, monkeypatch, caplog):
    log, real = log_in(), os.fsync

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for number in range(3):
        log.write(replace(DECISION, request_id=str(number)))
        while log.dropped <= number:
            time.sleep(0.01)
    monkeypatch.setattr(os, "fsync", real)
    log.write(replace(DECISION, request_id="after"))
    log.close()
    assert caplog.text.count("decisions cannot be written") == 1
    assert ids(log.folder) == ["after"]
    assert (log.written, log.dropped) == (1, 3)
    assert len(list(log.folder.iterdir())) == 1


def test_a_torn_last_line_is_passed_over_and_another_is_named(tmp_path):
    lines = [replace(DECISION, request_id=str(number)).line() for number in range(3)]
    file = tmp_path / "20260102T03-7-000.jsonl"
    for cut in range(1, len(lines[2])):
        file.write_bytes(b"".join(lines)[:-cut])
        assert ids(tmp_path) == ["0", "1"]
    for bad in (b"{}\n", b"[]\n", b"{\n", b"\xff\n", json.dumps({"request_id": 1}).encode() + b"\n"):
        file.write_bytes(lines[0] + bad + lines[1])
        with pytest.raises(DataError, match="line 2 is no decision"):
            ids(tmp_path)


def test_a_killed_process_loses_the_last_second_at_most(tmp_path):
    here, there = SPAWN.Pipe()
    child = SPAWN.Process(target=write_steadily, args=(tmp_path / "log", there))
    child.start()
    assert here.poll(30)
    told, until = [], time.monotonic() + 2.5
    while time.monotonic() < until:
        told.append(here.recv())
    os.kill(child.pid, signal.SIGKILL)
    killed = time.time()
    child.join()
    found = set(ids(tmp_path / "log"))
    lost = [at for number, at in told if str(number) not in found]
    assert len(told) > 100
    assert all(at > killed - 1.0 for at in lost), killed - min(lost)
    with DecisionLogAgain(tmp_path / "log") as again:  # the next one does not write behind the torn line
        again.write(DECISION)
    assert "r" in ids(tmp_path / "log")


class DecisionLogAgain(DecisionLog):
    def __init__(self, folder):
        super().__init__(folder, 1)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be made"):
        DecisionLog(tmp_path / "file", 1)


def test_filters_come_back_and_older_lines_have_none():
    asked = replace(DECISION, filters={"remote": True, "extra": {"shift": ["night"]}})
    assert Decision.from_document(json.loads(asked.line())) == asked
    older = json.loads(DECISION.line())
    del older["filters"]
    assert Decision.from_document(older) == DECISION
