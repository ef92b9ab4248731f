"""The parent of a host's processes: real ones, that die, drain, and leave no orphan."""

import os
import re
import signal
import threading
import time

import httpx
import numpy as np
import pytest
from hosts import cmdline, gone, stand_still, until

from recsys.encode import HashEncoder
from recsys.errors import ConfigError
from serving.job import ServeJob
from serving.supervisor import serve


def test_what_dies_is_started_again_and_sigterm_ends_all(running):
    host = running()
    first = host.workers(2)
    assert np.array_equal(host.encode(), HashEncoder().encode(["cook"]))
    with pytest.raises(httpx.HTTPError):
        host.get("/die")
    killed = first - {int(host.get("/"))}
    again = host.workers(2)
    assert again & first == first - killed or again != first
    encoder = [pid for pid in host.children() if pid not in again and b"spawn_main" in cmdline(pid)]
    assert len(encoder) == 1
    os.kill(encoder[0], signal.SIGKILL)
    gone(encoder)
    host.encode()
    children = host.children()
    assert host.stop() == 0
    assert gone(children)
    assert not (host.folder / "run" / "a.sock").exists()


def test_an_encoder_that_stands_still_is_replaced(running):
    host = running(workers=0, hung_seconds=2.0)
    host.encode()
    hung = host.encoder()
    stand_still(hung)
    assert gone([hung])
    host.encode()
    assert host.encoder() != hung


@pytest.mark.long
def test_an_encoder_within_one_long_batch_is_not_replaced(running):
    """One text that takes several times as long as an encoder may stand still."""
    host = running(workers=0, hung_seconds=2.0)
    host.encode()
    busy, began = host.encoder(), time.monotonic()
    host.encode(text=" ".join(f"w{number}x" for number in range(150_000)), timeout=120)
    assert time.monotonic() - began > 3
    assert host.encoder() == busy


def test_sigterm_finishes_what_was_begun_and_is_bounded(running):
    host = running(workers=1, drain_seconds=2.0)
    host.workers(1)
    answers = {}

    def ask(seconds):
        try:
            answers[seconds] = host.get(f"/?seconds={seconds}", timeout=90)
        except httpx.HTTPError as error:
            answers[seconds] = error

    threads = [threading.Thread(target=ask, args=(seconds,)) for seconds in (1, 60)]
    for thread in threads:
        thread.start()
    until(lambda: host.get("/begun") == "2")
    began = time.monotonic()
    assert host.stop() == 0
    assert time.monotonic() - began < 30
    for thread in threads:
        thread.join()
    assert answers[1].isdigit()
    assert not (isinstance(answers[60], str) and answers[60].isdigit())


def test_no_orphan_is_left_by_a_parent_that_is_killed(running):
    host = running(workers=2, drain_seconds=1.0)
    host.workers(2)
    host.encode()
    children = host.children()
    assert len(children) >= 3
    host.stop(signal.SIGKILL)
    assert gone(children)
    again = running(workers=1)  # the run folder of the dead is free
    again.workers(1)


def test_another_encoder_joins_and_the_first_stays(running):
    host = running(workers=0, linger_seconds=600.0)
    host.encode("a.sock")
    host.want("b.sock")
    host.encode("b.sock")
    host.encode("a.sock")


def test_an_encoder_that_has_to_follow_from_earlier_starts_again(running):
    host = running(workers=0)
    host.encode()
    first = host.encoder()
    host.want("a.sock", 50)
    assert gone([first])
    host.encode()
    assert host.encoder() != first


def test_an_encoder_that_is_not_wanted_any_more_ends(running):
    host = running(workers=0, linger_seconds=0.5)
    host.encode("a.sock")
    host.want("b.sock")
    host.encode("b.sock")
    deadline = time.monotonic() + 60
    while (host.folder / "run" / "a.sock").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    host.encode("b.sock")


def test_an_application_that_cannot_start_is_tried_again_more_and_more_seldom(running, capfd):
    host = running(app="tiny_app:broken", workers=1)
    said = []

    def pauses():
        said.append(capfd.readouterr().err)
        return [float(one) for one in re.findall(r"worker 0 ended with 1, starts again in ([0-9.]+) s", "".join(said))]

    until(lambda: len(pauses()) >= 3)
    assert pauses()[:3] == [0.4, 0.8, 1.6]
    assert host.stop() == 0


def test_a_run_folder_or_port_in_use_is_refused(running):
    host = running(workers=1)
    host.workers(1)
    with pytest.raises(ConfigError, match="is in use by another `jobrec serve`"):
        serve(ServeJob(host.folder / "run", port=0), list)
    port = int(host.url.rsplit(":", 1)[1])
    with pytest.raises(ConfigError, match=rf"cannot listen at 127\.0\.0\.1:{port}: Address already in use"):
        serve(ServeJob(host.folder / "other", port=port), list)
    (host.folder / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        serve(ServeJob(host.folder / "file"), list)
