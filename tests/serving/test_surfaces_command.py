"""The commands home, browse and related, on the small market."""

import json

import numpy as np
import pytest

import jobrec


@pytest.fixture
def run(market, capsys):
    def command(*words):
        status = jobrec.main([words[0], "--bundle", str(market.bundle), "--json", *words[1:]])
        out = capsys.readouterr()
        return status, out.out, out.err

    return command


def test_home_prints_shelves(run):
    status, out, _ = run("home", "--candidate", "c0000001")
    shelves = json.loads(out.splitlines()[-1])["shelves"]
    assert status == 0
    assert shelves[0]["name"] == "For you"
    assert out.startswith("For you  (for_you)\n  1. ")
    unread = json.loads(run("home", "--candidate", "c0000001", "--not-personal")[1].splitlines()[-1])
    assert unread == json.loads(run("home")[1].splitlines()[-1])
    assert {one["kind"] for one in unread["shelves"]} == {"popular", "new"}


def test_related_and_browse_print_lists(run, scorer):
    posting = str(scorer.engine.catalogue.ids.names([5])[0])
    status, out, _ = run("related", "--posting", posting, "-k", "4", "--candidate", "c0000001")
    lines = json.loads(out.splitlines()[-1])["recommendations"]
    assert (status, len(lines)) == (0, 4)
    assert posting not in [one["posting_id"] for one in lines]
    a = scorer.engine.catalogue.attributes
    there = np.flatnonzero((a.company >= 0) & (a.remote != 1) & (a.until >= scorer.as_of))
    employer = scorer.engine.explainer.companies.take(there[:1].tolist())[0]
    status, out, _ = run("browse", "--employer", employer, "--filter", "remote=false")
    assert status == 0
    assert json.loads(out.splitlines()[-1])["recommendations"]


def test_mistakes_are_one_line(run):
    assert run("browse", "--industry", "no such")[2] == (
        "jobrec browse: no posting of this board has the industry 'no such'\n"
    )
    assert "name one of industry" in run("browse")[2]
    assert run("related", "--posting", "nothing")[2] == "jobrec related: no posting 'nothing' is known\n"
    assert run("home", "--candidate", "nobody")[0] == 2
