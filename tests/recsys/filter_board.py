"""A board on which every filter finds postings that pass, that fail, and that do not say."""

import numpy as np
from small_catalogue import (
    DAY,
    NARROW,
    NOW,
    clustered,
    make_catalogue,
    make_numbering,
    random_lexicon,
)

from recsys.config import FilterSettings

COMPANIES = ["Acme", "Blue Sky", "Cobalt", "Delta"]
LANGUAGES = ["en", "de", "fr"]
SHIFTS = ["shift=day", "shift=night", "shift=any"]
RULES = FilterSettings(
    currency="USD", rates={"EUR": 2.0}, extra={"shift": "words", "grade": "number"}, exact=40, whole=50, widen=2
)
SETTINGS = NARROW.model_copy(update={"filters": RULES})


def filter_board(seed=0, count=400, rules=RULES):
    """``count`` postings of which each says some things and not others."""
    rng = np.random.default_rng(seed)

    def sometimes(values, nothing=np.nan):
        return np.where(rng.random(count) < 0.7, values, nothing)

    latlon = np.column_stack([rng.uniform(40, 44, count), rng.uniform(-3, 3, count)])[:, None].repeat(2, axis=1)
    latlon[:, 1] += rng.normal(0, 0.5, (count, 2))
    latlon[rng.random((count, 2)) < 0.3] = np.nan
    worth = rng.uniform(2e4, 9e4, count)
    known = rng.random(count) < 0.7
    events = [(who, int(what), 1.0) for who in range(60) for what in rng.choice(count, size=6, replace=False)]
    return make_catalogue(
        clustered(rng, count, 12),
        text=clustered(rng, count, 12),
        lexicon=random_lexicon(rng, count, True),
        latlon=latlon,
        events=events,
        open_=rng.random(count) < 0.95,
        settings=SETTINGS.model_copy(update={"filters": rules}),
        numbering=make_numbering(company=COMPANIES, language=LANGUAGES, extra=SHIFTS),
        company=rng.integers(-1, len(COMPANIES), count),
        seniority=sometimes(rng.integers(0, 6, count)),
        remote=rng.integers(-1, 2, count),
        posted=sometimes(NOW - rng.uniform(0, 60, count) * DAY),
        employment=sometimes(rng.integers(1, 256, count), 0),
        language=rng.integers(-1, len(LANGUAGES), count),
        worth_low=np.where(known, worth * 0.8, np.nan),
        worth_high=np.where(known, worth, np.nan),
        permit=rng.integers(-1, 2, count),
        extra_words=rng.integers(-1, len(SHIFTS), (count, 1, 4)),
        extra_numbers=sometimes(rng.integers(1, 9, count))[:, None],
    )
