import numpy as np
import pytest

from recsys.ids import Ids
from recsys.spelling import Speller

USED = {"welder": 9, "welter": 2, "engineer": 50, "engine": 4, "nurse": 30, "nursery": 40, "c++": 5, "cook": 3}


@pytest.fixture
def speller():
    words = np.array(sorted(USED), object)
    return Speller(Ids(words, "word"), np.array([USED[word] for word in words]))


@pytest.mark.parametrize("typed", ["weder", "wellder", "wemder", "wedler", "elder"])
def test_insertion_deletion_substitution_and_exchange(speller, typed):
    assert speller.nearest(typed) == "welder"


def test_of_two_as_near_the_one_that_more_use(speller):
    assert speller.nearest("wel er".replace(" ", "s")) == "welder"


def test_a_long_word_may_be_off_by_two_and_a_short_one_by_none(speller):
    assert speller.nearest("enginneerr") == "engineer"
    assert speller.nearest("nrsee") is None
    assert speller.nearest("cok") is None


def test_the_word_that_is_still_typed(speller):
    assert speller.nearest("engi", unfinished=True) == "engineer"
    assert speller.nearest("engi") is None
    assert speller.nearest("nurser", unfinished=True) == "nursery"


def test_the_nearest_to_any_form_counts(speller):
    assert speller.nearest("nur") is None
    assert speller.nearest("nur", "nurs") == "nurse"


def test_numbers_are_left_alone(speller):
    assert speller.nearest("welder1") is None


def test_no_words_at_all():
    assert Speller(Ids([], "word"), np.empty(0, np.int64)).nearest("welder", unfinished=True) is None
