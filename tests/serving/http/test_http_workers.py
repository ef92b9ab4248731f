"""What one scrape says of several real workers."""

import os
import re
import signal
import time

import httpx
from test_http_metrics import figures

LIVE = 'jobrec_requests_total{method="GET",route="/health/live",status="200"}'


def until(true, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found


def scrape(host):
    return figures(host.get("/metrics"))


def counting(folder):
    """Processes with figures of requests in the folder."""
    found = (re.fullmatch(r"counter_(\d+)\.db", file.name) for file in folder.iterdir())
    return {int(one[1]) for one in found if one and LIVE_KEY in (folder / one[0]).read_bytes()}


LIVE_KEY = b'"/health/live"'


def ask_all(host, folder, made, count):
    """Ask until so many processes have answered; how many requests were made."""

    def asked():
        nonlocal made
        host.get("/health/live")
        made += 1
        return len(counting(folder)) >= count

    until(asked, "the workers do not all answer")
    return made


def test_a_scrape_shows_the_sum_over_workers_that_live_and_that_died(running):
    host = running(app="metered_app:create", workers=2)
    folder = host.folder / "run" / "metrics"
    made = ask_all(host, folder, 0, 2)
    until(lambda: scrape(host)[LIVE] >= made, "not all requests are counted")
    assert scrape(host)[LIVE] == made
    until(lambda: scrape(host).get("jobrec_ready") == 1, "no gauges")
    dead = counting(folder).pop()
    os.kill(dead, signal.SIGKILL)
    until(lambda: not list(folder.glob(f"gauge_*_{dead}.db")), "the gauges of the dead are still there")
    kept = list(folder.glob(f"*_{dead}.db"))  # cut to what they hold after the gauges are gone
    until(lambda: all(file.stat().st_size < 1 << 16 for file in kept if file.exists()), "the files are not cut")

    def answers():
        try:
            return scrape(host)[LIVE] == made
        except httpx.HTTPError:  # a connection that the dead had taken
            return False

    until(answers, "the counts of the dead are lost")
    made = ask_all(host, folder, made, 3)
    until(lambda: scrape(host)[LIVE] >= made, "not all requests are counted")
    assert scrape(host)[LIVE] == made
    assert host.stop() == 0
    again = running(app="metered_app:create", workers=1)
    assert LIVE not in scrape(again)
