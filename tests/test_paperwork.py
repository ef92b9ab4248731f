"""What is written about the project agrees with the project."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import jobrec
import recsys
from docs import make_search
from docs.make_configuration import (
    REPEATED,
    adapt_tree,
    alerts_yaml,
    default_yaml,
    markdown,
    section,
    serve_yaml,
    settings_tree,
)
from serving.alerts.settings import AlertSettings, load_alert_settings
from serving.config import ServeConfig, load_serve_config
from training.adapt.config import load_adapt_config
from training.config import TrainConfig, load_config

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
ADAPTING = set((ROOT / "configs").glob("adapt_*.yaml"))  # of `jobrec adapt-encoder`
SERVING = ROOT / "configs" / "serve.yaml"  # of `jobrec serve`
ALERTS = ROOT / "configs" / "alerts.yaml"  # of `jobrec alerts`


def test_version_is_the_newest_of_the_changelog():
    versions = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    assert versions[0] == PROJECT["version"]


def test_public_names_are_there_and_explained():
    assert {"Engine", "Request"} <= set(recsys.__all__)
    for name in recsys.__all__:
        assert getattr(recsys, name).__doc__, name


def test_every_command_stands_in_the_readme(capsys):
    with pytest.raises(SystemExit):
        jobrec.main(["--help"])
    commands = re.findall(r"^    ([a-z-]+)\b", capsys.readouterr().out, re.M)
    assert len(commands) >= 7
    assert [one for one in commands if f"`jobrec {one}`" not in README] == []


def test_the_prose_of_the_page_of_controls_is_that_of_its_template():
    written = iter((ROOT / "docs" / "controls.md").read_text("utf-8").splitlines())
    prose = [line for line in (ROOT / "docs" / "controls.md.in").read_text("utf-8").splitlines() if "{{" not in line]
    assert [line for line in prose if line not in written] == []  # each after the one before


def test_the_prose_of_the_page_of_search_is_that_of_its_script():
    written = iter((ROOT / "docs" / "search.md").read_text("utf-8").splitlines())
    prose = [line for line in make_search.PAGE.splitlines() if "{" not in line]
    assert [line for line in prose if line not in written] == []


def test_readme_example_runs(market, tmp_path, monkeypatch, capsys):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "bundle").symlink_to(market.bundle)
    monkeypatch.chdir(tmp_path)
    block = re.search(r"^   ```python\n(.*?)^   ```$", README, re.M | re.S)
    exec(re.sub(r"^   ", "", block[1], flags=re.M), {})
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[:3]] == ["1", "2", "3"]
    assert printed[3].count("Recommendation(") == 3
    assert printed[4].count("Recommendation(") == 6
    assert len(yaml.safe_load(printed[5])) == 2


def test_readme_mapping_is_a_config(tmp_path):
    block = re.search(r"^   ```yaml\n(.*?)^   ```$", README, re.M | re.S)
    (tmp_path / "board.yaml").write_text(re.sub(r"^   ", "", block[1], flags=re.M))
    assert len(load_config(tmp_path / "board.yaml").sources.tables.events) == 1


def test_links_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))]
    assert [link for page, link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    "path", sorted(set((ROOT / "configs").glob("*.yaml")) - ADAPTING - {SERVING, ALERTS}), ids=lambda path: path.stem
)
def test_config_loads(path):
    assert isinstance(load_config(path), TrainConfig)


@pytest.mark.parametrize("path", sorted(ADAPTING), ids=lambda path: path.stem)
def test_config_of_an_adaptation_loads(path):
    assert load_adapt_config(path).titles


def test_default_config_says_what_no_config_means():
    path = ROOT / "configs" / "default.yaml"
    assert load_config(path) == TrainConfig()
    assert path.read_text("utf-8") == default_yaml(), "run: make docs"

    def leaves(values: object) -> list[str]:
        if not isinstance(values, dict):
            return [""]
        return [f"{name}.{below}" for name, value in values.items() for below in leaves(value)]

    written = leaves(yaml.safe_load(path.read_text("utf-8")) | {"sources": {}})
    assert sorted(written) == sorted(leaves(TrainConfig().model_dump() | {"sources": {}}))


def test_serve_config_says_what_no_config_means():
    assert load_serve_config(SERVING) == ServeConfig()
    assert SERVING.read_text("utf-8") == serve_yaml(), "run: make docs"


def test_alerts_config_says_what_no_config_means():
    assert load_alert_settings(ALERTS) == AlertSettings()
    assert ALERTS.read_text("utf-8") == alerts_yaml(), "run: make docs"


def test_every_setting_is_explained():
    assert (ROOT / "docs" / "configuration.md").read_text("utf-8") == markdown(), "run: make docs"
    trees = (settings_tree(), adapt_tree(), section(ServeConfig), section(AlertSettings))
    sections = [*(one for tree in trees for one in tree.walk()), *(section(model) for model in REPEATED.values())]
    unexplained = [
        ".".join((*one.path, setting.name)) for one in sections for setting in one.settings if len(setting.meaning) < 5
    ]
    assert unexplained == []
    assert len([setting for one in sections for setting in one.settings]) > 60


def test_every_requirement_is_pinned_to_a_version_that_it_accepts():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    versions = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins.items()}
    wanted = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    for one in map(Requirement, wanted):
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        assert name in versions, f"{one} has no pin: make constraints"
        assert one.specifier.contains(versions[name]), f"{one}, pinned to {versions[name]}: make constraints"
    torch = next(one for one in map(Requirement, wanted) if one.name == "torch")
    assert str(torch.specifier) == "<2.14,>=2.6"  # an open range can pull GPU libraries
    assert "+" not in "".join(versions.values())


def test_extras_that_messages_name_exist():
    code = "\n".join(
        path.read_text("utf-8") for room in ("recsys", "training", "serving") for path in ROOT.glob(f"{room}/**/*.py")
    )
    named = set(re.findall(r"MissingExtraError\(\"[^\"]+\", \"(\w+)\"\)", code))
    assert "static" in named
    assert named <= set(PROJECT["optional-dependencies"])


def test_every_make_target_is_phony_and_listed():
    targets = re.findall(r"^([a-z][a-z-]*):(?![=]).*?(##.*)?$", MAKEFILE, re.M)
    plain = {name for name, _ in targets}
    assert {"install", "demo", "test"} <= plain
    assert plain == set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[1].split())
    explained = {name for name, words in targets if words}
    assert explained == plain


def test_checks_before_a_merge_are_make_test():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text("utf-8").splitlines()[-1] == "make test"


def test_nothing_names_a_folder_of_somebodys_machine():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout, so that nothing says which files belong to it")
    homes = re.compile("/" + r"(work|root|home/\w+|Users/\w+)/")
    found = []
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and path.suffix not in (".parquet", ".npy", ".png"):
            text = path.read_text("utf-8", errors="replace")
            scratch = path.suffix == ".md" and "/" + "tmp/" in text
            if homes.search(text) or scratch:
                found.append(name)
    assert found == []
