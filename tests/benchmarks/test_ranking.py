"""The page on ranking: pools whose content is known, ablation that must find what decides, costs of every stage."""

import re

import numpy as np
import pytest
from line_of_postings import EXPIRED, FAR, NEAR, NEAREST, SETTINGS, asking, board

from benchmarks.ranking import run
from benchmarks.ranking_page import page
from benchmarks.ranking_pools import only, pool_recalls, whole_order, without_sources
from benchmarks.ranking_signals import NEGATIVES, ablate
from recsys.cut import quick_part
from recsys.pool import SOURCES
from recsys.rank import sum_mask
from recsys.signals import COLUMN, NAMES
from training.learn import Lessons
from training.validate import FOLDS

ANSWERS = [3, 9, 30, 45, 100]
CUTS = [quick_part(NEAREST)] * FOLDS


@pytest.fixture(scope="module")
def asked():
    return [asking(board(company=np.arange(NEAR + FAR)), ANSWERS)]


def test_the_whole_order_needs_no_pool(asked):
    (whole,) = whole_order(asked, [NEAREST] * FOLDS, 0)
    nearest = [row for row in range(11) if row != EXPIRED]
    assert whole.top[0].tolist() == nearest
    assert whole.hit.tolist() == [True, True, False, False, False]


def test_pool_recall_of_each_source_and_of_all(asked):
    whole = whole_order(asked, [NEAREST] * FOLDS, 0)
    found = {(one.sources, one.width): one for one in pool_recalls(asked, whole, CUTS, SETTINGS, [20, 50], 0)}
    assert len(found) == 2 * (1 + len(SOURCES))
    # The most alike come in the order of their rows, which is that of their distance.
    shares = {key: one.answers[0] for key, one in found.items()}
    assert shares["all together", 20] == shares["near alone", 20] == shares["text alone", 20] == 2 / 5
    assert (shares["near alone", 50], shares["text alone", 50]) == (4 / 5, 2 / 5)  # 30 by text are rows 0 to 29
    assert shares["all together", 50] == 4 / 5
    assert shares["cooccur alone", 50] == 0
    assert found["near alone", 20].kept_hits[0] == found["near alone", 20].kept_top[0] == 1
    assert found["cooccur alone", 20].kept_hits[0] == found["cooccur alone", 20].kept_top[0] == 0


def test_one_source_alone_leaves_the_others_out():
    alone = only(SETTINGS.retrieve, "near")
    assert alone.near == SETTINGS.retrieve.near
    assert {getattr(alone, name) for name in SOURCES if name != "near"} == {0}


def test_what_is_served_without_a_source(asked):
    means, found = without_sources(asked, [NEAREST] * FOLDS, CUTS, SETTINGS, 0, lambda line: None)
    assert means[:2].tolist() == [4 / 5, 2 / 5]
    by_name = {one.source: one for one in found}
    assert by_name["near"].pool[0] == pytest.approx(-2 / 5)  # 30 and 45 are not among the 30 most alike
    assert by_name["near"].hit[:3] == by_name["text"].pool[:3] == by_name["cooccur"].ndcg[:3] == (0, 0, 0)


def test_ablation_finds_the_signal_that_decides(asked):
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(60, 1 + NEGATIVES, len(NAMES))).astype(np.float32)
    signals[..., COLUMN["near_home_log"]] = -np.log1p(rng.uniform(5, 50, (60, 1 + NEGATIVES)))
    signals[:, 0, COLUMN["near_home_log"]] = 0  # the answer is always next door
    signals[..., COLUMN["pay_fit"]] = np.nan
    lessons = Lessons(signals, np.zeros(signals.shape[:2], bool), np.arange(60) % FOLDS)
    found = ablate(asked, lessons, 0, lambda line: None)
    assert found.signals[0].name == "near_home_log"
    assert found.families[0].name == "place"
    assert found.signals[0].differences[1][0] < 0
    assert found.unused == ("pay_fit",)
    assert len(found.signals) == sum_mask().sum() - 1


@pytest.mark.long
def test_the_page_of_a_whole_board(market, tmp_path):
    config = tmp_path / "configs" / "board.yaml"
    config.parent.mkdir()
    config.write_text("encoder: {encoder: hash}\nengine: {factors: {dimensions: 8}}\n")
    found = run(config, market.data, market.cache)
    text = page(found)
    assert "with `configs/board.yaml`" in text
    assert str(market.data) not in text
    assert len(re.findall(r"^### A pool of ", text, re.M)) == 4
    for stage in ("interests", "retrieve", "signals", "score", "eligible", "arrange", "explain"):
        assert found.stages.alone[stage] > 0
        assert found.stages.batch[stage] > 0
    for name in NAMES:
        assert f"| {name} " in text or name in found.ablation.unused
