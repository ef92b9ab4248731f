"""Writes ``docs/controls.md``: its prose, and what a service over a bundle of the jobviews data really answers.

    python docs/make_controls.py --bundle BUNDLE

The bundle is that of ``configs/jobviews.yaml``; the service is ``jobrec serve`` on this host, with an empty store.
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from recsys.bundle import open_bundle
from recsys.encode import EncoderConfig, load_encoder

ROOT = Path(__file__).resolve().parent.parent
_READY_SECONDS = 120.0
_BANDS = ((0.8, 1.01), (0.75, 0.8), (0.7, 0.75), (0.65, 0.7), (0.6, 0.65), (0.5, 0.6))
_TITLES = ("Truck Driver", "Registered Nurse", "Security Guard", "Cashier", "Accountant", "Administrative Assistant")


class Service:
    """A service that answers, and what was asked of it, as Markdown."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's document; while the encoder opens its model, 503 is asked again.

        Raises:
            urllib.error.URLError: it is a problem, or nobody answers.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        until = time.monotonic() + _READY_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answered:
                    return json.load(answered)
            except urllib.error.URLError as error:
                gone = not isinstance(error, urllib.error.HTTPError)
                if time.monotonic() > until or not (gone or getattr(error, "code", 0) == 503):
                    raise
                time.sleep(0.5)

    def shown(self, method: str, path: str, body: Any = None, names: tuple[str, ...] = ()) -> tuple[Any, str]:
        """The same, and a block that shows it: of the answer the fields ``names``."""
        found = self.ask(method, path, body)
        asked = f"{method} {path}" + ("" if body is None else f"   {json.dumps(body)}")
        told = json.dumps({name: found[name] for name in names}) if names else ""
        return found, "\n".join(f"    {line}" for line in (asked, told) if line)


@contextmanager
def serving(bundle: Path) -> Iterator[Service]:
    """``jobrec serve`` over a copy of a bundle and an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        home, store = Path(folder) / "home", f"sqlite:///{folder}/board.db"
        shutil.copytree(bundle, home / "bundles" / "jobviews")
        _jobrec("store", "migrate", "--store", store)
        _jobrec("bundles", "activate", "jobviews", "--home", str(home))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = ["serve", "--home", str(home), "--store", store, "--port", str(port), "--workers", "1", "--open"]
        process = subprocess.Popen([sys.executable, "-m", "jobrec", *command], cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            service = Service(f"http://127.0.0.1:{port}")
            service.ask("GET", "/health/ready")
            yield service
        finally:
            process.terminate()
            process.wait(60)


def _jobrec(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "jobrec", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


class Titles:
    """Titles, employers and regions of the bundle's postings, and how alike titles are."""

    def __init__(self, path: Path) -> None:
        bundle = open_bundle(path)
        self._bundle = bundle
        self._encoder = load_encoder(EncoderConfig.model_validate(bundle.manifest["encoder"]["config"]))
        self.bound = bundle.settings.filters.muted_alike

    def of(self, ids: list[str]) -> list[tuple[str, str, str]]:
        """Title, employer and region of each posting."""
        rows, bundle = self._bundle.catalogue.ids.rows(ids).tolist(), self._bundle
        columns = (bundle.titles.take(rows), bundle.companies.take(rows), bundle.regions.take(rows))
        return list(zip(*columns, strict=True))

    def bands(self, title: str) -> list[str]:
        """For each band of cosines how many distinct titles stand in it, and the first few of them."""
        count = len(self._bundle.catalogue)
        first: dict[str, int] = {}
        for row, one in enumerate(self._bundle.titles.take(list(range(count)))):
            first.setdefault(one.casefold(), row)
        rows = np.array(list(first.values()), np.int32)
        alike = self._bundle.catalogue.title.vectors(rows) @ self._encoder.encode([title])[0]
        order = np.argsort(-alike, kind="stable")
        cells = []
        for low, high in _BANDS:
            some = order[(alike[order] >= low) & (alike[order] < high)]
            named = self._bundle.titles.take(rows[some[:3]].tolist())
            cells.append(f"{len(some)}: " + "; ".join(one.replace("|", "/")[:38] for one in named) if len(some) else "")
        return cells


def listing(titles: Titles, lines: list[dict[str, Any]]) -> str:
    """A list as a table."""
    named = titles.of([line["posting_id"] for line in lines])
    rows = [
        f"| {line['rank']} | {line['posting_id']} | {title[:60]} | {company[:40]} | {region} |"
        for line, (title, company, region) in zip(lines, named, strict=True)
    ]
    return "\n".join(["| rank | posting | title | employer | region |", "|---|---|---|---|---|", *rows])


def muting(service: Service, titles: Titles, who: str) -> dict[str, str]:
    """The part of the page that mutes one thing after another, each as its blocks."""
    path, mutes = f"/v1/candidates/{who}/recommendations?k=8", f"/v1/candidates/{who}/mutes"
    before, parts = service.ask("GET", path)["recommendations"], {}
    parts["before"] = listing(titles, before)
    named = titles.of([line["posting_id"] for line in before])
    employer = named[2][1]
    work = next(at for at, (_, company, _) in enumerate(named) if at and company != employer)
    title = named[work][0]
    wanted = {"postings": [before[0]["posting_id"]], "employers": [employer], "interests": [title]}
    answered, parts["mute"] = service.shown("POST", mutes, wanted, ("outcome", "position"))
    after = service.ask("GET", f"{path}&min_position={answered['position']}")["recommendations"]
    parts["after"] = listing(titles, after)
    _, parts["held"] = service.shown("GET", mutes, names=("postings", "employers", "interests"))
    whys = [
        service.shown("GET", f"/v1/why?candidate={who}&posting={before[at]['posting_id']}", names=("why",))[1]
        for at in (0, 2, work)
    ]
    one = after[0]["posting_id"]
    whys.append(service.shown("GET", f"/v1/why?candidate={who}&posting={one}&remote=true", names=("why",))[1])
    parts["why"] = "\n\n".join(whys)
    scored = service.ask("POST", "/v1/score", {"candidate_id": who, "posting_ids": [wanted["postings"][0], one]})
    parts["score"] = "\n".join(f"    {line['posting_id']}  {line['status']}" for line in scored["scores"])
    parts["impersonal"] = listing(titles, service.ask("GET", f"{path}&personal=false")["recommendations"])
    _, parts["back"] = service.shown("DELETE", mutes, wanted, ("outcome", "position"))
    return parts | {"one": one}


def dismissing(service: Service, who: str, one: str) -> str:
    """The block of "not interested" and its undo."""
    event = {"event_id": "d1", "candidate_id": who, "posting_id": one, "type": "dismiss", "timestamp": 1428010432}
    blocks = [service.shown("POST", "/v1/events", {"events": [event]}, ("outcomes",))[1]]
    why = f"/v1/why?candidate={who}&posting={one}"
    blocks.append(service.shown("GET", why, names=("why",))[1])
    undo = event | {"event_id": "d2", "type": "undo", "timestamp": 1428010433}
    blocks.append(service.shown("POST", "/v1/events", {"events": [undo]}, ("outcomes",))[1])
    blocks.append(service.shown("GET", why, names=("why",))[1])
    return "\n\n".join(blocks)


def bands(titles: Titles) -> str:
    """How alike real titles are to some that could be muted, as a table."""
    head = [f"{low:g} to {high:g}" if high <= 1 else f"{low:g} and more" for low, high in _BANDS]
    rows = [f"| {title} | " + " | ".join(titles.bands(title)) + " |" for title in _TITLES]
    return "\n".join(["| muted | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|", *rows])


def main() -> None:
    """Asks, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--candidate", required=True, help="whose lists are shown")
    args = parser.parse_args()
    titles = Titles(args.bundle)
    with serving(args.bundle) as service:
        parts = muting(service, titles, args.candidate)
        parts["dismissed"] = dismissing(service, args.candidate, parts["one"])
    parts |= {"bands": bands(titles), "bound": f"{titles.bound:g}", "who": args.candidate}
    page = (ROOT / "docs" / "controls.md.in").read_text(encoding="utf-8")
    for name, text in parts.items():
        page = page.replace("{{" + name + "}}", text)
    (ROOT / "docs" / "controls.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
