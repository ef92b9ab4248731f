"""The encoder's process and its clients, over a real socket, and a real process that is stopped, killed, left alone."""

import multiprocessing
import os
import signal
import socket
import stat
import threading
import time

import numpy as np
import pytest
from slow_encoder import SlowEncoder

from recsys.codes import Codes
from recsys.documents import posting_texts_of
from recsys.encode import EncoderConfig, HashEncoder, load_encoder
from recsys.errors import EncoderBusy, EncoderError, EncoderGone
from serving.board import Board
from serving.encoder.batcher import Batcher
from serving.encoder.blobs import digest_of, from_blobs
from serving.encoder.client import EncoderClient
from serving.encoder.process import EncoderJob, run
from serving.encoder.server import Server
from serving.encoder.wire import MOST_TEXTS, pack, unpack
from serving.store import Store, Write, migrate

SPAWN = multiprocessing.get_context("spawn")
TEXTS = ["head nurse", "", "Köchin \ud800 in Paris", "a driver of trucks " * 100]


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(encoder, **limits):
        batcher = Batcher(encoder, **limits)
        batcher.start()
        server = Server(tmp_path / f"encoder-{len(servers)}.sock", batcher)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        if isinstance(server.batcher.encoder, SlowEncoder):
            server.batcher.encoder.may_go.set()
        server.stop(5)


def children_gone(pids, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def alive(pid):
    try:
        return state_of(f"/proc/{pid}/stat") != "Z"
    except FileNotFoundError:
        return False


def state_of(stat):
    with open(stat) as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def stop(pid, seconds=10):
    """SIGSTOP, and the wait until every thread of the process stands still: the signal comes when it comes."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + seconds
    while any(state_of(f"/proc/{pid}/task/{thread}/stat") != "T" for thread in os.listdir(f"/proc/{pid}/task")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def started(address, child, seconds=30):
    """Waits until the process at the address answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return EncoderClient(address).encode(["word"], 5)
        except EncoderGone:
            assert time.monotonic() < deadline
            assert child is None or child.is_alive()
            time.sleep(0.05)


def parent_of_an_encoder(job, pipe):
    child = SPAWN.Process(target=run, args=(job,))
    child.start()
    pipe.send(child.pid)
    child.join()


def test_vectors_are_those_of_the_encoder(serve):
    server = serve(HashEncoder())
    client = EncoderClient(server.address, "hash-256-v1")
    vectors = client.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, load_encoder(EncoderConfig(encoder="hash")).encode(TEXTS))
    assert not vectors[1].any()
    assert client.encode([]).shape == (0, 256)
    many = [f"text {number}" for number in range(3000)]
    assert np.array_equal(client.encode(many, 30), HashEncoder().encode(many))
    client.close()


def test_only_this_user_may_connect(serve):
    server = serve(HashEncoder())
    assert stat.S_IMODE(server.address.stat().st_mode) == 0o600
    assert [path.name for path in server.address.parent.iterdir()] == [server.address.name]


def test_threads_have_connections_of_their_own(serve):
    client, wrong = EncoderClient(serve(HashEncoder()).address), []

    def ask(number):
        for turn in range(20):
            texts = [f"{number} {turn} {at}" for at in range(number)]
            if not np.array_equal(client.encode(texts, 20), HashEncoder().encode(texts)):
                wrong.append((number, turn))
        client.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_another_encoder_than_expected_is_refused(serve):
    client = EncoderClient(serve(HashEncoder()).address, "minilm-1")
    with pytest.raises(EncoderError, match="is hash-256-v1, expected is minilm-1"):
        client.encode(["cook"])
    client.close()


def test_too_much_at_once_is_refused_here(serve):
    client = EncoderClient(serve(HashEncoder()).address)
    with pytest.raises(EncoderError, match=f"ask for at most {MOST_TEXTS} texts"):
        client.encode(["x"] * (MOST_TEXTS + 1))
    with pytest.raises(EncoderError, match="64 MB at once"):
        client.encode(["x" * (65 << 20)])


def test_who_ends_late_leaves_the_socket_of_who_came_after(serve, tmp_path):
    late = serve(HashEncoder())
    batcher = Batcher(HashEncoder())
    batcher.start()
    after = Server(late.address, batcher)
    after.start()
    late.stop(5)
    assert EncoderClient(late.address).encode(["cook"]).shape == (1, 256)
    after.stop(5)
    assert not after.address.exists()


def test_nobody_there_is_gone_at_once(tmp_path):
    began = time.monotonic()
    with pytest.raises(EncoderGone, match=r"does not answer at .*none\.sock"):
        EncoderClient(tmp_path / "none.sock").encode(["x"], 5)
    assert time.monotonic() - began < 1


def test_busy_comes_in_time_and_does_not_spoil_the_next_answer(serve):
    encoder = SlowEncoder()
    client = EncoderClient(serve(encoder).address)
    encoder.may_go.clear()
    began = time.monotonic()
    for number in range(3):
        with pytest.raises(EncoderBusy, match="were not encoded within"):
            client.encode([f"late {number}"], 0.2)
    assert time.monotonic() - began < 2.5
    encoder.may_go.set()
    assert np.array_equal(client.encode(["now"]), HashEncoder().encode(["now"]))
    client.close()


def test_a_full_line_is_busy_at_once(serve):
    encoder = SlowEncoder()
    server = serve(encoder, most_waiting=2)
    client = EncoderClient(server.address)
    encoder.may_go.clear()
    for text in ("taken", "waits"):
        server.batcher.submit([text] * 2, 10)
        time.sleep(0.1)
    began = time.monotonic()
    with pytest.raises(EncoderBusy, match="texts wait for the encoder"):
        client.encode(["x"], 5)
    assert time.monotonic() - began < 1
    client.close()


def test_what_is_no_question_is_answered_by_a_line_and_harms_nobody(serve):
    server = serve(HashEncoder())
    for bad in ({"texts": "x", "seconds": 1}, {"texts": [1], "seconds": 1}, {"texts": ["x"]}, {}):
        message, _ = unpack(server._answer(pack(bad)))
        assert message["error"] == "failed"
    assert unpack(server._answer(b"\xff\xff"))[0]["error"] == "failed"
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(server.address))
        raw.sendall(b"\x7f\xff\xff\xff" + b"garbage")
    assert EncoderClient(server.address).encode(["x"]).any()


def test_a_process_encodes_drains_and_is_found_again_when_it_is_back(tmp_path):
    job = EncoderJob(tmp_path / "e.sock", EncoderConfig(encoder="hash"))
    client = EncoderClient(job.address)
    for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        child = SPAWN.Process(target=run, args=(job,))
        child.start()
        started(job.address, child)
        assert np.array_equal(client.encode(TEXTS), HashEncoder().encode(TEXTS))  # over a new connection by itself
        os.kill(child.pid, signal.SIGINT)  # a terminal's, which the parent answers
        assert client.encode(["still"]).any()
        os.kill(child.pid, end)
        child.join(10)
        assert child.exitcode == (-signal.SIGKILL if end == signal.SIGKILL else 0)
        with pytest.raises(EncoderGone):
            client.encode(["x"])
    assert not job.address.exists()


def test_a_process_that_hangs_is_gone_within_the_time_given(tmp_path):
    job = EncoderJob(tmp_path / "e.sock", EncoderConfig(encoder="hash"))
    child = SPAWN.Process(target=run, args=(job,))
    child.start()
    started(job.address, child)
    client = EncoderClient(job.address)
    client.encode(["x"])
    stop(child.pid)
    for texts in (["short"], ["long " * 100_000] * 4):
        began = time.monotonic()
        with pytest.raises(EncoderGone):
            client.encode(texts, 0.5)
        assert time.monotonic() - began < 3
    os.kill(child.pid, signal.SIGKILL)
    child.join()


def test_a_process_does_not_outlive_its_parent(tmp_path):
    job = EncoderJob(tmp_path / "e.sock", EncoderConfig(encoder="hash"), drain_seconds=1)
    here, there = SPAWN.Pipe()
    parent = SPAWN.Process(target=parent_of_an_encoder, args=(job, there))
    parent.start()
    pid = here.recv()
    started(job.address, None)
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    assert children_gone([pid])


@pytest.mark.long
def test_minilm_through_the_process(tmp_path):
    config = EncoderConfig(encoder="minilm", precision="float32")
    texts = ["head nurse in a hospital", "", "drives trucks " * 200, "cook"]
    job = EncoderJob(tmp_path / "e.sock", config)
    child = SPAWN.Process(target=run, args=(job,))
    child.start()
    started(job.address, child, 120)
    vectors = EncoderClient(job.address).encode(texts, 60)
    assert np.abs(vectors - load_encoder(config).encode(texts)).max() < 1e-5
    os.kill(child.pid, signal.SIGTERM)
    child.join(20)
    assert child.exitcode == 0


def test_the_process_follows_a_real_store(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    job = EncoderJob(tmp_path / "e.sock", EncoderConfig(encoder="hash"), store=url, board=tmp_path / "board")
    child = SPAWN.Process(target=run, args=(job,))
    child.start()  # before there is a store: it answers, and waits
    started(job.address, child)
    migrate(url)
    store = Store.open(url)
    board = Board(job.board, store.identity())
    document = {"posting_id": "p1", "title": "Cook", "description": "Cooks soup."}
    receipt = store.write([Write("posting", "p1", document), Write("candidate", "c1", {"candidate_id": "c1"})])
    board.raise_head(receipt.position)
    deadline = time.monotonic() + 10
    while board.indexed(HashEncoder.name) < receipt.position:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    texts = posting_texts_of(document)
    blobs = store.vectors(HashEncoder.name, [digest_of(text) for text in texts])
    codes = from_blobs([blobs[digest_of(text)] for text in texts], 256)
    assert np.array_equal(codes.codes, Codes.from_vectors(HashEncoder().encode(texts)).codes)
    assert store.indexed(HashEncoder.name) == receipt.position
    os.kill(child.pid, signal.SIGTERM)
    child.join(10)
    assert child.exitcode == 0
    store.close()
    board.close()


def test_a_text_on_which_the_encoder_fails_has_zeros_and_the_others_their_vectors(serve):
    client = EncoderClient(serve(SlowEncoder()).address)
    vectors = client.encode(["cook", "poison", "nurse"], 5)
    assert np.array_equal(vectors, HashEncoder().encode(["cook", "", "nurse"]))
