"""The doctor: each check on a machine that is as it should be, and on one that is not."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import jobrec
from serving import doctor
from serving.doctor import Finding, Findings


def states(findings: Findings) -> dict[str, str]:
    return {one.name: one.state for one in findings.found}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return doctor.examine(tmp_path_factory.mktemp("doctor") / "cache")


def test_nothing_is_missing_where_the_tests_run(found):
    assert found.count("missing") == 0, found.lines()
    looked = states(found)
    assert {"python", "cores", "memory", "torch", "faiss-cpu", "encoder minilm", "encoder static", "cache"} <= set(
        looked
    )
    assert any(name.startswith("threads openmp") for name in looked)
    assert looked["encoder minilm"] == "ok"


def test_versions_are_those_that_are_installed(found):
    values = {one.name: one.value for one in found.found}
    for name in ("numpy", "implicit", "pydantic"):
        assert values[name] == version(name)


def test_lines_and_document_tell_the_same(found):
    *lines, last = found.lines()
    document = json.loads(json.dumps(found.document()))["findings"]
    assert len(lines) == len(document) == len(found.found)
    for line, one in zip(lines, document, strict=True):
        assert line.startswith(one["state"])
        assert one["name"] in line
        assert one["value"] in line
        assert "\n" not in line
    assert last == f"{found.count('ok')} ok, {found.count('warning')} warning, 0 missing"


def test_command_prints_it_and_ends_with_json(tmp_path, capsys):
    assert jobrec.main(["doctor", "--cache", str(tmp_path), "--json"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [one["name"] for one in json.loads(last)["findings"]] == [line[9:31].strip() for line in lines[:-1]]


def test_torch_is_not_imported(tmp_path):
    code = (
        "import sys; from pathlib import Path; from serving.doctor import examine; "
        "examine(Path(sys.argv[1])); assert 'faiss' in sys.modules; "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(doctor.__file__).parents[1])


def test_package_that_is_not_there():
    one = doctor.package("a-package-that-nobody-wrote>=1")
    assert (one.state, one.remedy.startswith("make install")) == ("missing", True)


def test_package_of_a_version_that_is_not_wanted():
    one = doctor.package("numpy<0.1")
    assert one.state == "warning"
    assert version("numpy") in one.value
    assert "<0.1" in one.value


def test_absent_extra_is_one_line_with_the_command(monkeypatch):
    real = doctor.importlib.util.find_spec
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None if name == "model2vec" else real(name))
    one = doctor.static_extra()
    assert one.state == "missing"
    assert one.line().count("\n") == 0
    assert "optional" in one.value
    assert "pip install 'jobrec[static]'" in one.value


def test_absent_torch_and_absent_weights(monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    assert doctor.torch_build().state == "missing"
    assert "pip install" in doctor.weights().remedy


def test_torch_built_for_cuda_is_named(monkeypatch, tmp_path):
    (tmp_path / "version.py").write_text("__version__ = '2.13.0'\ncuda: Optional[str] = '12.8'\nhip = None\n")
    spec = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: spec)
    assert "CUDA '12.8'" in doctor.torch_build().value


def test_weights_that_are_absent_or_of_another_model(tmp_path):
    assert doctor.weights_in(tmp_path, "encoder", "reinstall").state == "missing"
    (tmp_path / "model.safetensors").write_bytes(b"another model")
    changed = doctor.weights_in(tmp_path, "encoder", "reinstall")
    assert (changed.state, changed.remedy) == ("warning", "reinstall")


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000\n", None), ("50000 100000\n", 0.5), ("99900000 100000\n", None), ("", None)]
)
def test_quota_of_a_container_limits_the_cores(tmp_path, quota, cores):
    (tmp_path / "cpu.max").write_text(quota)
    machine = doctor.usable_cores(tmp_path / "nothing")
    assert machine >= 1
    assert doctor.usable_cores(tmp_path / "cpu.max") == (cores or machine)


@pytest.mark.parametrize(
    ("total", "limit", "state", "value"),
    [
        (8 << 20, "max", "ok", "8.0 GB"),
        (8 << 20, str(1 << 30), "warning", "1.0 GB"),
        (1 << 20, str(1 << 60), "warning", "1.0 GB"),
    ],
)
def test_memory_of_the_machine_or_the_container(tmp_path, total, limit, state, value):
    (tmp_path / "meminfo").write_text(f"MemTotal:       {total} kB\nMemFree:        12 kB\n")
    (tmp_path / "max").write_text(f"{limit}\n")
    one = doctor.memory(tmp_path / "meminfo", tmp_path / "max")
    assert (one.state, one.value) == (state, value)


def test_memory_is_unknown_elsewhere(tmp_path):
    assert doctor.memory(tmp_path / "nothing", tmp_path / "nothing").state == "warning"


def test_more_threads_than_cores_is_a_warning():
    assert doctor.thread_count("threads openmp", 2, 2.0).state == "ok"
    one = doctor.thread_count("threads openmp", 64, 1.5)
    assert (one.state, one.remedy) == ("warning", "export OMP_NUM_THREADS=1")


def test_cache_that_is_there_is_measured(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "vectors.npy").write_bytes(b"0" * 2_500_000)
    one = doctor.cache_folder(tmp_path)
    assert one.state == "ok"
    assert "2.5 MB" in one.value


def test_cache_that_is_not_there_yet_is_not_made(tmp_path):
    one = doctor.cache_folder(tmp_path / "a" / "b")
    assert one.state == "ok"
    assert "will be made" in one.value
    assert not (tmp_path / "a").exists()


def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    assert doctor.cache_folder(tmp_path / "file" / "cache").state == "warning"
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the tests may run as root, who may write anywhere
    one = doctor.cache_folder(tmp_path)
    assert one.state == "warning"
    assert "JOBREC_CACHE" in one.remedy


def test_little_room_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1 << 20}))
    assert doctor.cache_folder(tmp_path).state == "warning"


def test_line_puts_the_remedy_last():
    assert Finding("torch", "missing", "not installed", "install it").line().split() == [
        "missing", "torch", "not", "installed:", "install", "it",
    ]  # fmt: skip
