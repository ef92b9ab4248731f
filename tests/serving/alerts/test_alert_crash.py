"""SIGKILL between any two steps, and a server that refuses and hangs up: nobody is skipped, nothing comes twice."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from alert_board import AlertBoard
from alert_child import TAKEN
from mail_server import MailServer, Moods

from serving.store import Store, migrate

ROOT = Path(__file__).parents[3]
LEASE = 0.3  # seconds
ROUGH = {"busy": 0.1, "later": 0.1, "slow": 0.2, "hang up": 0.1, "forget": 0.1}
KINDS = ("step", "outside", "step", "server", "step", "pair")


class Rounds:
    """Rounds of postings that arrive, a run that is killed, and runs that end the work."""

    def __init__(self, folder, market, seed, alerts):
        self.alerts = alerts
        self.url = f"sqlite:///{folder / 'store.db'}"
        migrate(self.url)
        self.store = Store.open(self.url)
        self.board = AlertBoard(market, self.store)
        self.rng = np.random.default_rng(seed)
        for number in range(self.alerts):
            self.board.alert(f"alert-{number}", words="zymurgist", candidate=market.candidates[number]["candidate_id"])
        self.wanted = []  # ids of the postings that every alert is to bring
        self.killed = Counter()
        self.at_kill = Counter()
        self.open_at_kill = set()  # mails that were being sent when a run was killed
        path = os.pathsep.join(str(ROOT / one) for one in (".", *_paths()))
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/serving/alerts/alert_child.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        self.server = MailServer(Moods(seed, **ROUGH))
        self.server.__enter__()

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
        self.server.__exit__()
        self.store.close()

    def child(self, step=0, after=None, times=1):
        """A run, killed by itself at a step, or from outside after some seconds; exit statuses."""
        asked = {
            "store": self.url,
            "bundle": str(self.board.market.bundle),
            "port": self.server.port,
            "moment": self.board.now,
            "step": step,
            "lease": LEASE,
            "connections": 3,
            "times": times,
        }
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        children = [self._answer()["child"] for _ in range(times)]
        if after is not None:
            time.sleep(after)
            with suppress(ProcessLookupError):  # it has ended already, such as one that found the lease of a killed one
                os.kill(children[0], signal.SIGKILL)
        return [self._answer()["status"] for _ in range(times)]

    def _answer(self):
        line = self.process.stdout.readline()
        assert line, "the process that forks ended"
        return json.loads(line)

    def round(self, kind):
        new = [f"new-{len(self.wanted) + at}" for at in range(int(self.rng.integers(1, 4)))]
        self.board.write(*(self.board.posting(int(one[4:]), title=f"Zymurgist {one}") for one in new))
        self.wanted += new
        # both a loss without acceptance and a kill may befall a mail; of the two together nobody could tell
        self.server.moods.chances = ROUGH | ({"lose": 0.2} if kind == "server" else {})
        if kind == "step":
            statuses = self.child(step=int(self.rng.integers(1, 5 + 6 * self.alerts)))
        elif kind == "outside":
            statuses = self.child(after=float(self.rng.uniform(0, 0.8)))
        elif kind == "pair":
            statuses = self.child(times=2)
            assert set(statuses) <= {0, TAKEN}
        else:
            statuses = self.child()
        if -signal.SIGKILL in statuses:
            self.killed[kind] += 1
            sending = {message for message, row in self.board.mails().items() if row.state == "sending"}
            self.open_at_kill |= {f"<{message}>" for message in sending}
            self.at_kill["while sending" if sending else "between mails"] += 1
        self.finish()
        self.check()

    def finish(self):
        """Runs until nothing is left; a lease of one that was killed is waited out."""
        until = time.monotonic() + 60
        while any(self.board.book.get(f"alert-{n}").position < self.store.head() for n in range(self.alerts)):
            assert time.monotonic() < until, "the runs do not come to an end"
            (status,) = self.child()
            assert status in (0, TAKEN)
            if status == TAKEN:
                time.sleep(LEASE / 4)

    def check(self):
        times = Counter(message for message, _, _ in self.server.moods.taken)
        bodies, brought = defaultdict(set), defaultdict(list)
        for message, to, raw in self.server.moods.taken:
            bodies[message].add(raw)
            if len(bodies[message]) == 1 and message not in brought[to, "ids"]:
                brought[to, "ids"].append(message)
                brought[to].extend(re.findall(rb"https://board\.example/jobs/([\w-]+)\r\n", raw))
        assert {len(one) for one in bodies.values()} == {1}, "a mail came again with another content"
        for number in range(self.alerts):
            got = sorted(one.decode() for one in brought[f"alert-{number}@people.example"])
            assert got == sorted(self.wanted), f"alert-{number}"
        for message, count in times.items():
            unknown = self.server.moods.forgot[message] or message in self.open_at_kill
            assert count <= (2 if unknown else 1), f"{message} came {count} times"
        states = Counter(row.state for row in self.board.mails().values())
        assert set(states) <= {"sent", "perhaps"}
        for row in self.board.mails().values():
            assert times[f"<{row.message}>"] == 1 or row.state == "perhaps"


def _paths():
    return ("tests", "tests/serving/alerts", "tests/serving/live", "tests/recsys", "tests/training", "tests/serving")


def play(folder, market, seed, alerts, rounds_least, kills_least):
    rounds, number = Rounds(folder, market, seed, alerts), 0
    try:
        while number < rounds_least or sum(rounds.killed.values()) < kills_least:
            rounds.round(KINDS[number % len(KINDS)])
            number += 1
            assert number <= 3 * rounds_least, "too few runs are killed"
        return rounds
    finally:
        rounds.close()


def test_a_kill_skips_nobody_and_repeats_nothing(live_market, tmp_path):
    rounds = play(tmp_path, live_market, 1, 6, 4, 2)
    assert sum(rounds.killed.values()) >= 2


@pytest.mark.long
def test_a_hundred_kills_skip_nobody_and_repeat_nothing(live_market, tmp_path):
    rounds = play(tmp_path, live_market, 2, 12, 100, 100)
    times = Counter(Counter(message for message, _, _ in rounds.server.moods.taken).values())
    print(f"killed {dict(rounds.killed)}, {dict(rounds.at_kill)}; mails by how often they came: {dict(times)}")
    assert rounds.at_kill["while sending"] >= 20
