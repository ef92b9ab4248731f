"""The ``jobrec`` command: what it prints, and how it answers mistakes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import jobrec

Ran = tuple[int, str, str]


@pytest.fixture
def run(market, capsys) -> Callable[..., Ran]:
    """Runs a command inside this process: status, standard output, standard error."""

    def main(*arguments: object) -> Ran:
        capsys.readouterr()
        status = jobrec.main([*map(str, arguments), "--cache", str(market.cache)])
        out, err = capsys.readouterr()
        return status, out, err

    return main


@pytest.fixture
def hash_config(tmp_path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text("encoder: {encoder: hash}\nengine: {factors: {dimensions: 8}}\n")
    return file


@pytest.fixture(scope="module")
def candidate(scorer) -> str:
    return str(scorer.candidates.ids.names()[4])


def answer(ran: Ran) -> dict:
    status, out, _ = ran
    assert status == 0
    return json.loads(out.splitlines()[-1])


def mistake(command: str, ran: Ran) -> str:
    """The one line of a mistake."""
    status, out, err = ran
    assert status == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"jobrec {command}: ")
    assert "Traceback" not in err
    return err


def test_simulate_and_train(run, tmp_path, hash_config):
    data, out = tmp_path / "data", tmp_path / "bundle"
    drawn = answer(run("simulate", "--candidates", 40, "--postings", 60, "--cities", 5, "--out", data, "--json"))
    assert (drawn["candidates"], drawn["postings"]) == (40, 60)
    assert sum(drawn["events"].values()) == len(pd.read_parquet(data / "events.parquet"))
    trained = answer(run("train", "--config", hash_config, "--data", data, "--out", out, "--json"))
    assert trained["bundle"] == str(out)
    assert trained["encoder"]["name"] == "hash-256-v1"
    assert json.loads((out / "manifest.json").read_text())["as_of"] == trained["as_of"]


def test_evaluating_a_board_that_is_too_small_to_learn_from(run, tmp_path, hash_config):
    data, folder = tmp_path / "data", tmp_path / "report"
    run("simulate", "--candidates", 40, "--postings", 60, "--cities", 5, "--out", data)
    ran = run("evaluate", "--config", hash_config, "--data", data, "--report", folder, "--json")
    found = answer(ran)
    assert found["order"] == "blend"
    assert 0 < found["queries"] < 200
    assert found == json.loads((folder / "evaluation.json").read_text())
    assert "## Where answers were lost" in ran[1]
    assert f"figures in {folder / 'report.html'}" in ran[2]
    assert found["impressions"] is True
    assert "There are impressions in the data" in (folder / "report.html").read_text()


def test_a_board_without_events_cannot_be_evaluated(run, tmp_path, hash_config):
    data = tmp_path / "data"
    run("simulate", "--candidates", 5, "--postings", 20, "--cities", 5, "--out", data)
    (data / "events.parquet").unlink()
    said = run("evaluate", "--config", hash_config, "--data", data, "--report", tmp_path / "report")
    assert said[0] == 2
    assert "too few events" in said[2].splitlines()[-1]
    assert not (tmp_path / "report").exists()


def test_training_tells_its_progress_on_standard_error(run, tmp_path, hash_config, market):
    status, out, err = run("train", "--config", hash_config, "--data", market.data, "--out", tmp_path / "bundle")
    assert status == 0
    assert "postings: 400 rows read" in err
    assert "encoding with hash-256-v1" in err
    assert out.startswith(f"bundle {tmp_path / 'bundle'}: 400 postings, order: ")


def test_recommend(run, market, scorer, candidate):
    ran = run("recommend", "--bundle", market.bundle, "--candidate", candidate, "-k", 4, "--json")
    expected = scorer.recommend(candidate, 4, scorer.as_of)
    found = answer(ran)["recommendations"]
    assert [line["posting_id"] for line in found] == [line.posting_id for line in expected]
    assert [line["score"] for line in found] == pytest.approx([line.score for line in expected], abs=1e-6)
    assert [tuple(line["reasons"]) for line in found] == [line.reasons for line in expected]
    for line in expected:
        assert f"[{line.posting_id}]" in ran[1]


def test_recommend_by_text_and_place(run, market, tmp_path):
    (tmp_path / "cv.txt").write_text("I have been a registered nurse for ten years.")
    asked = ("recommend", "--bundle", market.bundle, "--text", tmp_path / "cv.txt", "--json")
    ran = run(*asked, "--place", "Houston, TX")
    anywhere, here = answer(run(*asked)), answer(ran)
    assert ran[1].startswith("from Houston, Texas, United States (29.76, -95.36)\n  1. ")
    assert here["place"]["name"] == "Houston, Texas, United States"
    assert "place" not in anywhere
    assert len(anywhere["recommendations"]) == len(here["recommendations"]) == 10
    assert anywhere != here
    assert "km from home" in str(here) or "in the place where you live" in str(here)


def test_recommend_at_another_moment(run, market, candidate):
    asked = ("recommend", "--bundle", market.bundle, "--candidate", candidate, "--json")
    now, later = answer(run(*asked)), answer(run(*asked, "--now", "2025-07-20T12:00"))
    assert now["recommendations"] != later["recommendations"]
    assert run(*asked[:-1], "--now", "2090-01-01")[0] == 0


def test_why(run, market, scorer, candidate):
    first = scorer.recommend(candidate, 1, scorer.as_of)[0]
    ran = run("why", "--bundle", market.bundle, "--candidate", candidate, "--posting", first.posting_id, "--json")
    line = answer(ran)["why"]
    assert line.startswith("listed: rank 1 of ")
    assert ran[1].splitlines()[0] == line


def test_export(run, market, scorer, tmp_path):
    out = tmp_path / "lists.parquet"
    ran = run("export", "--bundle", market.bundle, "--out", out, "-k", 3, "--json")
    found, frame = answer(ran), pd.read_parquet(out)
    assert found["rows"] == len(frame)
    assert found["candidates"] == len(scorer.candidates)
    assert frame["reasons"].ne("").any()
    assert f"{len(scorer.candidates)} of {len(scorer.candidates)} candidates" in ran[2]
    run("export", "--bundle", market.bundle, "--out", out, "-k", 3, "--no-reasons")
    assert not pd.read_parquet(out)["reasons"].ne("").any()


@pytest.mark.parametrize("option", [["--filter", "remote=true"], ["--not-personal"], ["--no-reasons"]])
def test_an_export_for_postings_refuses_what_it_would_not_obey(run, market, tmp_path, option):
    out = tmp_path / "lists.parquet"
    ran = run("export", "--for", "postings", "--bundle", market.bundle, "--out", out, "-k", 3, *option)
    assert "do not go with it" in mistake("export", ran)
    assert not out.exists()


@pytest.mark.parametrize("command", ["recommend", "why", "export"])
def test_a_bundle_that_is_missing_or_damaged(run, tmp_path, command, market):
    asking = {
        "recommend": ["--candidate", "c"],
        "why": ["--candidate", "c", "--posting", "p"],
        "export": ["--out", tmp_path / "lists.parquet"],
    }[command]
    assert "nowhere is not a bundle" in mistake(command, run(command, "--bundle", tmp_path / "nowhere", *asking))
    (tmp_path / "file").write_text("text")
    mistake(command, run(command, "--bundle", tmp_path / "file", *asking))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "manifest.json").write_text((market.bundle / "manifest.json").read_text())
    assert "is missing from the bundle" in mistake(command, run(command, "--bundle", tmp_path / "damaged", *asking))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--candidate", "nobody"], "no candidate with the id 'nobody'"),
        (["--candidate", "{candidate}", "--now", "yesterday"], "--now 'yesterday' is not a time"),
        (["--candidate", "{candidate}", "-k", "0"], "k must be at least 1, not 0"),
        (["--text", "/nowhere/cv.txt"], "cannot be read as UTF-8 text"),
        (["--text", "{cv}", "--place", "Nowhereville"], "'Nowhereville' is not known"),
        (["--candidate", "c0000001", "--place", "Houston"], "--place goes with --text"),
    ],
)
def test_mistakes_of_recommend(run, market, candidate, tmp_path, arguments, said):
    (tmp_path / "cv.txt").write_text("a nurse")
    filled = [one.format(candidate=candidate, cv=tmp_path / "cv.txt") for one in arguments]
    assert said in mistake("recommend", run("recommend", "--bundle", market.bundle, *filled))


def test_mistakes_of_why_and_export(run, market, candidate, tmp_path):
    asked = ("why", "--bundle", market.bundle, "--candidate", candidate, "--posting", "nothing")
    assert "no posting with the id 'nothing'" in mistake("why", run(*asked))
    missing = tmp_path / "missing" / "lists.parquet"
    assert "cannot be written" in mistake("export", run("export", "--bundle", market.bundle, "--out", missing))
    out = tmp_path / "lists.parquet"
    asked = ("export", "--bundle", market.bundle, "--out", out, "--now", "soon")
    assert "is not a time" in mistake("export", run(*asked))
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("engine: {retrieve: {pol: 3}}", "engine.retrieve.pol: no such name; did you mean pool?"),
        ("engine: [", "is not YAML"),
        ("encoder: {encoder: /nowhere/model}", "is no folder"),
        ("encoder: {encoder: hash}\nsources: {tables: {postings: {path: nothing.csv}}}", "nothing.csv"),
        ("encoder: {encoder: hash}\nsources: {tables: {postings: {path: ../nothing.csv}}}", "stay inside"),
    ],
)
def test_mistakes_in_a_config(run, market, tmp_path, text, said):
    file = tmp_path / "config.yaml"
    file.write_text(text)
    status, out, err = run("train", "--config", file, "--data", market.data, "--out", tmp_path / "bundle")
    assert (status, out) == (2, "")
    assert said in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("jobrec train: ")
    assert "Traceback" not in err
    assert not (tmp_path / "bundle").exists()


def test_mistakes_of_train_and_simulate(run, hash_config, tmp_path, market):
    out = tmp_path / "bundle"
    assert "nowhere does not exist" in mistake("train", run("train", "--data", tmp_path / "nowhere", "--out", out))
    asked = ("train", "--config", tmp_path / "none.yaml", "--data", market.data, "--out", out)
    assert "none.yaml cannot be read" in mistake("train", run(*asked))
    (tmp_path / "file").write_text("text")
    asked = ("simulate", "--candidates", 5, "--postings", 5, "--out", tmp_path / "file")
    assert "choose another folder" in mistake("simulate", run(*asked))
    asked = ("simulate", "--candidates", 0, "--postings", 5, "--out", tmp_path / "drawn")
    assert "candidates" in mistake("simulate", run(*asked))
    asked = ("simulate", "--candidates", 5, "--postings", 5, "--out", tmp_path / "drawn", "--exact-duplicates", 3)
    assert "exact_duplicates" in mistake("simulate", run(*asked)).replace("-", "_")


@pytest.mark.parametrize("arguments", [[], ["recommend"], ["nothing"], ["recommend", "--bundle", "b"]])
def test_what_is_no_command_shows_the_usage(run, arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2
    assert "usage: jobrec" in capsys.readouterr().err


def shell(market, *arguments: object, **more: object) -> subprocess.CompletedProcess:
    environment = os.environ | {"JOBREC_CACHE": str(market.cache), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "jobrec", *map(str, arguments)],
        capture_output=True, text=True, check=False, env=environment, cwd=Path(jobrec.__file__).parent, **more,
    )  # fmt: skip


def test_a_command_of_its_own_process(market, candidate, scorer):
    ran = shell(market, "recommend", "--bundle", market.bundle, "--candidate", candidate, "--json")
    found = json.loads(ran.stdout.splitlines()[-1])["recommendations"]
    expected = scorer.recommend(candidate, 10, scorer.as_of)
    assert ran.returncode == 0
    assert [line["posting_id"] for line in found] == [line.posting_id for line in expected]
    assert ran.stderr == ""


def test_a_mistake_in_a_process_of_its_own(market):
    ran = shell(market, "recommend", "--bundle", market.bundle, "--candidate", "nobody")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "jobrec recommend: there is no candidate with the id 'nobody' in this bundle\n"


def test_a_cv_through_a_pipe(market):
    ran = shell(market, "recommend", "--bundle", market.bundle, "--text", "-", "--json", input="a cook in a restaurant")
    assert ran.returncode == 0
    assert len(json.loads(ran.stdout.splitlines()[-1])["recommendations"]) == 10


def test_help_does_not_open_a_model():
    code = "import sys, jobrec; jobrec._parser(); print('torch' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(jobrec.__file__).parent
    )
    assert ran.stdout.strip() == "False"
