"""The board: counters that several processes raise at once, and one that is killed while it does."""

import multiprocessing
import os
import signal
import threading
import time

import pytest

from recsys.errors import StoreError
from serving.board import ENCODERS, Board

SPAWN = multiprocessing.get_context("spawn")
STORE = "sqlite:///board.db"


@pytest.fixture
def board(tmp_path):
    opened = Board(tmp_path / "run" / "board", STORE)
    yield opened
    opened.close()


def raise_many(path, first, step, count, pipe):
    mine = Board(path, STORE)
    falls, last = 0, 0
    for number in range(count):
        mine.raise_head(first + step * number)
        mine.raise_indexed(first + step * number, f"encoder {number % 3}")
        seen = mine.head
        falls += seen < last
        last = seen
    pipe.send(falls)


def raise_for_ever(path):
    mine = Board(path, STORE)
    position = mine.head
    while True:
        position += 1
        mine.raise_head(position)
        mine.raise_indexed(position, "e")


def test_counters_begin_at_nothing_and_only_rise(board):
    assert board.head == 0
    assert board.indexed("minilm") == 0
    board.raise_head(7)
    board.raise_head(3)
    board.raise_indexed(5, "minilm")
    board.raise_indexed(4, "minilm")
    assert (board.head, board.indexed("minilm"), board.indexed("hash")) == (7, 5, 0)
    board.raise_head(2**40)
    assert board.head == 2**40


def test_another_opening_reads_what_was_raised(board):
    other = Board(board.path, STORE)
    board.raise_head(9)
    other.raise_indexed(8, "a")
    board.raise_indexed(6, "b")
    assert other.head == 9
    assert (board.indexed("a"), other.indexed("b")) == (8, 6)
    other.close()


def test_a_board_of_another_store_and_what_is_no_board_are_refused(board, tmp_path):
    with pytest.raises(StoreError, match="is the board of another store"):
        Board(board.path, "sqlite:///other.db")
    (tmp_path / "text").write_text("hello")
    (tmp_path / "zeros").write_bytes(bytes(4096))
    for name in ("text", "zeros"):
        with pytest.raises(StoreError, match="is not a board"):
            Board(tmp_path / name, STORE)
    with pytest.raises(StoreError, match="cannot be made"):
        Board(tmp_path / "text" / "board", STORE)


def test_there_is_room_for_many_encoders_and_no_more(board):
    for number in range(ENCODERS):
        board.raise_indexed(number + 1, f"encoder {number}")
    assert [board.indexed(f"encoder {number}") for number in range(ENCODERS)] == list(range(1, ENCODERS + 1))
    with pytest.raises(StoreError, match="no room for another encoder"):
        board.raise_indexed(1, "one more")


def test_several_processes_raise_it_to_the_highest_and_never_see_it_fall(tmp_path):
    path, count = tmp_path / "board", 3000
    children = []
    for at in range(3):  # the file is made by whoever comes first
        here, there = SPAWN.Pipe()
        child = SPAWN.Process(target=raise_many, args=(path, at, 3, count, there))
        child.start()
        children.append((child, here))
    falls = [here.recv() for _, here in children]
    for child, _ in children:
        child.join(10)
        assert child.exitcode == 0
    board = Board(path, STORE)
    assert falls == [0, 0, 0]
    assert board.head == 3 * count - 1
    assert [board.indexed(f"encoder {kind}") for kind in range(3)] == [3 * count - 7, 3 * count - 4, 3 * count - 1]
    assert os.listdir(tmp_path) == ["board"]
    board.close()


def test_threads_of_one_process_take_turns(board):
    def work(first):
        for position in range(first, 4000, 4):
            board.raise_indexed(position, "e")

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert board.indexed("e") == 3999


def test_a_process_that_is_killed_leaves_the_board_whole_and_unlocked(board):
    for _ in range(2):
        before = board.head
        child = SPAWN.Process(target=raise_for_ever, args=(board.path,))
        child.start()
        deadline = time.monotonic() + 10
        while board.head < before + 500 and time.monotonic() < deadline:
            time.sleep(0.001)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        left = board.head
        assert left >= before + 500
        assert left - board.indexed("e") in (0, 1)
        board.raise_head(left + 1)  # would wait for ever if the lock were still held
        board.raise_indexed(left + 1, "e")
        assert (board.head, board.indexed("e")) == (left + 1, left + 1)
