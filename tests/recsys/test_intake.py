import numpy as np
import pytest
from small_catalogue import DIMENSION, make_catalogue, make_lexicon, unit

from recsys.errors import RequestError
from recsys.geo import unit_vectors
from recsys.intake import NAMED, SKILLS, WORDS, in_words, to_candidates
from recsys.queries import PAST, TEXTS, WANTED, WORKED
from recsys.request import Interaction, Profile, Request
from recsys.schema import EVENT_TYPES

CATALOGUE = make_catalogue(unit(np.random.default_rng(0), 10))
VOCABULARY = {f"skill {number}": number for number in range(30)}


def taken_in(*profiles):
    return to_candidates([Request(None, profile) for profile in profiles], CATALOGUE, VOCABULARY)


def histories(*events):
    return to_candidates([Request(None, history=events)], CATALOGUE, {}).histories


class TestProfiles:
    def test_vectors_stand_where_they_were_given(self):
        rng = np.random.default_rng(1)
        wanted, past, whole = unit(rng, 2), unit(rng, 3), unit(rng, 1)[0]
        p = taken_in(Profile(), Profile(wanted=wanted, past=past, whole=whole)).profiles
        assert (p.wanted[0] == -1).all()
        assert (p.wanted >= 0).sum(axis=1).tolist() == [0, 2]
        assert (p.past >= 0).sum(axis=1).tolist() == [0, 3]
        assert (p.wanted.shape, p.past.shape, p.whole.shape) == ((2, WANTED), (2, PAST), (2,))
        np.testing.assert_allclose(p.vectors.vectors(p.wanted[1, :2]), wanted, atol=0.005)
        np.testing.assert_allclose(p.vectors.vectors(p.past[1, :3]), past, atol=0.005)
        np.testing.assert_allclose(p.vectors.vectors(p.whole[1]), whole, atol=0.005)
        assert p.whole[0] == -1

    def test_a_text_without_content_is_not_known(self):
        wanted = unit(np.random.default_rng(2), 3)
        wanted[1] = 0
        p = taken_in(Profile(wanted=wanted, whole=np.zeros(DIMENSION, np.float32))).profiles
        assert (p.wanted[0] >= 0).tolist() == [True, False, True, False]
        np.testing.assert_allclose(p.vectors.vectors(p.wanted[0, [0, 2]]), wanted[[0, 2]], atol=0.005)
        assert p.whole[0] == -1

    def test_the_first_few_count(self):
        wanted = unit(np.random.default_rng(3), WANTED + 3)
        p = taken_in(Profile(wanted=wanted)).profiles
        np.testing.assert_allclose(p.vectors.vectors(p.wanted[0]), wanted[:WANTED], atol=0.005)

    def test_places_as_unit_vectors(self):
        worked = [(50.0 + number, 8.0) for number in range(WORKED + 2)]
        p = taken_in(Profile(home=(52.5, 13.4), worked=worked), Profile()).profiles
        np.testing.assert_array_equal(p.home[0], unit_vectors((52.5, 13.4)))
        np.testing.assert_array_equal(p.worked[0], unit_vectors(worked[:WORKED]))
        assert np.isnan(p.home[1]).all()
        assert np.isnan(p.worked[1]).all()

    def test_what_is_not_said_is_not_zero(self):
        p = taken_in(Profile(), Profile(reach_km=0, remote_ok=False, seniority=0, pay=0)).profiles
        for name in ("reach_km", "seniority", "pay"):
            np.testing.assert_array_equal(getattr(p, name), np.float32([np.nan, 0]), strict=True)
        np.testing.assert_array_equal(p.remote_ok, np.int8([-1, 0]), strict=True)

    def test_skills_are_looked_up_in_any_writing(self):
        many = [f"Skill  {number}" for number in range(25)]
        p = taken_in(Profile(skills=[" SKILL 7", "knitting", "skill 2"]), Profile(skills=many)).profiles
        assert p.skills.shape == (2, SKILLS)
        assert p.skills[0, :3].tolist() == [7, 2, -1]
        assert p.skills[1].tolist() == list(range(SKILLS))

    @pytest.mark.parametrize("name", ["wanted", "past", "whole"])
    def test_vectors_of_another_encoder_are_refused_with_both_numbers(self, name):
        vector = np.ones((2, DIMENSION + 1) if name != "whole" else DIMENSION + 1, np.float32)
        with pytest.raises(RequestError, match=f"{DIMENSION + 1} numbers.*{DIMENSION}"):
            taken_in(Profile(**{name: vector}))


class TestWords:
    LEXICON = make_lexicon(["Night nurse", "Cook", "Nurse"], None, ["triage", "fine dining"])

    def words(self, terms, row):
        return {self.LEXICON.vocabulary.words[code - 1] for code in terms.codes[row] if code}

    def test_each_text_stands_in_its_slot(self):
        terms, texts, named = in_words(
            [["Night nurse", " "], []], [["Cook"], []], ["A cook of fine  dining", ""], [[], ["Triage"]], self.LEXICON
        )
        assert (texts.shape, named.shape, terms.codes.shape[1]) == ((2, TEXTS), (2, NAMED), WORDS)
        there = [0, WANTED, WANTED + PAST]
        assert np.flatnonzero(texts[0] >= 0).tolist() == there
        assert [self.words(terms, row) for row in texts[0, there]] == [{"night", "nurse"}, {"cook"}, {"cook"}]
        assert (texts[1] == -1).all()
        assert [set(line) for line in named.tolist()] == [{1, -1}, {0, -1}]

    def test_the_first_few_titles_count(self):
        _, texts, _ = in_words([[f"title {n}" for n in range(9)]], [["x"] * 9], [""], [[]], self.LEXICON)
        assert np.flatnonzero(texts[0] >= 0).tolist() == list(range(WANTED + PAST))

    def test_the_same_text_is_weighed_once(self):
        terms, texts, _ = in_words([["Nurse", "Nurse"]], [["Nurse"]], ["Nurse"], [[]], self.LEXICON)
        assert len(terms) == 1
        assert sorted(set(texts[0].tolist())) == [-1, 0]

    def test_words_need_no_vectors(self):
        catalogue = make_catalogue(unit(np.random.default_rng(0), 3), lexicon=self.LEXICON)
        profile = Profile(wanted_titles=["Nurse"], past_titles=["Cook"], text="triage by night", skills=["triage"])
        p = to_candidates([Request(None, profile), Request(None)], catalogue, {}).profiles
        expected = in_words([["Nurse"], []], [["Cook"], []], ["triage by night", ""], [["triage"], []], self.LEXICON)
        for found, wanted in zip((p.terms.codes, p.texts, p.named), (expected[0].codes, *expected[1:]), strict=True):
            np.testing.assert_array_equal(found, wanted, strict=True)
        assert (p.wanted == -1).all()


class TestHistories:
    def test_events_are_sorted_by_time_and_those_without_come_first_in_their_order(self):
        found = histories(
            Interaction("p0001", "view", 30.0),
            Interaction("p0002", "save"),
            Interaction("p0003", "apply", 10.0),
            Interaction("p0004", "view"),
            Interaction("p0005", "hire", 10.0),
        )
        assert found.posting.tolist() == [2, 4, 3, 5, 1]
        np.testing.assert_array_equal(found.time, [np.nan, np.nan, 10, 10, 30])
        assert [EVENT_TYPES[kind] for kind in found.kind] == ["save", "view", "apply", "hire", "view"]

    def test_an_unknown_posting_is_passed_over_not_refused(self):
        assert histories(Interaction("nowhere"), Interaction("p0001")).posting.tolist() == [-1, 1]

    def test_values(self):
        np.testing.assert_array_equal(
            histories(Interaction("p0001", value=0.0), Interaction("p0001")).value, np.float32([0, np.nan]), strict=True
        )

    @pytest.mark.parametrize("kind", ["click", "undo", "", "View"])
    def test_an_unknown_type_is_refused_and_the_known_ones_are_named(self, kind):
        with pytest.raises(RequestError, match=f"'{kind}'.*impression, view, save, apply, dismiss, hire"):
            histories(Interaction("p0001", kind))

    def test_each_request_has_its_own_history(self):
        requests = [
            Request(None, history=[Interaction("p0003")]),
            Request(None),
            Request(None, history=[Interaction("p0001", time=2.0), Interaction("p0002", time=1.0)]),
        ]
        found = to_candidates(requests, CATALOGUE, {}).histories
        assert found.start.tolist() == [0, 1, 1, 3]
        assert found.posting.tolist() == [3, 2, 1]


def test_no_requests():
    candidates = to_candidates([], CATALOGUE, VOCABULARY)
    assert len(candidates) == 0
    assert candidates.histories.start.tolist() == [0]
    assert candidates.profiles.wanted.shape == (0, WANTED)


def test_the_same_person_may_ask_twice():
    candidates = to_candidates([Request("c1"), Request("c1"), Request(None)], CATALOGUE, VOCABULARY)
    assert len(candidates) == 3
