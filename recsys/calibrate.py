"""From a score to a probability, where a board's log says how often what was shown was answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import BundleError

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Calibration:
    """A rising curve through a few points, straight between them and flat beyond.

    The probability is that of an answer at least as strong as ``answer``, within ``hours``, by a candidate to whom the
    posting is shown at the first place of a list. Where the log holds no ranks it is that of a posting shown at
    whatever place the board gave it.

    Attributes:
        answer: "apply", "save" or "view".
        hours: how long an answer is waited for.
        first_place: whether the effect of the place was taken out.
        score: float32 (M,), ascending.
        probability: float32 (M,), never falling, within 0 and 1.
    """

    answer: str
    hours: float
    first_place: bool
    score: Numbers
    probability: Numbers

    def of(self, scores: Numbers) -> Numbers:
        """Probabilities float32 of scores of any shape; NaN where the score is."""
        return np.interp(scores, self.score, self.probability).astype(np.float32)

    def to_document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "answer": self.answer,
            "hours": self.hours,
            "first_place": self.first_place,
            "score": [float(one) for one in self.score],
            "probability": [float(one) for one in self.probability],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Calibration":
        """The calibration that ``to_document`` gave.

        Raises:
            BundleError: a value is missing, or the curve is not a rising one.
        """
        try:
            score, probability = (np.array(document[name], np.float32) for name in ("score", "probability"))
            made = cls(
                str(document["answer"]), float(document["hours"]), bool(document["first_place"]), score, probability
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"the bundle's calibration cannot be read ({error}); train again") from None
        shapes = score.ndim == 1 and score.shape == probability.shape
        rising = shapes and (np.diff(score) > 0).all() and (np.diff(probability) >= 0).all()
        if not rising or not ((probability >= 0) & (probability <= 1)).all():
            raise BundleError("the bundle's calibration is not a rising curve of probabilities; train again")
        return made
