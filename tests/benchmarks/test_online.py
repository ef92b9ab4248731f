"""The load generator against a server that closes and complains, and the page."""

import asyncio

import pytest

from benchmarks import online_load
from benchmarks.online import memory_lines, write_page
from benchmarks.online_load import Job


class Door:
    """Answers 200; each third answer closes its connection; what is idle is told 408, as the service does.

    Attributes:
        asked: requests.
        opened: connections.
    """

    def __init__(self, idle, break_at=None):
        self.idle, self.break_at, self.asked, self.opened = idle, break_at, 0, 0

    async def serve(self, reader, writer):
        self.opened += 1
        while True:
            try:
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), self.idle)
            except TimeoutError:
                writer.write(b"HTTP/1.1 408 Slow\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                break
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            self.asked += 1
            if self.asked == self.break_at:
                break
            last = self.asked % 3 == 0
            writer.write(b"HTTP/1.1 200 OK\r\n" + b"Connection: close\r\n" * last + b"Content-Length: 2\r\n\r\n[]")
            if last:
                break
        writer.close()


@pytest.mark.parametrize("rate", [0, 200])
def test_a_line_that_the_server_closed_is_not_asked_again(rate):
    statuses, door = run(Door(5.0), rate)
    assert set(statuses) == {200}
    assert len(statuses) == door.asked > 20
    assert door.opened >= door.asked // 3


def test_a_line_that_was_idle_is_not_asked_again(monkeypatch):
    monkeypatch.setattr(online_load, "_IDLE", 0.02)
    statuses, door = run(Door(0.04), 10)
    assert statuses == [200] * 4
    assert door.opened == 4


def test_a_line_that_breaks_is_no_answer_and_ends_nothing():
    statuses, _ = run(Door(5.0, break_at=7), 200)
    assert statuses.count(0) == 1
    assert statuses.count(200) == len(statuses) - 1 == 79


def run(door, rate):
    async def both():
        server = await asyncio.start_server(door.serve, "127.0.0.1", 0)
        async with server:
            job = Job(server.sockets[0].getsockname()[1], ["/"], rate, 0.4, 2)
            loop = online_load._open_loop if rate else online_load._closed_loop
            found = await loop(job, [b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"])
            await asyncio.sleep(0.05)  # the server sees the lines end
            return found

    seconds, statuses = asyncio.run(both())
    assert len(seconds) == len(statuses)
    return statuses, door


def test_the_page_keeps_what_others_wrote(tmp_path):
    page = tmp_path / "online.md"
    write_page(page, ["# Load", "", "old", ""])
    page.write_text(
        page.read_text() + "\n## From acknowledged to found, a\n\nkept\n\n## From acknowledged to found, b\n"
    )
    write_page(page, ["# Load", "", "new", ""])
    write_page(page, ["# Load", "", "newer", ""])
    told = "# Load\n\nnewer\n\n## From acknowledged to found, a\n\nkept\n\n## From acknowledged to found, b\n"
    assert page.read_text() == told


def test_memory_is_told_apart_by_two_boards():
    own = {1000: 1000 * 50 + 2000 * 300, 9000: 9000 * 50 + 2000 * 300}
    line = next(one for one in memory_lines(own, 2000) if "a candidate" in one)
    assert [int(word) for word in line.split() if word.isdigit()][:2] == [50, 300]
