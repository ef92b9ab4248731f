"""Sketches: what must be equal, and how alike texts are."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.documents import posting_frames
from recsys.sketch import BINS, employer_words, likeness, place_numbers, sketches, text_sketches, title_words
from recsys.text import posting_texts, posting_titles

BODY = (
    "We look for a welder with five years in steel plants who reads drawings, works with MIG and TIG, keeps the "
    "workplace clean, trains apprentices and reports to the head of production. We pay well and on time."
)
NURSE = {"posting_id": "n", "title": "Nurse II", "description": BODY, "company": "Clinic Inc."}
BOSTON = {"city": "Boston", "region": "Massachusetts", "country": "US", "latitude": 42.36, "longitude": -71.06}
BASE = NURSE | {"locations": [BOSTON]}


def keys(*documents):
    """Keys of documents, by the path of newcomers."""
    postings, locations = posting_frames(documents)
    latlon = locations[["latitude", "longitude"]].to_numpy(np.float32)
    rows = np.arange(len(documents), dtype=np.int32)
    places = place_numbers(locations, latlon, rows, postings["remote"].to_numpy(np.int8), 0.25)
    return sketches(postings, posting_titles(postings), posting_texts(postings), places).keys


def same(one, other):
    first, second = keys(one, other)
    return bool(first == second) and first != 0


@pytest.mark.parametrize(
    "change",
    [
        {"posting_id": "other", "date_posted": 5.0, "url": "https://x"},
        {"title": "NURSE  ii"},
        {"title": "II, nurse (m/f/d)"},
        {"title": "Nurse 2 (1234567)"},
        {"company": "clinic, LLC"},
        {"description": "Something else altogether, which is for the likeness of texts to tell."},
        {"locations": [BOSTON | {"city": None, "latitude": 42.37}]},
        {"locations": [BOSTON, BOSTON]},
        {"salary_min": 30.0},
    ],
)
def test_what_a_copy_may_change(change):
    assert same(BASE, BASE | change)


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Nurse III"},
        {"title": "Nurse"},
        {"title": "Senior Nurse II"},
        {"title": "Nurse II, Night"},
        {"company": "Hospital"},
        {"company": None},
        {"locations": [BOSTON | {"latitude": 41.88, "longitude": -87.63}]},
        {"locations": [BOSTON, BOSTON | {"latitude": 41.88, "longitude": -87.63}]},
        {"locations": []},
        {"remote": True},
    ],
)
def test_what_makes_another_vacancy(change):
    assert not same(BASE, BASE | change)


def test_places_without_a_point_are_told_by_their_names():
    nowhere = BOSTON | {"city": "Nowhereville", "latitude": None, "longitude": None}
    one = BASE | {"locations": [nowhere]}
    assert same(one, one | {"locations": [nowhere | {"city": "nowhereville "}]})
    assert not same(one, one | {"locations": [nowhere | {"city": "Elsewhere"}]})


def test_where_the_employer_is_not_known_the_text_must_be_equal():
    one = BASE | {"company": None}
    assert same(one, one | {"posting_id": "m", "date_posted": 9.0})
    assert not same(one, one | {"description": BODY + " Apply now."})
    assert not same(one | {"locations": []}, one | {"locations": []})  # nor the place: too little is said


def test_a_bare_title_has_copies_only_where_all_else_is_equal_and_something_is_said():
    bare = BASE | {"description": None}
    assert not same(bare, bare)
    paid = bare | {"salary_min": 30.0, "extra": {"unit": "Ward 7", "street": "Elm"}}
    assert same(paid, paid | {"posting_id": "m", "date_posted": 9.0, "extra": '{"street": "Elm", "unit": "Ward 7"}'})
    assert not same(paid, paid | {"salary_min": 31.0})
    assert not same(paid, paid | {"extra": {"unit": "Ward 8", "street": "Elm"}})
    assert not same(paid, paid | {"employment_type": "PART_TIME"})
    assert not same(paid, paid | {"description": BODY})


def test_words_of_titles_and_employers():
    assert title_words("Sr. Engineer II (m/w/d), 00123456") == ["2", "engineer", "senior"]
    assert title_words("C++ Developer") != title_words("C Developer")
    assert employer_words("Acme Co., Ltd.") == ["acme"]
    assert employer_words("Co. AG") == ["co", "ag"]  # of nothing else would be left


def test_likeness_does_not_see_case_digits_punctuation_and_markup():
    plain = "Pay of $20 an hour & more, from 3 May 2024. Ref 123."
    marked = "<p>PAY of $25 an hour &amp; more<br/>from 14 May 2025</p> Ref 98765"
    one, other = text_sketches([plain, marked])
    assert likeness(one, other) == 1


def test_of_nothing_the_sketch_is_empty_and_like_nothing():
    one, other, empty = text_sketches([BODY, "42", ""])
    assert not other.any()
    assert not empty.any()
    assert likeness(empty, other) == 1
    assert likeness(empty, one) == 0


def words(rng, count):
    return [f"{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a, b, c in rng.integers(0, 26, (count, 3))]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(150, 600), shared=st.floats(0, 1))
def test_likeness_is_near_the_share_of_runs_that_both_have(seed, length, shared):
    rng = np.random.default_rng(seed)
    common = words(rng, int(length * shared))
    texts = [" ".join(common + words(rng, length - len(common))) for _ in range(2)]

    def runs(text):
        parts = [*text.split(), ""]
        return set(itertools.pairwise(parts))

    exact = len(runs(texts[0]) & runs(texts[1])) / len(runs(texts[0]) | runs(texts[1]))
    one, other = text_sketches(texts)
    assert one.shape == (BINS,)
    assert one.dtype == np.uint8
    assert abs(float(likeness(one, other)) - exact) < 0.2


def test_who_is_sketched_together_makes_no_difference():
    rng = np.random.default_rng(3)
    texts = [" ".join(words(rng, int(count))) for count in rng.integers(0, 80, 50)]
    together = text_sketches(texts)
    np.testing.assert_array_equal(together, np.concatenate([text_sketches([text]) for text in texts]))
    documents = [BASE | {"title": text or "none"} for text in texts]
    np.testing.assert_array_equal(keys(*documents), np.concatenate([keys(one) for one in documents]))
