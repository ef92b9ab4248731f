"""Texts as sparse terms, against a plain computation, text by text."""

import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.terms import Lexicon, Vocabulary, words_of

TEXTS = ["Nurse, night shift", "Senior nurse", "C++ developer (night)", "C# developer", "", "Chef de cuisine"]
WORDS = st.sampled_from(
    ["nurse", "night", "shift", "developer", "c++", "C#", "Chef", "the", "2024", "zwölf", "数据", "x"]
)
TEXT = st.lists(WORDS, max_size=12).map(" ".join)


def bag(terms, vocabulary, row):
    """Word and weight of one text."""
    return {
        vocabulary.words[code - 1]: float(weight) * float(terms.scale[row])
        for code, weight in zip(terms.codes[row], terms.weights[row], strict=True)
        if code
    }


def plain(text, texts, known):
    """The definition: (1 + log tf) * idf of the known words, brought to length 1."""
    df, with_words = Counter(), 0
    for one in texts:
        df.update(set(words_of(one)))
        with_words += bool(words_of(one))
    tf = Counter(word for word in words_of(text) if word in known)
    weight = {
        word: (1 + math.log(count)) * math.log(1 + (with_words - df[word] + 0.5) / (df[word] + 0.5))
        for word, count in tf.items()
    }
    length = math.sqrt(sum(one**2 for one in weight.values()))
    return {word: one / length for word, one in weight.items()}


class TestWords:
    def test_case_marks_and_form_do_not_matter(self):
        assert words_of("Ｎode.JS\u200b  STRASSE Straße") == ["node", "js", "strasse", "strasse"]

    def test_what_tells_languages_apart_stays(self):
        assert words_of("C, C++/C# and .NET (R)") == ["c", "c++", "c#", "and", "net", "r"]

    def test_other_scripts_have_words(self):
        assert words_of("Медсестра, ночная смена — 看護師") == ["медсестра", "ночная", "смена", "看護師"]

    def test_none(self):
        assert words_of("") == words_of(" +++ ... ##") == []


class TestVocabulary:
    def test_words_are_sorted_and_empty_ones_left_out(self):
        found = Vocabulary.learn(["The nurse of the night", "a nurse"])
        assert found.words.tolist() == ["night", "nurse"]
        np.testing.assert_allclose(found.idf, [math.log(1 + 1.5 / 1.5), math.log(1 + 0.5 / 2.5)], rtol=1e-6)

    def test_the_commonest_are_kept_and_among_equals_the_first_in_the_alphabet(self):
        texts = ["zeta beta", "zeta alpha", "gamma"]
        assert Vocabulary.learn(texts, 1).words.tolist() == ["zeta"]
        assert Vocabulary.learn(texts, 2).words.tolist() == ["alpha", "zeta"]

    def test_no_texts_and_no_room(self):
        for vocabulary in (Vocabulary.learn([]), Vocabulary.learn(["", " "]), Vocabulary.learn(TEXTS, 0)):
            assert len(vocabulary) == 0
            terms = vocabulary.terms(["a nurse", ""], 4)
            assert not terms.codes.any()
            assert not terms.scale.any()

    def test_the_same_in_every_process(self, tmp_path):
        script = (
            "from recsys.terms import Vocabulary\n"
            f"texts = {TEXTS!r}\n"
            "v = Vocabulary.learn(texts, 5); t = v.terms(texts, 3)\n"
            "print(v.words.tolist(), t.codes.tolist(), t.weights.tolist(), t.scale.tolist())"
        )
        root = str(Path(__file__).parents[2])
        said = {
            subprocess.run(
                [sys.executable, "-c", script],
                capture_output=True,
                text=True,
                check=True,
                env=os.environ | {"PYTHONPATH": root, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            ).stdout
            for seed in ("1", "2")
        }
        assert len(said) == 1

    def test_which_words_may_be_named(self):
        vocabulary = Vocabulary.learn(["nurse 2024 c c++ x 3d"])
        telling = {word for word, may in zip(vocabulary.words, vocabulary.telling[1:], strict=True) if may}
        assert telling == {"nurse", "c++", "3d"}
        assert not vocabulary.telling[0]


class TestTerms:
    @settings(max_examples=60, deadline=None)
    @given(texts=st.lists(TEXT, min_size=1, max_size=8), strange=TEXT)
    def test_weights_are_their_definition(self, texts, strange):
        vocabulary = Vocabulary.learn(texts)
        terms = vocabulary.terms([*texts, strange], 16)
        for row, text in enumerate([*texts, strange]):
            expected, found = plain(text, texts, set(vocabulary.words)), bag(terms, vocabulary, row)
            for word in expected.keys() | found.keys():
                assert found.get(word, 0) == pytest.approx(expected.get(word, 0), abs=0.004), word

    @settings(max_examples=40, deadline=None)
    @given(texts=st.lists(TEXT, min_size=1, max_size=8))
    def test_each_is_as_long_as_one_or_has_no_known_word(self, texts):
        terms = Vocabulary.learn(texts[:4]).terms(texts, 16)
        _, weights = terms.at(np.arange(len(texts)))
        length = np.sqrt((weights.astype(np.float64) ** 2).sum(axis=1))
        np.testing.assert_allclose(length, terms.scale > 0, atol=1e-6)

    def test_a_text_does_not_depend_on_those_beside_it(self, monkeypatch):
        vocabulary = Vocabulary.learn(TEXTS)
        together = vocabulary.terms(TEXTS, 6)
        monkeypatch.setattr("recsys.terms._BLOCK", 2)
        for step in (1, -1):
            other = vocabulary.terms(TEXTS[::step], 6)
            for name in ("codes", "weights", "scale"):
                np.testing.assert_array_equal(getattr(other, name)[::step], getattr(together, name), strict=True)

    def test_the_heaviest_stay_where_there_is_no_room_for_all(self):
        vocabulary = Vocabulary.learn(["nurse ward", "nurse ward", "nurse", "midwife ward"])
        terms = vocabulary.terms(["nurse midwife ward", "nurse nurse nurse nurse nurse nurse ward"], 2)
        kept = [list(bag(terms, vocabulary, row)) for row in (0, 1)]
        assert kept == [["midwife", "nurse"], ["nurse", "ward"]]  # among equals, the first in the alphabet
        assert (terms.weights[:, 0] == 255).all()

    def test_no_row_and_no_texts(self):
        vocabulary = Vocabulary.learn(TEXTS)
        codes, weights = vocabulary.terms(TEXTS, 6).at(np.array([[0, -1]]))
        assert codes[0, 0].any()
        assert not codes[0, 1].any()
        assert not weights[0, 1].any()
        for array in vocabulary.terms([], 6).at(np.array([[-1, -1, -1]])):
            assert array.shape == (1, 3, 6)
            assert not array.any()


class TestSkills:
    def named(self, skills, *texts, width=8):
        lexicon = Lexicon(Vocabulary.learn([]), Vocabulary.learn([]).terms([], 1), None, np.array(skills, dtype=object))
        number = lexicon.phrase.tolist()
        return [
            {skill for skill, phrase in zip(skills, number, strict=True) if phrase in set(line) - {-1}}
            for line in lexicon.skills_in(texts, width).tolist()
        ]

    def test_whole_words_in_the_middle_of_a_text(self):
        skills = ["sql", "machine learning", "java", "c++"]
        cv = "Ten years of SQL, machine\nlearning and JavaScript; C++."
        assert self.named(skills, cv, "Machine operator, learning", "") == [
            {"sql", "machine learning", "c++"}, set(), set()
        ]  # fmt: skip

    def test_two_writings_of_one_skill_are_found_together(self):
        assert self.named(["node.js", "node js"], "I write Node.js") == [{"node.js", "node js"}]

    def test_a_skill_inside_a_longer_one_is_found_too(self):
        assert self.named(["sales", "sales management"], "sales management") == [{"sales", "sales management"}]

    def test_what_cannot_be_looked_for_is_never_found(self):
        assert self.named(["+++", "a skill of very many words"], "+++ a skill of very many words") == [set()]

    def test_the_first_few_count(self):
        assert self.named(["one", "two", "three"], "three two one two", width=2) == [{"three", "two"}]
