"""Words on boards whose right answer is known; the definitions are compared in test_signals.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_at_random import SKILLS, random_requests
from small_catalogue import DIMENSION, NOW, ask, make_catalogue, make_lexicon, random_board

from recsys.config import EventSettings, RetrieveSettings
from recsys.interests import find_interests
from recsys.queries import VIEWED
from recsys.request import Interaction, Profile, Request
from recsys.signals_lexical import shared_skills, shared_words, skills, words
from recsys.terms import words_of

TITLES = ["Night nurse", "Java developer", "", "Unter uns", "Nurse"]
TEXTS = [
    "Night nurse. Triage on a ward",
    "Java developer. Kafka and SQL",
    "Only a text: SQL",
    "Unter uns",
    "Nurse. Ward and triage at home",
]


def board(with_text=True, named=("triage", "sql", "java", "machine learning"), **given):
    lexicon = make_lexicon(TITLES, TEXTS if with_text else None, named)
    vectors = np.tile(np.eye(DIMENSION, dtype=np.float32)[:1], (len(TITLES), 1))
    return make_catalogue(vectors, text=vectors if with_text else None, lexicon=lexicon, **given)


def of(catalogue, *requests, room=words):
    """The signals of every posting for each request."""
    queries = ask(catalogue, list(requests))
    rows = np.tile(np.arange(len(catalogue), dtype=np.int32), (len(requests), 1))
    return room(catalogue, queries, find_interests(catalogue, queries, RetrieveSettings()), rows)


def history(*rows):
    return Request(None, history=[Interaction(f"p{row:04d}", time=NOW - at) for at, row in enumerate(rows)])


class TestTitles:
    def test_the_same_title_is_one_and_another_is_nothing(self):
        found = of(board(), Request(None, Profile(wanted_titles=["NIGHT  nurse"])))["words_title_wanted"][0]
        assert found[0] == pytest.approx(1, abs=1e-6)
        assert 0 < found[4] < 1
        np.testing.assert_array_equal(found[[1, 2, 3]], np.float32([0, np.nan, 0]))

    def test_the_best_of_several_counts(self):
        both = of(board(), Request(None, Profile(past_titles=["Java developer", "Night nurse"])))["words_title_past"]
        np.testing.assert_allclose(both[0, [0, 1]], 1, atol=1e-6)

    def test_words_that_no_posting_has_are_no_evidence(self):
        for said in ("Zookeeper", "", "the of and"):
            found = of(board(), Request(None, Profile(wanted_titles=[said], past_titles=[said], text=said)))
            assert all(np.isnan(values).all() for values in found.values())

    def test_of_nobody_nothing_is_known(self):
        for room in (words, skills):
            assert all(np.isnan(values).all() for values in of(board(), Request(None), room=room).values())


class TestHistory:
    def test_an_application_counts_more_than_a_view(self):
        events = [Interaction("p0000", "apply", NOW), Interaction("p0001", "view", NOW)]
        found = of(board(), Request(None, history=events))
        for name in ("words_title_viewed", "words_text_viewed"):
            assert found[name][0, 0] > 2 * found[name][0, 1] > 0

    def test_the_whole_history_counts_not_only_what_is_compared_one_by_one(self):
        lexicon = make_lexicon([f"title{row}" for row in range(40)], [f"title{row} text{row}" for row in range(40)])
        vectors = np.tile(np.eye(DIMENSION, dtype=np.float32)[:1], (40, 1))
        catalogue = make_catalogue(vectors, text=vectors, lexicon=lexicon)
        found = of(catalogue, history(*range(30)))
        for name in ("words_title_viewed", "words_text_viewed"):
            met = found[name][0] > 0
            assert EventSettings().history > VIEWED
            assert met.tolist() == [row < EventSettings().history for row in range(40)]

    def test_where_there_are_only_titles_the_text_would_say_the_same_twice(self):
        found = of(board(with_text=False), history(0))
        assert "words_text_viewed" not in found
        assert found["words_title_viewed"][0, 0] == pytest.approx(1, abs=1e-6)

    def test_a_history_without_words_is_no_evidence(self):
        assert np.isnan(of(board(), history(2))["words_title_viewed"]).all()


class TestProfile:
    def test_the_words_of_a_cv_find_the_text(self):
        found = of(board(), Request(None, Profile(text="I know Kafka, SQL and Java.")))["words_text_profile"][0]
        assert np.nanargmax(found) == 1
        assert found[2] > 0  # a posting without a title has words all the same
        assert found[0] == 0

    def test_where_there_are_only_titles_a_cv_is_not_compared_with_them(self):
        catalogue, request = board(with_text=False), Request(None, Profile(text="A nurse at night"))
        assert "words_text_profile" not in of(catalogue, request)
        assert not shared_words(catalogue, ask(catalogue, [request]), np.array([[0]], np.int32)).any()


class TestSkills:
    SAID = ((0, 1, -1), (1, 2, 3), (-1, -1, -1), (3, -1, -1), (0, -1, -1))

    def found(self, profile):
        return of(board(skills=self.SAID), Request(None, profile), room=skills)["words_skills"][0]

    def test_a_share_of_what_is_asked_for(self):
        found = self.found(Profile(text="Java, SQL; some learning of machines"))
        np.testing.assert_allclose(found, [1 / 2, 2 / 3, np.nan, 0, 0])

    def test_skills_of_a_list_count_as_those_of_a_text(self):
        listed = self.found(Profile(text="Senior nurse", skills=["Machine Learning", "triage"]))
        np.testing.assert_allclose(listed, [1 / 2, 1 / 3, np.nan, 1, 1])
        np.testing.assert_array_equal(self.found(Profile(skills=["machine  learning", "Triage"])), listed)

    def test_a_board_without_skills(self):
        catalogue = board(named=())
        assert np.isnan(of(catalogue, Request(None, Profile(text="sql")), room=skills)["words_skills"]).all()


class TestShared:
    def test_the_words_are_in_both_texts_and_the_rarest_comes_first(self):
        catalogue = board()
        queries = ask(catalogue, [Request(None, Profile(text="Kafka, SQL, SQL, and a ward"))])
        codes = shared_words(catalogue, queries, np.array([[1, 2, 3]], np.int32))
        named = [[catalogue.lexicon.vocabulary.words[code - 1] for code in line if code] for line in codes[0]]
        assert [set(line) for line in named] == [{"kafka", "sql"}, {"sql"}, set()]

    @pytest.mark.parametrize("seed", range(3))
    def test_on_any_board_what_is_named_is_true(self, seed):
        rng = np.random.default_rng(seed)
        catalogue = random_board(rng, 120)
        requests = random_requests(rng, catalogue, 12)
        queries = ask(catalogue, requests, skills=SKILLS)
        rows = rng.integers(0, 120, (12, 20)).astype(np.int32)
        codes, numbers = shared_words(catalogue, queries, rows), shared_skills(catalogue, queries, rows)
        assert (codes > 0).any()
        assert (numbers > 0).any()
        for at, request in enumerate(requests):
            said = set(words_of(f"{request.profile.text} {' '.join(request.profile.skills)}"))
            for place, row in enumerate(rows[at]):
                mine = {catalogue.lexicon.vocabulary.words[code - 1] for code in codes[at, place] if code}
                codes_there = catalogue.lexicon.text.codes[row]
                there = set(catalogue.lexicon.vocabulary.words[codes_there[codes_there > 0].astype(int) - 1])
                assert mine <= said & there
                for number in numbers[at, place][numbers[at, place] > 0] - 1:
                    assert number in catalogue.attributes.skills[row]
                    assert set(catalogue.lexicon.skills[number].split()) <= said


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), with_text=st.booleans())
def test_a_batch_equals_single_calls_to_the_bit(seed, with_text):
    rng = np.random.default_rng(seed)
    catalogue = random_board(rng, 60, with_text)
    queries = ask(catalogue, random_requests(rng, catalogue, 9), skills=SKILLS)
    rows = rng.integers(0, 60, (9, 25)).astype(np.int32)
    interests = find_interests(catalogue, queries, RetrieveSettings())
    for room in (words, skills):
        batch = room(catalogue, queries, interests, rows)
        for at in range(9):
            single = room(catalogue, queries.part(at, at + 1), interests.part(at, at + 1), rows[at : at + 1])
            for name, values in batch.items():
                np.testing.assert_array_equal(single[name][0], values[at], strict=True)


def test_nobody_asks_and_an_empty_pool():
    catalogue = board()
    for requests, shape in (([], (0, 5)), ([Request(None, Profile(text="sql"))], (1, 0))):
        queries = ask(catalogue, requests)
        interests = find_interests(catalogue, queries, RetrieveSettings())
        for room in (words, skills):
            found = room(catalogue, queries, interests, np.zeros(shape, np.int32))
            assert {values.shape for values in found.values()} == {shape}
