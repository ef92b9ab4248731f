"""``jobrec replay``: what it prints of a decision and of an answer, and what it refuses."""

import json

import pytest

import jobrec
from serving.decisions import Decision
from serving.live.replay import Replay
from serving.store import Store, migrate

WHO = "c0000001"


@pytest.fixture(scope="module")
def place(market, tmp_path_factory):
    """A store without anything, and a file of decisions of two lists: one full, one that was empty."""
    folder = tmp_path_factory.mktemp("replay")
    url = f"sqlite:///{folder / 'board.db'}"
    migrate(url)
    with Store.open(url) as store:
        state = Replay(market.bundle, store, 0).state
    listed = state.recommend(WHO, 3, market.as_of)
    ids, scores, reasons = zip(*((one.posting_id, one.score, one.reasons) for one in listed), strict=True)
    shared = {"candidate_id": WHO, "bundle": state.engine.name, "position": 0, "indexed": 0, "k": 3}
    versions = {"ranker": "r", "policy": "p"}
    full = Decision("full", market.as_of, surface="home", postings=ids, scores=scores, reasons=reasons,
                    propensities=(None,) * 3, **shared, **versions)  # fmt: skip
    empty = Decision("empty", market.as_of + 1e9, surface="", postings=(), scores=(), reasons=(), propensities=(),
                     **shared, **versions)  # fmt: skip
    (folder / "20260101T00-1.jsonl").write_bytes(full.line() + empty.line())
    return ["replay", "--bundle", str(market.bundle), "--store", url], folder, listed


def test_a_decision_by_its_file_or_by_the_folder(place, capsys):
    told, folder, listed = place
    for log in (folder, folder / "20260101T00-1.jsonl"):
        assert jobrec.main([*told, "--decision", f"{log}/full"]) == 0
        head, *lines = capsys.readouterr().out.splitlines()
        assert head == "home: as answered, 3 postings"
        assert [line.split()[2] for line in lines] == [one.posting_id for one in listed]


def test_an_empty_list_is_said_to_be_one(place, capsys):
    told, folder, _ = place
    assert jobrec.main([*told, "--decision", f"{folder}/empty"]) == 0
    assert capsys.readouterr().out == "recommendations: as answered, 0 postings\n"


def test_an_answer_by_what_it_names(place, market, capsys):
    told, _, listed = place
    state = ["--position", "0", "--indexed", "0", "--at", str(market.as_of)]
    assert jobrec.main([*told, "--candidate", WHO, *state, "-k", "3", "--json"]) == 0
    head, *_, answer = capsys.readouterr().out.splitlines()
    assert head == "3 postings"
    assert [one["posting_id"] for one in json.loads(answer)["recommendations"]] == [one.posting_id for one in listed]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--decision", "FOLDER/full", "-k", "5"], "leave out -k"),
        (["--decision", "FOLDER/full", "--filter", "remote=true", "--at", "1"], "leave out --at, --filter"),
        (["--decision", "FOLDER/full", "--not-personal"], "leave out --not-personal"),
        (["--decision", "FOLDER/none"], "holds no decision of the request 'none'"),
        (["--candidate", WHO, "--position", "0"], "needs --position, --indexed and --at"),
    ],
)
def test_what_would_not_count_or_is_not_whole_is_refused(place, capsys, options, said):
    told, folder, _ = place
    assert jobrec.main([*told, *(one.replace("FOLDER", str(folder)) for one in options)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
