"""A real SMTP server on loopback that takes mails, refuses some, is slow, and hangs up before or after it took one."""

import asyncio
import email
import random
import threading
from collections import Counter
from email.policy import default

from aiosmtpd.smtp import SMTP


class Moods:
    """What the server does to whom; drawn at random where there are ``chances``.

    Args:
        seed: of what is drawn.
        chances: of each mood: "busy" (451 to the address), "later" (452 to the data), "slow", "hang up" (at the
            address), "lose" (hangs up after the data without having taken it, once a mail), "forget" (takes it, and
            hangs up without an answer).
    """

    def __init__(self, seed=0, **chances):
        self.random, self.chances = random.Random(seed), chances
        self.taken = []  # (Message-ID, address, bytes), in order
        self.forgot = Counter()
        self.lost = set()
        self.refused = set()  # addresses
        self.refusal = "550 nobody of this name"
        self.connections = 0
        self.lock = threading.Lock()

    def draws(self, mood):
        return self.random.random() < self.chances.get(mood, 0)

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refused:
            return self.refusal
        if self.draws("hang up"):
            server.transport.abort()
        elif self.draws("busy"):
            return "451 not now"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.draws("slow"):
            await asyncio.sleep(0.05)
        if self.draws("later"):
            return "452 no room"
        message = email.message_from_bytes(envelope.content, policy=default)
        if message["Message-ID"] not in self.lost and self.draws("lose"):
            self.lost.add(message["Message-ID"])
            server.transport.abort()
            return "250 lost"
        with self.lock:
            self.taken.append((message["Message-ID"], envelope.rcpt_tos[0], envelope.content))
        if self.draws("forget"):
            self.forgot[message["Message-ID"]] += 1
            server.transport.abort()
        return "250 taken"


class QuietSMTP(SMTP):
    """Does not log that a connection was lost, which is what is tested."""

    async def push(self, status):
        if self.transport is not None and not self.transport.is_closing():
            await super().push(status)


class MailServer:
    """A context: the server in a thread, on a free port; ``moods`` may be changed at any time."""

    def __init__(self, moods=None):
        self.moods = moods or Moods()

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self._run(self.loop.create_server(lambda: QuietSMTP(self.moods, loop=self.loop), "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *error):
        self._run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    async def _close(self):
        self.server.close()
        others = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
