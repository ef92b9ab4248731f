import os
from pathlib import Path

import pandas as pd
import pytest

from recsys.language import MIN_TEXTS, language_warning

ENGLISH_ONLY = frozenset({"en"})
ENGLISH = "We are looking for a reliable warehouse worker who packs, labels and loads orders in shift {}."
FOREIGN = {
    "de": "Wir suchen zum nächstmöglichen Zeitpunkt eine Pflegefachkraft für unsere Station {} in Teilzeit.",
    "fr": "Nous recherchons un cuisinier expérimenté pour rejoindre l'équipe numéro {} de notre restaurant.",
    "es": "Buscamos un conductor de camión con experiencia y disponibilidad para viajar por la ruta {}.",
}


def _texts(template, count):
    return [template.format(number) for number in range(count)]


@pytest.mark.parametrize("language", FOREIGN)
def test_texts_in_another_language_are_named(language):
    warning = language_warning(_texts(FOREIGN[language], 60), ENGLISH_ONLY)
    assert warning is not None
    assert f"{language} 100%" in warning
    assert "it knows en" in warning
    assert "\n" not in warning


def test_english_texts_give_no_warning():
    assert language_warning(_texts(ENGLISH, 500), ENGLISH_ONLY) is None


def test_a_fifth_is_tolerated_and_more_is_not():
    tolerated = _texts(ENGLISH, 85) + _texts(FOREIGN["de"], 15)
    assert language_warning(tolerated, ENGLISH_ONLY) is None
    warning = language_warning(_texts(ENGLISH, 70) + _texts(FOREIGN["de"], 30), ENGLISH_ONLY)
    assert warning is not None
    assert warning.startswith("30% of 100 sampled texts")


def test_the_sample_is_spread_over_all_texts_and_the_same_every_time():
    texts = _texts(ENGLISH, 2_000) + _texts(FOREIGN["fr"], 2_000)
    warning = language_warning(texts, ENGLISH_ONLY)
    assert warning is not None
    assert warning.startswith("50% of 200 sampled texts")
    assert warning == language_warning(texts, ENGLISH_ONLY)


def test_short_or_few_texts_say_nothing():
    assert language_warning(["Krankenschwester", "Koch gesucht"] * 500, ENGLISH_ONLY) is None
    assert language_warning(_texts(FOREIGN["de"], MIN_TEXTS - 1), ENGLISH_ONLY) is None
    assert language_warning(_texts(FOREIGN["de"], MIN_TEXTS), ENGLISH_ONLY) is not None
    assert language_warning([], ENGLISH_ONLY) is None


def test_what_the_encoder_knows_is_not_warned_of():
    german = _texts(FOREIGN["de"], 50)
    assert language_warning(german, frozenset({"en", "de"})) is None
    assert language_warning(german, None) is None


@pytest.mark.parametrize(
    ("file", "column"),
    [
        ("google_job_skills.csv", "Responsibilities"),
        ("glassdoor_jobs.csv", "Job Description"),
        ("indeed_postings.csv", "body"),
        ("nyc_zorin.csv", "Business Title"),
    ],
)
def test_real_english_postings_give_no_warning(file, column):
    data = os.environ.get("JOBREC_DATA")
    if not data:
        pytest.skip("JOBREC_DATA does not name the folder of public data")
    frame = pd.read_csv(Path(data) / "postings" / file, usecols=[column], encoding="utf-8", encoding_errors="replace")
    texts = frame[column].dropna().tolist()
    assert len(texts) > 100
    assert language_warning(texts, ENGLISH_ONLY) is None
