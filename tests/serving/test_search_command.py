"""``jobrec search`` on the small market."""

import json

import numpy as np
import pytest

from jobrec import main
from recsys.schema import EVENT_TYPES


def run(capsys, *words):
    status = main(list(words))
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture
def bundle(market):
    return str(market.bundle)


def test_words_filters_and_a_candidate(capsys, bundle):
    status, out, _ = run(capsys, "search", "--bundle", bundle, "--words", "warehose", "--candidate", "c0000001",
                         "--filter", "remote=false", "-k", "4", "--json")  # fmt: skip
    assert status == 0
    assert "searched for: warehouse" in out
    answer = json.loads(out.splitlines()[-1])
    assert answer["corrected"] == {"warehose": "warehouse"}
    assert len(answer["hits"]) == 4
    assert answer["matching"] > 0


def test_not_personal_is_as_nobody(capsys, bundle):
    asked = ("search", "--bundle", bundle, "--words", "manager", "--json")
    nobody = run(capsys, *asked)[1]
    assert run(capsys, *asked, "--candidate", "c0000001", "--not-personal")[1] == nobody
    assert run(capsys, *asked, "--candidate", "c0000001")[1] != nobody


def test_not_personal_still_hides_what_was_answered(capsys, bundle, scorer):
    histories, ids = scorer.candidates.histories, scorer.engine.catalogue.ids
    at = next(at for at in range(len(histories.posting)) if histories.kind[at] == EVENT_TYPES.index("apply"))
    who = scorer.candidates.ids.names([np.searchsorted(histories.start, at, side="right") - 1])[0]
    row = histories.posting[at]
    asked = (
        "search",
        "--bundle",
        bundle,
        "--words",
        scorer.engine.explainer.titles.take([row])[0],
        "-k",
        "500",
        "--json",
    )

    def found(*more):
        return [hit["posting_id"] for hit in json.loads(run(capsys, *asked, *more)[1].splitlines()[-1])["hits"]]

    assert ids.names([row])[0] in found()
    assert ids.names([row])[0] not in found("--candidate", who, "--not-personal")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--words", "the"), "no word"),
        (("--words", "nurse", "--candidate", "nobody"), "nobody"),
        (("--words", "nurse", "--filter", "wage=3"), "wage"),
    ],
)
def test_a_mistake_is_one_line(capsys, bundle, words, said):
    status, _, error = run(capsys, "search", "--bundle", bundle, *words)
    assert status == 2
    assert said in error
