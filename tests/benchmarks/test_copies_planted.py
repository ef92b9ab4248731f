"""What is planted is what its name says."""

import numpy as np
import pytest

from benchmarks.copies import KINDS, Score, joined, plant
from benchmarks.copies_planted import COPIES, MISSES, Text

WORK = [
    "Weld frames of steel and aluminium by MIG and TIG. Read drawings; check every seam; keep the machines clean. "
    "You have five years in a plant, a valid certificate and a good eye. We offer a fair wage and free shoes. Come!",
    "Care for people after an operation. Give medicine; talk with families; write the notes of the shift. You are a "
    "registered nurse, calm and quick, and ready for nights. We offer rooms near the clinic and training. Call us!",
]
TITLES = ["Senior Welder", "Nurse II"]


@pytest.fixture(scope="module")
def planted():
    boards = [
        [Text(TITLES[at], WORK[at], company, "Boston") for at in range(2)]
        for company in ("Alpha Works", "Beta Group", "Gamma House")
    ]
    return plant([[one for texts in boards for one in texts]], seed=1)


def test_every_kind_is_planted_and_told_apart(planted):
    assert (planted.kind < 0).sum() == 6
    assert len(KINDS) == len(COPIES) + len(MISSES)
    assert set(planted.kind.tolist()) == set(range(-1, len(KINDS)))
    found = joined(planted, 0.5)
    real = planted.kind < 0
    assert found[real].all()
    assert (planted.base[real] == np.flatnonzero(real)).all()
    light = np.isin(planted.kind, [list(KINDS).index(name) for name in ("as HTML", "put up again as it was")])
    assert found[light].all()
    assert not found[planted.kind >= len(COPIES)][:4].any()


def test_scores_by_hand(planted):
    kind = np.where(planted.kind < 0, -1, np.where(planted.kind < len(COPIES), 0, len(COPIES)))
    copies, misses = int((kind == 0).sum()), int((kind == len(COPIES)).sum())
    every = np.ones(len(kind), bool)
    score = Score.of(planted, every, every)
    assert score.recall == 1
    assert score.precision == pytest.approx(copies / (copies + misses))
    assert Score.of(planted, kind == 0, every).f1 == 1
    assert Score.of(planted, kind == len(COPIES), every).precision == 0
