"""From texts to a profile."""

import numpy as np
import pytest

from recsys.encode import HashEncoder
from recsys.queries import PAST, WANTED
from recsys.request import Request
from serving.profile import profile_from_texts

ENCODER = HashEncoder()


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_every_text_gets_its_own_vector():
    profile = profile_from_texts(
        ENCODER, "a nurse", ["nurse", "midwife"], ["carer"], ["triage"], (1.0, 2.0), 30.0, True
    )
    expected = ENCODER.encode(["a nurse", "nurse", "midwife", "carer"])
    for found, wanted in zip([profile.whole, *profile.wanted, *profile.past], expected, strict=True):
        assert cosine(found, wanted) == pytest.approx(1, abs=1e-4)
    assert profile.wanted.shape == (2, 256)
    assert profile.past.shape == (1, 256)
    assert (profile.home, profile.reach_km, profile.remote_ok, profile.skills) == ((1.0, 2.0), 30.0, True, ("triage",))
    assert (profile.wanted_titles, profile.past_titles, profile.text) == (("nurse", "midwife"), ("carer",), "a nurse")


def test_nothing_known_gives_an_empty_profile():
    profile = profile_from_texts(ENCODER)
    assert (profile.wanted, profile.past, profile.whole, profile.home, profile.remote_ok) == (None,) * 5
    assert profile_from_texts(ENCODER, " \n\t").whole is None


def test_without_a_text_titles_and_skills_make_one():
    profile = profile_from_texts(ENCODER, "", ["nurse"], ["carer"], ["triage"])
    for word in ("nurse", "carer", "triage"):
        assert cosine(profile.whole, ENCODER.encode([word])[0]) > 0.3


def test_more_titles_than_are_compared_are_left_out():
    profile = profile_from_texts(ENCODER, "", [f"title{n}" for n in range(9)], [f"past{n}" for n in range(9)])
    assert (len(profile.wanted), len(profile.past)) == (WANTED, PAST)
    assert cosine(profile.wanted[0], ENCODER.encode(["title0"])[0]) == pytest.approx(1, abs=1e-4)


def test_case_space_and_marks_do_not_matter(scorer):
    plain = profile_from_texts(ENCODER, "registered nurse", ["nurse"])
    spaced = profile_from_texts(ENCODER, "  registered\n nurse\u200b ", [" nurse"])
    lists = [scorer.recommend_request(Request(profile=one, now=scorer.as_of), 10) for one in (plain, spaced)]
    assert lists[0] == lists[1]


def test_blank_titles_are_as_good_as_none(scorer):
    blank = profile_from_texts(ENCODER, "registered nurse", ["", " "], [""])
    none = profile_from_texts(ENCODER, "registered nurse")
    lists = [scorer.recommend_request(Request(profile=one, now=scorer.as_of), 10) for one in (blank, none)]
    assert lists[0] == lists[1]


def test_a_title_that_is_wanted_comes_first(scorer):
    catalogue = scorer.engine.catalogue
    row = int(np.flatnonzero(catalogue.open)[20])
    title = scorer.engine.explainer.titles.take([row])[0]
    profile = profile_from_texts(ENCODER, desired_titles=[title])
    lines = scorer.recommend_request(Request(profile=profile, now=scorer.as_of), 10)
    shown = scorer.engine.explainer.titles.take(catalogue.ids.rows([line.posting_id for line in lines]).tolist())
    vectors = ENCODER.encode(shown) @ ENCODER.encode([title])[0]
    every = ENCODER.encode(scorer.engine.explainer.titles.take(np.flatnonzero(catalogue.open).tolist()))
    assert vectors.mean() > (every @ ENCODER.encode([title])[0]).mean() + 0.1
