"""A real parent with its processes, in a process of its own: workers of any application, encoders of hashed words."""

import multiprocessing
import os
import signal
import time

import httpx
import pytest

from recsys.encode import EncoderConfig
from recsys.errors import EncoderGone
from serving.encoder.client import EncoderClient
from serving.encoder.process import EncoderJob
from serving.job import ServeJob
from serving.supervisor import serve

SPAWN = multiprocessing.get_context("spawn")


def serve_here(job, addresses, wanted, pipe):
    """In a process of its own: encoders as the file ``wanted`` says, an address and a position in each line."""

    def encoders():
        lines = (line.split() for line in wanted.read_text().splitlines())
        config = EncoderConfig(encoder="hash")
        return [EncoderJob(addresses / name, config, position=int(at)) for name, at in lines]

    serve(job, encoders, lambda host, port: pipe.send(port))


class Running:
    def __init__(self, folder, **settings):
        self.folder, self.wanted = folder, folder / "wanted"
        self.want("a.sock", 70)
        job = ServeJob(folder / "run", **{"app": "tiny_app:create", "workers": 2, "port": 0} | settings)
        here, there = SPAWN.Pipe()
        self.process = SPAWN.Process(target=serve_here, args=(job, folder / "run", self.wanted, there))
        self.process.start()
        assert here.poll(120)
        self.url = f"http://127.0.0.1:{here.recv()}"

    def want(self, name, position=0):
        """The one encoder that is wanted from now on."""
        fresh = self.wanted.with_suffix(".new")
        fresh.write_text(f"{name} {position}")
        fresh.replace(self.wanted)

    def get(self, path, timeout=60):
        return httpx.get(self.url + path, timeout=timeout).text

    def workers(self, count, seconds=120):
        """Numbers of processes that answer, once there are so many of them."""
        deadline, seen = time.monotonic() + seconds, set()
        while len(seen) < count:
            assert time.monotonic() < deadline, seen
            seen.add(int(self.get("/")))
        return seen

    def encode(self, name="a.sock", seconds=120, text="cook", timeout=5.0):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return EncoderClient(self.folder / "run" / name).encode([text], timeout)
            except EncoderGone:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def children(self):
        return descendants(self.process.pid)

    def encoder(self):
        """The process of the encoder, of a host without workers."""
        (found,) = [pid for pid in self.children() if b"spawn_main" in cmdline(pid)]
        return found

    def stop(self, number=signal.SIGTERM):
        os.kill(self.process.pid, number)
        self.process.join(60)
        return self.process.exitcode


def descendants(pid):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    state, parent = file.read().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if int(parent) == pid and state != "Z":
                found += [int(name), *descendants(int(name))]
    return found


def left(pids):
    found = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] != "Z":
                    found.append(pid)
        except OSError:
            continue
    return found


def stand_still(pid, seconds=60):
    """SIGSTOP, and the wait until every thread of the process stands still: the signal comes when it comes."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + seconds
    while any(state_of(pid, thread) != "T" for thread in os.listdir(f"/proc/{pid}/task")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state_of(pid, thread):
    with open(f"/proc/{pid}/task/{thread}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def until(true, seconds=120):
    """Waits until the condition holds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def gone(pids, seconds=60):
    deadline = time.monotonic() + seconds
    while left(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not left(pids)


def cmdline(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


@pytest.fixture
def running(tmp_path):
    started = []

    def start(**settings):
        started.append(Running(tmp_path, **settings))
        return started[-1]

    yield start
    for one in started:
        if one.process.is_alive():
            one.stop()
        one.process.close()
