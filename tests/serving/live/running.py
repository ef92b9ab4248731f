"""A real service in processes of its own: started, asked over HTTP, killed, and started again over the same folders."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import yaml

from serving.bundles import Home
from serving.gate import Gate, GateSettings

ROOT = Path(__file__).parents[3]
SECONDS = 60.0  # the longest wait for anything


def home_of(folder, **bundles):
    """A home that holds copies of bundles by name, the first of them active."""
    home = Home(folder)
    for name, bundle in bundles.items():
        shutil.copytree(bundle, home.bundles / name)
    home.activate(next(iter(bundles)), Gate(GateSettings()))
    return home


def until(true, what, seconds=SECONDS, pause=0.01):
    """Waits for a condition; gives what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what} was waited for in vain for {seconds} s"
        time.sleep(pause)
    return found


class Running:
    """``jobrec serve`` on a free port of loopback, without keys. A context: what runs at the end is killed.

    Args:
        folder: of its logs, settings, sockets and board.
        home: with an active bundle.
        store: URL, migrated.
        workers: how many.
        script: of Python, run in the place of ``-m jobrec`` with the same arguments.
        env: more of the environment.
        settings: sections of the configuration file.
    """

    def __init__(self, folder, home, store, workers=2, script=None, env=None, **settings):
        self.folder, self.starts = folder, 0
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "serve.yaml"
        config.write_text(yaml.safe_dump(settings))
        program = ["-m", "jobrec"] if script is None else [str(script)]
        self._command = [
            sys.executable, *program, "serve", "--open", "--host", "127.0.0.1", "--port", "0",
            "--home", str(home.path), "--store", store, "--run", str(folder / "run"), "--config", str(config),
            "--cache", str(folder / "cache"), "--workers", str(workers),
        ]  # fmt: skip
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self._env = os.environ | threads | (env or {})
        self.process = self.client = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *error):
        self.kill()
        if kind is not None:
            print(f"--- the last lines of {self.log}\n{self.said()[-6000:]}")

    @property
    def log(self):
        return self.folder / f"log-{self.starts}.txt"

    def said(self):
        """The log of the present start."""
        return self.log.read_text() if self.log.exists() else ""

    def start(self):
        """Starts all processes; gives the seconds until /health/ready says yes."""
        began = time.monotonic()
        self.starts += 1
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._env, stdout=out, stderr=out, start_new_session=True
            )
        self.url = until(self._address, "the address of the service")
        limits = httpx.Limits(max_connections=100)
        self.client = httpx.Client(base_url=self.url, timeout=30, limits=limits, trust_env=False)
        self.wait_ready()
        return time.monotonic() - began

    def _address(self):
        assert self.process.poll() is None, f"the service ended: {self.said()[-3000:]}"
        found = re.search(r"^(http://\S+)/docs$", self.said(), re.MULTILINE)
        return found and found[1]

    def wait_ready(self):
        """Waits until a worker answers that it is ready."""

        def ready():
            assert self.process.poll() is None, f"the service ended: {self.said()[-3000:]}"
            try:
                return httpx.get(f"{self.url}/health/ready", timeout=5, trust_env=False).status_code == 200
            except httpx.HTTPError:
                return False

        until(ready, "a worker that is ready")

    def ask(self, method, path, body=None, **given):
        """An answer of the service; ``body`` is sent as JSON. Raises httpx.HTTPError where none comes."""
        if body is not None:
            given["content"] = json.dumps(body)
            given["headers"] = {"content-type": "application/json"}
        return self.client.request(method, path, **given)

    def children(self, kind):
        """Process ids of "worker" or "encoder" that were started last, by name."""
        found = re.findall(rf"({kind} \S+) is process (\d+)$", self.said(), re.MULTILINE)
        return {name: int(pid) for name, pid in found}

    def kill(self):
        """SIGKILL to all processes at once, as a power cut."""
        if self.process is not None:
            self._kill_group()
            self.process.wait(20)
            until(self.gone, "the end of all processes")
            self.process = None
        if self.client is not None:
            self.client.close()
            self.client = None

    def _kill_group(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def gone(self):
        """Whether no process of the group is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return not _alive_in(self.process.pid)

    def stop(self):
        """SIGTERM; gives the exit status."""
        self.process.terminate()
        status = self.process.wait(SECONDS)
        until(self.gone, "the end of all processes")
        self.process = None
        return status


def _alive_in(group):
    """Processes of a group that are no zombies: those that lost their parent wait for somebody else."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its = stat.read_text().rsplit(")", 1)[1].split()[:3]
        except OSError:
            continue
        if int(its) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found
