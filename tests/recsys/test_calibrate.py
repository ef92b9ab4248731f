"""From scores to probabilities."""

import numpy as np
import pytest

from recsys.calibrate import Calibration
from recsys.errors import BundleError

CURVE = Calibration("apply", 6.0, True, np.float32([-1, 0, 2]), np.float32([0.01, 0.05, 0.25]))


def test_straight_between_the_points_and_flat_beyond():
    found = CURVE.of(np.float32([[-9, -1, -0.5], [1, 2, 7]]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.01, 0.01, 0.03], [0.15, 0.25, 0.25]], rtol=1e-6)


def test_it_never_falls_and_an_unknown_score_has_no_probability():
    scores = np.sort(np.random.default_rng(0).normal(size=500)).astype(np.float32)
    assert (np.diff(CURVE.of(scores)) >= 0).all()
    assert np.isnan(CURVE.of(np.float32([np.nan]))).all()


def test_what_is_read_equals_what_was_written():
    again = Calibration.from_document(CURVE.to_document())
    assert (again.answer, again.hours, again.first_place) == ("apply", 6.0, True)
    np.testing.assert_array_equal(again.score, CURVE.score)
    np.testing.assert_array_equal(again.probability, CURVE.probability)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"probability": [0.1, 0.05, 0.2]}, "not a rising curve"),
        ({"probability": [0.1, 0.5, 1.2]}, "not a rising curve"),
        ({"score": [0, 0, 1]}, "not a rising curve"),
        ({"score": [0, 1]}, "not a rising curve"),
        ({"score": None}, "not a rising curve"),
        ({"hours": "many"}, "cannot be read"),
    ],
)
def test_a_curve_that_is_none_is_refused(changed, message):
    with pytest.raises(BundleError, match=message):
        Calibration.from_document(CURVE.to_document() | changed)
    lacking = {name: value for name, value in CURVE.to_document().items() if name not in changed}
    with pytest.raises(BundleError, match="cannot be read"):
        Calibration.from_document(lacking)
