"""The indexer: in the order of the log, never skipping, whatever goes away in between."""

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
from slow_encoder import SlowEncoder

from recsys.codes import Codes
from recsys.encode import HashEncoder
from recsys.errors import StoreUnavailable
from serving.board import Board
from serving.encoder.batcher import Batcher
from serving.encoder.blobs import digest_of, from_blobs, is_refusal
from serving.encoder.indexer import Indexer

NAME = HashEncoder.name
URL = "memory:"


@dataclass(frozen=True)
class Entry:
    position: int
    kind: str
    key: str
    document: dict | None


class MemoryStore:
    """A log and vectors in memory; notes what is said of ``indexed``, and checks it."""

    def __init__(self):
        self.log, self.kept, self.said = [], {}, []
        self.gone = False
        self.lock = threading.Lock()

    def write(self, kind, key, document):
        with self.lock:
            self.log.append(Entry(len(self.log) + 1, kind, key, document))
            return len(self.log)

    def _reach(self):
        if self.gone:
            raise StoreUnavailable("the store is gone")

    def head(self):
        self._reach()
        return len(self.log)

    def changes(self, after, limit, upto=None):
        self._reach()
        return self.log[after : after + limit]

    def vectors(self, encoder, digests):
        self._reach()
        assert encoder == NAME
        return {digest: self.kept[digest] for digest in digests if digest in self.kept}

    def put_vectors(self, encoder, blobs):
        self._reach()
        self.kept |= blobs

    def set_indexed(self, encoder, position):
        self._reach()
        lacking = [entry for entry in self.log[:position] if entry.document and not self.has(entry)]
        self.said.append((position, len(lacking)))

    def has(self, entry):
        return entry.kind == "event" or all(
            digest_of(text) in self.kept for text in texts_of(entry.kind, [entry.document])[0]
        )

    def close(self):
        self.said.append("closed")


def texts_of(kind, documents):
    if any("bad" in document for document in documents):
        raise KeyError("title")
    return [[text for text in document.values() if text] for document in documents]


@pytest.fixture
def parts(tmp_path):
    board = Board(tmp_path / "board", URL)

    def both(store):
        return lambda: (store, Board(tmp_path / "board", URL))

    opened = []

    def make(encoder=None, start=0, store=None):
        batcher = Batcher(encoder or SlowEncoder())
        batcher.start()
        store = store or MemoryStore()
        indexer = Indexer(both(store), batcher, texts_of, start)
        opened.append((batcher, indexer))
        return store, batcher, board, indexer

    yield make
    for batcher, indexer in opened:
        batcher.encoder.may_go.set()
        indexer.stop(5)
        batcher.stop(5)
    board.close()


def posting(number, length=3):
    return {"title": f"title {number}", "text": f"text {number} " * length}


def reached(board, position, seconds=10):
    deadline = time.monotonic() + seconds
    while board.indexed(NAME) < position:
        assert time.monotonic() < deadline, board.indexed(NAME)
        time.sleep(0.002)


def test_every_text_gets_the_codes_of_training(parts):
    store, _, board, indexer = parts()
    documents = [posting(number) for number in range(700)]
    for number, document in enumerate(documents):
        store.write("candidate" if number % 3 else "posting", str(number), document)
    store.write("event", "e", {"type": "view"})
    store.write("posting_gone", "1", None)
    indexer.catch_up()
    assert board.indexed(NAME) == board.head == 702
    texts = [text for document in documents for text in texts_of("posting", [document])[0]]
    codes = from_blobs([store.kept[digest_of(text)] for text in texts], 256)
    expected = Codes.from_vectors(HashEncoder().encode(texts))
    assert np.array_equal(codes.codes, expected.codes)
    assert np.array_equal(codes.scale, expected.scale)
    assert len(store.kept) == 1400
    assert {lacking for _, lacking in store.said} == {0}


def test_what_has_a_vector_is_not_encoded_again(parts):
    store, batcher, board, indexer = parts()
    for _ in range(3):
        store.write("posting", "1", posting(1))
        store.write("posting", "2", posting(1) | {"title": " title  1"})
    indexer.catch_up()
    assert [len(batch) for batch in batcher.encoder.batches] == [2]
    again = Indexer(lambda: (store, board), batcher, texts_of)
    again.catch_up()
    assert len(batcher.encoder.batches) == 1
    assert again.position == 6


def test_it_begins_at_the_bundle_and_fills_what_another_bundle_left_out(parts):
    store, batcher, board, indexer = parts(start=2)
    for number in range(4):
        store.write("posting", str(number), posting(number))
    indexer.catch_up()
    assert len(store.kept) == 4
    older = Indexer(lambda: (store, board), batcher, texts_of, start=1)
    older.catch_up()
    assert len(store.kept) == 6


def test_indexed_moves_in_steps_and_a_single_upsert_waits_for_the_bulk_before_it(parts):
    encoder = SlowEncoder(0.002)
    store, _, board, indexer = parts(encoder)
    for number in range(500):
        store.write("posting", str(number), posting(number))
    indexer.start()
    single = store.write("posting", "single", {"title": "single"})
    board.raise_head(single)
    seen = set()
    while board.indexed(NAME) < single:
        seen.add(board.indexed(NAME))
        time.sleep(0.005)
    assert len(seen) >= 4, seen  # 1,001 texts of 2 ms: two seconds, a step about 0.3 s
    assert [lacking for _, lacking in store.said] == [0] * len(store.said)
    positions = [position for position, _ in store.said]
    assert positions == sorted(positions)


def test_a_write_on_this_host_is_indexed_at_once_and_one_elsewhere_soon(parts):
    store, _, board, indexer = parts()
    indexer.start()
    here, elsewhere = [], []
    for number in range(10):
        position = store.write("posting", f"here {number}", posting(number))
        began = time.perf_counter()
        board.raise_head(position)
        reached(board, position)
        here.append(time.perf_counter() - began)
    for number in range(3):
        began = time.perf_counter()
        reached(board, store.write("posting", f"there {number}", posting(100 + number)))
        elsewhere.append(time.perf_counter() - began)
    assert np.median(here) < 0.1, here
    assert max(elsewhere) < 1.0, elsewhere


def test_a_store_that_is_gone_is_waited_for(parts, caplog):
    store, _, board, indexer = parts()
    store.gone = True
    indexer.start()
    position = store.write("posting", "1", posting(1))
    time.sleep(0.2)
    assert board.indexed(NAME) == 0
    store.gone = False
    reached(board, position)
    assert caplog.text.count("the store is gone, indexing waits at position 0") == 1


def test_a_document_that_cannot_be_read_holds_up_nobody(parts, caplog):
    store, _, board, indexer = parts()
    store.has = lambda entry: True
    store.write("posting", "1", {"bad": 1})
    store.write("posting", "2", posting(2))
    indexer.catch_up()
    assert board.indexed(NAME) == 2
    assert len(store.kept) == 2
    assert "the texts of posting '1' at position 1 cannot be read" in caplog.text


def test_an_encoder_that_fails_keeps_indexed_where_it_was(parts, caplog):
    store, _, board, indexer = parts()
    store.write("posting", "1", posting(1))
    store.write("posting", "2", {"title": "poison"})
    indexer._batcher.encoder.broken = ValueError("no more")
    indexer.start()
    time.sleep(0.5)
    assert board.indexed(NAME) == 0
    assert store.kept == {}
    assert "indexing failed at position" in caplog.text
    indexer._batcher.encoder.broken = None
    reached(board, 2)
    assert is_refusal(store.kept[digest_of("poison")])


def test_a_text_on_which_the_encoder_fails_holds_up_nobody(parts, caplog):
    store, batcher, board, indexer = parts()
    for number in range(20):
        store.write("posting", str(number), posting(number))
    store.write("candidate", "odd", {"title": "poison", "text": "a good text"})
    for number in range(20, 30):
        store.write("posting", str(number), posting(number))
    indexer.catch_up()
    assert board.indexed(NAME) == 31
    assert {lacking for _, lacking in store.said} == {0}
    assert [digest for digest, blob in store.kept.items() if is_refusal(blob)] == [digest_of("poison")]
    texts = [text for number in range(30) for text in posting(number).values()] + ["a good text"]
    read = from_blobs([store.kept[digest_of(text)] for text in texts], 256)
    assert np.array_equal(read.codes, Codes.from_vectors(HashEncoder().encode(texts)).codes)
    assert "the encoder fails on a text of candidate 'odd' at position 21" in caplog.text
    assert "poison" not in caplog.text
    count = len(batcher.encoder.batches)
    Indexer(lambda: (store, board), batcher, texts_of).catch_up()
    assert len(batcher.encoder.batches) == count, "it is not tried again"


def test_it_stops_in_the_middle_of_a_bulk_with_what_it_did(parts):
    encoder = SlowEncoder(0.005)
    store, batcher, board, indexer = parts(encoder)
    for number in range(2000):
        store.write("posting", str(number), posting(number))
    indexer.start()
    reached(board, 1)
    batcher.stop(5)
    indexer.stop(5)
    assert store.said[-1] == "closed"
    position, lacking = store.said[-2]
    assert position == board.indexed(NAME) < 2000
    assert lacking == 0
