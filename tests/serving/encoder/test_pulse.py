"""An encoder's process that gets on, and ones that do not."""

import threading
import time

import pytest
from slow_encoder import SlowEncoder

from recsys.encode import HashEncoder
from serving.encoder.batcher import Batcher
from serving.encoder.pulse import Pulse
from serving.encoder.server import Server

SECONDS = 20


class BusyEncoder(HashEncoder):
    """Computes until it may go, in one batch."""

    def __init__(self):
        self.begun, self.may_go = threading.Event(), threading.Event()

    def encode(self, texts, progress=False):
        self.begun.set()
        while not self.may_go.is_set():
            sum(range(1000))
        return super().encode(texts)


class EndingEncoder(HashEncoder):
    def encode(self, texts, progress=False):
        raise SystemExit  # ends its thread without a word


@pytest.fixture
def start(tmp_path):
    started = []

    def start(encoder, **how):
        batcher = Batcher(encoder)
        batcher.start()
        server = Server(tmp_path / f"{len(started)}.sock", batcher)
        server.start()
        started.append(server)
        return batcher, server, Pulse(batcher, server, **how)

    yield start
    for server in started:
        if hasattr(server.batcher.encoder, "may_go"):
            server.batcher.encoder.may_go.set()
        server.stop(5)


def becomes(pulse, what, looks=5):
    """Whether so many looks in a row say what is expected; what lies between two looks is longer than a turn."""
    deadline, same = time.monotonic() + SECONDS, 0
    while same < looks:
        same = same + 1 if pulse.got_on() is what else 0
        if time.monotonic() > deadline:
            return False
        time.sleep(0.4)
    return True


def test_one_with_nothing_to_do_gets_on(start):
    _, _, pulse = start(HashEncoder())
    assert becomes(pulse, True)


def test_one_that_waits_within_a_batch_does_not_until_the_batch_is_done(start):
    encoder = SlowEncoder()
    encoder.may_go.clear()
    batcher, _, pulse = start(encoder)
    job = batcher.submit(["cook"], 60)
    assert becomes(pulse, False)
    encoder.may_go.set()
    assert job.done.wait(SECONDS)
    assert becomes(pulse, True)


def test_one_that_computes_gets_on_within_one_batch_up_to_a_bound(start):
    encoder = BusyEncoder()
    batcher, server, pulse = start(encoder)
    batcher.submit(["cook"], 60)
    assert encoder.begun.wait(SECONDS)
    turns = batcher.turns
    assert becomes(pulse, True, 3)
    bounded = Pulse(batcher, server, longest=0.05)
    assert becomes(bounded, False)
    assert batcher.turns == turns


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_one_without_the_thread_that_encodes_or_accepts_does_not(start):
    batcher, _, pulse = start(EndingEncoder())
    batcher.submit(["cook"], 60)
    assert becomes(pulse, False)
    _, server, pulse = start(HashEncoder())
    server.stop(5)
    assert becomes(pulse, False)
