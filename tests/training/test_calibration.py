"""Probabilities against truths known by construction."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from recsys import metrics
from recsys.rank import family_mask, single
from recsys.signals import COLUMN, NAMES
from training.calibration import BINS, LEAST, calibrate, fit_curve, probability_line
from training.choose import contenders
from training.config import ValidationSettings
from training.learn import learn_linear
from training.listed import Listed
from training.market.behaviour import attention, chances_inside
from training.market.config import DAY
from training.market.truth import CANDIDATES_FILE, Truth
from training.propensity import EDGES, Propensity
from training.shown import ANSWERS
from training.split import validation_blocks
from training.teach import teach
from training.validate import ask

CHANCE = 1 / np.sqrt(EDGES)


def true_probability(score):
    return 0.3 / (1 + np.exp(1.5 - 1.5 * score))


def drawn(count=60_000, seed=0, kind="apply") -> Listed:
    """Impressions whose score is the popularity signal; a low score tends to stand far down."""
    rng = np.random.default_rng(seed)
    signals = np.full((count, len(NAMES)), np.nan, np.float32)
    score = rng.normal(size=count).astype(np.float32)
    signals[:, COLUMN["popularity"]] = score
    rank = np.clip(np.rint(10 - 4 * score + rng.normal(0, 4, count)), 1, 25).astype(np.int16)
    place = np.searchsorted(EDGES, rank, side="right") - 1
    answered = rng.random(count) < CHANCE[place] * true_probability(score)
    return Listed(
        signals=signals,
        rank=rank,
        answer=np.where(answered, ANSWERS.index(kind), 0).astype(np.uint8),
        fold=rng.integers(0, 2, count),
        page=np.arange(count) // 20,
        event=np.arange(count),
    )


BY_POPULARITY = [single("popularity")] * 2


def test_the_curve_is_the_true_one_with_the_place_taken_out():
    found = calibrate(drawn(), Propensity(CHANCE), BY_POPULARITY, BY_POPULARITY[0], 6.0, 0)
    told = found.calibration
    assert (told.answer, told.hours, told.first_place) == ("apply", 6.0, True)
    scores = np.linspace(-1.5, 1.8, 30).astype(np.float32)
    np.testing.assert_allclose(told.of(scores), true_probability(scores), atol=0.02)
    error, low, high = found.figures["ece"]
    assert low <= high
    assert error < 0.01
    assert found.figures["mean_predicted"] == pytest.approx(found.figures["mean_observed"], rel=0.03)


def test_with_the_place_left_in_the_probability_is_too_low():
    """The test above would notice that nothing was done about the place."""
    naive = calibrate(drawn(), None, BY_POPULARITY, BY_POPULARITY[0], 6.0, 0).calibration
    assert not naive.first_place
    scores = np.linspace(-1, 1.5, 30).astype(np.float32)
    assert (naive.of(scores) < 0.7 * true_probability(scores)).all()


def test_the_figures_are_of_impressions_that_the_curve_was_not_fitted_to():
    """Answers at random: a curve fitted to the very impressions would promise what it has seen."""
    listed = drawn(2000)
    rng = np.random.default_rng(1)
    answer = np.where(rng.random(2000) < 0.2, 3, 0).astype(np.uint8)
    listed = Listed(listed.signals, listed.rank, answer, listed.fold, listed.page, listed.event)
    found = calibrate(listed, None, BY_POPULARITY, BY_POPULARITY[0], 6.0, 0)
    scores = listed.signals[:, COLUMN["popularity"]]
    own = metrics.calibration_error(found.calibration.of(scores), answer > 0, bins=BINS)[0]
    assert found.figures["ece"][0] > own


def test_the_strongest_kind_that_was_given_often_enough():
    for kind, named in (("view", "view"), ("save", "save"), ("apply", "apply"), ("hire", "apply")):
        found = calibrate(drawn(20_000, kind=kind), None, BY_POPULARITY, BY_POPULARITY[0], 6.0, 0)
        assert found.calibration.answer == named


def test_without_enough_answers_or_without_lists_there_is_no_probability():
    few = drawn(20_000)
    some = np.flatnonzero(few.answer)[LEAST - 1 :]
    few.answer[some] = 0
    assert calibrate(few, None, BY_POPULARITY, BY_POPULARITY[0], 6.0, 0) is None
    assert calibrate(Listed.empty(), None, BY_POPULARITY, BY_POPULARITY[0], 6.0, 0) is None
    assert "no probabilities" in probability_line(None)


def test_impressions_of_unknown_rank_are_left_out_where_the_place_is_taken_out():
    listed = drawn(20_000)
    listed.rank[::2] = -1
    found = calibrate(listed, Propensity(CHANCE), BY_POPULARITY, BY_POPULARITY[0], 6.0, 0)
    assert found.figures["impressions"] == 10_000


def test_a_group_without_an_answer_is_not_called_impossible():
    scores = np.repeat(np.float32([0, 1]), 3000)
    answered = (scores == 1) & (np.arange(6000) % 10 == 0)
    knots, probability = fit_curve(scores, answered, np.ones(6000))
    assert knots.tolist() == [0, 1]
    assert 0 < probability[0] < 1e-4
    assert probability[1] == pytest.approx(0.1, rel=0.01)


@pytest.fixture(scope="module")
def taught(market, whole_in_memory):
    settings = ValidationSettings()
    events = whole_in_memory.settings.events
    blocks = validation_blocks(market.prepared, events, settings, market.as_of)
    asked = [ask(market.prepared, whole_in_memory.settings, block) for block in blocks]
    return teach(market.prepared, whole_in_memory.settings, settings, asked)


def test_the_probabilities_of_a_market_are_near_the_true_ones(market, taught):
    """True probability that a posting shown first is answered, against what a curve fitted to others tells."""
    final = learn_linear(taught.lessons, family_mask())
    by_fold = contenders(taught.lessons)["linear"]
    found = taught.calibrate(by_fold, final)
    listed, histories = taught.listed, market.prepared.candidates.histories
    truth = Truth.load(market.data)
    candidate = np.searchsorted(histories.start, listed.event, side="right") - 1
    who, what = truth.rows(
        market.prepared.candidates.ids.names(candidate).astype(str),
        market.prepared.ids.names(histories.posting[listed.event]).astype(str),
    )
    patience = pq.read_table(market.data / CANDIDATES_FILE)["patience"].to_numpy()[who]
    age = (histories.time[listed.event] - truth.posted[what]) / DAY
    opened, applied = chances_inside(truth.utility(who, what))
    inside = {"apply": applied, "view": opened}[found.calibration.answer]
    true = attention(np.ones(len(who), int), patience, age) * inside
    told = found.calibration.of(listed.scores(final))
    error = metrics.calibration_error(told, true, bins=BINS)[0]
    # Some 600 answers in 15 bins: chance alone moves a bin by a sixth of its mean, in the curve and in its check.
    assert error < 0.25 * true.mean()
    assert told.mean() == pytest.approx(true.mean(), rel=0.15)
    assert found.figures["ece"][0] < 0.25 * found.figures["mean_observed"]
    assert np.corrcoef(told, true)[0, 1] > 0.3
